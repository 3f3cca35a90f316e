//! OpenAPI v2 to v3: operations and schemas, as upstream publishes the same API in both.
//!
//! What v3 has and v2 lacks are defaults; they follow from the Go types, see [`go_types`].
//!
//! Source: `k8s.io/kube-openapi/pkg/openapiconv`, `pkg/generators/openapi.go` (for the defaults), Kubernetes 1.36.

use serde_json::{Map, Value, json};

use crate::controlplane::object::Object;
use crate::controlplane::resources::builtin::go_types;
use crate::controlplane::schema::data;

/// Converts the item of a path: its operations and its parameters.
pub(super) fn path_item(item: &Value) -> Value {
    let fields = item.as_object().into_iter().flatten();
    let converted = fields.map(|(name, value)| match name.as_str() {
        "parameters" => (name.clone(), parameters(value)),
        _ => (name.clone(), operation(value)),
    });
    Value::Object(converted.collect())
}

fn operation(operation: &Value) -> Value {
    let mut out = Map::new();
    for name in ["tags", "description", "operationId"] {
        copy(operation, &mut out, name);
    }
    let body = resolved(operation.get("parameters")).find(|parameter| parameter["in"] == "body");
    if let Some(given) = operation.get("parameters") {
        let others = parameters(given);
        if others.as_array().is_some_and(|list| !list.is_empty()) {
            out.insert("parameters".to_owned(), others);
        }
    }
    if let Some(body) = body {
        out.insert("requestBody".to_owned(), request_body(body, operation));
    }
    out.insert("responses".to_owned(), responses(operation));
    for name in ["deprecated", "x-kubernetes-action", "x-kubernetes-group-version-kind"] {
        copy(operation, &mut out, name);
    }
    Value::Object(out)
}

fn copy(from: &Value, to: &mut Map<String, Value>, name: &str) {
    if let Some(value) = from.get(name) {
        to.insert(name.to_owned(), value.clone());
    }
}

/// Returns parameters, with references to shared ones replaced by these.
fn resolved(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(|parameter| match parameter.get("$ref") {
        None => Some(parameter),
        Some(reference) => data::root("parameters")?.get(reference.as_str()?.strip_prefix("#/parameters/")?),
    })
}

/// Converts all parameters but the body.
fn parameters(list: &Value) -> Value {
    let converted = resolved(Some(list)).filter(|parameter| parameter["in"] != "body").map(|parameter| {
        let mut out = Map::new();
        for name in ["name", "in", "description", "required"] {
            copy(parameter, &mut out, name);
        }
        let mut schema = Map::new();
        for name in ["type", "items", "uniqueItems"] {
            copy(parameter, &mut schema, name);
        }
        out.insert("schema".to_owned(), Value::Object(schema));
        Value::Object(out)
    });
    converted.collect()
}

fn request_body(body: &Value, operation: &Value) -> Value {
    let mut out = json!({"content": content(operation.get("consumes"), &body["schema"])});
    if body["required"] == true {
        out["required"] = true.into();
    }
    out
}

fn responses(operation: &Value) -> Value {
    let given = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    let converted = given.map(|(code, response)| {
        let mut out = Map::new();
        copy(response, &mut out, "description");
        if let Some(schema) = response.get("schema") {
            out.insert("content".to_owned(), content(operation.get("produces"), schema));
        }
        (code.clone(), Value::Object(out))
    });
    Value::Object(converted.collect())
}

fn content(types: Option<&Value>, given: &Value) -> Value {
    let types = types.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut types: Vec<&str> = types.collect();
    types.sort_unstable();
    let converted = schema(given, &[]);
    types.into_iter().map(|name| (name.to_owned(), json!({"schema": converted}))).collect()
}

/// Converts a definition of a built-in type.
pub(super) fn definition(name: &str, given: &Value) -> Value {
    match name.rsplit('.').next() {
        Some("IntOrString") => {
            let mut out = json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"});
            copy(given, object(&mut out), "description");
            return out;
        }
        Some("Quantity") => {
            let mut out = json!({"oneOf": [{"type": "string"}, {"type": "number"}]});
            copy(given, object(&mut out), "description");
            return out;
        }
        _ => {}
    }
    let go_type = go_type(name);
    let fields = given.as_object().into_iter().flatten();
    let converted = fields.map(|(key, value)| match (key.as_str(), value) {
        ("properties", Value::Object(properties)) => {
            let properties = properties.iter().map(|(field, value)| {
                let defaults = go_types::schema_defaults(&go_type, field);
                (field.clone(), schema(value, &defaults))
            });
            (key.clone(), Value::Object(properties.collect()))
        }
        _ => (key.clone(), value.clone()),
    });
    Value::Object(converted.collect())
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    crate::controlplane::object::object_mut(value)
}

/// Returns `core/v1.Pod` for `io.k8s.api.core.v1.Pod`.
fn go_type(definition: &str) -> String {
    let mut parts = definition.rsplit('.');
    let (name, version, package) = (parts.next(), parts.next(), parts.next());
    format!("{}/{}.{}", package.unwrap_or_default(), version.unwrap_or_default(), name.unwrap_or_default())
}

/// Converts a schema. `defaults` are those of the value itself, of its items, of their items.
fn schema(given: &Value, defaults: &[Option<Value>]) -> Value {
    let (own, inner) = defaults.split_first().map_or((&None, defaults), |(own, inner)| (own, inner));
    let reference = given.text_at(&["$ref"]).replace("#/definitions/", "#/components/schemas/");
    let mut out = Map::new();
    copy(given, &mut out, "description");
    if let Some(default) = own {
        out.insert("default".to_owned(), default.clone());
    }
    for (key, value) in given.as_object().into_iter().flatten() {
        match key.as_str() {
            "description" | "$ref" => {}
            "items" | "additionalProperties" if value.is_object() => {
                out.insert(key.clone(), schema(value, inner));
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    match reference.as_str() {
        "" => {}
        // A reference stands alone, or its siblings would be ignored.
        _ if out.is_empty() => {
            out.insert("$ref".to_owned(), reference.into());
        }
        _ => {
            out.insert("allOf".to_owned(), json!([{"$ref": reference}]));
        }
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_with_siblings_are_wrapped() {
        let given = json!({"description": "d", "$ref": "#/definitions/x.Y"});
        let wrapped = json!({"description": "d", "allOf": [{"$ref": "#/components/schemas/x.Y"}]});
        assert_eq!(schema(&given, &[]), wrapped);
        assert_eq!(schema(&json!({"$ref": "#/definitions/x.Y"}), &[]), json!({"$ref": "#/components/schemas/x.Y"}));
    }

    #[test]
    fn structs_have_a_default_and_pointers_have_none() {
        let name = "io.k8s.api.apps.v1.DeploymentSpec";
        let spec = definition(name, data::definition(name).expect("Deployments are served"));
        assert_eq!(spec["properties"]["template"]["default"], json!({}));
        assert!(spec["properties"]["selector"].get("default").is_none());
        assert!(spec["properties"]["replicas"].get("default").is_none());
        let name = "io.k8s.api.core.v1.PodSpec";
        let spec = definition(name, data::definition(name).expect("Pods are served"));
        assert_eq!(spec["properties"]["containers"]["items"]["default"], json!({}));
        assert!(spec["properties"]["nodeSelector"]["additionalProperties"].get("default").is_none());
    }

    #[test]
    fn a_patch_keeps_its_parameters_and_has_a_body_a_type() {
        let path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
        let (_, item) = data::paths("apis/apps/v1").find(|(name, _)| *name == path).expect("it is served");
        let patch = &path_item(item)["patch"];
        let names: Vec<&str> = patch["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
        let body = &patch["requestBody"]["content"]["application/merge-patch+json"]["schema"]["$ref"];
        assert_eq!(body, "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.Patch");
    }
}
