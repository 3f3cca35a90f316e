//! The fields that an object has.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/typed/tofieldset.go`, and `EnsureNamedFieldsAreMembers` in
//! `fieldpath/set.go`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Identity, List, Map, Shape, Type};
use crate::controlplane::patch::field_set::{FieldSet, Node, PathElement};

/// Returns the fields of an object: its leaves, and the items of lists and the entries of maps themselves.
pub(crate) fn to_field_set(value: &Value, schema: Type<'_>) -> FieldSet {
    below(value, schema).1
}

/// Returns whether the place itself is owned, and the paths below it.
fn below(value: &Value, schema: Type<'_>) -> (bool, FieldSet) {
    match (schema.shape(Some(value)), value) {
        (Shape::Scalar(_), _) => (true, FieldSet::default()),
        (Shape::List(List { identity: Identity::Atomic, .. }) | Shape::Map(Map { atomic: true, .. }), _) => {
            (true, FieldSet::default())
        }
        (Shape::List(list), Value::Array(items)) => (false, list_fields(items, &list)),
        (Shape::Map(map), Value::Object(entries)) => {
            let nodes = entries.iter().map(|(name, entry)| {
                let (member, children) = below(entry, map.value(name).unwrap_or(Type::Deduced));
                let empty = entry.is_null() || entry.as_object().is_some_and(serde_json::Map::is_empty);
                Node { element: PathElement::field(name), member: member || empty || !map.names(name), children }
            });
            (false, FieldSet::from_nodes(nodes.collect()))
        }
        _ => (false, FieldSet::default()),
    }
}

/// Returns the fields of the items. Items that share an identity are owned together, without what is in them.
fn list_fields(items: &[Value], list: &List<'_>) -> FieldSet {
    let mut found: BTreeMap<PathElement, FieldSet> = BTreeMap::new();
    for item in items {
        let Ok(element) = list.element(item) else { continue };
        let children = if found.contains_key(&element) { FieldSet::default() } else { below(item, list.items).1 };
        found.insert(element, children);
    }
    let nodes = found.into_iter().map(|(element, children)| Node { element, member: true, children });
    FieldSet::from_nodes(nodes.collect())
}

/// Returns the set with all named fields on the way to its paths: who owns `a.b.c` then owns `a` too, if the schema
/// names it, but not a map's entry or a list's item.
pub(crate) fn ensure_named_fields(set: &FieldSet, schema: Option<Type<'_>>) -> FieldSet {
    let nodes = set.nodes().iter().map(|node| {
        let named = match (&node.element, schema) {
            (PathElement::Field(name), Some(schema)) => schema.map().names(name),
            _ => false,
        };
        let children = ensure_named_fields(&node.children, schema.and_then(|schema| schema.step(&node.element)));
        Node { element: node.element.clone(), member: node.member || (named && !children.is_empty()), children }
    });
    FieldSet::from_nodes(nodes.collect())
}
