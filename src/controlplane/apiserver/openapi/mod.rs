//! OpenAPI documents: `/openapi/v3`, one a group version, and `/openapi/v2`, everything in one.
//!
//! For built-in groups they are Kubernetes' own; for custom resources they are made of the CRD. kubectl needs them to
//! explain, to validate and to know which patches a resource takes. Nothing here describes what the rest of the server
//! does with a request: both follow the same data.
//!
//! Source: `k8s.io/kube-openapi/pkg/handler3/handler.go`, Kubernetes 1.36.

mod convert;
mod custom;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::controlplane::KUBERNETES_VERSION;
use crate::controlplane::object::Object;
use crate::controlplane::resources::{Origin, Resource};
use crate::controlplane::schema::data;

/// What is served, as far as OpenAPI needs to know.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// All served rows.
    pub rows: &'a [&'a Resource],
    /// Returns a CRD by its name.
    pub crd: &'a dyn Fn(&str) -> Option<Value>,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

/// A document and the hash that tells whether it has changed.
#[derive(Debug, Clone)]
pub struct Document {
    /// Upper-case hexadecimal digits.
    pub hash: String,
    /// The JSON text.
    pub body: Bytes,
}

impl Document {
    fn new(value: &Value) -> Self {
        let body = Bytes::from(value.to_string());
        Self { hash: hash(&body), body }
    }
}

/// Returns the hash of a text, as ETags show it.
pub fn hash(text: &[u8]) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The documents of built-in group versions, made once: they never change.
static BUILT_IN: Mutex<BTreeMap<String, Document>> = Mutex::new(BTreeMap::new());

/// Returns `/openapi/v3`: where the documents are. The hash in an address changes with the document, so that clients may
/// keep what they have read.
pub fn index(sources: Sources<'_>) -> Value {
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    for name in built_in_names() {
        // The version of the data stands for all documents made from it.
        let stamp = hash(format!("{KUBERNETES_VERSION} {name}").as_bytes());
        paths.insert(name, stamp);
    }
    for (name, rows) in custom_group_versions(sources.rows) {
        paths.insert(name, hash(custom_document(&rows, sources).to_string().as_bytes()));
    }
    let entry = |(name, hash): (String, String)| {
        let address = format!("/openapi/v3/{name}?hash={hash}");
        (name, json!({"serverRelativeURL": address}))
    };
    json!({"paths": Value::Object(paths.into_iter().map(entry).collect())})
}

/// Returns the v3 document of a group version, `api/v1` or `apis/apps/v1`, or of another prefix of the index.
pub fn document(name: &str, sources: Sources<'_>) -> Option<Document> {
    if let Some(rows) = custom_group_versions(sources.rows).remove(name) {
        return Some(Document::new(&custom_document(&rows, sources)));
    }
    let cached = || BUILT_IN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(document) = cached().get(name) {
        return Some(document.clone());
    }
    let made = Document::new(&built_in_document(name)?);
    cached().insert(name.to_owned(), made.clone());
    Some(made)
}

/// Returns `/openapi/v2`.
pub fn v2(sources: Sources<'_>) -> Document {
    let mut paths: BTreeMap<String, Value> = BTreeMap::new();
    let mut definitions: BTreeMap<String, Value> = BTreeMap::new();
    for (path, item) in data::path_prefixes().flat_map(data::paths) {
        paths.insert(path.to_owned(), item.clone());
    }
    for (name, definition) in data::packages().flat_map(data::definitions) {
        definitions.insert(name.to_owned(), definition.clone());
    }
    for row in sources.rows.iter().filter(|row| row.origin != Origin::BuiltIn) {
        paths.extend(custom::paths(row));
        definitions.extend(custom::definitions(row, &custom::schema_v2(&crd_schema(row, sources))));
    }
    let mut out = json!({"swagger": "2.0"});
    for name in ["info", "paths", "definitions", "parameters", "securityDefinitions", "security"] {
        out[name] = match name {
            "paths" => paths.iter().map(|(path, item)| (path.clone(), item.clone())).collect(),
            "definitions" => std::mem::take(&mut definitions).into_iter().collect(),
            other => data::root(other).cloned().unwrap_or_default(),
        };
    }
    Document::new(&out)
}

/// Returns the rows of custom resources by the name of their document.
fn custom_group_versions<'a>(rows: &[&'a Resource]) -> BTreeMap<String, Vec<&'a Resource>> {
    let mut groups: BTreeMap<String, Vec<&'a Resource>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.origin != Origin::BuiltIn) {
        groups.entry(format!("apis/{}", row.gvk.group_version())).or_default().push(row);
    }
    groups
}

/// Returns the names of documents of built-in group versions, and of the paths above them.
fn built_in_names() -> impl Iterator<Item = String> {
    let versions = data::path_prefixes().filter(|name| !name.is_empty()).map(str::to_owned);
    let others = data::paths("").map(|(path, _)| path.trim_matches('/').to_owned());
    versions.chain(others.filter(|name| !name.contains('{')))
}

fn built_in_document(name: &str) -> Option<Value> {
    let paths: Map<String, Value> = match data::path_prefixes().find(|prefix| *prefix == name && !name.is_empty()) {
        Some(prefix) => data::paths(prefix).map(|(path, item)| (path.to_owned(), convert::path_item(item))).collect(),
        None => data::paths("")
            .filter(|(path, _)| path.trim_matches('/') == name)
            .map(|(path, item)| (path.to_owned(), convert::path_item(item)))
            .collect(),
    };
    if paths.is_empty() {
        return None;
    }
    Some(assemble(("Kubernetes", KUBERNETES_VERSION), paths, BTreeMap::new()))
}

fn custom_document(rows: &[&Resource], sources: Sources<'_>) -> Value {
    let mut paths = BTreeMap::new();
    let mut schemas = BTreeMap::new();
    for row in rows {
        paths.extend(custom::paths(row).into_iter().map(|(path, item)| (path, convert::path_item(&item))));
        let definitions = custom::definitions(row, &crd_schema(row, sources));
        schemas.extend(definitions.into_iter().map(|(name, definition)| {
            let converted = convert::definition(&name, &definition);
            (name, converted)
        }));
    }
    assemble(("Kubernetes CRD Swagger", "v0.1.0"), paths.into_iter().collect(), schemas)
}

/// Returns the schema that a CRD has for a row's version.
fn crd_schema(row: &Resource, sources: Sources<'_>) -> Value {
    let Origin::Custom { crd } = &row.origin else { return Value::Null };
    let Some(crd) = (sources.crd)(crd) else { return json!({}) };
    let versions = crd.at(&["spec", "versions"]).and_then(Value::as_array).into_iter().flatten();
    let version = versions.into_iter().find(|version| version["name"] == row.gvk.version.as_str());
    version.and_then(|version| version.at(&["schema", "openAPIV3Schema"])).cloned().unwrap_or_else(|| json!({}))
}

/// Puts a document together, with every schema that its paths lead to.
fn assemble(info: (&str, &str), paths: Map<String, Value>, mut schemas: BTreeMap<String, Value>) -> Value {
    let mut missing: BTreeSet<String> = BTreeSet::new();
    paths.values().chain(schemas.values()).for_each(|value| references(value, &mut missing));
    while let Some(name) = missing.pop_first() {
        if schemas.contains_key(&name) {
            continue;
        }
        if let Some(definition) = data::definition(&name) {
            let converted = convert::definition(&name, definition);
            references(&converted, &mut missing);
            schemas.insert(name, converted);
        }
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": info.0, "version": info.1},
        "paths": paths,
        "components": {
            "schemas": Value::Object(schemas.into_iter().collect()),
            "securitySchemes": {"BearerToken": {
                "type": "apiKey", "description": "Bearer Token authentication", "name": "authorization", "in": "header",
            }},
        },
    })
}

/// Collects the names of the schemas to which a value refers.
fn references(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(name) = map.get("$ref").and_then(Value::as_str)
                && let Some(name) = name.strip_prefix("#/components/schemas/")
            {
                names.insert(name.to_owned());
            }
            map.values().for_each(|value| references(value, names));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::resources::{builtin, custom as custom_rows};

    fn crd() -> Value {
        json!({
            "metadata": {"name": "discs.crd.example.com"},
            "spec": {
                "group": "crd.example.com", "scope": "Namespaced",
                "names": {"plural": "discs", "singular": "disc", "kind": "Disc", "listKind": "DiscList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": {"type": "object", "properties": {"s": {"type": "string"}}}},
                }}}],
            },
        })
    }

    fn with_sources<T>(check: impl FnOnce(Sources<'_>) -> T) -> T {
        let mut rows = builtin::rows();
        rows.extend(custom_rows::rows(&crd()));
        let rows: Vec<&Resource> = rows.iter().collect();
        check(Sources { rows: &rows, crd: &|name| (name == "discs.crd.example.com").then(crd) })
    }

    #[test]
    fn the_index_leads_to_every_document() {
        with_sources(|sources| {
            let index = index(sources);
            let paths = index["paths"].as_object().expect("it is an object");
            for name in ["api/v1", "apis/apps/v1", "apis/crd.example.com/v1", "version", "apis/apps"] {
                assert!(paths.contains_key(name), "{name}");
            }
            for name in ["apis/policy/v1", "apis/crd.example.com/v1", "version"] {
                assert!(document(name, sources).is_some(), "{name}");
            }
            assert!(document("apis/crd.example.com/v9", sources).is_none());
        });
    }

    #[test]
    fn a_document_is_complete_in_itself() {
        with_sources(|sources| {
            for name in ["apis/policy/v1", "apis/crd.example.com/v1"] {
                let document = document(name, sources).expect("it is served");
                let document: Value = serde_json::from_slice(&document.body).expect("it is JSON");
                let mut names = BTreeSet::new();
                references(&document, &mut names);
                let schemas = &document["components"]["schemas"];
                assert!(names.iter().all(|name| schemas.get(name).is_some()), "{name}");
                assert!(!document.to_string().contains("#/definitions/"), "{name}");
            }
        });
    }

    #[test]
    fn custom_resources_are_in_v2_too() {
        with_sources(|sources| {
            let document: Value = serde_json::from_slice(&v2(sources).body).expect("it is JSON");
            let disc = &document["definitions"]["com.example.crd.v1.Disc"]["properties"];
            assert_eq!(disc["spec"]["properties"]["s"]["type"], "string");
            assert!(document["paths"].get("/apis/crd.example.com/v1/discs").is_some());
            assert!(document["definitions"].get("io.k8s.api.core.v1.Pod").is_some());
        });
    }

    #[test]
    fn the_hash_follows_the_schema() {
        let hashes = |crd: Value| {
            let rows = custom_rows::rows(&crd);
            let rows: Vec<&Resource> = rows.iter().collect();
            index(Sources { rows: &rows, crd: &|_| Some(crd.clone()) })["paths"]["apis/crd.example.com/v1"].clone()
        };
        let mut changed = crd();
        changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["x"] = json!({"type": "string"});
        assert_eq!(hashes(crd()), hashes(crd()));
        assert_ne!(hashes(crd()), hashes(changed));
    }
}
