//! The built-in kinds: what a Kubernetes 1.36 API server serves by default, a row each.
//!
//! The rows are data ([`rows`](self::rows())); what a kind does differently from all others (defaults, rules, immutable
//! fields) stands in its [`Strategy`](super::Strategy). Nothing here stores, and nothing here answers a request.

mod autoscaling;
mod cluster;
mod config;
mod crd;
mod edit;
mod event;
mod extension;
mod field;
pub mod go_types;
mod kind;
mod kinds;
mod labels;
mod networking;
mod pod;
mod ports;
mod printers;
mod rbac;
mod rows;
mod service;
mod storage;
mod workload;

use std::sync::Arc;

use super::{OnDemand, Origin, Resource, ScalePaths, Strategy, Subresource};
use crate::controlplane::gvk::{GroupResource, GroupVersion, Gvk};
use crate::controlplane::schema::{Schema, openapi};
use kind::BuiltIn;
use rows::{ROWS, Row, Sub};

/// Returns the rows of all built-in resources, groups and resources in upstream's order. Schemas and columns are not made yet.
pub fn rows() -> Vec<Resource> {
    ROWS.iter().map(resource).collect()
}

fn resource(row: &'static Row) -> Resource {
    let gv = GroupVersion::parse(row.group_version).expect("the table holds group versions");
    let gvk = gv.kind(row.kind);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let (storage_group, storage_version) = storage(&gvk);
    Resource {
        plural: row.plural.to_owned(),
        singular: row.kind.to_lowercase(),
        list_kind: format!("{}List", row.kind),
        short_names: names(row.short_names),
        categories: names(row.categories),
        namespaced: row.namespaced,
        verbs: row.verbs.to_vec(),
        subresources: row.subresources.iter().map(|sub| subresource(sub, &gvk)).collect(),
        columns: {
            let gvk = gvk.clone();
            OnDemand::new(move || printers::columns(&gvk))
        },
        schema: schema(gvk.clone()),
        selectable_fields: names(row.fields),
        storage_version: storage_version.to_owned(),
        storage: GroupResource::new(storage_group, row.plural),
        origin: Origin::BuiltIn,
        strategy: strategy(row, &gvk),
        gvk,
    }
}

fn strategy(row: &Row, gvk: &Gvk) -> Arc<dyn Strategy> {
    let built_in = BuiltIn::new(gvk, kinds::kind(gvk), has_status(row));
    match gvk.kind.as_str() {
        "CustomResourceDefinition" => Arc::new(crd::ServedCrd(built_in)),
        _ => Arc::new(built_in),
    }
}

/// Whether a write to the main resource leaves the status alone.
fn has_status(row: &Row) -> bool {
    row.subresources.iter().any(|sub| sub.name == "status")
}

/// Returns group and version in which a kind is stored: its own, but for the kinds that are served in two forms.
fn storage(gvk: &Gvk) -> (&str, &str) {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("events.k8s.io", "Event") => ("", "v1"),
        ("autoscaling", "HorizontalPodAutoscaler") => ("autoscaling", "v2"),
        _ => (&gvk.group, &gvk.version),
    }
}

fn subresource(sub: &Sub, parent: &Gvk) -> Subresource {
    let gvk = GroupVersion::parse(sub.group_version).filter(|_| !sub.kind.is_empty()).map(|gv| gv.kind(sub.kind));
    let scale = (sub.name == "scale").then(|| ScalePaths {
        spec_replicas: ".spec.replicas".to_owned(),
        status_replicas: ".status.replicas".to_owned(),
        label_selector: Some(".spec.selector".to_owned()),
    });
    Subresource { name: sub.name, gvk: gvk.filter(|gvk| gvk != parent), verbs: sub.verbs.to_vec(), scale }
}

fn schema(gvk: Gvk) -> OnDemand<Arc<Schema>> {
    OnDemand::new(move || openapi::builtin(&definition_name(&gvk)))
}

/// Returns the name of a kind's definition in the OpenAPI document.
pub fn definition_name(gvk: &Gvk) -> String {
    let Gvk { version, kind, .. } = gvk;
    match package(&gvk.group) {
        group @ "apiextensions" => format!("io.k8s.apiextensions-apiserver.pkg.apis.{group}.{version}.{kind}"),
        group @ "apiregistration" => format!("io.k8s.kube-aggregator.pkg.apis.{group}.{version}.{kind}"),
        group => format!("io.k8s.api.{group}.{version}.{kind}"),
    }
}

/// Returns the name of a kind's Go type, as [`go_types`] has it.
pub fn go_type_name(gvk: &Gvk) -> String {
    format!("{}/{}.{}", package(&gvk.group), gvk.version, gvk.kind)
}

/// Returns the Go package of an API group: its first label.
fn package(group: &str) -> &str {
    match group.split('.').next() {
        None | Some("") => "core",
        Some(package) => package,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// A row as a line of `discovery.txt`.
    fn line(row: &Resource) -> String {
        let gvk = |gvk: &Gvk| format!("{}.{}", gvk.group_version(), gvk.kind);
        let mut line = format!(
            "{} {} {} {} {}{}{}",
            gvk(&row.gvk),
            row.plural,
            row.singular,
            if row.namespaced { "Namespaced" } else { "Cluster" },
            row.verbs.join(","),
            if row.short_names.is_empty() { String::new() } else { format!(" short={}", row.short_names.join(",")) },
            if row.categories.is_empty() { String::new() } else { format!(" in={}", row.categories.join(",")) },
        );
        for sub in &row.subresources {
            let kind = gvk(sub.gvk.as_ref().unwrap_or(&row.gvk));
            let _ = write!(line, " {}:{kind}:{}", sub.name, sub.verbs.join(","));
        }
        line
    }

    #[test]
    fn the_rows_are_those_that_a_real_server_discovers() {
        let mut ours: Vec<String> = rows().iter().map(line).collect();
        let mut theirs: Vec<String> = include_str!("discovery.txt").lines().map(str::to_owned).collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours.join("\n"), theirs.join("\n"));
    }

    #[test]
    fn every_row_has_a_definition_and_a_go_type() {
        for row in rows() {
            let name = definition_name(&row.gvk);
            assert!(crate::controlplane::schema::data::definition(&name).is_some(), "{name}");
            assert_ne!(row.strategy.zero(), serde_json::json!({}), "{name}");
        }
    }
}
