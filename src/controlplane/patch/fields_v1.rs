//! The written form of field sets, `fieldsV1`: `f:` fields, `k:` keys, `v:` values, `i:` places, `.` the parent itself.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/fieldpath/serialize.go` and `serialize-pe.go`.

use serde_json::{Map, Value};

use super::field_set::{FieldSet, Node, PathElement};

/// Returns the set in its written form; `{}` for the empty set.
pub(crate) fn encode(set: &FieldSet) -> Value {
    let mut map = Map::new();
    encode_into(set, &mut map);
    Value::Object(map)
}

fn encode_into(set: &FieldSet, map: &mut Map<String, Value>) {
    for node in set.nodes() {
        let mut below = Map::new();
        if node.member && !node.children.is_empty() {
            below.insert(".".to_owned(), Value::Object(Map::new()));
        }
        encode_into(&node.children, &mut below);
        map.insert(encode_element(&node.element), Value::Object(below));
    }
}

fn encode_element(element: &PathElement) -> String {
    match element {
        PathElement::Field(name) => format!("f:{name}"),
        PathElement::Key(keys) => {
            let keys: Map<String, Value> = keys.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
            format!("k:{}", Value::Object(keys))
        }
        PathElement::Value(value) => format!("v:{value}"),
        PathElement::Index(index) => format!("i:{index}"),
    }
}

/// Reads a set from its written form. Elements of unknown kinds are left out, as upstream does.
pub(crate) fn decode(value: &Value) -> Result<FieldSet, String> {
    let Value::Object(map) = value else { return Err(format!("expected an object, got {value}")) };
    let mut nodes = Vec::with_capacity(map.len());
    for (key, below) in map {
        if key == "." {
            continue;
        }
        let Some(element) = decode_element(key)? else { continue };
        let children = decode(below)?;
        let member = children.is_empty() || below.get(".").is_some();
        nodes.push(Node { element, member, children });
    }
    nodes.sort_by(|left, right| left.element.cmp(&right.element));
    nodes.dedup_by(|second, first| first.element == second.element);
    Ok(FieldSet::from_nodes(nodes))
}

/// Reads one path element; `None` for a kind that is not known.
fn decode_element(text: &str) -> Result<Option<PathElement>, String> {
    let Some((kind, rest)) = text.split_once(':').filter(|(kind, _)| kind.len() == 1) else {
        return if text.len() < 2 {
            Err("key must be 2 characters long:".to_owned())
        } else {
            Err(missing_colon(text))
        };
    };
    let json = || serde_json::from_str::<Value>(rest).map_err(|error| error.to_string());
    Ok(match kind {
        "f" => Some(PathElement::field(rest)),
        "k" => match json()? {
            Value::Object(keys) => {
                Some(PathElement::key(keys.into_iter().map(|(name, value)| (name.into(), value)).collect()))
            }
            other => return Err(format!("expected an object of keys, got {other}")),
        },
        "v" => Some(PathElement::Value(json()?)),
        "i" => Some(PathElement::Index(rest.parse().map_err(|_| format!("invalid index {rest:?}"))?)),
        _ => None,
    })
}

fn missing_colon(text: &str) -> String {
    format!("missing colon: {text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_written_form_is_read_and_written_alike() {
        for written in [
            json!({}),
            json!({"f:data": {".": {}, "f:a": {}}}),
            json!({"f:metadata": {"f:finalizers": {".": {}, "v:\"x.io/f\"": {}}}}),
            json!({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}, "f:l": {"i:0": {}}}}),
        ] {
            assert_eq!(encode(&decode(&written).expect("a set")), written);
        }
    }

    #[test]
    fn unknown_kinds_are_left_out_and_garbage_is_refused() {
        assert_eq!(decode(&json!({"x:future": {}, "f:a": {}})), Ok(FieldSet::of(&[&["a"]])));
        for garbage in [json!([]), json!({"f:a": 1}), json!({"k:{": {}}), json!({"nocolon": {}}), json!({"i:x": {}})] {
            assert!(decode(&garbage).is_err(), "{garbage}");
        }
    }
}
