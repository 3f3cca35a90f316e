//! Custom resources: a CRD object becomes rows, one for each version that it serves.
//!
//! Rows are made whether the CRD is established or not; who serves them decides that. Objects of all versions share
//! one storage and are converted by writing another `apiVersion`; a CRD that asks for a conversion webhook is accepted,
//! but requests that would need it are refused.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_{handler,discovery_controller}.go`,
//! Kubernetes 1.36.

mod scale;
mod strategy;

use std::sync::Arc;

use serde_json::Value;

use super::{Cell, Column, OnDemand, Origin, Resource, ScalePaths, Subresource};
use crate::controlplane::gvk::{GroupResource, Gvk, compare_versions};
use crate::controlplane::object::Object;
use crate::controlplane::schema::structural;
use strategy::{Conversion, CustomResourceStrategy};

/// The verbs of discovery, in upstream's order.
const VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// Returns the rows of a CRD, one for each served version.
pub fn rows(crd: &Value) -> Vec<Resource> {
    let crd = Arc::new(crd.clone());
    let versions = crd.at(&["spec", "versions"]).and_then(Value::as_array);
    let served = versions.into_iter().flatten().filter(|version| version["served"] == true);
    served.map(|version| row(&crd, version)).collect()
}

fn row(crd: &Arc<Value>, version: &Value) -> Resource {
    let names = names(crd);
    let group = crd.text_at(&["spec", "group"]);
    let gvk = Gvk::new(group, version.text_at(&["name"]), names.text_at(&["kind"]));
    let plural = names.text_at(&["plural"]).to_owned();
    let storage_version = storage_version(crd).to_owned();
    let openapi = version.at(&["schema", "openAPIV3Schema"]).cloned().unwrap_or_default();
    let schema = OnDemand::new({
        let openapi = openapi.clone();
        move || Arc::new(structural::resource(&openapi))
    });
    let printed = version.get("additionalPrinterColumns").cloned();
    let subresources = subresources(version);
    Resource {
        strategy: Arc::new(CustomResourceStrategy {
            gvk: gvk.clone(),
            schema: schema.clone(),
            checks: OnDemand::new(move || strategy::Checks::new(&openapi)),
            has_status: subresources.iter().any(|subresource| subresource.name == "status"),
            scale: subresources.iter().find_map(|subresource| subresource.scale.clone()),
            deprecation_warning: deprecation_warning(crd, version),
            conversion: conversion(crd),
        }),
        singular: names.text_at(&["singular"]).to_owned(),
        list_kind: names.text_at(&["listKind"]).to_owned(),
        short_names: texts(names, "shortNames"),
        categories: texts(names, "categories"),
        namespaced: crd.text_at(&["spec", "scope"]) == "Namespaced",
        verbs: VERBS.to_vec(),
        subresources,
        columns: OnDemand::new(move || columns(printed.as_ref())),
        schema,
        selectable_fields: selectable_fields(version),
        storage_version,
        storage: GroupResource::new(group, plural.as_str()),
        origin: Origin::Custom { crd: crd.name().to_owned() },
        gvk,
        plural,
    }
}

/// Returns the names that the CRD has been given, or asks for as long as it has none.
fn names(crd: &Value) -> &Value {
    let accepted = crd.at(&["status", "acceptedNames"]).filter(|names| !names.text_at(&["kind"]).is_empty());
    accepted.or(crd.at(&["spec", "names"])).unwrap_or(&Value::Null)
}

/// Returns the version in which the objects of a CRD are stored.
pub fn storage_version(crd: &Value) -> &str {
    let versions = crd.at(&["spec", "versions"]).and_then(Value::as_array);
    let storage = versions.into_iter().flatten().find(|version| version["storage"] == true);
    storage.map(|version| version.text_at(&["name"])).unwrap_or_default()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    list(value, key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn subresources(version: &Value) -> Vec<Subresource> {
    let verbs = || vec!["get", "patch", "update"];
    let wanted = |name: &str| version.at(&["subresources", name]).filter(|value| value.is_object());
    let status = wanted("status").map(|_| Subresource { name: "status", gvk: None, verbs: verbs(), scale: None });
    let scale = wanted("scale").map(|scale| Subresource {
        name: "scale",
        gvk: Some(Gvk::new("autoscaling", "v1", "Scale")),
        verbs: verbs(),
        scale: Some(ScalePaths {
            spec_replicas: scale.text_at(&["specReplicasPath"]).to_owned(),
            status_replicas: scale.text_at(&["statusReplicasPath"]).to_owned(),
            label_selector: scale.get("labelSelectorPath").and_then(Value::as_str).map(str::to_owned),
        }),
    });
    status.into_iter().chain(scale).collect()
}

/// Returns the columns beside the name; a CRD that names none gets the age.
///
/// Source: `k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor/tableconvertor.go`.
fn columns(printed: Option<&Value>) -> Vec<Column> {
    let printed = printed.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if printed.is_empty() {
        return vec![age()];
    }
    printed.iter().map(column).collect()
}

fn column(printed: &Value) -> Column {
    let text = |key: &str| printed.text_at(&[key]).to_owned();
    let description = match text("description") {
        empty if empty.is_empty() => {
            format!("Custom resource definition column (in JSONPath format): {}", text("jsonPath"))
        }
        description => description,
    };
    Column {
        name: text("name"),
        column_type: text("type"),
        format: text("format"),
        description,
        priority: printed
            .get("priority")
            .and_then(Value::as_i64)
            .and_then(|number| number.try_into().ok())
            .unwrap_or(0),
        cell: Cell::Path(text("jsonPath")),
    }
}

fn age() -> Column {
    let description = "CreationTimestamp is a timestamp representing the server time when this object was created. It \
                       is not guaranteed to be set in happens-before order across separate operations. Clients may not \
                       set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. \
                       Read-only. Null for lists. More info: \
                       https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
    Column {
        name: "Age".to_owned(),
        column_type: "date".to_owned(),
        format: String::new(),
        description: description.to_owned(),
        priority: 0,
        cell: Cell::Path(".metadata.creationTimestamp".to_owned()),
    }
}

fn selectable_fields(version: &Value) -> Vec<String> {
    let paths = list(version, "selectableFields").iter().map(|field| field.text_at(&["jsonPath"]));
    paths.map(|path| path.trim_start_matches('.').to_owned()).collect()
}

/// Source: `defaultDeprecationWarning` of `customresource_handler.go`.
fn deprecation_warning(crd: &Value, version: &Value) -> Option<String> {
    if version["deprecated"] != true {
        return None;
    }
    if let Some(warning) = version.get("deprecationWarning").and_then(Value::as_str) {
        return Some(warning.to_owned());
    }
    let (group, kind) = (crd.text_at(&["spec", "group"]), crd.text_at(&["spec", "names", "kind"]));
    let name = version.text_at(&["name"]);
    let versions = crd.at(&["spec", "versions"]).and_then(Value::as_array);
    let better =
        versions.into_iter().flatten().filter(|version| version["served"] == true && version["deprecated"] != true);
    let better = better.map(|version| version.text_at(&["name"])).filter(|other| compare_versions(other, name).is_gt());
    let warning = format!("{group}/{name} {kind} is deprecated");
    Some(match better.max_by(|left, right| compare_versions(left, right)) {
        Some(best) => format!("{warning}; use {group}/{best} {kind}"),
        None => warning,
    })
}

fn conversion(crd: &Value) -> Conversion {
    match crd.text_at(&["spec", "conversion", "strategy"]) {
        "Webhook" => Conversion::Webhook,
        _ => Conversion::None,
    }
}

#[cfg(test)]
mod tests;
