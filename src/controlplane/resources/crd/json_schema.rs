//! A version's `openAPIV3Schema`: what may be written in it at all.
//!
//! The findings come in upstream's order: whether the schema is structural, whether its defaults fit, then the single
//! fields from the outside in, with the CEL rules of a node after all that is below it. A schema that cannot be read as
//! a structural one is not judged as such.
//!
//! Source: `ValidateCustomResourceDefinitionOpenAPISchema` of
//! `k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go`, Kubernetes 1.36.

use serde_json::Value;

use super::hoist::Part;
use super::rules::RuleFindings;
use super::{defaults, dump, rules, structural};
use crate::controlplane::object::Object;
use crate::controlplane::schema::SchemaType;
use crate::controlplane::schema::field_error::FieldError;

/// What is not supported, by name.
const UNSUPPORTED: [&str; 5] = ["id", "additionalItems", "patternProperties", "definitions", "dependencies"];

/// Returns the findings about the schema of a part. In an update, a schema that was `unchanged` keeps the rules that
/// it has, whatever they are.
pub(super) fn validate(part: &Part<'_>, unchanged: bool) -> Vec<FieldError> {
    let Some(schema) = part.value.and_then(|value| value.get("openAPIV3Schema")).filter(|schema| schema.is_object())
    else {
        return Vec::new();
    };
    let path = format!("{}.openAPIV3Schema", part.path);
    let mut errors = Vec::new();
    if part.has_status {
        errors.extend(root_fields(&path, schema));
    }
    if truth(schema, "nullable") {
        errors.push(FieldError::forbidden(format!("{path}.nullable"), "nullable cannot be true at the root"));
    }
    let mut judges_rules = false;
    if structural::is_readable(schema) {
        let mut found = structural::validate(&path, schema);
        if found.is_empty() {
            found = defaults::validate(&path, schema);
        }
        judges_rules = found.is_empty() && !unchanged;
        errors.extend(found);
    }
    let mut rules = RuleFindings::new(judges_rules.then_some(schema));
    errors.extend(node(&path, schema, &Place::root(), &mut rules));
    errors.extend(rules.into_errors());
    errors
}

/// What may stand at the root beside a status subresource: what is left of the schema when its status is taken out.
const ROOT_FIELDS: [&str; 22] = [
    "Description",
    "Type",
    "Format",
    "Title",
    "Maximum",
    "ExclusiveMaximum",
    "Minimum",
    "ExclusiveMinimum",
    "MaxLength",
    "MinLength",
    "Pattern",
    "MaxItems",
    "MinItems",
    "UniqueItems",
    "MultipleOf",
    "Required",
    "Items",
    "Properties",
    "ExternalDocs",
    "Example",
    "XPreserveUnknownFields",
    "XValidations",
];

fn root_fields(path: &str, schema: &Value) -> Option<FieldError> {
    let when = "if the status subresource is enabled";
    let schema_type = schema.text_at(&["type"]);
    if !schema_type.is_empty() && schema_type != "object" {
        let detail = format!("only \"object\" is allowed as the type at the root of the schema {when}");
        return Some(FieldError::invalid(format!("{path}.type"), &schema_type.into(), detail));
    }
    let detail = || format!("only [{}] fields are allowed at the root of the schema {when}", ROOT_FIELDS.join(" "));
    let other = dump::stated_fields(schema).any(|field| !ROOT_FIELDS.contains(&field));
    other.then(|| FieldError::invalid(path, &dump::json_schema(schema), detail()))
}

/// Where a node stands.
#[derive(Debug, Clone)]
struct Place {
    is_root: bool,
    inside_metadata: bool,
    /// Why there may be no defaults here, if there may not.
    no_defaults: Option<String>,
    /// The list above whose items cannot be told apart, so that rules have no old value.
    uncorrelatable: Option<String>,
}

impl Place {
    fn root() -> Self {
        Self { is_root: true, inside_metadata: false, no_defaults: None, uncorrelatable: None }
    }

    fn below(&self) -> Self {
        Self { is_root: false, ..self.clone() }
    }

    fn without_defaults(&self, why: &str) -> Self {
        Self { no_defaults: Some(why.to_owned()), ..self.below() }
    }
}

fn node<'a>(path: &str, schema: &'a Value, place: &Place, rules: &mut RuleFindings<'a>) -> Vec<FieldError> {
    let before = rules.schema_errors();
    let mut errors = fields(path, schema, place);
    if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        let field = format!("{path}.x-kubernetes-preserve-unknown-fields");
        errors.push(FieldError::invalid(field, &Value::Bool(false), "must be true or undefined"));
    }
    errors.extend(map_type(path, schema));
    errors.extend(list_type(path, schema));
    errors.extend(rules::fields(path, schema));
    errors.extend(children(path, schema, place, rules));
    rules.add_schema_errors(errors.len());
    if rules.schema_errors() == before {
        rules.compile(path, schema, place.uncorrelatable.as_deref());
    }
    errors
}

fn fields(path: &str, schema: &Value, place: &Place) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut forbid = |key: &str, detail: String| errors.push(FieldError::forbidden(format!("{path}.{key}"), detail));
    let has = |key: &str| schema.get(key).is_some_and(|value| !value.is_null());
    if let (true, Some(why)) = (has("default"), &place.no_defaults) {
        forbid("default", format!("must not be set {why}"));
    }
    for key in UNSUPPORTED.into_iter().filter(|key| has(key)) {
        forbid(key, format!("{key} is not supported"));
    }
    if has("$ref") {
        forbid("$ref", "$ref is not supported".to_owned());
    }
    if schema.get("items").is_some_and(Value::is_array) {
        forbid("items", "items must be a schema object and not an array".to_owned());
    }
    if place.inside_metadata && truth(schema, "x-kubernetes-embedded-resource") {
        forbid("x-kubernetes-embedded-resource", "must not be used inside of resource meta".to_owned());
    }
    if truth(schema, "uniqueItems") {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        forbid("uniqueItems", detail.to_owned());
    }
    if has("additionalProperties") && schema.at(&["properties"]).is_some_and(is_filled) {
        forbid("additionalProperties", "additionalProperties and properties are mutual exclusive".to_owned());
    }
    let schema_type = schema.text_at(&["type"]);
    if schema_type == "null" {
        forbid("type", "type cannot be set to null, use nullable as an alternative".to_owned());
    }
    if !schema_type.is_empty() && SchemaType::parse(schema_type).is_none() {
        let types = ["array", "boolean", "integer", "number", "object", "string"];
        errors.push(FieldError::not_supported(format!("{path}.type"), &schema_type.into(), &types));
    }
    errors
}

fn children<'a>(path: &str, schema: &'a Value, place: &Place, rules: &mut RuleFindings<'a>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        let place = match place.inside_metadata {
            true => place.without_defaults("inside additionalProperties applying to object metadata"),
            false => place.below(),
        };
        errors.extend(node(&format!("{path}.additionalProperties"), values, &place, rules));
    }
    let is_object = place.is_root || truth(schema, "x-kubernetes-embedded-resource");
    for (name, property) in properties(schema) {
        let mut below = place.below();
        if is_object && ["metadata", "apiVersion", "kind"].contains(&name.as_str()) {
            below.inside_metadata = true;
            if place.is_root {
                below.no_defaults = Some(format!("in top-level {name}"));
            }
        }
        errors.extend(node(&format!("{path}.properties[{name}]"), property, &below, rules));
    }
    if let Some(not) = schema.get("not").filter(|not| not.is_object()) {
        errors.extend(node(&format!("{path}.not"), not, &place.without_defaults("inside not"), &mut rules.silent()));
    }
    for key in ["allOf", "oneOf", "anyOf"] {
        for (index, part) in schema.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let place = place.without_defaults(&format!("inside {key}"));
            errors.extend(node(&format!("{path}.{key}[{index}]"), part, &place, &mut rules.silent()));
        }
    }
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        let mut place = place.below();
        if schema.text_at(&["x-kubernetes-list-type"]) != "map" && place.uncorrelatable.is_none() {
            place.uncorrelatable = Some(format!("{path}.items"));
        }
        errors.extend(node(&format!("{path}.items"), items, &place, rules));
    }
    errors
}

fn map_type(path: &str, schema: &Value) -> Vec<FieldError> {
    let Some(map_type) = schema.get("x-kubernetes-map-type").and_then(Value::as_str) else { return Vec::new() };
    let mut errors = Vec::from_iter(must_be(path, schema, "object", "x-kubernetes-map-type"));
    if !["atomic", "granular"].contains(&map_type) {
        let field = format!("{path}.x-kubernetes-map-type");
        errors.push(FieldError::not_supported(field, &map_type.into(), &["atomic", "granular"]));
    }
    errors
}

fn must_be(path: &str, schema: &Value, expected: &str, because: &str) -> Option<FieldError> {
    let detail = format!("must be {expected} if {because} is specified");
    match schema.text_at(&["type"]) {
        "" => Some(FieldError::required(format!("{path}.type"), detail)),
        actual if actual == expected => None,
        actual => Some(FieldError::invalid(format!("{path}.type"), &actual.into(), detail)),
    }
}

fn list_type(path: &str, schema: &Value) -> Vec<FieldError> {
    let list_type = schema.get("x-kubernetes-list-type").and_then(Value::as_str);
    let field = format!("{path}.x-kubernetes-list-type");
    let mut errors = Vec::new();
    if let Some(list_type) = list_type {
        errors.extend(must_be(path, schema, "array", "x-kubernetes-list-type"));
        if errors.is_empty() && list_type == "set" {
            errors.extend(set_items(path, schema.get("items").unwrap_or(&Value::Null)));
        }
        if !["atomic", "set", "map"].contains(&list_type) {
            errors.push(FieldError::not_supported(&field, &list_type.into(), &["atomic", "set", "map"]));
        }
    }
    let keys = schema.get("x-kubernetes-list-map-keys").filter(|keys| is_filled(keys));
    match (keys, list_type) {
        (Some(_), None) => {
            errors.push(FieldError::required(field, "must be map if x-kubernetes-list-map-keys is non-empty"));
        }
        (Some(_), Some(other)) if other != "map" => {
            let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
            errors.push(FieldError::invalid(field, &other.into(), detail));
        }
        (_, Some("map")) => errors.extend(list_map(path, schema)),
        _ => {}
    }
    errors.extend(identities(path, schema, list_type.unwrap_or_default()));
    errors
}

/// Items of a set are compared as a whole.
fn set_items(path: &str, items: &Value) -> Option<FieldError> {
    let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let invalid = |key: &str| {
        let value = items.get(key).unwrap_or(&Value::Null);
        Some(FieldError::invalid(format!("{path}.items.{key}"), value, detail))
    };
    match items.text_at(&["type"]) {
        "array" if !matches!(items.text_at(&["x-kubernetes-list-type"]), "" | "atomic") => {
            invalid("x-kubernetes-list-type")
        }
        "object" if items.text_at(&["x-kubernetes-map-type"]) != "atomic" => invalid("x-kubernetes-map-type"),
        _ => None,
    }
}

fn list_map(path: &str, schema: &Value) -> Vec<FieldError> {
    let keys_field = format!("{path}.x-kubernetes-list-map-keys");
    let keys = schema.get("x-kubernetes-list-map-keys").unwrap_or(&Value::Null);
    let mut errors = Vec::new();
    if !is_filled(keys) {
        errors.push(FieldError::required(&keys_field, "must not be empty if x-kubernetes-list-type is map"));
    }
    let Some(items) = schema.get("items").filter(|items| items.is_object()) else {
        let detail = "must have a schema if x-kubernetes-list-type is map";
        errors.push(FieldError::required(format!("{path}.items"), detail));
        return errors;
    };
    let items_type = items.get("type").unwrap_or(&Value::Null);
    if items_type != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        let shown = items_type.as_str().unwrap_or_default().into();
        errors.push(FieldError::invalid(format!("{path}.items.type"), &shown, detail));
        return errors;
    }
    let names: Vec<&str> = keys.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (index, name) in names.iter().enumerate() {
        match items.at(&["properties", name]).map(|property| property.text_at(&["type"])) {
            None => errors.push(FieldError::invalid(&keys_field, keys, "entries must all be names of item properties")),
            Some("array" | "object") => {
                let field = format!("{path}.items.properties[{name}].type");
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                errors.push(FieldError::invalid(field, items_type, detail));
            }
            Some(_) => {}
        }
        if names[..index].contains(name) {
            errors.push(FieldError::invalid(&keys_field, keys, "must not contain duplicate entries"));
        }
    }
    errors
}

/// What identifies an item of a set or a list-map may not be null or absent.
///
/// Source: `validateMapListKeysMapSet`.
fn identities(path: &str, schema: &Value, list_type: &str) -> Vec<FieldError> {
    let Some(items) = schema.get("items").filter(|items| items.is_object()) else { return Vec::new() };
    let mut errors = Vec::new();
    if !matches!(list_type, "set" | "map") {
        return errors;
    }
    if truth(items, "nullable") {
        let detail = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
        errors.push(FieldError::forbidden(format!("{path}.items.nullable"), detail));
    }
    if list_type != "map" {
        return errors;
    }
    let required = items.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array).into_iter().flatten();
    for key in keys.filter_map(Value::as_str) {
        let Some(property) = items.at(&["properties", key]) else { continue };
        let field = format!("{path}.items.properties[{key}]");
        let has_default = property.get("default").is_some_and(|default| !default.is_null());
        if !has_default && !required.iter().any(|name| name == key) {
            let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required \
                          property";
            errors.push(FieldError::required(format!("{field}.default"), detail));
        }
        if truth(property, "nullable") {
            let detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            errors.push(FieldError::forbidden(format!("{field}.nullable"), detail));
        }
    }
    errors
}

/// Returns the properties of a schema.
pub(super) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// Returns a field that is true or false; false when absent.
pub(super) fn truth(schema: &Value, key: &str) -> bool {
    schema.get(key).and_then(Value::as_bool).unwrap_or_default()
}

fn is_filled(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    }
}
