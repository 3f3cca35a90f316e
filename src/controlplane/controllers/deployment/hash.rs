//! The hash of a pod template: 32 bits of FNV-1a, written in upstream's alphabet.
//!
//! Upstream hashes Go's dump of the template, so its very values cannot be had; length and alphabet are the same.
//! Source: `pkg/controller/controller_utils.go` (`ComputeHash`).

use serde_json::Value;

const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Returns the hash of a template and a collision count.
pub(in crate::controlplane::controllers) fn template_hash(template: &Value, collisions: Option<i64>) -> String {
    let mut hash = Fnv(0x811c_9dc5);
    hash.value(template);
    if let Some(collisions) = collisions {
        hash.bytes(&collisions.to_le_bytes());
    }
    hash.0.to_string().bytes().map(|digit| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()])).collect()
}

/// FNV-1a, 32 bits.
struct Fnv(u32);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }

    /// Hashes a value so that the order of keys does not count.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by_key(|(key, _)| key.as_str());
                self.bytes(b"{");
                for (key, value) in entries {
                    self.bytes(key.as_bytes());
                    self.bytes(b":");
                    self.value(value);
                }
                self.bytes(b"}");
            }
            Value::Array(items) => {
                self.bytes(b"[");
                items.iter().for_each(|item| self.value(item));
                self.bytes(b"]");
            }
            scalar => self.bytes(scalar.to_string().as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_count_but_collisions_do() {
        let (left, right) = (json!({"a": 1, "b": [true]}), json!({"b": [true], "a": 1}));
        assert_eq!(template_hash(&left, None), template_hash(&right, None));
        assert_ne!(template_hash(&left, None), template_hash(&left, Some(1)));
        assert!((1..=10).contains(&template_hash(&left, None).len()));
    }
}
