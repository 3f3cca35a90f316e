//! The CEL rules of a schema: how they are written, and whether they compile.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go`, Kubernetes 1.36.

use std::sync::Arc;

use serde_json::Value;

use super::{dump, fields as paths};
use crate::controlplane::object::Object;
use crate::controlplane::schema::cel;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::schema::structural;

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

/// What compiling the rules of a schema has found so far.
#[derive(Debug)]
pub(super) struct RuleFindings<'a> {
    root: Option<&'a Value>,
    errors: Vec<FieldError>,
    schema_errors: usize,
}

impl<'a> RuleFindings<'a> {
    /// Returns an empty list; without a schema, nothing is compiled.
    pub(super) fn new(root: Option<&'a Value>) -> Self {
        Self { root, errors: Vec::new(), schema_errors: 0 }
    }

    /// Returns a list for parts whose rules do not count.
    pub(super) fn silent(&self) -> Self {
        Self::new(None)
    }

    /// Returns how many findings there were that are not about rules.
    pub(super) fn schema_errors(&self) -> usize {
        self.schema_errors
    }

    /// Counts findings that are not about rules: the rules of the nodes around them are not compiled.
    pub(super) fn add_schema_errors(&mut self, count: usize) {
        self.schema_errors += count;
    }

    /// Compiles the rules of a node.
    pub(super) fn compile(&mut self, path: &str, schema: &'a Value, uncorrelatable: Option<&str>) {
        let Some(root) = self.root else { return };
        let stated = schema.get("x-kubernetes-validations").and_then(Value::as_array);
        let Some(stated) = stated.filter(|rules| !rules.is_empty()) else { return };
        let is_root = std::ptr::eq(root, schema);
        let node = Arc::new(if is_root { structural::resource(schema) } else { structural::parse(schema) });
        let scope = cel::Scope::new(&node, is_root);
        for (index, (rule, dumped)) in node.rules.iter().zip(stated).enumerate() {
            let path = format!("{path}.x-kubernetes-validations[{index}]");
            let found = cel::check(rule, &scope);
            let shown = dump::rule(dumped);
            let invalid = |key: &str, detail: String| FieldError::invalid(format!("{path}.{key}"), &shown, detail);
            self.errors.extend(found.rule.map(|detail| invalid("rule", detail)));
            self.errors.extend(found.message_expression.map(|detail| invalid("messageExpression", detail)));
            if found.uses_old_self {
                self.errors.extend(uncorrelatable.map(|list| {
                    let detail =
                        format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {list}");
                    FieldError::invalid(format!("{path}.rule"), &rule.rule.as_str().into(), detail)
                }));
            } else if let Some(optional) = dumped.get("optionalOldSelf").filter(|value| value.is_boolean()) {
                let detail = "may not be set if oldSelf is not used in rule";
                self.errors.push(FieldError::invalid(format!("{path}.optionalOldSelf"), optional, detail));
            }
        }
    }

    /// Returns the findings about rules.
    pub(super) fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }
}
