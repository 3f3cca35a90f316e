//! The annotations by which a Deployment remembers revisions and sizes on its ReplicaSets.
//!
//! Source: `pkg/controller/deployment/util/deployment_util.go`.

use serde_json::{Map, Value};

use super::replica_sets::replicas;
use super::scale::max_surge;
use crate::controlplane::object::{Object, object_mut};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// The annotations of a Deployment that its ReplicaSets do not get.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// Returns the revision of a ReplicaSet or Deployment; 0 when it has none.
pub(super) fn revision(object: &Value) -> i64 {
    object.annotation(REVISION).and_then(|revision| revision.parse().ok()).unwrap_or(0)
}

fn annotations(object: &Value) -> Map<String, Value> {
    object.at(&["metadata", "annotations"]).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Returns the annotations that the new ReplicaSet should have: the Deployment's, and the revision.
pub(super) fn for_new_replica_set(deployment: &Value, set: &Value, new_revision: i64) -> Map<String, Value> {
    let mut wanted = annotations(set);
    for (key, value) in annotations(deployment) {
        if !NOT_COPIED.contains(&key.as_str()) {
            wanted.insert(key, value);
        }
    }
    let old = revision(set);
    if old < new_revision {
        if old > 0 {
            let history = set.annotation(REVISION_HISTORY).filter(|history| !history.is_empty());
            let history = history.map_or_else(|| old.to_string(), |history| format!("{history},{old}"));
            wanted.insert(REVISION_HISTORY.to_owned(), history.into());
        }
        wanted.insert(REVISION.to_owned(), new_revision.to_string().into());
    }
    wanted
}

/// Sets the annotations that remember how large the Deployment is. Returns whether one has changed.
pub(super) fn set_replicas(deployment: &Value, set: &mut Value) -> bool {
    let desired = replicas(deployment);
    let mut changed = false;
    for (key, number) in [(DESIRED, desired), (MAX, desired + max_surge(deployment))] {
        let text = number.to_string();
        if set.annotation(key) != Some(text.as_str()) {
            let annotations = set.metadata_mut().entry("annotations").or_insert(Value::Null);
            object_mut(annotations).insert(key.to_owned(), text.into());
            changed = true;
        }
    }
    changed
}
