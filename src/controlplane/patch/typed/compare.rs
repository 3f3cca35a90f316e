//! How two objects differ, field by field.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/typed/compare.go`.

use std::collections::BTreeMap;

use serde_json::{Map as Object, Value};

use super::{Identity, List, Map, Shape, Type};
use crate::controlplane::patch::field_set::{FieldSet, Node, PathElement, same};

/// The fields in which two objects differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Comparison {
    /// Fields that only the new object has.
    pub(crate) added: FieldSet,
    /// Fields that both have, with different values.
    pub(crate) modified: FieldSet,
    /// Fields that only the old object has.
    pub(crate) removed: FieldSet,
}

impl Comparison {
    /// Returns whether nothing differs.
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Returns the differences without those in or below these fields.
    pub(crate) fn without(&self, fields: &FieldSet) -> Self {
        Self {
            added: self.added.recursive_difference(fields),
            modified: self.modified.recursive_difference(fields),
            removed: self.removed.recursive_difference(fields),
        }
    }
}

/// Compares two objects of one type.
pub(crate) fn compare(old: &Value, new: &Value, schema: Type<'_>) -> Comparison {
    let mut place = Place::default();
    walk(Some(old), Some(new), schema, &mut place);
    Comparison {
        added: FieldSet::from_nodes(place.below_added),
        modified: FieldSet::from_nodes(place.below_modified),
        removed: FieldSet::from_nodes(place.below_removed),
    }
}

/// The differences at one place and below.
#[derive(Default)]
struct Place {
    added: bool,
    modified: bool,
    removed: bool,
    below_added: Vec<Node>,
    below_modified: Vec<Node>,
    below_removed: Vec<Node>,
}

impl Place {
    /// Takes in the differences at and below a child.
    fn put(&mut self, element: PathElement, child: Self) {
        let parts = [
            (&mut self.below_added, child.added, child.below_added),
            (&mut self.below_modified, child.modified, child.below_modified),
            (&mut self.below_removed, child.removed, child.below_removed),
        ];
        for (into, member, below) in parts {
            if member || !below.is_empty() {
                let children = FieldSet::from_nodes(below);
                into.push(Node { element: element.clone(), member, children });
            }
        }
    }

    /// Compares a value that is owned as a whole.
    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (None, Some(_)) => self.added = true,
            (Some(_), None) => self.removed = true,
            (Some(old), Some(new)) => self.modified |= !same(old, new),
            (None, None) => {}
        }
    }
}

fn walk(old: Option<&Value>, new: Option<&Value>, schema: Type<'_>, place: &mut Place) {
    let (before, after) = (schema.shape(old), schema.shape(new));
    let was_leaf = match (old, new) {
        (_, None) => visit(before, old, new, place),
        (None, _) => visit(after, old, new, place),
        // A value that changed its kind is gone as the one and there as the other.
        _ if std::mem::discriminant(&before) != std::mem::discriminant(&after) => {
            visit(before, old, new, place);
            visit(after, old, new, place)
        }
        _ => visit(after, old, new, place),
    };
    if !was_leaf {
        place.added |= old.is_none();
        place.removed |= new.is_none();
    }
}

/// Compares two values of one shape. Returns whether they are owned as a whole.
fn visit(shape: Shape<'_>, old: Option<&Value>, new: Option<&Value>, place: &mut Place) -> bool {
    match shape {
        Shape::Scalar(_) => place.leaf(old, new),
        Shape::List(list) => {
            let (old_items, new_items) = (items(old), items(new));
            let empty = old_items.is_empty() && new_items.is_empty();
            if !empty && !matches!(list.identity, Identity::Atomic) {
                visit_list(&list, old_items, new_items, place);
                return false;
            }
            place.leaf(old, new);
        }
        Shape::Map(map) => {
            let (old_map, new_map) = (entries(old), entries(new));
            let empty = old_map.is_none_or(Object::is_empty) && new_map.is_none_or(Object::is_empty);
            if !empty && !map.atomic {
                visit_map(&map, old_map, new_map, place);
                return false;
            }
            place.leaf(old, new);
        }
    }
    true
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn entries(value: Option<&Value>) -> Option<&Object<String, Value>> {
    value.and_then(Value::as_object)
}

fn visit_map(
    map: &Map<'_>,
    old: Option<&Object<String, Value>>,
    new: Option<&Object<String, Value>>,
    place: &mut Place,
) {
    let get = |entries: Option<&'_ Object<String, Value>>, name: &str| entries.and_then(|map| map.get(name)).is_some();
    let mut child = |name: &str, old: Option<&Value>, new: Option<&Value>| {
        // Most entries are the same: do not walk what cannot differ.
        if let (Some(old), Some(new)) = (old, new)
            && old == new
        {
            return;
        }
        let mut below = Place::default();
        walk(old, new, map.value(name).unwrap_or(Type::Deduced), &mut below);
        place.put(PathElement::field(name), below);
    };
    for (name, value) in old.into_iter().flatten() {
        child(name, Some(value), new.and_then(|map| map.get(name)));
    }
    for (name, value) in new.into_iter().flatten().filter(|(name, _)| !get(old, name)) {
        child(name, None, Some(value));
    }
}

fn visit_list(list: &List<'_>, old: &[Value], new: &[Value], place: &mut Place) {
    let mut pairs: BTreeMap<PathElement, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
    for item in old {
        if let Ok(element) = list.element(item) {
            pairs.entry(element).or_default().0.push(item);
        }
    }
    for item in new {
        if let Ok(element) = list.element(item) {
            pairs.entry(element).or_default().1.push(item);
        }
    }
    for (element, (old, new)) in pairs {
        let mut below = Place::default();
        match (old.as_slice(), new.as_slice()) {
            (old @ ([] | [_]), new @ ([] | [_])) => {
                walk(old.first().copied(), new.first().copied(), list.items, &mut below);
            }
            // Items that share an identity are compared as one.
            ([_, _, ..], [_, _, ..]) => {
                let equal = old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| same(old, new));
                below.modified = !equal;
            }
            ([_, _, ..], new) => {
                if let Some(new) = new.first() {
                    walk(None, Some(new), list.items, &mut below);
                }
                below.removed = true;
            }
            (old, _) => {
                if let Some(old) = old.first() {
                    walk(Some(old), None, list.items, &mut below);
                }
                below.added = true;
            }
        }
        place.put(element, below);
    }
}
