//! Fills in the defaults that a schema states, and drops nulls that it does not allow.
//!
//! A null where none is allowed counts as absent: it takes the default, or goes. Defaults apply inside defaulted
//! objects, list items and map values too.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/algorithm.go`, Kubernetes 1.36.

use serde_json::{Map, Value};

use super::{AdditionalProperties, Schema};

/// Fills in defaults. Doing it twice changes nothing.
pub fn default(value: &mut Value, schema: &Schema) {
    match value {
        Value::Object(map) => default_object(map, schema),
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            for item in list {
                default_null(item, items);
                default(item, items);
            }
        }
        _ => {}
    }
}

/// Drops nulls that the schema does not allow. To be called after [`default`].
pub fn drop_nulls(value: &mut Value, schema: &Schema) {
    match value {
        Value::Object(map) => {
            map.retain(|name, value| !schema.child(name).is_some_and(|child| is_forbidden_null(value, child)));
            for (name, value) in map.iter_mut().filter(|(_, value)| value.is_object() || value.is_array()) {
                if let Some(child) = schema.child(name) {
                    drop_nulls(value, child);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            list.iter_mut().for_each(|item| drop_nulls(item, items));
        }
        _ => {}
    }
}

fn default_object(map: &mut Map<String, Value>, schema: &Schema) {
    for (name, property) in &schema.properties {
        let Some(default) = &property.default else { continue };
        if map.get(name).is_none_or(|value| is_forbidden_null(value, property)) {
            map.insert(name.clone(), default.clone());
        }
    }
    for (name, value) in map.iter_mut() {
        match (schema.properties.get(name), &schema.additional_properties) {
            (Some(property), _) => default(value, property),
            (None, AdditionalProperties::Schema(values)) => {
                default_null(value, values);
                default(value, values);
            }
            (None, _) => {}
        }
    }
}

fn default_null(value: &mut Value, schema: &Schema) {
    if is_forbidden_null(value, schema)
        && let Some(default) = &schema.default
    {
        *value = default.clone();
    }
}

fn is_forbidden_null(value: &Value, schema: &Schema) -> bool {
    value.is_null() && !schema.nullable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::schema::structural::parse;
    use serde_json::json;

    fn schema() -> Schema {
        parse(&json!({"type": "object", "properties": {
            "d": {"type": "string", "default": "dflt"},
            "nd": {"type": "object", "default": {}, "properties": {"x": {"type": "integer", "default": 3}}},
            "nul": {"type": "string", "nullable": true, "default": "q"},
            "opt": {"type": "object", "properties": {"z": {"type": "integer", "default": 1}}},
            "nn": {"type": "string"},
            "arr": {"type": "array", "items": {"type": "object", "properties": {"v": {"type": "integer", "default": 7}}}},
            "m": {"type": "object", "additionalProperties": {"type": "object",
                "properties": {"w": {"type": "boolean", "default": true}}}},
        }}))
    }

    #[track_caller]
    fn check(mut value: Value, expected: Value) {
        for _ in 0..2 {
            default(&mut value, &schema());
            drop_nulls(&mut value, &schema());
            assert_eq!(value, expected);
        }
    }

    #[test]
    fn defaults_apply_inside_defaults() {
        check(json!({}), json!({"d": "dflt", "nd": {"x": 3}, "nul": "q"}));
        check(json!({"opt": {}}), json!({"opt": {"z": 1}, "d": "dflt", "nd": {"x": 3}, "nul": "q"}));
    }

    #[test]
    fn a_null_is_kept_defaulted_or_dropped() {
        check(
            json!({"d": null, "nul": null, "nn": null, "nd": null}),
            json!({"d": "dflt", "nul": null, "nd": {"x": 3}}),
        );
    }

    #[test]
    fn items_and_map_values_are_defaulted() {
        check(
            json!({"d": "", "nd": {"x": 1}, "nul": "", "arr": [{}, {"v": 1}], "m": {"a": {}}}),
            json!({"d": "", "nd": {"x": 1}, "nul": "", "arr": [{"v": 7}, {"v": 1}], "m": {"a": {"w": true}}}),
        );
    }
}
