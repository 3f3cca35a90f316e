//! Merging a configuration into an object: what the configuration says wins, what it does not mention stays.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/typed/merge.go`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map as Object, Value};

use super::validate::join;
use super::{Identity, List, Map, Shape, Type};
use crate::controlplane::patch::field_set::PathElement;

/// Returns `live` with `config` merged into it, or why that is not possible.
pub(crate) fn merge(live: &Value, config: &Value, schema: Type<'_>) -> Result<Value, String> {
    let mut findings = Vec::new();
    let merged = walk(Some(live), Some(config), schema, "", &mut findings);
    match join(findings) {
        Some(text) => Err(text),
        None => Ok(merged.unwrap_or(Value::Null)),
    }
}

fn walk(
    live: Option<&Value>,
    config: Option<&Value>,
    schema: Type<'_>,
    path: &str,
    findings: &mut Vec<String>,
) -> Option<Value> {
    // Where only one side has something, there is nothing to merge. Empty values stay what they are.
    let (live, config) = match (live, config) {
        (Some(live), Some(config)) => (live, config),
        (one, other) => return one.or(other).cloned(),
    };
    match schema.shape(Some(config)) {
        Shape::List(list) if !matches!(list.identity, Identity::Atomic) => {
            let (live_items, config_items) = (items(live), items(config));
            if live_items.is_empty() && config_items.is_empty() {
                return Some(config.clone());
            }
            Some(Value::Array(merge_lists(&list, live_items, config_items, path, findings)))
        }
        Shape::Map(map) if !map.atomic => match (live.as_object(), config.as_object()) {
            (Some(live), Some(config)) => Some(Value::Object(merge_maps(&map, live, config, path, findings))),
            // A null in the configuration leaves what is there; a value of another kind gives way.
            (Some(live), None) if config.is_null() && !live.is_empty() => Some(Value::Object(live.clone())),
            _ => Some(config.clone()),
        },
        Shape::Scalar(_) | Shape::List(_) | Shape::Map(_) => Some(config.clone()),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn merge_maps(
    map: &Map<'_>,
    live: &Object<String, Value>,
    config: &Object<String, Value>,
    path: &str,
    findings: &mut Vec<String>,
) -> Object<String, Value> {
    let mut merged = live.clone();
    for (name, value) in config {
        let schema = map.value(name).unwrap_or(Type::Deduced);
        let below = format!("{path}.{name}");
        if let Some(value) = walk(live.get(name), Some(value), schema, &below, findings) {
            merged.insert(name.clone(), value);
        }
    }
    merged
}

/// The items of a list by their identity.
struct Indexed<'a> {
    /// The identities, in the order of the list; those that occur twice, twice.
    order: Vec<PathElement>,
    /// The item of each identity; `None` when several share it.
    items: BTreeMap<PathElement, Option<&'a Value>>,
}

impl<'a> Indexed<'a> {
    fn new(list: &List<'_>, items: &'a [Value], duplicates: bool, path: &str, findings: &mut Vec<String>) -> Self {
        let mut indexed = Self { order: Vec::with_capacity(items.len()), items: BTreeMap::new() };
        for (place, item) in items.iter().enumerate() {
            match list.element(item) {
                Err(text) => findings.push(format!("{path}: element {place}: {text}")),
                Ok(element) if indexed.items.contains_key(&element) => {
                    if duplicates {
                        indexed.items.insert(element.clone(), None);
                        indexed.order.push(element);
                    } else {
                        findings.push(format!("{path}: duplicate entries for key {element}"));
                    }
                }
                Ok(element) => {
                    indexed.items.insert(element.clone(), Some(item));
                    indexed.order.push(element);
                }
            }
        }
        indexed
    }

    fn get(&self, element: &PathElement) -> Option<&'a Value> {
        self.items.get(element).copied().flatten()
    }

    fn has(&self, element: &PathElement) -> bool {
        self.items.contains_key(element)
    }
}

/// Merges two lists item by item. The configuration's order wins for its items; live items that it does not have stay
/// where they stand between them.
fn merge_lists(
    list: &List<'_>,
    live: &[Value],
    config: &[Value],
    path: &str,
    findings: &mut Vec<String>,
) -> Vec<Value> {
    let before = findings.len();
    let right = Indexed::new(list, config, false, path, findings);
    let left = Indexed::new(list, live, true, path, findings);
    if findings.len() > before {
        return Vec::new();
    }
    let mut merged = Vec::with_capacity(live.len().max(config.len()));
    let mut take = |element: &PathElement, live: Option<&Value>, config: Option<&Value>| {
        merged.extend(walk(live, config, list.items, &format!("{path}{element}"), findings));
    };
    let mut shared: VecDeque<&PathElement> = right.order.iter().filter(|element| left.has(element)).collect();
    let mut next_shared = shared.pop_front();
    let mut done = BTreeSet::new();
    let (mut l, mut r) = (0, 0);
    while l < left.order.len() || r < right.order.len() {
        if let (Some(mine), Some(theirs)) = (left.order.get(l), right.order.get(r)) {
            if mine == theirs {
                done.insert(mine);
                take(mine, left.get(mine), right.get(mine));
                (l, r) = (l + 1, r + 1);
                next_shared = shared.pop_front();
                continue;
            }
            if right.has(mine) && next_shared.is_some_and(|next| next != mine) {
                // Both have it, but it is not its turn.
                l += 1;
                continue;
            }
        }
        if let Some(mine) = left.order.get(l) {
            if !right.has(mine) {
                take(mine, live.get(l), None);
                l += 1;
                continue;
            }
            if done.contains(mine) {
                l += 1;
            }
        }
        if let Some(theirs) = right.order.get(r) {
            done.insert(theirs);
            take(theirs, left.get(theirs), right.get(theirs));
            r += 1;
            if next_shared == Some(theirs) {
                next_shared = shared.pop_front();
            }
        }
    }
    merged
}
