//! The defaults that a schema states must be valid themselves.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/validation.go`, Kubernetes 1.36.

use serde_json::Value;

use super::json_schema::properties;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::schema::validate::NO_PATH;
use crate::controlplane::schema::{self, structural, validate as validation};

/// Returns the findings about all defaults of a schema.
pub(super) fn validate(path: &str, schema: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        errors.extend(validate_default(&format!("{path}.default"), default, schema));
    }
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        errors.extend(validate(&format!("{path}.items"), items));
    }
    for (name, property) in properties(schema) {
        errors.extend(validate(&format!("{path}.properties[{name}]"), property));
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        errors.extend(validate(&format!("{path}.additionalProperties"), values));
    }
    errors
}

fn validate_default(path: &str, default: &Value, stated: &Value) -> Vec<FieldError> {
    let node = structural::parse(stated);
    let mut errors = Vec::new();
    if !schema::prune(&mut default.clone(), &node).is_empty() {
        errors.push(FieldError::invalid(path, default, "must not have unknown fields"));
    }
    let mut found = validation::embedded_resources(default, &node);
    if found.is_empty() {
        found = validation::validate(default, None, &node);
    }
    errors.extend(found.into_iter().map(|error| below(path, error)));
    errors
}

fn below(path: &str, error: FieldError) -> FieldError {
    let field = match error.field.as_str() {
        NO_PATH => path.to_owned(),
        field => format!("{path}.{field}"),
    };
    FieldError { field, ..error }
}
