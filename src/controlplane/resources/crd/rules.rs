//! The CEL rules of a schema: how they are written, and whether they compile.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go`, Kubernetes 1.36.

use serde_json::Value;

use super::fields as paths;
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;

const REASONS: [&str; 4] = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// Returns the findings about how the rules of a node are written.
pub(super) fn fields(path: &str, schema: &Value) -> Vec<FieldError> {
    let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array);
    let rules = rules.into_iter().flatten().enumerate();
    rules
        .flat_map(|(index, rule)| rule_fields(&format!("{path}.x-kubernetes-validations[{index}]"), rule, schema))
        .collect()
}

fn rule_fields(path: &str, rule: &Value, schema: &Value) -> Vec<FieldError> {
    let text = |key: &str| rule.text_at(&[key]);
    let field = |key: &str| format!("{path}.{key}");
    let (message, expression) = (text("message"), text("messageExpression"));
    let mut errors = Vec::new();
    if text("rule").trim().is_empty() {
        errors.push(FieldError::required(field("rule"), "rule is not specified"));
    } else if has_line_breaks(text("rule").trim()) && message.trim().is_empty() && expression.trim().is_empty() {
        let detail = "message or messageExpression must be specified if rule contains line breaks";
        errors.push(FieldError::required(field("message"), detail));
    }
    if !message.is_empty() && message.trim().is_empty() {
        errors.push(FieldError::invalid(field("message"), &message.into(), "message must be non-empty if specified"));
    } else if has_line_breaks(message.trim()) {
        errors.push(FieldError::invalid(field("message"), &message.into(), "must not contain line breaks"));
    }
    if !expression.is_empty() && expression.trim().is_empty() {
        let detail = "messageExpression must be non-empty if specified";
        errors.push(FieldError::required(field("messageExpression"), detail));
    }
    let reason = text("reason");
    if !reason.is_empty() && !REASONS.contains(&reason) {
        errors.push(FieldError::not_supported(field("reason"), &reason.into(), &REASONS));
    }
    errors.extend(field_path(field("fieldPath"), text("fieldPath"), schema));
    errors
}

fn field_path(field: String, path: &str, schema: &Value) -> Vec<FieldError> {
    let invalid = |detail: &str| FieldError::invalid(field.clone(), &path.into(), detail);
    let mut errors = Vec::new();
    if path.is_empty() {
        return errors;
    }
    if path.trim().is_empty() {
        errors.push(invalid("must be non-empty if specified"));
    }
    if has_line_breaks(path) {
        errors.push(invalid("must not contain line breaks"));
    }
    if !paths::is_valid(schema, path) {
        errors.push(invalid("must be a valid path"));
    }
    errors
}

fn has_line_breaks(text: &str) -> bool {
    text.contains(['\n', '\r'])
}
