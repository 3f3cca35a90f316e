//! The work queue: first in, first out, each key at most once, with delayed keys and exponential back-off a key.
//!
//! Upstream's `k8s.io/client-go/util/workqueue` for one worker. It knows no time of its own: the caller says what
//! time it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// The first back-off; every further failure doubles it.
const BASE_DELAY: Duration = Duration::from_millis(5);

/// The longest back-off. Upstream goes up to 1000 s; nobody waits that long for a laptop.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// A queue of keys.
#[derive(Debug)]
pub(super) struct Queue<K> {
    ready: VecDeque<K>,
    waiting: BTreeSet<K>,
    delayed: BTreeMap<(Instant, u64), K>,
    due: BTreeMap<K, (Instant, u64)>,
    failures: BTreeMap<K, u32>,
    sequence: u64,
}

impl<K: Ord + Clone> Default for Queue<K> {
    fn default() -> Self {
        Self {
            ready: VecDeque::new(),
            waiting: BTreeSet::new(),
            delayed: BTreeMap::new(),
            due: BTreeMap::new(),
            failures: BTreeMap::new(),
            sequence: 0,
        }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// Adds a key, unless it waits already.
    pub(super) fn add(&mut self, key: K) {
        if self.waiting.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    /// Adds a key at a time. Of two times for one key the earlier counts.
    pub(super) fn add_at(&mut self, key: K, at: Instant) {
        if let Some(due) = self.due.get(&key).copied() {
            if due.0 <= at {
                return;
            }
            self.delayed.remove(&due);
        }
        self.sequence += 1;
        self.due.insert(key.clone(), (at, self.sequence));
        self.delayed.insert((at, self.sequence), key);
    }

    /// Adds a key after its back-off, which grows with every call until [`Queue::forget`].
    pub(super) fn add_rate_limited(&mut self, key: K, now: Instant) {
        let failures = self.failures.entry(key.clone()).or_insert(0);
        let delay = BASE_DELAY.saturating_mul(1_u32 << (*failures).min(20)).min(MAX_DELAY);
        *failures = failures.saturating_add(1);
        self.add_at(key, now + delay);
    }

    /// Forgets the failures of a key.
    pub(super) fn forget(&mut self, key: &K) {
        self.failures.remove(key);
    }

    /// Moves the delayed keys that are due to the end of the queue, in order of their time.
    pub(super) fn promote(&mut self, now: Instant) {
        while let Some(entry) = self.delayed.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let key = entry.remove();
            self.due.remove(&key);
            self.add(key);
        }
    }

    /// Takes the next key.
    pub(super) fn pop(&mut self) -> Option<K> {
        let key = self.ready.pop_front()?;
        self.waiting.remove(&key);
        Some(key)
    }

    /// Returns when the next delayed key is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_that_wait_come_once_and_in_order() {
        let mut queue = Queue::default();
        for key in ["b", "a", "b", "c"] {
            queue.add(key);
        }
        assert_eq!([queue.pop(), queue.pop(), queue.pop(), queue.pop()], [Some("b"), Some("a"), Some("c"), None]);
    }

    #[test]
    fn of_two_times_the_earlier_counts() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add_at("a", now + Duration::from_secs(5));
        queue.add_at("a", now + Duration::from_secs(1));
        queue.add_at("a", now + Duration::from_secs(9));
        queue.promote(now);
        assert_eq!(queue.pop(), None);
        queue.promote(now + Duration::from_secs(1));
        assert_eq!((queue.pop(), queue.next_due()), (Some("a"), None));
    }

    #[test]
    fn back_off_doubles_until_it_is_forgotten() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let mut delays = Vec::new();
        for _ in 0..20 {
            queue.add_rate_limited("a", now);
            delays.push(queue.next_due().expect("it was added") - now);
            queue.promote(now + MAX_DELAY);
            queue.pop();
        }
        assert_eq!(delays[..3], [BASE_DELAY, BASE_DELAY * 2, BASE_DELAY * 4]);
        assert_eq!(delays[19], MAX_DELAY);
        queue.forget(&"a");
        queue.add_rate_limited("a", now);
        assert_eq!(queue.next_due(), Some(now + BASE_DELAY));
    }
}
