//! Schemas of built-in kinds, made from Kubernetes' own OpenAPI definitions.
//!
//! Definitions refer to each other; every one is turned into a [`Schema`] once and shared. The few types whose JSON
//! form their definition does not tell (quantities, times, raw extensions) are named here. What is not taken over are
//! the descriptions: those who show them read [`data`] itself.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::structural;
use super::{AdditionalProperties, Bounds, PatchStrategy, Schema, SchemaType, data};

/// The definition that all objects' `metadata` has.
pub const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

const JSON_SCHEMA: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// The one recursive definition is unrolled so far; what is nested deeper is kept unread.
const JSON_SCHEMA_LEVELS: usize = 32;

/// The keys of list-maps that have a default in Go's types, which OpenAPI v2 does not show.
const KEY_DEFAULTS: [(&str, &str, &str); 2] =
    [("io.k8s.api.core.v1.ContainerPort", "protocol", "TCP"), ("io.k8s.api.core.v1.ServicePort", "protocol", "TCP")];

static BUILT: LazyLock<Mutex<BTreeMap<String, Arc<Schema>>>> = LazyLock::new(Mutex::default);

/// Returns the schema of a definition, such as `io.k8s.api.apps.v1.Deployment`; what is not defined may be anything.
pub fn builtin(name: &str) -> Arc<Schema> {
    // A plain lock: what is done under it ends, and nothing is awaited.
    definition(&mut BUILT.lock().unwrap_or_else(PoisonError::into_inner), name)
}

/// Returns the schema of `metadata`.
pub fn object_meta() -> Arc<Schema> {
    static META: LazyLock<Arc<Schema>> = LazyLock::new(|| builtin(OBJECT_META));
    Arc::clone(&META)
}

/// Returns a schema that allows and keeps everything.
pub fn anything() -> Schema {
    Schema { preserve_unknown_fields: true, ..Schema::default() }
}

fn definition(built: &mut BTreeMap<String, Arc<Schema>>, name: &str) -> Arc<Schema> {
    if let Some(schema) = built.get(name) {
        return Arc::clone(schema);
    }
    let schema = Arc::new(special(built, name).unwrap_or_else(|| match data::definition(name) {
        Some(definition) => node(built, name, definition),
        None => anything(),
    }));
    built.insert(name.to_owned(), Arc::clone(&schema));
    schema
}

/// Returns the schemas of types that their definition does not describe.
fn special(built: &mut BTreeMap<String, Arc<Schema>>, name: &str) -> Option<Schema> {
    let (_, kind) = name.rsplit_once('.')?;
    Some(match kind {
        "Quantity" => Schema { int_or_string: true, bounds: format("quantity"), ..Schema::default() },
        "IntOrString" => Schema { int_or_string: true, ..Schema::default() },
        "Time" | "MicroTime" => {
            let schema_type = Some(SchemaType::String);
            Schema { schema_type, nullable: true, bounds: format("date-time"), ..Schema::default() }
        }
        "Duration" => Schema { schema_type: Some(SchemaType::String), ..Schema::default() },
        "RawExtension" | "FieldsV1" => Schema { schema_type: Some(SchemaType::Object), ..anything() },
        "JSON" => anything(),
        "JSONSchemaProps" => json_schema(built),
        _ => return None,
    })
}

fn format(format: &str) -> Option<Box<Bounds>> {
    Some(Box::new(Bounds { format: Some(format.to_owned()), ..Bounds::default() }))
}

/// Unrolls the schema of schemas from the inside out: each level refers to the one below it.
fn json_schema(built: &mut BTreeMap<String, Arc<Schema>>) -> Schema {
    let Some(definition) = data::definition(JSON_SCHEMA) else { return anything() };
    let or = |suffix: &str| format!("{JSON_SCHEMA}{suffix}");
    let mut level = anything();
    for _ in 0..JSON_SCHEMA_LEVELS {
        let below = Arc::new(std::mem::take(&mut level));
        let either = Schema { schema_type: None, items: Some(Arc::clone(&below)), ..(*below).clone() };
        for suffix in ["OrArray", "OrBool", "OrStringArray"] {
            built.insert(or(suffix), Arc::new(either.clone()));
        }
        built.insert(JSON_SCHEMA.to_owned(), below);
        level = node(built, JSON_SCHEMA, definition);
    }
    level
}

fn node(built: &mut BTreeMap<String, Arc<Schema>>, owner: &str, definition: &Value) -> Schema {
    let Some(map) = definition.as_object() else { return anything() };
    let mut schema = structural::node(map);
    patch_extensions(&mut schema, map);
    if let Some(properties) = map.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            schema.properties.insert(name.clone(), reference(built, owner, property));
        }
    }
    for (_, name, default) in KEY_DEFAULTS.iter().filter(|(of, ..)| *of == owner) {
        if let Some(property) = schema.properties.get_mut(*name) {
            Arc::make_mut(property).default = Some(Value::from(*default));
        }
    }
    if let Some(values) = map.get("additionalProperties").filter(|values| values.is_object()) {
        schema.additional_properties = AdditionalProperties::Schema(reference(built, "", values));
    }
    schema.items = map.get("items").map(|items| reference(built, "", items));
    schema
}

/// Returns what a property or an item refers to, with what is said beside the reference (how it merges).
fn reference(built: &mut BTreeMap<String, Arc<Schema>>, owner: &str, value: &Value) -> Arc<Schema> {
    let target = value.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/definitions/"));
    let Some(target) = target else { return Arc::new(node(built, &format!("{owner}."), value)) };
    let schema = definition(built, target);
    let beside = value.as_object().filter(|map| map.keys().any(|key| key.starts_with("x-kubernetes-")));
    match beside {
        None => schema,
        Some(map) => {
            let mut schema = (*schema).clone();
            patch_extensions(&mut schema, map);
            schema.atomic |= map.get("x-kubernetes-map-type").is_some_and(|value| value == "atomic");
            Arc::new(schema)
        }
    }
}

fn patch_extensions(schema: &mut Schema, map: &Map<String, Value>) {
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    schema.patch_merge_key = text("x-kubernetes-patch-merge-key").map(str::to_owned);
    let strategies = text("x-kubernetes-patch-strategy").unwrap_or_default().split(',');
    schema.patch_strategy = strategies
        .filter_map(|strategy| match strategy {
            "merge" => Some(PatchStrategy::Merge),
            "replace" => Some(PatchStrategy::Replace),
            "retainKeys" => Some(PatchStrategy::RetainKeys),
            _ => None,
        })
        .collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::schema::ListType;

    #[track_caller]
    fn at(schema: &Arc<Schema>, path: &str) -> Arc<Schema> {
        path.split('.').fold(Arc::clone(schema), |schema, step| match step {
            "[]" => Arc::clone(schema.items.as_ref().expect("a list")),
            name => Arc::clone(schema.child(name).expect(name)),
        })
    }

    #[test]
    fn a_built_in_kind_knows_how_its_parts_merge() {
        let deployment = builtin("io.k8s.api.apps.v1.Deployment");
        let containers = at(&deployment, "spec.template.spec.containers");
        assert_eq!(containers.list_type, Some(ListType::Map(vec!["name".to_owned()])));
        assert_eq!(containers.patch_strategy, [PatchStrategy::Merge]);
        assert_eq!(containers.patch_merge_key.as_deref(), Some("name"));
        assert_eq!(at(&deployment, "spec.template.spec.containers.[].ports.[].protocol").default, Some("TCP".into()));
        assert!(at(&deployment, "spec.selector").atomic);
        assert!(at(&deployment, "spec.strategy").patch_strategy.contains(&PatchStrategy::RetainKeys));
        assert!(at(&deployment, "spec.strategy.rollingUpdate.maxSurge").int_or_string);
        assert_eq!(at(&deployment, "metadata.labels.x").schema_type, Some(SchemaType::String));
    }

    #[test]
    fn the_schema_of_schemas_is_unrolled() {
        let crd = builtin("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition");
        let schema = at(&crd, "spec.versions.[].schema.openAPIV3Schema");
        let deep = at(&schema, "properties.a.items.properties.b.additionalProperties.properties.c.anyOf.[]");
        assert!(deep.properties.contains_key("maxLength"));
        assert!(!deep.preserve_unknown_fields);
        assert!(at(&schema, "properties.a.default").preserve_unknown_fields);
    }

    #[test]
    fn every_definition_becomes_a_schema() {
        let names: Vec<_> = data::packages().flat_map(data::definitions).map(|(name, _)| name).collect();
        assert!(names.iter().all(|name| Arc::strong_count(&builtin(name)) > 1));
    }
}
