//! Whether an object fits its schema as far as ownership is concerned: types, declared fields, unique keys.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/typed/validate.go`; the texts reach clients.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Identity, Scalar, Shape, Type};
use crate::controlplane::patch::field_set::PathElement;
use crate::controlplane::patch::go_format;

/// Returns the findings about an object in one text, as upstream joins them; `None` when it fits.
pub(crate) fn validate(value: &Value, schema: Type<'_>) -> Option<String> {
    let mut findings = Vec::new();
    check(value, schema, "", &mut findings);
    join(findings)
}

/// Joins findings: one stands alone, several are listed.
pub(super) fn join(findings: Vec<String>) -> Option<String> {
    match findings.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("errors:\n  {}", many.join("\n  "))),
    }
}

fn check(value: &Value, schema: Type<'_>, path: &str, findings: &mut Vec<String>) {
    let mut report = |text: String| findings.push(if path.is_empty() { text } else { format!("{path}: {text}") });
    match schema.shape(Some(value)) {
        Shape::Scalar(scalar) => {
            if let Some(text) = scalar_mismatch(scalar, value) {
                report(text);
            }
        }
        Shape::List(list) => match value {
            Value::Null => {}
            Value::Array(items) => {
                let mut seen = BTreeSet::new();
                for (place, item) in items.iter().enumerate() {
                    let element = match list.identity {
                        Identity::Atomic => PathElement::Index(i64::try_from(place).unwrap_or(i64::MAX)),
                        Identity::Set | Identity::Keys(_) => match list.element(item) {
                            Ok(element) => element,
                            Err(text) => return findings.push(format!("{path}: element {place}: {text}")),
                        },
                    };
                    let below = format!("{path}{element}");
                    if seen.contains(&element) {
                        findings.push(format!("{path}: duplicate entries for key {element}"));
                    }
                    seen.insert(element);
                    check(item, list.items, &below, findings);
                }
            }
            other => report(format!("expected list, got &{{{}}}", go_format::plain(other))),
        },
        Shape::Map(map) => match value {
            Value::Null => {}
            Value::Object(entries) => {
                for (name, entry) in entries {
                    let below = format!("{path}.{name}");
                    match map.value(name) {
                        Some(schema) => check(entry, schema, &below, findings),
                        // Upstream stops at the first of them.
                        None => return findings.push(format!("{below}: field not declared in schema")),
                    }
                }
            }
            other => report(format!("expected map, got &{{{}}}", go_format::plain(other))),
        },
    }
}

fn scalar_mismatch(scalar: Scalar, value: &Value) -> Option<String> {
    match (scalar, value) {
        (_, Value::Null)
        | (Scalar::Numeric, Value::Number(_))
        | (Scalar::String, Value::String(_))
        | (Scalar::Boolean, Value::Bool(_))
        | (Scalar::Untyped, Value::Bool(_) | Value::Number(_) | Value::String(_)) => None,
        (Scalar::Numeric, other) => {
            Some(format!("expected numeric (int or float), got {}", go_format::type_name(other)))
        }
        (Scalar::String, other) => {
            let value = go_format::syntax(other);
            Some(format!("expected string, got &value.valueUnstructured{{Value:{value}}}"))
        }
        (Scalar::Boolean, other) => Some(format!("expected boolean, got &{{{}}}", go_format::plain(other))),
        (Scalar::Untyped, other) => Some(format!("expected any scalar, got &{{{}}}", go_format::plain(other))),
    }
}
