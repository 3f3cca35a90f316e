//! Lists of a strategic merge patch: objects merge by key, scalars as a set; everything else is replaced.

use serde_json::{Map, Value};

use super::order::{normalize, partition};
use super::{DIRECTIVE, Failure, Field, merge_map};
use crate::controlplane::patch::go_format;
use crate::controlplane::schema::{PatchStrategy, Schema};

/// Merges two lists as the strategy of their field says.
pub(super) fn merge_field(original: Vec<Value>, patch: Vec<Value>, field: &Field<'_>) -> Result<Vec<Value>, Failure> {
    match field.strategy {
        Some(PatchStrategy::Merge) => merge(original, patch, field),
        _ => Ok(patch),
    }
}

/// Removes the scalars of `patch` from a list, whatever the strategy of its field.
pub(super) fn delete_from(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    field: &Field<'_>,
) -> Result<Vec<Value>, Failure> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    if element_type([&original, &patch])? == "map[string]interface {}" {
        return merge(original, patch, field);
    }
    original.retain(|item| !patch.contains(item));
    Ok(original)
}

fn merge(original: Vec<Value>, patch: Vec<Value>, field: &Field<'_>) -> Result<Vec<Value>, Failure> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    if element_type([&original, &patch])? != "map[string]interface {}" {
        return merge_scalars(original, &patch);
    }
    let Some(merge_key) = field.merge_key else {
        return Err(Failure::Other("cannot merge lists without merge key for []interface {}".to_owned()));
    };
    let (original, patch) = obey_directives(original, patch, merge_key)?;
    let items = field.schema.and_then(|schema| schema.items.as_deref());
    let merged = merge_items(original.clone(), &patch, merge_key, items)?;
    let (from_patch, from_server) = partition(merged, &patch, Some(merge_key))?;
    normalize(from_patch, from_server, &patch, &original, Some(merge_key))
}

fn merge_scalars(original: Vec<Value>, patch: &[Value]) -> Result<Vec<Value>, Failure> {
    let mut merged: Vec<Value> = Vec::with_capacity(original.len() + patch.len());
    for item in original.iter().chain(patch) {
        if !merged.contains(item) {
            merged.push(item.clone());
        }
    }
    let (from_patch, from_server) = partition(merged, patch, None)?;
    normalize(from_patch, from_server, patch, &original, None)
}

/// Carries out the items that are directives, and returns both lists without them.
fn obey_directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    merge_key: &str,
) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let (mut items, mut replace) = (Vec::with_capacity(patch.len()), false);
    for item in patch {
        let Some(directive) = item.get(DIRECTIVE) else {
            items.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let key = item.get(merge_key).ok_or_else(|| Failure::no_merge_key(&item, merge_key))?;
                original.retain(|candidate| candidate.get(merge_key) != Some(key));
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(Failure::Other("merging lists cannot yet be specified in the patch".to_owned()));
            }
            _ => return Err(Failure::unknown_directive(directive, item.as_object().unwrap_or(&Map::new()))),
        }
    }
    if replace {
        original.clear();
    }
    Ok((original, items))
}

fn merge_items(
    mut original: Vec<Value>,
    patch: &[Value],
    merge_key: &str,
    schema: Option<&Schema>,
) -> Result<Vec<Value>, Failure> {
    for item in patch {
        let key = item.get(merge_key).ok_or_else(|| Failure::no_merge_key(item, merge_key))?;
        let found = original.iter_mut().find(|candidate| candidate.get(merge_key) == Some(key));
        match (found, item) {
            (Some(found), Value::Object(change)) => {
                let current = found.as_object_mut().map(std::mem::take).unwrap_or_default();
                *found = Value::Object(merge_map(current, change.clone(), schema)?);
            }
            _ => original.push(item.clone()),
        }
    }
    Ok(original)
}

/// Returns the Go name of the type that all items have.
pub(super) fn element_type<const N: usize>(lists: [&[Value]; N]) -> Result<&'static str, Failure> {
    let mut types = lists.iter().flat_map(|list| list.iter()).map(go_format::type_name);
    let Some(first) = types.next() else {
        return Err(Failure::Other("no elements in any of the given slices".to_owned()));
    };
    if first == "[]interface {}" {
        return Err(Failure::ListOfLists);
    }
    if types.all(|name| name == first) {
        return Ok(first);
    }
    let lists = Value::Array(lists.iter().map(|list| Value::Array(list.to_vec())).collect());
    Err(Failure::Other(format!("list element types are not identical: {}", go_format::plain(&lists))))
}
