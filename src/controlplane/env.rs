//! Time and identifiers, injected: with a fixed clock and a seeded source, a run gives the same bytes twice.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

/// Where the control plane takes the time and everything random from.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    random: Arc<dyn Fn() -> u128 + Send + Sync>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}

impl Env {
    /// Returns the machine's clock and randomness.
    pub fn system() -> Self {
        Self { clock: Arc::new(Timestamp::now), random: Arc::new(|| uuid::Uuid::new_v4().as_u128()) }
    }

    /// Returns a clock of the caller's and identifiers that follow from `seed` alone.
    pub fn deterministic(seed: u64, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let counter = AtomicU64::new(0);
        let random = move || {
            let count = counter.fetch_add(1, Ordering::Relaxed);
            (u128::from(split_mix(seed ^ count.rotate_left(32))) << 64)
                | u128::from(split_mix(seed.wrapping_add(count)))
        };
        Self { clock: Arc::new(clock), random: Arc::new(random) }
    }

    /// Returns the present time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Returns the present time as Kubernetes writes it (RFC 3339, whole seconds, `Z`).
    pub fn now_text(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Returns the present time as a `MicroTime` (RFC 3339, six digits, `Z`).
    pub fn now_micro_text(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
    }

    /// Returns a new UID (a version 4 UUID).
    pub fn uid(&self) -> String {
        uuid::Builder::from_random_bytes((self.random)().to_be_bytes()).into_uuid().to_string()
    }

    /// Returns `len` (at most 20) characters of the alphabet that upstream uses for generated names.
    ///
    /// Source: `k8s.io/apimachinery/pkg/util/rand`, which leaves out vowels and look-alikes.
    pub fn suffix(&self, len: usize) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut bits = (self.random)();
        let mut text = String::with_capacity(len);
        for _ in 0..len {
            text.push(char::from(ALPHABET[(bits % ALPHABET.len() as u128) as usize]));
            bits /= ALPHABET.len() as u128;
        }
        text
    }

    /// Returns 64 random bits, for choices such as a node port.
    pub fn random(&self) -> u64 {
        ((self.random)() >> 64) as u64
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014): spreads a counter over all bits.
fn split_mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_identifiers() {
        let env = || Env::deterministic(7, || Timestamp::UNIX_EPOCH);
        let (a, b) = (env(), env());
        assert_eq!((a.uid(), a.suffix(5)), (b.uid(), b.suffix(5)));
        assert_ne!(a.uid(), a.uid());
        assert_eq!(a.now_text(), "1970-01-01T00:00:00Z");
        assert_eq!(a.now_micro_text(), "1970-01-01T00:00:00.000000Z");
    }
}
