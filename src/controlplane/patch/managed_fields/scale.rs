//! Owners of the number of replicas, as the scale subresource shows and changes them.
//!
//! A scale is another kind than the object that it scales, with the number at another place; owners of the one are
//! owners of the other.
//!
//! Source: `k8s.io/apimachinery/pkg/util/managedfields/scalehandler.go`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::entries::{Entries, Owned, Owner};
use crate::controlplane::patch::field_set::{FieldSet, PathElement};

/// The version in which scales are written.
const SCALE_VERSION: &str = "autoscaling/v1";

/// Where each version of a kind keeps its number of replicas: the field names from the root.
pub type ReplicasPath = BTreeMap<String, Vec<String>>;

fn elements(path: &[String]) -> Vec<PathElement> {
    path.iter().map(|name| PathElement::field(name)).collect()
}

fn set_of(path: &[PathElement]) -> FieldSet {
    let mut set = FieldSet::default();
    set.insert(path);
    set
}

/// Returns the `managedFields` of the scale of an object: who owns the number of replicas. `None` when nobody does.
pub fn scale_entries(parent: &Value, paths: &ReplicasPath) -> Option<Value> {
    let entries = Entries::of(parent).ok()?;
    let owners = entries.0.into_iter().filter_map(|(owner, owned)| {
        let path = elements(paths.get(&owned.api_version)?);
        owned.fields.has(&path).then(|| {
            let (owner, fields) = (in_version(owner, SCALE_VERSION), FieldSet::of(&[&["spec", "replicas"]]));
            (owner, Owned { fields, api_version: SCALE_VERSION.to_owned(), time: owned.time })
        })
    });
    let entries = Entries(owners.collect());
    (!entries.0.is_empty()).then(|| Value::Array(entries.encode()))
}

/// Returns the `managedFields` of an object whose scale was written: `scale` is the scale with its new owners,
/// `api_version` the version of the object. `None` when nobody owns anything.
pub fn with_scale_entries(parent: &Value, scale: &Value, paths: &ReplicasPath, api_version: &str) -> Option<Value> {
    let parent = Entries::of(parent).unwrap_or_default();
    let mut scale = Entries::of(scale).unwrap_or_default();
    let times: BTreeMap<Owner, String> =
        parent.0.iter().map(|(owner, owned)| (owner.clone(), owned.time.clone())).collect();
    let mut merged = BTreeMap::new();
    for (owner, mut owned) in parent.0 {
        let Some(path) = paths.get(&owned.api_version) else { continue };
        let path = elements(path);
        // The owner of the scale that stands for this one stays the owner here; anybody else lost the number.
        if owned.fields.has(&path) && scale.0.remove(&in_version(owner.clone(), SCALE_VERSION)).is_none() {
            owned.fields = owned.fields.difference(&set_of(&path));
        }
        if !owned.fields.is_empty() {
            merged.insert(owner, owned);
        }
    }
    let replicas = [PathElement::field("spec"), PathElement::field("replicas")];
    for (owner, owned) in scale.0 {
        let Some(path) = paths.get(api_version).filter(|_| owned.fields.has(&replicas)) else { continue };
        let owner = in_version(owner, api_version);
        let time = times.get(&owner).cloned().unwrap_or_default();
        let fields = set_of(&elements(path));
        merged.insert(owner, Owned { fields, api_version: api_version.to_owned(), time });
    }
    let entries = Entries(merged);
    (!entries.0.is_empty()).then(|| Value::Array(entries.encode()))
}

/// Returns the same owner in another version.
fn in_version(mut owner: Owner, api_version: &str) -> Owner {
    if !owner.api_version.is_empty() {
        api_version.clone_into(&mut owner.api_version);
    }
    owner
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths() -> ReplicasPath {
        BTreeMap::from([("a/v1".to_owned(), vec!["spec".to_owned(), "replicas".to_owned()])])
    }

    fn entry(manager: &str, api_version: &str, subresource: &str, fields: Value) -> Value {
        let mut entry = json!({
            "manager": manager, "operation": "Update", "apiVersion": api_version, "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        });
        if !subresource.is_empty() {
            entry["subresource"] = subresource.into();
        }
        entry
    }

    #[test]
    fn the_writer_of_a_scale_takes_the_number_from_its_owner() {
        let both = json!({"f:spec": {"f:replicas": {}, "f:s": {}}});
        let parent = json!({"metadata": {"managedFields": [entry("m", "a/v1", "", both)]}});
        let replicas = json!({"f:spec": {"f:replicas": {}}});
        let shown = scale_entries(&parent, &paths()).expect("an owner");
        assert_eq!(shown, json!([entry("m", "autoscaling/v1", "", replicas.clone())]));

        let scale = json!({"metadata": {"managedFields": [entry("n", "autoscaling/v1", "scale", replicas.clone())]}});
        let mut expected = entry("n", "a/v1", "scale", replicas.clone());
        expected.as_object_mut().expect("an object").shift_remove("time");
        let kept = entry("m", "a/v1", "", json!({"f:spec": {"f:s": {}}}));
        assert_eq!(with_scale_entries(&parent, &scale, &paths(), "a/v1"), Some(json!([expected, kept])));

        let scale = json!({"metadata": {"managedFields": [entry("m", "autoscaling/v1", "", replicas)]}});
        assert_eq!(
            with_scale_entries(&parent, &scale, &paths(), "a/v1").as_ref(),
            parent.pointer("/metadata/managedFields")
        );
    }
}
