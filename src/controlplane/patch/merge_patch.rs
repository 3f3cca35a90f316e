//! JSON merge patches (RFC 7386), with the corners of the library that upstream uses.
//!
//! Source: `MergePatch` of `gopkg.in/evanphx/json-patch.v4`.

use serde_json::{Map, Value};

use super::go_format;
use crate::controlplane::status::Status;

/// Returns `document` changed by a merge patch. A patch that is no object is refused with 400.
pub fn apply(document: &Value, patch: &Value) -> Result<Value, Status> {
    let mut document = document.clone();
    match (&mut document, patch) {
        (_, Value::Null) => {}
        (Value::Object(document), Value::Object(patch)) => merge_objects(document, patch),
        (_, Value::Object(patch)) => {
            let mut fresh = Map::new();
            merge_objects(&mut fresh, patch);
            document = Value::Object(fresh);
        }
        (_, other) => {
            let name = go_format::json_name(other);
            return Err(Status::bad_request(format!(
                "error decoding patch: json: cannot unmarshal {name} into Go value of type map[string]interface {{}}"
            )));
        }
    }
    Ok(document)
}

fn merge_objects(document: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, change) in patch {
        if change.is_null() {
            document.shift_remove(key);
            continue;
        }
        match (document.get_mut(key), change) {
            (Some(Value::Object(current)), Value::Object(change)) => merge_objects(current, change),
            // Over an object, a list is taken as it stands; anything else is new here and loses its nulls.
            (Some(current @ Value::Object(_)), change) => *current = change.clone(),
            (_, change) => {
                document.insert(key.clone(), without_nulls(change));
            }
        }
    }
}

/// Returns the value without the null members of its objects; nulls that are items of lists stay.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(document: Value, patch: Value, expected: Value) {
        assert_eq!(apply(&document, &patch).expect("a valid patch"), expected);
    }

    #[test]
    fn members_are_set_merged_and_removed() {
        check(json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"}));
        check(json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"}));
        check(json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"}));
        check(json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}}));
        check(json!({"a": {"b": "c"}}), json!({"a": [1]}), json!({"a": [1]}));
        check(json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"}));
        check(json!({"a": "c"}), json!({"a": {"b": {"c": null}}}), json!({"a": {"b": {}}}));
        check(json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1}));
        check(json!({}), json!({"a": [1, null, {"x": null}]}), json!({"a": [1, null, {}]}));
    }

    #[test]
    fn order_of_the_remaining_members_is_kept() {
        let patched = apply(&json!({"a": 1, "b": 2, "c": 3}), &json!({"a": null})).expect("a valid patch");
        assert_eq!(patched.to_string(), r#"{"b":2,"c":3}"#);
    }

    #[test]
    fn a_patch_that_is_no_object_is_refused() {
        let status = apply(&json!({}), &json!([])).expect_err("a list");
        assert_eq!(status.code, 400);
        assert_eq!(
            status.message,
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        );
    }
}
