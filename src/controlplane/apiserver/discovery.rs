//! Discovery: which groups, versions and resources there are, from the rows that are served.
//!
//! Old clients ask for a document a group version, new ones for one document with everything. Both are made of the same
//! rows; nothing is kept.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/discovery`, `k8s.io/kube-aggregator/pkg/apiserver`, Kubernetes 1.36.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::negotiate::DiscoveryForm;
use crate::controlplane::gvk::{Gvk, compare_versions};
use crate::controlplane::resources::{Origin, Resource, Subresource};

/// The groups that upstream lists first, in its order; all others follow, sorted by name.
///
/// Source: `apiVersionPriorities` of `k8s.io/kubernetes/pkg/controlplane/apiserver/aggregator.go`.
const GROUP_ORDER: [&str; 20] = [
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
];

/// The served rows, ordered as discovery shows them.
#[derive(Debug)]
pub struct Discovery<'a> {
    /// Groups in order; of each its versions, the preferred one first; of each its resources by name.
    groups: Vec<Group<'a>>,
}

#[derive(Debug)]
struct Group<'a> {
    name: &'a str,
    versions: Vec<Version<'a>>,
}

#[derive(Debug)]
struct Version<'a> {
    name: &'a str,
    resources: Vec<&'a Resource>,
}

impl<'a> Discovery<'a> {
    /// Orders rows.
    pub fn new(rows: impl Iterator<Item = &'a Resource>) -> Self {
        let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<&Resource>>> = BTreeMap::new();
        for row in rows {
            groups.entry(&row.gvk.group).or_default().entry(&row.gvk.version).or_default().push(row);
        }
        let mut groups: Vec<Group<'a>> =
            groups.into_iter().map(|(name, versions)| Group::new(name, versions)).collect();
        groups.sort_by_key(|group| {
            let place = GROUP_ORDER.iter().position(|known| *known == group.name);
            (place.unwrap_or(GROUP_ORDER.len()), group.name)
        });
        Self { groups }
    }

    fn group(&self, name: &str) -> Option<&Group<'a>> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// Returns `/api`: the versions of the core group. `address` is where clients reach the server.
    pub fn core_versions(&self, address: &str) -> Value {
        let versions =
            self.group("").map(|group| group.versions.iter().map(|version| version.name).collect::<Vec<_>>());
        json!({
            "kind": "APIVersions", "versions": versions.unwrap_or_default(),
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
        })
    }

    /// Returns `/apis`: all groups but the core group.
    pub fn group_list(&self) -> Value {
        let named = self.groups.iter().filter(|group| !group.name.is_empty());
        let groups: Vec<Value> = named.map(Group::plain).collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }

    /// Returns `/apis/GROUP`.
    pub fn group_document(&self, name: &str) -> Option<Value> {
        let mut document = json!({"kind": "APIGroup", "apiVersion": "v1"});
        if let (Value::Object(document), Value::Object(group)) = (&mut document, self.group(name)?.plain()) {
            document.extend(group);
        }
        Some(document)
    }

    /// Returns `/api/VERSION` or `/apis/GROUP/VERSION`.
    pub fn resource_list(&self, group: &str, version: &str) -> Option<Value> {
        let found = self.group(group)?.versions.iter().find(|found| found.name == version)?;
        let mut document = json!({"kind": "APIResourceList"});
        // The core group leaves it out, by an oddity of upstream.
        if !group.is_empty() {
            document["apiVersion"] = "v1".into();
        }
        document["groupVersion"] = group_version(group, version).into();
        document["resources"] = found.resources.iter().flat_map(|resource| plain_resource(resource)).collect();
        Some(document)
    }

    /// Returns the core group, or all others, with all versions and resources.
    pub fn aggregated(&self, core: bool, form: DiscoveryForm) -> Value {
        let version = if form == DiscoveryForm::AggregatedV2Beta1 { "v2beta1" } else { "v2" };
        let groups = self.groups.iter().filter(|group| group.name.is_empty() == core);
        let items: Vec<Value> = groups.map(Group::aggregated).collect();
        json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"), "metadata": {},
            "items": items,
        })
    }
}

impl<'a> Group<'a> {
    fn new(name: &'a str, versions: BTreeMap<&'a str, Vec<&'a Resource>>) -> Self {
        let ordered = |mut resources: Vec<&'a Resource>| {
            resources.sort_by(|left, right| left.plural.cmp(&right.plural));
            resources
        };
        let mut versions: Vec<Version<'a>> =
            versions.into_iter().map(|(name, resources)| Version { name, resources: ordered(resources) }).collect();
        versions.sort_by(|left, right| compare_versions(right.name, left.name).then(Ordering::Equal));
        Self { name, versions }
    }

    fn plain(&self) -> Value {
        let version = |version: &Version<'_>| json!({"groupVersion": group_version(self.name, version.name), "version": version.name});
        let versions: Vec<Value> = self.versions.iter().map(version).collect();
        let preferred = versions.first().cloned().unwrap_or_default();
        json!({"name": self.name, "versions": versions, "preferredVersion": preferred})
    }

    fn aggregated(&self) -> Value {
        let versions = self.versions.iter().map(|version| {
            let resources: Vec<Value> =
                version.resources.iter().map(|resource| aggregated_resource(resource)).collect();
            json!({"version": version.name, "resources": resources, "freshness": "Current"})
        });
        let metadata = if self.name.is_empty() { json!({}) } else { json!({"name": self.name}) };
        json!({"metadata": metadata, "versions": versions.collect::<Vec<_>>()})
    }
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// Returns a resource and what is below it, an entry each.
fn plain_resource(resource: &Resource) -> Vec<Value> {
    let mut main = json!({
        "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.gvk.kind, "verbs": resource.verbs,
    });
    add_names(&mut main, resource);
    if let Some(hash) = storage_version_hash(resource) {
        main["storageVersionHash"] = hash.into();
    }
    let mut entries = vec![main];
    for subresource in sorted(&resource.subresources) {
        let name = format!("{}/{}", resource.plural, subresource.name);
        let mut entry = Map::new();
        entry.insert("name".to_owned(), name.into());
        entry.insert("singularName".to_owned(), "".into());
        entry.insert("namespaced".to_owned(), resource.namespaced.into());
        if let Some(Gvk { group, version, .. }) = foreign(resource, subresource) {
            entry.insert("group".to_owned(), group.as_str().into());
            entry.insert("version".to_owned(), version.as_str().into());
        }
        let kind = subresource.gvk.as_ref().map_or(&resource.gvk.kind, |gvk| &gvk.kind);
        entry.insert("kind".to_owned(), kind.as_str().into());
        entry.insert("verbs".to_owned(), subresource.verbs.clone().into());
        entries.push(Value::Object(entry));
    }
    entries
}

fn aggregated_resource(resource: &Resource) -> Value {
    let mut main = json!({
        "resource": resource.plural, "responseKind": response_kind(resource, None),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" }, "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    add_names(&mut main, resource);
    if !resource.subresources.is_empty() {
        let entry = |subresource: &&Subresource| {
            json!({
                "subresource": subresource.name, "responseKind": response_kind(resource, Some(subresource)),
                "verbs": subresource.verbs,
            })
        };
        main["subresources"] = sorted(&resource.subresources).iter().map(entry).collect();
    }
    main
}

/// Returns the kind of an answer; built-in kinds leave out group and version where they are the document's.
fn response_kind(resource: &Resource, subresource: Option<&Subresource>) -> Value {
    match (subresource.and_then(|subresource| foreign(resource, subresource)), &resource.origin) {
        (Some(Gvk { group, version, kind }), _) => json!({"group": group, "version": version, "kind": kind}),
        (None, Origin::BuiltIn) => {
            let own = subresource.and_then(|subresource| subresource.gvk.as_ref()).unwrap_or(&resource.gvk);
            json!({"group": "", "version": "", "kind": own.kind})
        }
        (None, Origin::Custom { .. }) => {
            let Gvk { group, version, kind } = &resource.gvk;
            json!({"group": group, "version": version, "kind": kind})
        }
    }
}

/// Returns the kind of a subresource that is of another group version than its parent.
fn foreign<'a>(resource: &Resource, subresource: &'a Subresource) -> Option<&'a Gvk> {
    subresource.gvk.as_ref().filter(|gvk| gvk.group_version() != resource.gvk.group_version())
}

fn add_names(entry: &mut Value, resource: &Resource) {
    for (key, names) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !names.is_empty() {
            entry[key] = names.clone().into();
        }
    }
}

fn sorted(subresources: &[Subresource]) -> Vec<&Subresource> {
    let mut sorted: Vec<&Subresource> = subresources.iter().collect();
    sorted.sort_by_key(|subresource| subresource.name);
    sorted
}

/// Returns what tells clients that objects are stored in another version than before; none for what is not stored.
///
/// Source: `k8s.io/apiserver/pkg/endpoints/discovery/storageversionhash.go`.
fn storage_version_hash(resource: &Resource) -> Option<String> {
    if !resource.verbs.contains(&"watch") {
        return None;
    }
    let version = match resource.gvk.kind.as_str() {
        // Upstream still stores CRDs in this form.
        "CustomResourceDefinition" => "v1beta1",
        _ => resource.storage_version.as_str(),
    };
    let name = format!("{}/{version}/{}", resource.storage.group, resource.gvk.kind);
    Some(STANDARD.encode(&Sha256::digest(name)[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::resources::{builtin, custom};

    fn crd(group: &str, versions: &[&str]) -> Value {
        let versions: Vec<Value> = versions
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let schema = json!({"openAPIV3Schema": {"type": "object"}});
                json!({"name": name, "served": true, "storage": index == 0, "schema": schema, "subresources": {"status": {}}})
            })
            .collect();
        let names = json!({"plural": "discs", "singular": "disc", "kind": "Disc", "listKind": "DiscList"});
        json!({
            "metadata": {"name": format!("discs.{group}")},
            "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions},
        })
    }

    fn rows() -> Vec<Resource> {
        let mut rows = builtin::rows();
        rows.extend(custom::rows(&crd("z.example.com", &["v1", "v2", "v1beta1"])));
        rows.extend(custom::rows(&crd("a.example.com", &["v1"])));
        rows
    }

    #[test]
    fn groups_have_upstreams_order_and_custom_ones_follow() {
        let rows = rows();
        let list = Discovery::new(rows.iter()).group_list();
        let names: Vec<&str> =
            list["groups"].as_array().into_iter().flatten().filter_map(|group| group["name"].as_str()).collect();
        assert_eq!(names[..20], GROUP_ORDER);
        assert_eq!(names[20..], ["a.example.com", "z.example.com"]);
    }

    #[test]
    fn the_highest_version_is_preferred() {
        let rows = rows();
        let group = Discovery::new(rows.iter()).group_document("z.example.com").expect("it is served");
        assert_eq!(group["preferredVersion"], json!({"groupVersion": "z.example.com/v2", "version": "v2"}));
        assert_eq!(group["versions"][2]["version"], "v1beta1");
    }

    #[test]
    fn resources_are_listed_with_what_is_below_them() {
        let rows = rows();
        let discovery = Discovery::new(rows.iter());
        let list = discovery.resource_list("apps", "v1").expect("it is served");
        let find =
            |name: &str| list["resources"].as_array().and_then(|all| all.iter().find(|entry| entry["name"] == name));
        assert_eq!(
            find("deployments").expect("it is served").to_string(),
            r#"{"name":"deployments","singularName":"deployment","namespaced":true,"kind":"Deployment","verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"shortNames":["deploy"],"categories":["all"],"storageVersionHash":"8aSe+NMegvE="}"#
        );
        assert_eq!(
            find("deployments/scale").expect("it is served").to_string(),
            r#"{"name":"deployments/scale","singularName":"","namespaced":true,"group":"autoscaling","version":"v1","kind":"Scale","verbs":["get","patch","update"]}"#
        );
        assert!(discovery.resource_list("apps", "v9").is_none());
        let core = discovery.resource_list("", "v1").expect("it is served");
        assert!(core.get("apiVersion").is_none());
        assert!(core["resources"].to_string().contains(r#""shortNames":["cm"],"storageVersionHash":"qFsyl6wFWjQ=""#));
    }

    #[test]
    fn the_aggregated_form_holds_everything() {
        let rows = rows();
        let discovery = Discovery::new(rows.iter());
        let core = discovery.aggregated(true, DiscoveryForm::AggregatedV2);
        assert_eq!(core["items"][0]["metadata"], json!({}));
        let others = discovery.aggregated(false, DiscoveryForm::AggregatedV2Beta1);
        assert_eq!(others["apiVersion"], "apidiscovery.k8s.io/v2beta1");
        let items = others["items"].as_array().expect("it is a list");
        let last = items.last().expect("there are groups");
        assert_eq!(
            last["versions"][0]["resources"][0],
            json!({
                "resource": "discs", "responseKind": {"group": "z.example.com", "version": "v2", "kind": "Disc"},
                "scope": "Namespaced", "singularResource": "disc",
                "verbs": ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
                "subresources": [{
                    "subresource": "status",
                    "responseKind": {"group": "z.example.com", "version": "v2", "kind": "Disc"},
                    "verbs": ["get", "patch", "update"],
                }],
            })
        );
    }
}
