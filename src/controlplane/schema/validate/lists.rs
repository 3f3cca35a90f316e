//! Duplicates in lists that are sets or maps.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype/validation.go`, Kubernetes 1.36.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::FieldError;
use crate::controlplane::schema::{ListType, Schema};

/// Returns a finding for every item of a set, and every item of a list-map, that comes again.
pub fn list_sets_and_maps(value: &Value, schema: &Schema) -> Vec<FieldError> {
    let mut errors = Vec::new();
    walk(&mut String::new(), value, schema, &mut errors);
    errors
}

fn walk(path: &mut String, value: &Value, schema: &Schema, errors: &mut Vec<FieldError>) {
    let len = path.len();
    match value {
        Value::Array(list) => {
            duplicates(path, list, schema, errors);
            let Some(items) = &schema.items else { return };
            for (index, item) in list.iter().enumerate().filter(|(_, item)| is_parent(item)) {
                path.push_str(&format!("[{index}]"));
                walk(path, item, items, errors);
                path.truncate(len);
            }
        }
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(_, value)| is_parent(value)) {
                let Some(child) = schema.child(name) else { continue };
                match schema.properties.contains_key(name) {
                    true if len == 0 => path.push_str(name),
                    true => path.push_str(&format!(".{name}")),
                    false => path.push_str(&format!("[{name}]")),
                }
                walk(path, value, child, errors);
                path.truncate(len);
            }
        }
        _ => {}
    }
}

fn is_parent(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

fn duplicates(path: &str, list: &[Value], schema: &Schema, errors: &mut Vec<FieldError>) {
    let identity = |item: &Value| match &schema.list_type {
        Some(ListType::Map(names)) => {
            let keys = names.iter().filter_map(|name| Some((name.clone(), item.get(name)?.clone())));
            Some(Value::Object(keys.collect::<Map<_, _>>()))
        }
        Some(ListType::Set) => Some(item.clone()),
        Some(ListType::Atomic) | None => None,
    };
    let mut seen = HashSet::new();
    for (index, item) in list.iter().enumerate() {
        let Some(identity) = identity(item) else { return };
        if !seen.insert(canonical(&identity)) {
            errors.push(FieldError::duplicate(format!("{path}[{index}]"), &identity));
        }
    }
}

/// Returns a text that equal values share, whatever the order of their fields.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().map(|(name, value)| format!("{name:?}:{}", canonical(value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Vec<_>>().join(",")),
        scalar => scalar.to_string(),
    }
}
