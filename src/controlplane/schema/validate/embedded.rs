//! The object metadata of embedded resources.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta/validation.go`, Kubernetes 1.36.

use serde_json::{Map, Value};

use super::FieldError;
use crate::controlplane::gvk::GroupVersion;
use crate::controlplane::schema::Schema;

/// Returns the findings about `apiVersion`, `kind` and `metadata` of the embedded resources below `value`.
pub fn embedded_resources(value: &Value, schema: &Schema) -> Vec<FieldError> {
    let mut errors = Vec::new();
    walk("", value, schema, &mut errors);
    errors
}

fn walk(path: &str, value: &Value, schema: &Schema, errors: &mut Vec<FieldError>) {
    match value {
        Value::Object(map) => {
            if schema.embedded_resource {
                resource(path, map, errors);
            }
            for (name, value) in map.iter().filter(|(_, value)| value.is_object() || value.is_array()) {
                let Some(child) = schema.child(name) else { continue };
                let path =
                    if schema.properties.contains_key(name) { join(path, name) } else { format!("{path}[{name}]") };
                walk(&path, value, child, errors);
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            for (index, item) in list.iter().enumerate() {
                walk(&format!("{path}[{index}]"), item, items, errors);
            }
        }
        _ => {}
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn resource(path: &str, map: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    for name in ["apiVersion", "kind"] {
        let field = join(path, name);
        match map.get(name) {
            None => errors.push(FieldError::required(field, "must not be empty")),
            Some(Value::String(text)) if text.is_empty() => {
                errors.push(FieldError::invalid(field, &map[name], "must not be empty"));
            }
            Some(Value::String(text)) => errors.extend(identity(name, text, field)),
            Some(other) => errors.push(FieldError::invalid(field, other, "must be a string")),
        }
    }
    let name = map.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
    if let Some(problem) = name.and_then(path_segment) {
        let field = join(path, "metadata.name");
        errors.push(FieldError::invalid(field, &name.unwrap_or_default().into(), problem));
    }
}

fn identity(name: &str, text: &str, field: String) -> Option<FieldError> {
    if name == "apiVersion" {
        let detail = format!("unexpected GroupVersion string: {text}");
        return GroupVersion::parse(text).is_none().then(|| FieldError::invalid(field, &text.into(), detail));
    }
    let lower = text.to_ascii_lowercase();
    let mut chars = lower.chars();
    let is_label = lower.len() <= 63
        && chars.next().is_some_and(|char| char.is_ascii_lowercase())
        && lower.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-')
        && !lower.ends_with('-');
    let detail = "may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case \
                  alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric \
                  character (e.g. 'my-name',  or 'abc-123', regex used for validation is \
                  '[a-z]([-a-z0-9]*[a-z0-9])?')";
    (!is_label).then(|| FieldError::invalid(field, &text.into(), detail))
}

/// Source: `IsValidPathSegmentName` of `k8s.io/apimachinery/pkg/api/validation/path/name.go`.
fn path_segment(name: &str) -> Option<String> {
    if name == "." || name == ".." {
        return Some(format!("may not be '{name}'"));
    }
    ['/', '%'].into_iter().find(|char| name.contains(*char)).map(|char| format!("may not contain '{char}'"))
}
