//! Runs the rules of a schema over an object.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go`, Kubernetes 1.36.

use std::sync::Arc;

use serde_json::Value as Json;

use super::super::field_error::FieldError;
use super::super::validate::old_item;
use super::super::{AdditionalProperties, Rule, Schema, SchemaType};
use super::interpreter::Interpreter;
use super::macros::uses;
use super::syntax::{Expr, parse};
use super::value::{Failure, Value};

/// The compiled rules of a schema and of all that is below it.
#[derive(Debug)]
pub struct Validator {
    schema: Arc<Schema>,
    programs: Vec<Program>,
    properties: Vec<(String, Validator)>,
    values: Option<Box<Validator>>,
    items: Option<Box<Validator>>,
}

/// A compiled rule.
#[derive(Debug)]
struct Program {
    rule: Rule,
    expr: Expr,
    message: Option<Expr>,
    uses_old_self: bool,
}

impl Validator {
    /// Compiles the rules of a schema; `None` when there are none. Rules that do not compile have been refused with
    /// their CRD, and are left out.
    pub fn new(schema: &Arc<Schema>) -> Option<Self> {
        let programs: Vec<_> = schema.rules.iter().filter_map(Program::new).collect();
        let properties = schema.properties.iter();
        let properties: Vec<_> =
            properties.filter_map(|(name, child)| Some((name.clone(), Self::new(child)?))).collect();
        let values = match &schema.additional_properties {
            AdditionalProperties::Schema(values) => Self::new(values).map(Box::new),
            AdditionalProperties::None | AdditionalProperties::Any => None,
        };
        let items = schema.items.as_ref().and_then(Self::new).map(Box::new);
        if programs.is_empty() && properties.is_empty() && values.is_none() && items.is_none() {
            return None;
        }
        Some(Self { schema: Arc::clone(schema), programs, properties, values, items })
    }

    /// Returns the findings about `value`. Rules that speak of the old value run only where there is one; the others
    /// are not held against what did not change.
    pub fn validate(&self, value: &Json, old: Option<&Json>) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.walk(&mut String::new(), value, old, &mut errors);
        errors
    }

    fn walk(&self, path: &mut String, value: &Json, old: Option<&Json>, errors: &mut Vec<FieldError>) {
        if value.is_null() {
            return;
        }
        let unchanged = !self.programs.is_empty() && old == Some(value);
        for program in self.programs.iter().filter(|program| program.uses_old_self || !unchanged) {
            errors.extend(program.run(path, value, old, &self.schema));
        }
        let len = path.len();
        match value {
            Json::Object(map) => {
                for (name, below) in &self.properties {
                    let Some(value) = map.get(name) else { continue };
                    path.push_str(if len == 0 { "" } else { "." });
                    path.push_str(name);
                    below.walk(path, value, old.and_then(|old| old.get(name)), errors);
                    path.truncate(len);
                }
                let Some(below) = &self.values else { return };
                for (name, value) in map.iter().filter(|(name, _)| !self.schema.properties.contains_key(*name)) {
                    path.push_str(&format!("[{name}]"));
                    below.walk(path, value, old.and_then(|old| old.get(name)), errors);
                    path.truncate(len);
                }
            }
            Json::Array(list) => {
                let Some(below) = &self.items else { return };
                for (index, item) in list.iter().enumerate() {
                    path.push_str(&format!("[{index}]"));
                    below.walk(path, item, old_item(&self.schema, item, old), errors);
                    path.truncate(len);
                }
            }
            _ => {}
        }
    }
}

impl Program {
    fn new(rule: &Rule) -> Option<Self> {
        let expr = parse(rule.rule.trim()).ok()?;
        let message = rule.message_expression.as_deref().and_then(|source| parse(source.trim()).ok());
        Some(Self { uses_old_self: uses(&expr, "oldSelf"), rule: rule.clone(), expr, message })
    }

    fn run(&self, path: &str, value: &Json, old: Option<&Json>, schema: &Schema) -> Option<FieldError> {
        if self.uses_old_self && old.is_none() && !self.rule.optional_old_self {
            return None;
        }
        let outcome = self.eval(&self.expr, value, old, schema);
        match outcome {
            Ok(Value::Bool(true)) => None,
            Ok(Value::Bool(false)) => Some(self.finding(path, value, self.message(value, old, schema))),
            Ok(_) => Some(self.failure(path, schema, "no such overload")),
            Err(why) => Some(self.failure(path, schema, &why)),
        }
    }

    fn eval<'a>(
        &self,
        expr: &'a Expr,
        value: &'a Json,
        old: Option<&'a Json>,
        schema: &'a Schema,
    ) -> Result<Value<'a>, Failure> {
        let old = old.map(|old| Value::of(old, Some(schema)));
        let old = match self.rule.optional_old_self {
            true => Some(Value::Optional(old.map(Box::new))),
            false => old,
        };
        let mut variables = vec![("self", Value::of(value, Some(schema)))];
        variables.extend(old.map(|old| ("oldSelf", old)));
        Interpreter::new(variables).eval(expr)
    }

    /// Returns what the rule has to say of itself.
    fn source(&self) -> &str {
        let message = self.rule.message.as_deref().map(str::trim).filter(|message| !message.is_empty());
        message.unwrap_or(self.rule.rule.trim())
    }

    fn message(&self, value: &Json, old: Option<&Json>, schema: &Schema) -> String {
        let computed = self.message.as_ref().and_then(|expr| self.eval(expr, value, old, schema).ok());
        let computed = computed.as_ref().and_then(Value::as_str).map(str::trim);
        match computed.filter(|text| !text.is_empty() && !text.contains(['\n', '\r'])) {
            Some(text) => text.to_owned(),
            None if self.rule.message.is_some() => self.source().to_owned(),
            None => format!("failed rule: {}", self.source()),
        }
    }

    fn finding(&self, path: &str, value: &Json, message: String) -> FieldError {
        let field = self.field(path);
        match self.rule.reason.as_deref() {
            Some("FieldValueForbidden") => FieldError::forbidden(field, message),
            Some("FieldValueRequired") => FieldError::required(field, message),
            Some("FieldValueDuplicate") => FieldError::duplicate(field, value),
            _ if value.is_object() || value.is_array() => FieldError::invalid_without_value(field, message),
            _ => FieldError::invalid(field, value, message),
        }
    }

    /// Returns the finding when a rule could not be evaluated; of the value, its type is shown.
    fn failure(&self, path: &str, schema: &Schema, why: &str) -> FieldError {
        let shown = schema.schema_type.map(SchemaType::as_str).unwrap_or_default();
        let field = if path.is_empty() { super::super::validate::NO_PATH } else { path };
        FieldError::invalid(field, &shown.into(), format!("{why} evaluating rule: {}", self.source()))
    }

    fn field(&self, path: &str) -> String {
        let below = self.rule.field_path.as_deref().map(str::trim).unwrap_or_default();
        let below = below.replace("['", "[").replace("']", "]");
        match (path, below.as_str()) {
            ("", "") => super::super::validate::NO_PATH.to_owned(),
            ("", below) => below.trim_start_matches('.').to_owned(),
            (path, below) => format!("{path}{below}"),
        }
    }
}
