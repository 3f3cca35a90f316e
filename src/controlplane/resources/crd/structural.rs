//! Structural schemas: every field has a type outside of `allOf`, `anyOf`, `oneOf` and `not`, so that objects can be
//! pruned and defaulted without looking at values.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/{validation,complete,convert}.go`, Kubernetes 1.36.

use serde_json::{Value, json};

use super::json_schema::{properties, truth};
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::schema::pattern;

const QUANTIFIERS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Whether a schema can be read as a structural one at all; if not, others say why.
pub(super) fn is_readable(schema: &Value) -> bool {
    let unsupported = ["id", "$schema", "$ref", "additionalItems", "patternProperties", "definitions", "dependencies"];
    let stated = |key: &&str| schema.get(*key).is_some_and(|value| !value.is_null());
    let readable = !unsupported.iter().any(stated)
        && !truth(schema, "uniqueItems")
        && !schema.get("items").is_some_and(Value::is_array)
        && schema.get("x-kubernetes-preserve-unknown-fields") != Some(&Value::Bool(false))
        && schema.text_at(&["type"]) != "null";
    readable && children(schema).into_iter().all(is_readable)
}

fn children(schema: &Value) -> Vec<&Value> {
    let single = ["items", "additionalProperties", "not"];
    let single = single.iter().filter_map(|key| schema.get(key)).filter(|child| child.is_object());
    let many = QUANTIFIERS.iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    single.chain(many).chain(properties(schema).map(|(_, property)| property)).collect()
}

/// Returns what keeps a schema from being structural.
pub(super) fn validate(path: &str, schema: &Value) -> Vec<FieldError> {
    let mut errors = invariants(path, schema, Level::Root);
    errors.extend(completeness(path, schema));
    errors
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

fn invariants(path: &str, schema: &Value, level: Level) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if schema["type"] == "array" && !schema["items"].is_object() {
        errors.push(FieldError::required(format!("{path}.items"), "must be specified"));
    }
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        errors.extend(invariants(&format!("{path}.items"), items, Level::Item));
    }
    for (name, property) in properties(schema) {
        // What metadata may say is judged as a whole.
        if level != Level::Root || name != "metadata" {
            errors.extend(invariants(&format!("{path}.properties[{name}]"), property, Level::Field));
        }
    }
    let values = schema.get("additionalProperties").filter(|values| !values.is_null());
    if let Some(values) = values.filter(|values| values.is_object()) {
        errors.extend(invariants(&format!("{path}.additionalProperties"), values, Level::Field));
    }
    if values.is_some() && level == Level::Root {
        errors.push(FieldError::forbidden(format!("{path}.additionalProperties"), "must not be used at the root"));
    }
    errors.extend(int_or_string(path, schema));
    errors.extend(value_validation(path, schema, exempt(schema)));
    errors.extend(node_type(path, schema, level));
    errors.extend(object_fields(path, schema, level));
    errors
}

fn int_or_string(path: &str, schema: &Value) -> Vec<FieldError> {
    let extensions = ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"];
    let both = extensions.into_iter().filter(|key| truth(schema, "x-kubernetes-int-or-string") && truth(schema, key));
    let detail = "must be false if x-kubernetes-int-or-string is true";
    both.map(|key| FieldError::invalid(format!("{path}.{key}"), &Value::Bool(true), detail)).collect()
}

fn node_type(path: &str, schema: &Value, level: Level) -> Vec<FieldError> {
    let field = format!("{path}.type");
    let schema_type = schema.text_at(&["type"]);
    let mut errors = Vec::new();
    if truth(schema, "x-kubernetes-embedded-resource") {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        match schema_type {
            "" => errors.push(FieldError::required(field, detail)),
            "object" => {}
            other => errors.push(FieldError::invalid(field, &other.into(), detail)),
        }
        if schema.get("additionalProperties").is_some_and(|values| !values.is_null()) {
            let detail = "must not be used if x-kubernetes-embedded-resource is set";
            errors.push(FieldError::forbidden(format!("{path}.additionalProperties"), detail));
        }
        return errors;
    }
    let needs_none = ["x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"];
    let detail = match level {
        Level::Root => "must not be empty at the root",
        Level::Item => "must not be empty for specified array items",
        Level::Field => "must not be empty for specified object fields",
    };
    if schema_type.is_empty() && !needs_none.iter().any(|key| truth(schema, key)) {
        errors.push(FieldError::required(&field, detail));
    }
    if level == Level::Root && !schema_type.is_empty() && schema_type != "object" {
        errors.push(FieldError::invalid(field, &schema_type.into(), "must be object at the root"));
    }
    errors
}

/// What every object has needs no schema, and may hardly have one.
fn object_fields(path: &str, schema: &Value, level: Level) -> Vec<FieldError> {
    let embedded = truth(schema, "x-kubernetes-embedded-resource");
    let mut errors = Vec::new();
    if level == Level::Root || embedded {
        for (name, expected) in [("kind", "string"), ("apiVersion", "string"), ("metadata", "object")] {
            let Some(property) = schema.at(&["properties", name]) else { continue };
            let actual = property.text_at(&["type"]);
            if actual != expected {
                let field = format!("{path}.properties[{name}].type");
                errors.push(FieldError::invalid(field, &actual.into(), format!("must be {expected}")));
            }
        }
    }
    if let Some(metadata) = schema.at(&["properties", "metadata"]).filter(|_| level == Level::Root) {
        let name_only = properties(metadata).all(|(name, _)| name == "name" || name == "generateName");
        let allowed = ["type", "properties", "default"];
        let plain = metadata.as_object().into_iter().flatten().all(|(key, value)| {
            allowed.contains(&key.as_str()) || value.is_null() || *value == json!(false) || *value == json!("")
        });
        if !name_only || !plain {
            let detail =
                "must not specify anything other than name and generateName, but metadata is implicitly specified";
            errors.push(FieldError::forbidden(format!("{path}.properties[metadata]"), detail));
        }
    }
    let is_empty = properties(schema).next().is_none();
    if embedded && !truth(schema, "x-kubernetes-preserve-unknown-fields") && is_empty {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                      x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(format!("{path}.properties"), detail));
    }
    errors
}

/// The places where types may stand inside a quantifier: the two ways to write an int-or-string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exempt {
    Nothing,
    AnyOf,
    FirstAllOf,
}

fn exempt(schema: &Value) -> Exempt {
    let types = json!([{"type": "integer"}, {"type": "string"}]);
    if !truth(schema, "x-kubernetes-int-or-string") {
        return Exempt::Nothing;
    }
    if schema["anyOf"] == types {
        return Exempt::AnyOf;
    }
    let first = schema.at(&["allOf"]).and_then(|all_of| all_of.get(0)).and_then(|first| first.get("anyOf"));
    if first == Some(&types) { Exempt::FirstAllOf } else { Exempt::Nothing }
}

fn value_validation(path: &str, schema: &Value, exempt: Exempt) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for key in QUANTIFIERS.into_iter().filter(|key| *key != "anyOf" || exempt != Exempt::AnyOf) {
        for (index, part) in schema.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let first = key == "allOf" && index == 0 && exempt == Exempt::FirstAllOf;
            let exempt = if first { Exempt::AnyOf } else { Exempt::Nothing };
            errors.extend(nested(&format!("{path}.{key}[{index}]"), part, exempt));
        }
    }
    if let Some(not) = schema.get("not").filter(|not| not.is_object()) {
        errors.extend(nested(&format!("{path}.not"), not, Exempt::Nothing));
    }
    let text = schema.text_at(&["pattern"]);
    if let Err(problem) = pattern::compile(text) {
        let detail = format!("must be a valid regular expression, but isn't: {problem}");
        errors.push(FieldError::invalid(format!("{path}.pattern"), &text.into(), detail));
    }
    errors
}

/// Inside a quantifier, only values are described.
fn nested(path: &str, schema: &Value, exempt: Exempt) -> Vec<FieldError> {
    let mut errors = value_validation(path, schema, exempt);
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        errors.extend(nested(&format!("{path}.items"), items, Exempt::Nothing));
    }
    for (name, property) in properties(schema) {
        errors.extend(nested(&format!("{path}.properties[{name}]"), property, Exempt::Nothing));
    }
    let forbidden = [
        ("type", "empty"),
        ("additionalProperties", "undefined"),
        ("default", "undefined"),
        ("title", "empty"),
        ("description", "empty"),
        ("nullable", "false"),
        ("x-kubernetes-preserve-unknown-fields", "false"),
        ("x-kubernetes-embedded-resource", "false"),
        ("x-kubernetes-int-or-string", "false"),
        ("x-kubernetes-list-map-keys", "empty"),
        ("x-kubernetes-list-type", "undefined"),
        ("x-kubernetes-map-type", "undefined"),
        ("x-kubernetes-validations", "empty"),
    ];
    for (key, must_be) in forbidden {
        let is_unset =
            |value: &Value| value.is_null() || *value == json!(false) || *value == json!("") || *value == json!([]);
        if schema.get(key).is_some_and(|value| !is_unset(value)) {
            errors.push(FieldError::forbidden(format!("{path}.{key}"), format!("must be {must_be} to be structural")));
        }
    }
    if schema.at(&["properties", "metadata"]).is_some() {
        let field = format!("{path}.properties[metadata]");
        errors.push(FieldError::forbidden(field, "must not be specified in a nested context"));
    }
    errors
}

/// Every field that a quantifier speaks of must be described outside of it.
fn completeness(path: &str, schema: &Value) -> Vec<FieldError> {
    let mut errors = quantified(path, path, schema, Some(schema));
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        errors.extend(completeness(&format!("{path}.items"), items));
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        errors.extend(completeness(&format!("{path}.additionalProperties"), values));
    }
    for (name, property) in properties(schema) {
        errors.extend(completeness(&format!("{path}.properties[{name}]"), property));
    }
    errors
}

fn quantified(path: &str, value_path: &str, value: &Value, schema: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for key in QUANTIFIERS {
        for (index, part) in value.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            errors.extend(described(path, &format!("{value_path}.{key}[{index}]"), part, schema));
        }
    }
    if let Some(not) = value.get("not").filter(|not| not.is_object()) {
        errors.extend(described(path, &format!("{value_path}.not"), not, schema));
    }
    errors
}

fn described(path: &str, value_path: &str, value: &Value, schema: Option<&Value>) -> Vec<FieldError> {
    let Some(schema) = schema else {
        return vec![FieldError::required(path, format!("because it is defined in {value_path}"))];
    };
    let mut errors = quantified(path, value_path, value, Some(schema));
    if let Some(items) = value.get("items").filter(|items| items.is_object()) {
        let outside = schema.get("items").filter(|items| items.is_object());
        errors.extend(described(&format!("{path}.items"), &format!("{value_path}.items"), items, outside));
    }
    for (name, property) in properties(value) {
        let step = format!(".properties[{name}]");
        let outside = schema.at(&["properties", name]);
        errors.extend(described(&format!("{path}{step}"), &format!("{value_path}{step}"), property, outside));
    }
    errors
}
