//! How long to wait before an object that failed is tried again: twice as long each time, with jitter, per object.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(300);

/// Counts the failures in a row of each object.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: Mutex<HashMap<String, u32>>,
}

impl Backoff {
    /// Returns how long to wait after one more failure of this object.
    pub fn after_failure(&self, key: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(key.to_owned()).or_default();
        let delay = FIRST.saturating_mul(2_u32.saturating_pow(*count)).min(LONGEST);
        *count = count.saturating_add(1);
        delay.mul_f64(jitter())
    }

    /// Forgets the failures of this object.
    pub fn reset(&self, key: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Returns a factor between 0.75 and 1.25, so that objects that failed together are not tried together.
pub fn jitter() -> f64 {
    let random = RandomState::new().hash_one(0) as f64 / u64::MAX as f64;
    0.75 + random / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_up_to_a_limit_and_starts_over_after_success() {
        let backoff = Backoff::default();
        let waits: Vec<_> = (0..20).map(|_| backoff.after_failure("a")).collect();
        assert!(waits[0] <= FIRST.mul_f64(1.25) && waits[3] >= FIRST * 5, "{waits:?}");
        assert!(waits[19] <= LONGEST.mul_f64(1.25) && waits[19] >= LONGEST.mul_f64(0.75), "{waits:?}");
        backoff.reset("a");
        assert!(backoff.after_failure("a") <= FIRST.mul_f64(1.25));
    }
}
