//! The OpenAPI of custom resources: the operations that every resource has, around the schema of the CRD.
//!
//! The operations are those of Deployments, renamed: upstream builds both by the same routes.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder/builder.go`, `pkg/controller/openapi/v2`,
//! Kubernetes 1.36.

use serde_json::{Map, Value, json};

use crate::controlplane::object::Object;
use crate::controlplane::resources::Resource;
use crate::controlplane::schema::data;

const TEMPLATE_PREFIX: &str = "apis/apps/v1";
const TEMPLATE_DEFINITION: &str = "io.k8s.api.apps.v1.Deployment";

/// Returns the name of the definition: the group reversed, version and kind.
pub(super) fn definition_name(resource: &Resource) -> String {
    let reversed: Vec<&str> = resource.gvk.group.rsplit('.').collect();
    format!("{}.{}.{}", reversed.join("."), resource.gvk.version, resource.gvk.kind)
}

/// Returns the definitions of a custom resource and of its list, in the form of v2 (references to `#/definitions`).
/// `schema` is the `openAPIV3Schema` of the version.
pub(super) fn definitions(resource: &Resource, schema: &Value) -> [(String, Value); 2] {
    let name = definition_name(resource);
    let list_name = format!("{}.{}", name.rsplit_once('.').map_or("", |(package, _)| package), resource.list_kind);
    let list = list(resource, &name);
    [(name, object(resource, schema)), (list_name, list)]
}

/// Adds what every object has to the schema of a CRD.
fn object(resource: &Resource, schema: &Value) -> Value {
    let mut out = schema.clone();
    if let Value::Object(map) = &mut out {
        map.entry("type").or_insert_with(|| "object".into());
        let properties = map.entry("properties").or_insert_with(|| json!({}));
        let metadata = json!({
            "description": describe("Deployment", "metadata"),
            "$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
        });
        if let Value::Object(properties) = properties {
            for field in ["apiVersion", "kind"] {
                let text = json!({"description": describe("Deployment", field), "type": "string"});
                properties.insert(field.to_owned(), text);
            }
            properties.insert("metadata".to_owned(), metadata);
            properties.sort_keys();
        }
        map.insert("x-kubernetes-group-version-kind".to_owned(), json!([gvk(resource, &resource.gvk.kind)]));
    }
    out
}

fn list(resource: &Resource, item: &str) -> Value {
    let list_kind = &resource.list_kind;
    let conventions = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
    json!({
        "description": format!("{list_kind} is a list of {}", resource.gvk.kind),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"description": describe("Deployment", "apiVersion"), "type": "string"},
            "items": {
                "description": format!("List of {}. More info: {conventions}", resource.plural),
                "type": "array",
                "items": {"$ref": format!("#/definitions/{item}")},
            },
            "kind": {"description": describe("Deployment", "kind"), "type": "string"},
            "metadata": {
                "description": format!("Standard list metadata. More info: {conventions}#types-kinds"),
                "$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
            },
        },
        "x-kubernetes-group-version-kind": [gvk(resource, list_kind)],
    })
}

/// Returns what upstream says of a field that all kinds have.
fn describe(kind: &str, field: &str) -> &'static str {
    let definition = data::definition(&format!("io.k8s.api.apps.v1.{kind}"));
    definition.map_or("", |definition| definition.text_at(&["properties", field, "description"]))
}

fn gvk(resource: &Resource, kind: &str) -> Value {
    json!({"group": resource.gvk.group, "kind": kind, "version": resource.gvk.version})
}

/// Returns the paths of a custom resource, in the form of v2.
pub(super) fn paths(resource: &Resource) -> Vec<(String, Value)> {
    let base = format!("/apis/{}/{}", resource.gvk.group, resource.gvk.version);
    let template = "/apis/apps/v1/namespaces/{namespace}/deployments";
    let own = match resource.namespaced {
        true => format!("{base}/namespaces/{{namespace}}/{}", resource.plural),
        false => format!("{base}/{}", resource.plural),
    };
    let mut wanted = vec![(String::new(), own.clone()), ("/{name}".to_owned(), format!("{own}/{{name}}"))];
    let known = resource.subresources.iter().filter(|subresource| ["status", "scale"].contains(&subresource.name));
    wanted.extend(known.map(|subresource| {
        let below = format!("/{{name}}/{}", subresource.name);
        let path = format!("{own}{below}");
        (below, path)
    }));
    let mut wanted: Vec<(String, String)> =
        wanted.into_iter().map(|(below, path)| (format!("{template}{below}"), path)).collect();
    if resource.namespaced {
        wanted.push(("/apis/apps/v1/deployments".to_owned(), format!("{base}/{}", resource.plural)));
    }
    let find = |name: &str| data::paths(TEMPLATE_PREFIX).find(|(path, _)| *path == name).map(|(_, item)| item);
    let mut paths: Vec<(String, Value)> = wanted
        .into_iter()
        .filter_map(|(template, path)| Some((path, Renaming::new(resource).value(find(&template)?))))
        .collect();
    paths.sort_by(|(left, _), (right, _)| left.cmp(right));
    paths
}

/// Turns the operations of Deployments into those of another resource.
struct Renaming<'a> {
    resource: &'a Resource,
    definition: String,
    list_definition: String,
    /// The group in CamelCase, `StableExampleCom`.
    camel_group: String,
}

impl<'a> Renaming<'a> {
    fn new(resource: &'a Resource) -> Self {
        let definition = definition_name(resource);
        let package = definition.rsplit_once('.').map_or("", |(package, _)| package);
        let list_definition = format!("{package}.{}", resource.list_kind);
        let camel_group = resource.gvk.group.split(['.', '-']).map(capitalized).collect();
        Self { resource, definition, list_definition, camel_group }
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) => Value::Object(self.object(map)),
            Value::Array(items) => items.iter().filter_map(|item| self.item(item)).collect(),
            Value::String(text) => self.text(text).into(),
            other => other.clone(),
        }
    }

    fn object(&self, map: &Map<String, Value>) -> Map<String, Value> {
        let is_operation = map.contains_key("operationId");
        let is_patch = map.get("x-kubernetes-action").is_some_and(|action| action == "patch");
        let fields = map.iter().map(|(key, value)| {
            let value = match key.as_str() {
                "tags" => json!([self.tag()]),
                "operationId" => self.operation_id(value.as_str().unwrap_or_default()).into(),
                "produces" => json!(["application/json", "application/yaml"]),
                "responses" if is_patch => without_created(self.value(value)),
                "x-kubernetes-group-version-kind" if value["kind"] == "Deployment" => {
                    gvk(self.resource, &self.resource.gvk.kind)
                }
                "x-kubernetes-group-version-kind" => value.clone(),
                "description" if is_operation || map.contains_key("in") => {
                    let kind = &self.resource.gvk.kind;
                    value.as_str().unwrap_or_default().replace("Deployment", kind).into()
                }
                "description" => value.clone(),
                _ => self.value(value),
            };
            (key.clone(), value)
        });
        fields.collect()
    }

    /// Leaves out what custom resources do not have: strategic merge patches, and the namespace outside of namespaces.
    fn item(&self, item: &Value) -> Option<Value> {
        let is_namespace = || {
            let reference = item.text_at(&["$ref"]);
            reference.starts_with("#/parameters/namespace-") || (item["name"] == "namespace" && item["in"] == "path")
        };
        match item {
            Value::String(text) if text == "application/strategic-merge-patch+json" => None,
            Value::Object(_) if !self.resource.namespaced && is_namespace() => None,
            other => Some(self.value(other)),
        }
    }

    fn text(&self, text: &str) -> String {
        match text.strip_prefix("#/definitions/") {
            Some(name) if name == TEMPLATE_DEFINITION => format!("#/definitions/{}", self.definition),
            Some(name) if name == format!("{TEMPLATE_DEFINITION}List") => {
                format!("#/definitions/{}", self.list_definition)
            }
            _ => text.to_owned(),
        }
    }

    fn tag(&self) -> String {
        let mut characters = self.camel_group.chars();
        let first = characters.next().map(|first| first.to_ascii_lowercase()).into_iter();
        format!("{}_{}", first.chain(characters).collect::<String>(), self.resource.gvk.version)
    }

    fn operation_id(&self, id: &str) -> String {
        let version: String = capitalized(&self.resource.gvk.version);
        let id = id.replace("AppsV1", &format!("{}{version}", self.camel_group));
        let id = id.replace("Deployment", &self.resource.gvk.kind);
        if self.resource.namespaced { id } else { id.replace("Namespaced", "") }
    }
}

/// A patch of a custom resource is not documented to create it.
fn without_created(mut responses: Value) -> Value {
    if let Value::Object(responses) = &mut responses {
        responses.shift_remove("201");
    }
    responses
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase()).into_iter();
    first.chain(characters).collect()
}

/// Makes a CRD's schema fit OpenAPI v2, which lacks some of v3: what cannot be said is left out, so that clients accept
/// at least what the server accepts.
pub(super) fn schema_v2(schema: &Value) -> Value {
    let Value::Object(map) = schema else { return schema.clone() };
    let flag = |name: &str| map.get(name) == Some(&Value::Bool(true));
    let loose = flag("x-kubernetes-preserve-unknown-fields") || flag("nullable") || flag("x-kubernetes-int-or-string");
    let mut out = Map::new();
    for (key, value) in map {
        match key.as_str() {
            "oneOf" | "anyOf" | "allOf" | "not" | "nullable" | "default" => {}
            "type" | "items" | "properties" | "additionalProperties" if loose => {}
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties = properties.map(|(name, value)| (name.clone(), schema_v2(value)));
                out.insert(key.clone(), Value::Object(properties.collect()));
            }
            "items" | "additionalProperties" => {
                out.insert(key.clone(), schema_v2(value));
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::resources::custom;

    fn resource(scope: &str) -> Resource {
        let crd = json!({
            "metadata": {"name": "discs.crd.example.com"},
            "spec": {
                "group": "crd.example.com", "scope": scope,
                "names": {"plural": "discs", "singular": "disc", "kind": "Disc", "listKind": "DiscList"},
                "versions": [{
                    "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }],
            },
        });
        custom::rows(&crd).pop().expect("one version is served")
    }

    #[test]
    fn paths_follow_the_scope() {
        let names = |scope: &str| paths(&resource(scope)).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        let base = "/apis/crd.example.com/v1";
        assert_eq!(
            names("Namespaced"),
            [
                format!("{base}/discs"),
                format!("{base}/namespaces/{{namespace}}/discs"),
                format!("{base}/namespaces/{{namespace}}/discs/{{name}}"),
                format!("{base}/namespaces/{{namespace}}/discs/{{name}}/status"),
            ]
        );
        assert_eq!(
            names("Cluster"),
            [format!("{base}/discs"), format!("{base}/discs/{{name}}"), format!("{base}/discs/{{name}}/status")]
        );
    }

    #[test]
    fn operations_bear_the_names_of_the_custom_resource() {
        let paths = paths(&resource("Cluster"));
        let (_, item) = &paths[1];
        assert_eq!(item["patch"]["operationId"], "patchCrdExampleComV1Disc");
        assert_eq!(item["patch"]["tags"], json!(["crdExampleCom_v1"]));
        assert_eq!(item["get"]["description"], "read the specified Disc");
        assert_eq!(item["get"]["responses"]["200"]["schema"]["$ref"], "#/definitions/com.example.crd.v1.Disc");
        let text = item.to_string();
        assert!(!text.contains("Deployment") && !text.contains("strategic") && !text.contains("namespace"), "{text}");
    }

    #[test]
    fn v2_leaves_out_what_it_cannot_say() {
        let schema = json!({"type": "object", "properties": {
            "p": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "n": {"type": "string", "nullable": true, "default": "x"},
            "s": {"type": "string", "anyOf": [{"maxLength": 3}], "maxLength": 5},
        }});
        let expected = json!({"type": "object", "properties": {
            "p": {"x-kubernetes-preserve-unknown-fields": true}, "n": {}, "s": {"type": "string", "maxLength": 5},
        }});
        assert_eq!(schema_v2(&schema), expected);
    }
}
