//! JSON patches (RFC 6902), with the corners of the library that upstream uses.
//!
//! A patch that is malformed is refused with 400; one that does not fit the object, with 422. Where the library differs
//! from the RFC, the library wins: `replace` of a missing member sets it, negative indices count from the end, and a
//! path must lead into the document (the whole document cannot be replaced).
//!
//! Source: `gopkg.in/evanphx/json-patch.v4`, and `k8s.io/apiserver/pkg/endpoints/handlers/patch.go` for the limits.

use serde_json::{Map, Value};

use super::{go_format, unprocessable};
use crate::controlplane::status::Status;

/// How many operations a patch may have.
const MAX_OPERATIONS: usize = 10_000;
/// How many bytes the `copy` operations of one patch may produce.
const MAX_COPIED_BYTES: usize = 3 * 1024 * 1024;

/// Returns `document` changed by the operations of `patch`, all or none.
pub fn apply(document: &Value, patch: &Value) -> Result<Value, Status> {
    let operations = decode(patch)?;
    if operations.len() > MAX_OPERATIONS {
        return Err(Status::too_large(format!(
            "Request entity too large: The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    let mut document = document.clone();
    let mut copied = 0;
    for operation in &operations {
        operation.run(&mut document, &mut copied).ok_or_else(unprocessable)?;
    }
    Ok(document)
}

/// One operation, as it was sent: what is missing shows when it runs.
struct Operation<'a> {
    op: &'a str,
    path: Option<&'a str>,
    from: Option<&'a str>,
    value: &'a Value,
}

fn decode(patch: &Value) -> Result<Vec<Operation<'_>>, Status> {
    match patch {
        Value::Null => Ok(Vec::new()),
        Value::Array(operations) => operations.iter().map(decode_operation).collect(),
        other => Err(mismatch(other, "value of type []handlers.jsonPatchOp")),
    }
}

fn decode_operation(operation: &Value) -> Result<Operation<'_>, Status> {
    let empty = &EMPTY;
    let map = match operation {
        Value::Object(map) => map,
        Value::Null => empty,
        other => return Err(mismatch(other, "value of type handlers.jsonPatchOp")),
    };
    Ok(Operation {
        op: text(map, "op")?.unwrap_or_default(),
        path: text(map, "path")?,
        from: text(map, "from")?,
        value: map.get("value").unwrap_or(&Value::Null),
    })
}

static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

fn text<'a>(map: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, Status> {
    match map.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(mismatch(other, &format!("struct field jsonPatchOp.{field} of type string"))),
    }
}

fn mismatch(value: &Value, target: &str) -> Status {
    let name = go_format::json_name(value);
    Status::bad_request(format!("error decoding patch: json: cannot unmarshal {name} into Go {target}"))
}

impl Operation<'_> {
    /// Carries the operation out; `None` when it does not fit the document.
    fn run(&self, document: &mut Value, copied: &mut usize) -> Option<()> {
        let (parent, key) = split(self.path?)?;
        match self.op {
            "add" => add(find(document, parent)?, &key, self.value.clone()),
            "remove" => remove(find(document, parent)?, &key).map(drop),
            "replace" => replace(find(document, parent)?, &key, self.value.clone()),
            "test" => {
                let actual = get(find(document, parent)?, &key)?;
                (actual.unwrap_or(&Value::Null) == self.value).then_some(())
            }
            "move" => {
                let (from_parent, from_key) = split(self.from?)?;
                let value = remove(find(document, from_parent)?, &from_key)?;
                add(find(document, parent)?, &key, value)
            }
            "copy" => {
                let (from_parent, from_key) = split(self.from?)?;
                let value = get(find(document, from_parent)?, &from_key)?.cloned().unwrap_or(Value::Null);
                *copied += value.to_string().len();
                (*copied <= MAX_COPIED_BYTES).then_some(())?;
                add(find(document, parent)?, &key, value)
            }
            _ => None,
        }
    }
}

/// Splits a path into the steps to the parent and the last key. A path without a slash leads nowhere.
fn split(path: &str) -> Option<(&str, String)> {
    let (parent, key) = path.rsplit_once('/')?;
    Some((parent, unescape(key)))
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

/// Returns the container at the path, if every step leads to one.
fn find<'a>(document: &'a mut Value, parent: &str) -> Option<&'a mut Value> {
    let mut current = document;
    // What stands before the first slash names no step.
    for step in parent.split('/').skip(1) {
        let key = unescape(step);
        current = match current {
            Value::Object(map) => map.get_mut(&key)?,
            Value::Array(items) => {
                let index = index(&key, items.len())?;
                items.get_mut(index)?
            }
            _ => return None,
        };
    }
    matches!(current, Value::Object(_) | Value::Array(_)).then_some(current)
}

/// Reads an index; negative ones count from the end.
fn index(key: &str, len: usize) -> Option<usize> {
    let number: i64 = key.parse().ok()?;
    let index = if number < 0 { number.checked_add(i64::try_from(len).ok()?)? } else { number };
    usize::try_from(index).ok()
}

/// Returns the child. A missing member of an object is an answer (`Some(None)`), a missing item of a list is not.
fn get<'a>(parent: &'a Value, key: &str) -> Option<Option<&'a Value>> {
    match parent {
        Value::Object(map) => Some(map.get(key)),
        Value::Array(items) => items.get(index(key, items.len())?).map(Some),
        _ => None,
    }
}

fn add(parent: &mut Value, key: &str, value: Value) -> Option<()> {
    match parent {
        Value::Object(map) => {
            map.insert(key.to_owned(), value);
        }
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let index = index(key, items.len() + 1)?;
            (index <= items.len()).then_some(())?;
            items.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn replace(parent: &mut Value, key: &str, value: Value) -> Option<()> {
    match parent {
        Value::Object(map) => {
            map.insert(key.to_owned(), value);
        }
        Value::Array(items) => {
            let index = index(key, items.len())?;
            *items.get_mut(index)? = value;
        }
        _ => return None,
    }
    Some(())
}

fn remove(parent: &mut Value, key: &str) -> Option<Value> {
    match parent {
        Value::Object(map) => map.shift_remove(key),
        Value::Array(items) => {
            let index = index(key, items.len())?;
            (index < items.len()).then(|| items.remove(index))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(document: Value, patch: Value, expected: Value) {
        assert_eq!(apply(&document, &patch).expect("a patch that fits"), expected);
    }

    #[track_caller]
    fn refused(document: Value, patch: Value, code: u16) -> String {
        let status = apply(&document, &patch).expect_err("a patch that does not fit");
        assert_eq!(status.code, code, "{}", status.message);
        status.message
    }

    #[test]
    fn operations_change_members_and_items() {
        let document = || json!({"data": {"a": "1", "b": "2"}, "list": ["x", "y"]});
        check(
            document(),
            json!([{"op": "test", "path": "/data/a", "value": "1"}, {"op": "replace", "path": "/data/a", "value": "9"}]),
            json!({"data": {"a": "9", "b": "2"}, "list": ["x", "y"]}),
        );
        check(
            document(),
            json!([{"op": "move", "from": "/data/b", "path": "/data/c"}, {"op": "copy", "from": "/data/c", "path": "/data/d"}]),
            json!({"data": {"a": "1", "c": "2", "d": "2"}, "list": ["x", "y"]}),
        );
        check(
            document(),
            json!([{"op": "add", "path": "/list/-", "value": "z"}, {"op": "add", "path": "/list/0", "value": "w"}]),
            json!({"data": {"a": "1", "b": "2"}, "list": ["w", "x", "y", "z"]}),
        );
        check(document(), json!([{"op": "remove", "path": "/data"}]), json!({"list": ["x", "y"]}));
        check(json!({"a": {}}), json!([{"op": "add", "path": "/a/x~1y~0z", "value": 1}]), json!({"a": {"x/y~z": 1}}));
        check(document(), json!([]), document());
    }

    #[test]
    fn the_corners_are_those_of_the_library() {
        check(json!({"a": {}}), json!([{"op": "replace", "path": "/a/new", "value": 1}]), json!({"a": {"new": 1}}));
        check(json!({"a": {}}), json!([{"op": "test", "path": "/a/none", "value": null}]), json!({"a": {}}));
        check(json!({"a": [1, 2]}), json!([{"op": "remove", "path": "/a/-1"}]), json!({"a": [1]}));
        check(json!({"a": [1]}), json!([{"op": "add", "path": "/a/-1", "value": 2}]), json!({"a": [1, 2]}));
        check(json!({"a": 1}), json!([{"op": "copy", "from": "/b", "path": "/c"}]), json!({"a": 1, "c": null}));
    }

    #[test]
    fn what_does_not_fit_is_unprocessable() {
        for patch in [
            json!([{"op": "test", "path": "/data/a", "value": "nope"}]),
            json!([{"op": "remove", "path": "/data/nope"}]),
            json!([{"op": "add", "path": "/no/such/parent", "value": "1"}]),
            json!([{"op": "bogus", "path": "/data"}]),
            json!([{"op": "add", "path": "", "value": {}}]),
            json!([{"op": "add", "value": {}}]),
            json!([{"op": "remove", "path": "/list/5"}]),
            json!([{"op": "add", "path": "/list/9", "value": 1}]),
            json!([{"op": "replace", "path": "/list/x", "value": 1}]),
            json!([{"op": "move", "from": "/data/none", "path": "/data/c"}]),
            json!([{"op": "add", "path": "/data/a/b", "value": 1}]),
            json!([null]),
        ] {
            let text = refused(json!({"data": {"a": "1"}, "list": [1]}), patch, 422);
            assert_eq!(text, "the server rejected our request due to an error in our request");
        }
    }

    #[test]
    fn what_is_malformed_is_a_bad_request() {
        let text = refused(json!({}), json!({"op": 1}), 400);
        assert_eq!(
            text,
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        );
        refused(json!({}), json!([1]), 400);
        refused(json!({}), json!([{"op": 1, "path": "/a"}]), 400);
    }

    #[test]
    fn too_many_operations_and_too_much_copying_are_refused() {
        let operation = json!({"op": "test", "path": "/a", "value": 1});
        refused(json!({"a": 1}), Value::Array(vec![operation; 10_001]), 413);
        let copy = json!({"op": "copy", "from": "/a", "path": "/b"});
        refused(json!({"a": "x".repeat(1 << 20)}), Value::Array(vec![copy; 4]), 422);
    }
}
