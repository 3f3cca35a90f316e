//! Values as upstream's messages show them: internal Go structs as JSON, all fields named.

use serde_json::{Map, Value, json};

use super::hoist::is_shared;

/// Returns a validation rule as `apiextensions.ValidationRule` prints.
pub(super) fn rule(rule: &Value) -> Value {
    let text = |key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default();
    json!({
        "Rule": text("rule"),
        "Message": text("message"),
        "MessageExpression": text("messageExpression"),
        "Reason": rule.get("reason").cloned().unwrap_or_default(),
        "FieldPath": text("fieldPath"),
        "OptionalOldSelf": rule.get("optionalOldSelf").cloned().unwrap_or_default(),
    })
}

/// Returns `spec.versions` as `[]apiextensions.CustomResourceDefinitionVersion` prints; what all share is not in it.
pub(super) fn versions(versions: &[Value]) -> Value {
    let own = |version: &Value, key: &str| {
        if is_shared(versions, key) { Value::Null } else { version.get(key).cloned().unwrap_or_default() }
    };
    let dump = |version: &Value| {
        let flag = |key: &str| version.get(key).and_then(Value::as_bool).unwrap_or_default();
        let schema = own(version, "schema");
        let columns = own(version, "additionalPrinterColumns");
        json!({
            "Name": version["name"],
            "Served": flag("served"),
            "Storage": flag("storage"),
            "Deprecated": flag("deprecated"),
            "DeprecationWarning": version.get("deprecationWarning"),
            "Schema": schema.get("openAPIV3Schema").map(|stated| json!({"OpenAPIV3Schema": json_schema(stated)})),
            "Subresources": subresources(&own(version, "subresources")),
            "AdditionalPrinterColumns": columns.as_array().map(|list| list.iter().map(column).collect::<Vec<_>>()),
            "SelectableFields": own(version, "selectableFields").as_array().map(|list| {
                list.iter().map(|field| json!({"JSONPath": field["jsonPath"]})).collect::<Vec<_>>()
            }),
        })
    };
    versions.iter().map(dump).collect()
}

fn subresources(value: &Value) -> Value {
    let scale = |scale: &Value| {
        json!({
            "SpecReplicasPath": scale["specReplicasPath"],
            "StatusReplicasPath": scale["statusReplicasPath"],
            "LabelSelectorPath": scale["labelSelectorPath"],
        })
    };
    if value.is_null() {
        return Value::Null;
    }
    json!({"Status": value["status"], "Scale": value.get("scale").map(scale)})
}

fn column(column: &Value) -> Value {
    let text = |key: &str| column.get(key).and_then(Value::as_str).unwrap_or_default();
    json!({
        "Name": text("name"), "Type": text("type"), "Format": text("format"), "Description": text("description"),
        "Priority": column.get("priority").and_then(Value::as_i64).unwrap_or_default(), "JSONPath": text("jsonPath"),
    })
}

/// The fields of `apiextensions.JSONSchemaProps`: Go name, JSON name, and what stands there when nothing is stated.
const FIELDS: [(&str, &str, &str); 43] = [
    ("ID", "id", "\"\""),
    ("Schema", "$schema", "\"\""),
    ("Ref", "$ref", "null"),
    ("Description", "description", "\"\""),
    ("Type", "type", "\"\""),
    ("Nullable", "nullable", "false"),
    ("Format", "format", "\"\""),
    ("Title", "title", "\"\""),
    ("Default", "default", "null"),
    ("Maximum", "maximum", "null"),
    ("ExclusiveMaximum", "exclusiveMaximum", "false"),
    ("Minimum", "minimum", "null"),
    ("ExclusiveMinimum", "exclusiveMinimum", "false"),
    ("MaxLength", "maxLength", "null"),
    ("MinLength", "minLength", "null"),
    ("Pattern", "pattern", "\"\""),
    ("MaxItems", "maxItems", "null"),
    ("MinItems", "minItems", "null"),
    ("UniqueItems", "uniqueItems", "false"),
    ("MultipleOf", "multipleOf", "null"),
    ("Enum", "enum", "null"),
    ("MaxProperties", "maxProperties", "null"),
    ("MinProperties", "minProperties", "null"),
    ("Required", "required", "null"),
    ("Items", "items", "null"),
    ("AllOf", "allOf", "null"),
    ("OneOf", "oneOf", "null"),
    ("AnyOf", "anyOf", "null"),
    ("Not", "not", "null"),
    ("Properties", "properties", "null"),
    ("AdditionalProperties", "additionalProperties", "null"),
    ("PatternProperties", "patternProperties", "null"),
    ("Dependencies", "dependencies", "null"),
    ("AdditionalItems", "additionalItems", "null"),
    ("Definitions", "definitions", "null"),
    ("ExternalDocs", "externalDocs", "null"),
    ("Example", "example", "null"),
    ("XPreserveUnknownFields", "x-kubernetes-preserve-unknown-fields", "null"),
    ("XEmbeddedResource", "x-kubernetes-embedded-resource", "false"),
    ("XIntOrString", "x-kubernetes-int-or-string", "false"),
    ("XListMapKeys", "x-kubernetes-list-map-keys", "null"),
    ("XListType", "x-kubernetes-list-type", "null"),
    ("XMapType", "x-kubernetes-map-type", "null"),
];

/// Returns the Go names of the fields that a schema states.
pub(super) fn stated_fields(schema: &Value) -> impl Iterator<Item = &'static str> {
    let is_zero = |json: &str, zero: &str| match schema.get(json) {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.is_empty() && json == "properties",
        Some(Value::Array(list)) => list.is_empty(),
        Some(value) => zero != "null" && serde_json::from_str(zero).ok().as_ref() == Some(value),
    };
    FIELDS.iter().filter(move |(_, json, zero)| !is_zero(json, zero)).map(|(go, ..)| *go)
}

/// Returns a schema as `apiextensions.JSONSchemaProps` prints.
pub(super) fn json_schema(schema: &Value) -> Value {
    let mut dump = Map::new();
    for (go, json, zero) in FIELDS {
        let stated = schema.get(json).filter(|value| !value.is_null());
        let value = match (json, stated) {
            (_, None) => serde_json::from_str(zero).unwrap_or_default(),
            ("allOf" | "oneOf" | "anyOf", Some(Value::Array(list))) => list.iter().map(json_schema).collect(),
            ("properties" | "patternProperties" | "definitions", Some(Value::Object(map))) => {
                let mut sorted: Vec<_> = map.iter().collect();
                sorted.sort_by_key(|(name, _)| *name);
                Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), json_schema(value))).collect())
            }
            ("not", Some(not)) => json_schema(not),
            ("items", Some(items)) => json!({"Schema": json_schema(items), "JSONSchemas": null}),
            ("additionalProperties", Some(Value::Bool(allows))) => json!({"Allows": allows, "Schema": null}),
            ("additionalProperties", Some(values)) => json!({"Allows": true, "Schema": json_schema(values)}),
            (_, Some(value)) => value.clone(),
        };
        dump.insert(go.to_owned(), value);
    }
    let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array);
    dump.insert("XValidations".to_owned(), rules.map_or(Value::Null, |rules| rules.iter().map(rule).collect()));
    Value::Object(dump)
}
