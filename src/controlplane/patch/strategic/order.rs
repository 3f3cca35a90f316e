//! The order of merged lists: what a patch says of it (`$setElementOrder`), and what follows from the two lists.
//!
//! Items that the patch names keep the patch's order, the others keep theirs; both are interleaved by where they stood
//! in the live list.

use serde_json::{Map, Value};

use super::list::{self, element_type};
use super::{DIRECTIVE, Failure, Field, SET_ELEMENT_ORDER, without_directives};
use crate::controlplane::patch::go_format;
use crate::controlplane::schema::Schema;

/// Merges the lists for which the patch states an order, and takes them out of the patch.
pub(super) fn merge_ordered_lists(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    schema: Option<&Schema>,
) -> Result<(), Failure> {
    let directives: Vec<String> = patch.keys().filter(|key| key.starts_with("$setElementOrder")).cloned().collect();
    for directive in directives {
        let order = patch.shift_remove(&directive).unwrap_or_default();
        let Some(name) = directive.strip_prefix(SET_ELEMENT_ORDER) else {
            return Err(Failure::Malformed("invalid patch format of setElementOrder list"));
        };
        let order = list_of(Some(order))?.unwrap_or_default();
        let (live, change) = (list_of(original.get(name).cloned())?, list_of(patch.get(name).cloned())?);
        let field = Field::of(schema, name);
        // Without a list of its own the patch is malformed for upstream too, unless there is nothing to order.
        check_order(change.as_deref(), &order, field.merge_key)?;
        let merged = match (&live, change.clone()) {
            (None, None) => continue,
            (Some(live), None) => live.clone(),
            (None, Some(change)) => change.into_iter().filter_map(without_directives).collect(),
            (Some(live), Some(change)) => list::merge_field(live.clone(), change, &field)?,
        };
        let live = live.unwrap_or_default();
        let (from_patch, from_server) = partition(merged, &order, field.merge_key)?;
        element_type([&live, &change.unwrap_or_default()])?;
        original.insert(name.to_owned(), normalize(from_patch, from_server, &order, &live, field.merge_key)?.into());
        patch.shift_remove(name);
    }
    Ok(())
}

fn list_of(value: Option<Value>) -> Result<Option<Vec<Value>>, Failure> {
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(other) => {
            let name = go_format::type_name(&other);
            Err(Failure::Other(format!("expected a []interface {{}}, but received a {name}")))
        }
    }
}

/// Checks that the items of the patch stand in the order that it states.
fn check_order(patch: Option<&[Value]>, order: &[Value], merge_key: Option<&str>) -> Result<(), Failure> {
    let Some(patch) = patch else { return Ok(()) };
    if order.is_empty() {
        return Ok(());
    }
    let mut rest = order.iter();
    for item in patch.iter().filter(|item| merge_key.is_none() || item.get(DIRECTIVE).is_none()) {
        let key = key_of(item, merge_key)?;
        let mut found = false;
        for candidate in rest.by_ref() {
            if key_of(candidate, merge_key)? == key {
                found = true;
                break;
            }
        }
        if !found {
            let (patch, order) = (Value::Array(patch.to_vec()), Value::Array(order.to_vec()));
            return Err(Failure::Other(format!(
                "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                go_format::plain(&patch),
                go_format::plain(&order)
            )));
        }
    }
    Ok(())
}

/// Splits a merged list into the items that `names` has, and the others.
pub(super) fn partition(
    merged: Vec<Value>,
    names: &[Value],
    merge_key: Option<&str>,
) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let keys = names.iter().map(|name| key_of(name, merge_key)).collect::<Result<Vec<_>, _>>()?;
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for item in merged {
        let known = keys.contains(&key_of(&item, merge_key)?);
        if known { named.push(item) } else { others.push(item) }
    }
    Ok((named, others))
}

/// Sorts both parts by their own order, and interleaves them by the live order.
pub(super) fn normalize(
    mut from_patch: Vec<Value>,
    mut from_server: Vec<Value>,
    patch_order: &[Value],
    live_order: &[Value],
    merge_key: Option<&str>,
) -> Result<Vec<Value>, Failure> {
    sort(&mut from_patch, patch_order, merge_key);
    sort(&mut from_server, live_order, merge_key);
    let mut merged = Vec::with_capacity(from_patch.len() + from_server.len());
    let (mut server, mut patch) = (from_server.into_iter().peekable(), from_patch.into_iter().peekable());
    while let (Some(left), Some(right)) = (server.peek(), patch.peek()) {
        let places = (position(live_order, left, merge_key), position(live_order, right, merge_key));
        let server_first = matches!(places, (Some(left), Some(right)) if left < right);
        merged.extend(if server_first { server.next() } else { patch.next() });
    }
    merged.extend(server);
    merged.extend(patch);
    Ok(merged)
}

fn sort(items: &mut [Value], order: &[Value], merge_key: Option<&str>) {
    items.sort_by_key(|item| position(order, item, merge_key).unwrap_or(usize::MAX));
}

fn position(order: &[Value], item: &Value, merge_key: Option<&str>) -> Option<usize> {
    let key = key_of(item, merge_key).ok()?;
    order.iter().position(|candidate| key_of(candidate, merge_key).is_ok_and(|candidate| candidate == key))
}

fn key_of<'a>(item: &'a Value, merge_key: Option<&str>) -> Result<&'a Value, Failure> {
    match merge_key {
        None => Ok(item),
        Some(name) => item.get(name).ok_or_else(|| Failure::no_merge_key(item, name)),
    }
}
