//! Taking fields out of an object.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/typed/remove.go`.

use serde_json::Value;

use super::{Identity, Shape, Type};
use crate::controlplane::patch::field_set::{FieldSet, Node, PathElement};

/// Returns the object without these fields. A map or list that loses all of its parts is left empty.
pub(crate) fn remove(value: Value, fields: &FieldSet, schema: Type<'_>) -> Value {
    if fields.is_empty() {
        return value;
    }
    match (schema.shape(Some(&value)), value) {
        (Shape::List(list), Value::Array(items)) => {
            if matches!(list.identity, Identity::Atomic) {
                return Value::Array(Vec::new());
            }
            let kept = items.into_iter().filter_map(|item| {
                let node = list.element(&item).ok().and_then(|element| fields.get(&element));
                remove_below(item, node, list.items)
            });
            Value::Array(kept.collect())
        }
        (Shape::Map(map), Value::Object(entries)) => {
            if map.atomic {
                return Value::Object(serde_json::Map::new());
            }
            let kept = entries.into_iter().filter_map(|(name, value)| {
                let schema = map.value(&name).unwrap_or(Type::Deduced);
                let kept = remove_below(value, fields.get(&PathElement::field(&name)), schema)?;
                Some((name, kept))
            });
            Value::Object(kept.collect())
        }
        (_, value) => value,
    }
}

fn remove_below(value: Value, node: Option<&Node>, schema: Type<'_>) -> Option<Value> {
    match node {
        None => Some(value),
        Some(node) if node.member => None,
        Some(node) => Some(remove(value, &node.children, schema)),
    }
}
