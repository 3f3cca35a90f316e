//! Schemas of custom resources, made from a CRD's `openAPIV3Schema`.
//!
//! Reading is lenient: whether a schema may be used at all is judged by the CRD's own validation, before it gets here.
//! Resource roots and embedded resources get the properties that all objects have (`apiVersion`, `kind`, `metadata`),
//! which a CRD need not and must not describe.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/convert.go`, Kubernetes 1.36.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::openapi::object_meta;
use super::pattern::Pattern;
use super::{AdditionalProperties, Bounds, ListType, Rule, Schema, SchemaType};

/// Returns the schema of a custom resource from the JSON of its `openAPIV3Schema`, type and object metadata included.
pub fn resource(schema: &Value) -> Schema {
    let mut root = parse(schema);
    add_object_properties(&mut root);
    root
}

/// Returns the schema that an `openAPIV3Schema` states, without what every object has.
pub fn parse(schema: &Value) -> Schema {
    let Some(map) = schema.as_object() else { return Schema::default() };
    let mut schema = node(map);
    if let Some(properties) = map.get("properties").and_then(Value::as_object) {
        schema.properties = properties.iter().map(|(name, value)| (name.clone(), Arc::new(parse(value)))).collect();
    }
    schema.additional_properties = match map.get("additionalProperties") {
        None | Some(Value::Null) => AdditionalProperties::None,
        Some(Value::Bool(_)) => AdditionalProperties::Any,
        Some(values) => AdditionalProperties::Schema(Arc::new(parse(values))),
    };
    schema.items = map.get("items").filter(|items| items.is_object()).map(|items| Arc::new(parse(items)));
    if schema.embedded_resource {
        add_object_properties(&mut schema);
    }
    schema
}

/// Adds `apiVersion`, `kind` and `metadata`. What the CRD says about them has its place in validation alone.
fn add_object_properties(schema: &mut Schema) {
    let text = || Arc::new(Schema { schema_type: Some(SchemaType::String), ..Schema::default() });
    schema.properties.insert("apiVersion".to_owned(), text());
    schema.properties.insert("kind".to_owned(), text());
    schema.properties.insert("metadata".to_owned(), object_meta());
}

/// Reads everything of a node but its children.
pub(super) fn node(map: &Map<String, Value>) -> Schema {
    let truth = |key: &str| map.get(key).and_then(Value::as_bool).unwrap_or_default();
    Schema {
        schema_type: map.get("type").and_then(Value::as_str).and_then(SchemaType::parse),
        nullable: truth("nullable"),
        int_or_string: truth("x-kubernetes-int-or-string"),
        preserve_unknown_fields: truth("x-kubernetes-preserve-unknown-fields"),
        embedded_resource: truth("x-kubernetes-embedded-resource"),
        properties: IndexMap::new(),
        additional_properties: AdditionalProperties::None,
        items: None,
        required: texts(map, "required"),
        default: map.get("default").filter(|default| !default.is_null()).cloned(),
        list_type: list_type(map),
        atomic: map.get("x-kubernetes-map-type").is_some_and(|value| value == "atomic"),
        patch_strategy: Vec::new(),
        patch_merge_key: None,
        bounds: bounds(map).map(Box::new),
        rules: list(map, "x-kubernetes-validations").iter().map(rule).collect(),
    }
}

fn list_type(map: &Map<String, Value>) -> Option<ListType> {
    match map.get("x-kubernetes-list-type")?.as_str()? {
        "atomic" => Some(ListType::Atomic),
        "set" => Some(ListType::Set),
        "map" => Some(ListType::Map(texts(map, "x-kubernetes-list-map-keys"))),
        _ => None,
    }
}

fn bounds(map: &Map<String, Value>) -> Option<Bounds> {
    let text = |key: &str| map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let number = |key: &str| map.get(key).and_then(Value::as_number).cloned();
    let count = |key: &str| map.get(key).and_then(Value::as_u64);
    let truth = |key: &str| map.get(key).and_then(Value::as_bool).unwrap_or_default();
    let parts = |key: &str| list(map, key).iter().map(parse).collect();
    let bounds = Bounds {
        format: text("format").map(str::to_owned),
        minimum: number("minimum"),
        exclusive_minimum: truth("exclusiveMinimum"),
        maximum: number("maximum"),
        exclusive_maximum: truth("exclusiveMaximum"),
        multiple_of: number("multipleOf"),
        min_length: count("minLength"),
        max_length: count("maxLength"),
        pattern: text("pattern").map(Pattern::new),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        unique_items: truth("uniqueItems"),
        min_properties: count("minProperties"),
        max_properties: count("maxProperties"),
        enumeration: list(map, "enum").to_vec(),
        all_of: parts("allOf"),
        any_of: parts("anyOf"),
        one_of: parts("oneOf"),
        not: map.get("not").filter(|not| not.is_object()).map(parse),
    };
    (bounds != Bounds::default()).then_some(bounds)
}

fn rule(value: &Value) -> Rule {
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    Rule {
        rule: text("rule").unwrap_or_default(),
        message: text("message"),
        message_expression: text("messageExpression"),
        reason: text("reason"),
        field_path: text("fieldPath"),
        optional_old_self: value.get("optionalOldSelf").and_then(Value::as_bool).unwrap_or_default(),
    }
}

fn list<'a>(map: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    map.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn texts(map: &Map<String, Value>, key: &str) -> Vec<String> {
    list(map, key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_resource_has_object_metadata_whatever_its_crd_says() {
        let schema = resource(&json!({"type": "object", "properties": {
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "pattern": "^a"}}},
            "emb": {"type": "object", "x-kubernetes-embedded-resource": true},
        }}));
        for object in [&schema, schema.child("emb").expect("it is a property").as_ref()] {
            assert_eq!(object.child("metadata"), Some(&object_meta()));
            assert!(object.properties.contains_key("apiVersion"));
        }
    }

    #[test]
    fn a_null_default_is_none() {
        let schema = parse(&json!({"type": "string", "nullable": true, "default": null}));
        assert_eq!((schema.nullable, schema.default), (true, None));
    }
}
