//! What the paths of a scale subresource must lead to.
//!
//! Source: `ValidateScaleSpec` and `ValidateScaleStatus` of
//! `k8s.io/apiextensions-apiserver/pkg/registry/customresource/validator.go`, Kubernetes 1.36.

use serde_json::Value;

use super::super::ScalePaths;
use crate::controlplane::schema::field_error::FieldError;

/// Returns the findings about the numbers of the spec.
pub(super) fn validate_spec(object: &Value, paths: &ScalePaths) -> Vec<FieldError> {
    replicas(object, &paths.spec_replicas).into_iter().collect()
}

/// Returns the findings about the numbers and the selector of the status.
pub(super) fn validate_status(object: &Value, paths: &ScalePaths) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = replicas(object, &paths.status_replicas).into_iter().collect();
    if let Some(path) = &paths.label_selector
        && let Some(selector) = at(object, path).filter(|selector| !selector.is_string())
    {
        errors.push(FieldError::invalid(path, &"".into(), wrong_type(path, selector, "string")));
    }
    errors
}

fn replicas(object: &Value, path: &str) -> Option<FieldError> {
    let value = at(object, path)?;
    let Some(replicas) = value.as_i64() else {
        return Some(FieldError::invalid(path, &0.into(), wrong_type(path, value, "int64")));
    };
    if replicas < 0 {
        return Some(FieldError::invalid(path, value, "should be a non-negative integer"));
    }
    let detail = format!("should be less than or equal to {}", i32::MAX);
    (replicas > i64::from(i32::MAX)).then(|| FieldError::invalid(path, value, detail))
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.trim_start_matches('.').split('.').try_fold(object, |value, step| value.get(step))
}

/// Words as Go's `unstructured.NestedInt64` does.
fn wrong_type(path: &str, value: &Value, expected: &str) -> String {
    let actual = match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("{path} accessor error: {shown} is of the type {actual}, expected {expected}")
}
