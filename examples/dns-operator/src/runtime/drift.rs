//! Tells whether a child is what it should be, so that nothing is written when it is.
//!
//! A child differs when a field that we want has another value, or when what we want has itself changed since it was
//! last applied (which covers fields that we no longer want). What others add is theirs: the API server's defaults, an
//! injected container, an annotation.

use std::hash::{DefaultHasher, Hash, Hasher};

use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;

/// The annotation that holds a fingerprint of what was last applied.
const APPLIED: &str = "example.com/applied";

/// Marks an object with a fingerprint of itself, and returns it as JSON.
pub fn stamped<K: Resource + Serialize>(desired: &mut K) -> Result<Value, serde_json::Error> {
    desired.annotations_mut().remove(APPLIED);
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(desired)?.hash(&mut hasher);
    desired.annotations_mut().insert(APPLIED.to_owned(), format!("{:016x}", hasher.finish()));
    serde_json::to_value(desired)
}

/// Whether two objects have the same controller, or both none.
pub fn same_controller<K: Resource>(live: &K, desired: &K) -> bool {
    let controller = |object: &K| {
        let owner = object.owner_references().iter().find(|owner| owner.controller == Some(true));
        owner.map(|owner| owner.uid.clone())
    };
    controller(live) == controller(desired)
}

/// Whether a wanted value is missing from the live object or differs there.
pub fn differs(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Null, _) => false,
        (Value::Object(wanted), Value::Object(live)) => {
            wanted.iter().any(|(key, value)| differs(value, live.get(key).unwrap_or(&Value::Null)))
        }
        (Value::Array(wanted), Value::Array(live)) => list_differs(wanted, live),
        // An empty collection and none at all mean the same to the API server.
        (Value::Object(wanted), Value::Null) => wanted.values().any(|value| differs(value, &Value::Null)),
        (Value::Array(wanted), Value::Null) => !wanted.is_empty(),
        _ => wanted != live,
    }
}

/// Items with a name are compared by name; others by place.
fn list_differs(wanted: &[Value], live: &[Value]) -> bool {
    let name = |item: &Value| item.get("name").and_then(Value::as_str).map(str::to_owned);
    if wanted.iter().all(|item| name(item).is_some()) {
        return wanted.iter().any(|item| {
            let same = live.iter().find(|other| name(other) == name(item));
            same.is_none_or(|other| differs(item, other))
        });
    }
    wanted.len() != live.len() || wanted.iter().zip(live).any(|(item, other)| differs(item, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(wanted: Value, live: Value, expected: bool) {
        assert_eq!(differs(&wanted, &live), expected, "{wanted} against {live}");
    }

    #[test]
    fn what_others_add_is_no_difference() {
        check(json!({"a": 1}), json!({"a": 1, "b": 2}), false);
        check(json!({"a": null, "b": {}, "c": {"d": null}}), json!({}), false);
        check(json!({"l": [{"name": "x"}]}), json!({"l": [{"name": "sidecar"}, {"name": "x", "port": 1}]}), false);
    }

    #[test]
    fn a_wanted_value_that_is_missing_or_other_is_a_difference() {
        check(json!({"a": 1}), json!({}), true);
        check(json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), true);
        check(json!({"l": [{"name": "x", "port": 1}]}), json!({"l": [{"name": "x", "port": 2}]}), true);
        check(json!({"l": ["a"]}), json!({"l": ["a", "b"]}), true);
        check(json!({"l": [{"port": 1}]}), json!({"l": []}), true);
    }
}
