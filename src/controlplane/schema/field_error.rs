//! Findings about single fields, with upstream's wording.
//!
//! Source: `k8s.io/apimachinery/pkg/util/validation/field/errors.go`, Kubernetes 1.36.

use std::fmt;

use serde_json::Value;

use crate::controlplane::status::Cause;

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorType {
    /// Something that the field refers to is missing.
    NotFound,
    /// A value that must be there is not.
    Required,
    /// A value that must be unique is not.
    Duplicate,
    /// The value is wrong.
    Invalid,
    /// The value is none of an enumeration.
    NotSupported,
    /// The value is well formed but may not be set here.
    Forbidden,
    /// The value is too long.
    TooLong,
    /// The list has too many items.
    TooMany,
    /// Our fault.
    Internal,
    /// The value has the wrong type.
    TypeInvalid,
}

impl ErrorType {
    /// Returns the machine-readable reason of the cause.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Internal => "InternalError",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Internal => "Internal error",
        }
    }

    /// Whether the message shows the value.
    fn shows_value(self) -> bool {
        !matches!(self, Self::Required | Self::Forbidden | Self::TooLong | Self::Internal)
    }
}

/// One finding about one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The kind of finding.
    pub error_type: ErrorType,
    /// The path, such as `spec.ports[0].name`.
    pub field: String,
    /// The value as the message shows it; see [`render`]. Empty when it is not shown.
    pub value: String,
    /// The rest of the message; may be empty.
    pub detail: String,
}

impl FieldError {
    /// Returns a finding; the value is rendered as upstream does.
    pub fn new(error_type: ErrorType, field: impl Into<String>, value: &Value, detail: impl Into<String>) -> Self {
        Self { error_type, field: field.into(), value: render(value), detail: detail.into() }
    }

    /// The value is wrong.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Invalid, field, value, detail)
    }

    /// A value that must be there is not.
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Required, field, &Value::Null, detail)
    }

    /// The value may not be set here.
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Forbidden, field, &Value::Null, detail)
    }

    /// The value, which the message leaves out, is wrong.
    pub fn invalid_without_value(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { error_type: ErrorType::Invalid, field: field.into(), value: String::new(), detail: detail.into() }
    }

    /// The value must be unique.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new(ErrorType::Duplicate, field, value, "")
    }

    /// Something that the field refers to is missing.
    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::new(ErrorType::NotFound, field, value, "")
    }

    /// The value is none of these. They are shown in the order given.
    pub fn not_supported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let list: Vec<String> = supported.iter().map(|text| format!("{text:?}")).collect();
        let detail = if list.is_empty() { String::new() } else { format!("supported values: {}", list.join(", ")) };
        Self::new(ErrorType::NotSupported, field, value, detail)
    }

    /// The text is longer than `max` bytes.
    pub fn too_long(field: impl Into<String>, max: u64) -> Self {
        let detail = format!("may not be more than {max} bytes");
        Self::new(ErrorType::TooLong, field, &Value::Null, detail)
    }

    /// The list has more than `max` items.
    pub fn too_many(field: impl Into<String>, actual: usize, max: u64) -> Self {
        let items = if max == 1 { "item" } else { "items" };
        Self::new(ErrorType::TooMany, field, &Value::from(actual), format!("must have at most {max} {items}"))
    }

    /// Returns the finding as a cause of a `Status`: the field apart, the message without it.
    pub fn to_cause(&self) -> Cause {
        Cause { reason: self.error_type.reason().to_owned(), message: self.body(), field: self.field.clone() }
    }

    /// Returns the message without the field.
    fn body(&self) -> String {
        let head = self.error_type.text();
        let head = if self.error_type.shows_value() && !self.value.is_empty() {
            format!("{head}: {}", self.value)
        } else {
            head.to_owned()
        };
        if self.detail.is_empty() { head } else { format!("{head}: {}", self.detail) }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

/// Returns the value as upstream prints it in a message: text quoted as Go does, null as `null`, the rest as JSON.
pub fn render(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

/// Joins findings as Go's aggregate error does: one stands alone, several are bracketed, equal texts appear once.
pub fn aggregate(errors: &[FieldError]) -> String {
    let mut texts: Vec<String> = Vec::with_capacity(errors.len());
    for text in errors.iter().map(FieldError::to_string) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [] => "<nil>".to_owned(),
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(error: &FieldError, expected: &str) {
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn findings_read_as_upstreams() {
        check(
            &FieldError::invalid("spec.s", &json!("a"), "spec.s in body should be at least 2 chars long"),
            "spec.s: Invalid value: \"a\": spec.s in body should be at least 2 chars long",
        );
        check(&FieldError::required("spec.name", ""), "spec.name: Required value");
        check(&FieldError::too_long("spec.s", 4), "spec.s: Too long: may not be more than 4 bytes");
        check(&FieldError::too_many("spec.l", 4, 3), "spec.l: Too many: 4: must have at most 3 items");
        check(
            &FieldError::not_supported("spec.e", &json!("z"), &["x", "y"]),
            "spec.e: Unsupported value: \"z\": supported values: \"x\", \"y\"",
        );
        check(&FieldError::duplicate("l[1]", &json!({"k": "1"})), "l[1]: Duplicate value: {\"k\":\"1\"}");
    }

    #[test]
    fn several_findings_are_bracketed_and_said_once() {
        let error = FieldError::required("a", "");
        assert_eq!(aggregate(std::slice::from_ref(&error)), "a: Required value");
        assert_eq!(aggregate(&[error.clone(), error.clone()]), "a: Required value");
        assert_eq!(aggregate(&[error, FieldError::required("b", "")]), "[a: Required value, b: Required value]");
    }
}
