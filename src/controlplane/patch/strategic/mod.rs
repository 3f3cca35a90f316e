//! Strategic merge patches: merge patches that know, from the schema, which lists merge and by which key.
//!
//! Only built-in kinds take them: their schemas carry patch strategies and merge keys. Directives (`$patch`,
//! `$retainKeys`, `$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`) are obeyed and never kept.
//! Creating such a patch, and merging two of them, is the business of clients and not done here.
//!
//! Source: `k8s.io/apimachinery/pkg/util/strategicpatch/patch.go`.

mod list;
mod order;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{bare, go_format, unprocessable};
use crate::controlplane::schema::{PatchStrategy, Schema};
use crate::controlplane::status::Status;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";

/// Returns `document` changed by a strategic merge patch.
pub fn apply(document: &Value, patch: &Value, schema: &Schema) -> Result<Value, Status> {
    let Value::Object(patch) = patch else {
        if patch.is_null() {
            return Ok(document.clone());
        }
        let name = go_format::json_name(patch);
        return Err(Status::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {name} into Go value of type map[string]interface {{}}"
        )));
    };
    let document = document.as_object().cloned().unwrap_or_default();
    merge_map(document, patch.clone(), Some(schema)).map(Value::Object).map_err(Failure::into_status)
}

/// Why a patch cannot be applied; upstream answers the kinds with different codes.
#[derive(Debug)]
enum Failure {
    /// The patch is malformed: 400.
    Malformed(&'static str),
    /// A list holds lists: 422.
    ListOfLists,
    /// Anything else reaches the client as a bare 500.
    Other(String),
}

impl Failure {
    fn into_status(self) -> Status {
        match self {
            Self::Malformed(text) => Status::bad_request(text),
            Self::ListOfLists => unprocessable(),
            Self::Other(text) => bare(text),
        }
    }

    fn unknown_directive(directive: &Value, map: &Map<String, Value>) -> Self {
        let (directive, map) = (go_format::plain(directive), go_format::plain(&Value::Object(map.clone())));
        Self::Other(format!("unknown patch type: {directive} in map: {map}"))
    }

    fn no_merge_key(map: &Value, merge_key: &str) -> Self {
        Self::Other(format!("map: {} does not contain declared merge key: {merge_key}", go_format::plain(map)))
    }
}

/// How a field merges, as the schema says.
struct Field<'a> {
    schema: Option<&'a Schema>,
    strategy: Option<PatchStrategy>,
    merge_key: Option<&'a str>,
}

impl<'a> Field<'a> {
    fn of(parent: Option<&'a Schema>, name: &str) -> Self {
        let schema = parent.and_then(|parent| parent.child(name)).map(Arc::as_ref);
        let strategies = schema.map(|schema| schema.patch_strategy.as_slice()).unwrap_or_default();
        let strategy = strategies.iter().copied().find(|strategy| *strategy != PatchStrategy::RetainKeys);
        Self { schema, strategy, merge_key: schema.and_then(|schema| schema.patch_merge_key.as_deref()) }
    }
}

fn merge_map(
    mut original: Map<String, Value>,
    mut patch: Map<String, Value>,
    schema: Option<&Schema>,
) -> Result<Map<String, Value>, Failure> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                patch.shift_remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(Failure::unknown_directive(directive, &patch)),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    order::merge_ordered_lists(&mut original, &mut patch, schema)?;
    for (key, change) in patch {
        match key.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
            Some(list) => delete_from_list(&mut original, list, change, schema)?,
            None if key == DELETE_FROM_PRIMITIVE_LIST.trim_end_matches('/') => {
                return Err(Failure::Malformed("invalid patch format of primitive list"));
            }
            None => merge_field(&mut original, key, change, schema)?,
        }
    }
    Ok(original)
}

fn merge_field(
    original: &mut Map<String, Value>,
    key: String,
    change: Value,
    schema: Option<&Schema>,
) -> Result<(), Failure> {
    if change.is_null() {
        original.shift_remove(&key);
        return Ok(());
    }
    let merged = match (original.get_mut(&key).map(Value::take), change) {
        (Some(Value::Object(current)), Value::Object(change)) => {
            let field = Field::of(schema, &key);
            match field.strategy {
                Some(PatchStrategy::Replace) => Some(Value::Object(change)),
                _ => Some(Value::Object(merge_map(current, change, field.schema)?)),
            }
        }
        (Some(Value::Array(current)), Value::Array(change)) => {
            Some(Value::Array(list::merge_field(current, change, &Field::of(schema, &key))?))
        }
        (_, change) => without_directives(change),
    };
    match merged {
        Some(value) => original.insert(key, value),
        None => original.shift_remove(&key),
    };
    Ok(())
}

/// Removes scalars from a list; a list that is not there, or is none, stays as it is.
fn delete_from_list(
    original: &mut Map<String, Value>,
    list: &str,
    change: Value,
    schema: Option<&Schema>,
) -> Result<(), Failure> {
    if change.is_null() {
        original.shift_remove(list);
        return Ok(());
    }
    let (Some(Value::Array(current)), Value::Array(change)) = (original.get_mut(list), change) else { return Ok(()) };
    let merged = list::delete_from(std::mem::take(current), change, &Field::of(schema, list))?;
    *current = merged;
    Ok(())
}

/// Obeys `$retainKeys`: of the fields that are there, only the named ones stay.
fn retain_keys(original: &mut Map<String, Value>, patch: &mut Map<String, Value>) -> Result<(), Failure> {
    const MALFORMED: Failure = Failure::Malformed("invalid patch format of retainKeys");
    let Some(directive) = patch.shift_remove(RETAIN_KEYS) else { return Ok(()) };
    let Value::Array(retained) = directive else { return Err(MALFORMED) };
    let is_retained = |key: &str| retained.iter().any(|name| name.as_str() == Some(key));
    let is_directive = |key: &str| key.starts_with(DELETE_FROM_PRIMITIVE_LIST) || key.starts_with(SET_ELEMENT_ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && !is_directive(key) && !is_retained(key)) {
        return Err(MALFORMED);
    }
    original.retain(|key, _| is_retained(key));
    Ok(())
}

/// Returns a value of a patch as it is taken over where there is nothing to merge with: without nulls, and without what a
/// directive speaks of. `None` when the value itself is a directive.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => Some(Value::Object(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .filter_map(|(key, value)| Some((key, without_directives(value)?)))
                .collect(),
        )),
        Value::Array(items) => Some(items.into_iter().filter_map(without_directives).collect()),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests;
