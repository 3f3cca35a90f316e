//! What the clients ask: the kind is the one that `rop create api --kind MyApp` scaffolds.

use anyhow::Context as _;
use http::Method;
use serde_json::Value;

use crate::client::{Ask, Watch};

/// The CustomResourceDefinition, as `rop generate` writes it.
const DEFINITION: &str = include_str!("../golden/default/config/crd/bases/example.com_myapps.yaml");
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// Where the objects live.
pub(crate) const OBJECTS: &str = "/apis/example.com/v1alpha1/namespaces/default/myapps";

/// Returns the CustomResourceDefinition.
pub(crate) fn custom_resource_definition() -> anyhow::Result<Value> {
    serde_yaml::from_str(DEFINITION).context("the CustomResourceDefinition is no YAML")
}

/// Returns the creation of a CustomResourceDefinition.
pub(crate) fn define(definition: &Value) -> Ask {
    let body = definition.to_string();
    Ask { method: Method::POST, path: DEFINITIONS.to_owned(), content_type: "application/json", body }
}

/// Returns the path that watches CustomResourceDefinitions.
pub(crate) fn watch_definitions() -> String {
    format!("{DEFINITIONS}?watch=true")
}

/// Waits until a watch says that a CustomResourceDefinition is served.
pub(crate) async fn established(watch: &mut Watch, definition: &Value) -> anyhow::Result<()> {
    loop {
        let event: Value = serde_json::from_slice(&watch.next().await?)?;
        let object = &event["object"];
        if object["metadata"]["name"] == definition["metadata"]["name"] && has_condition(object, "Established") {
            return Ok(());
        }
    }
}

/// Returns whether a condition of an object is true.
pub(crate) fn has_condition(object: &Value, kind: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == kind && one["status"] == "True"))
}

/// Returns the creation of an object.
pub(crate) fn create(name: &str) -> Ask {
    Ask { method: Method::POST, path: OBJECTS.to_owned(), content_type: "application/json", body: object(name, 1) }
}

/// Returns the server-side apply of an object.
pub(crate) fn apply(name: &str, replicas: usize) -> Ask {
    Ask {
        method: Method::PATCH,
        path: format!("{OBJECTS}/{name}?fieldManager=bench"),
        content_type: "application/apply-patch+yaml",
        body: object(name, replicas),
    }
}

fn object(name: &str, replicas: usize) -> String {
    format!(
        r#"{{"apiVersion":"example.com/v1alpha1","kind":"MyApp","metadata":{{"name":"{name}"}},"spec":{{"image":"nginxinc/nginx-unprivileged:1.29","replicas":{replicas},"port":8080}}}}"#
    )
}
