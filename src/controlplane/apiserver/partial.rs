//! Metadata alone: `PartialObjectMetadata` and its list, for clients that only look at names, labels and owners.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/handlers/response.go`, Kubernetes 1.36.

use serde_json::{Map, Value, json};

use crate::controlplane::resources::{Origin, Resource};
use crate::controlplane::status::Status;

/// Returns the metadata of an object; `api_version` is `meta.k8s.io/v1` or `v1beta1`.
pub fn object(object: &Value, api_version: &str) -> Value {
    let metadata = object.get("metadata").cloned().unwrap_or_else(|| Value::Object(Map::new()));
    json!({"kind": "PartialObjectMetadata", "apiVersion": api_version, "metadata": metadata})
}

/// Returns the metadata of the objects of a list, whose own `metadata` is given.
pub fn list<'v>(metadata: &Value, items: impl Iterator<Item = &'v Value>, api_version: &str) -> Value {
    let items: Vec<Value> = items.map(|item| object(item, api_version)).collect();
    json!({"kind": "PartialObjectMetadataList", "apiVersion": api_version, "metadata": metadata, "items": items})
}

/// 406: a list was asked for in the form of one object.
pub fn is_a_list(resource: &Resource) -> Status {
    let go_type = match &resource.origin {
        Origin::Custom { .. } => "*unstructured.UnstructuredList".to_owned(),
        Origin::BuiltIn => format!("*{}.{}", internal_package(resource), resource.list_kind),
    };
    not_acceptable(format!("you requested PartialObjectMetadata, but the requested object is a list ({go_type})"))
}

/// 406: one object was asked for in the form of a list.
pub fn is_no_list(resource: &Resource) -> Status {
    let go_type = match &resource.origin {
        Origin::Custom { .. } => "*unstructured.Unstructured".to_owned(),
        Origin::BuiltIn => format!("*{}.{}", internal_package(resource), resource.gvk.kind),
    };
    not_acceptable(format!(
        "you requested PartialObjectMetadataList, but the requested object is not a list ({go_type})"
    ))
}

fn not_acceptable(message: String) -> Status {
    Status::new(406, "NotAcceptable", message)
}

/// Returns the Go package of the internal types of a group, which upstream's texts show.
fn internal_package(resource: &Resource) -> &str {
    match resource.gvk.group.split('.').next() {
        None | Some("" | "events") => "core",
        Some(name) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_metadata_is_left() {
        let config_map = json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "y"}});
        let expected =
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}});
        assert_eq!(object(&config_map, "meta.k8s.io/v1"), expected);
        let metadata = json!({"resourceVersion": "5"});
        let list = list(&metadata, [&config_map, &config_map].into_iter(), "meta.k8s.io/v1");
        assert_eq!((&list["items"][1], &list["metadata"]), (&expected, &metadata));
    }
}
