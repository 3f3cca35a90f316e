//! Indexes over the store that controllers need at every step: by UID, by owner, and what has no controller.
//!
//! They follow the log of changes, so they are never rebuilt while the log holds. They decide nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::WorkKey;
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::storage::{Change, ChangeType, Stored};

/// The resources of which orphans are kept: those that controllers adopt.
const ADOPTED: [&str; 3] = ["pods", "replicasets", "controllerrevisions"];

/// The indexes.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_uid: BTreeMap<String, WorkKey>,
    by_owner: BTreeMap<String, BTreeMap<WorkKey, Arc<Stored>>>,
    orphans: BTreeMap<(GroupResource, String), BTreeSet<String>>,
}

impl Index {
    /// Takes a change in.
    pub(super) fn observe(&mut self, change: &Change) {
        let key = WorkKey::of(change);
        if let Some(previous) = &change.previous {
            self.remove(&key, &previous.value);
        }
        match change.change_type {
            ChangeType::Deleted => self.remove(&key, &change.object.value),
            ChangeType::Added | ChangeType::Modified => self.insert(key, &change.object),
        }
    }

    /// Returns where the object with this UID is.
    pub(super) fn by_uid(&self, uid: &str) -> Option<&WorkKey> {
        self.by_uid.get(uid)
    }

    /// Returns the objects that name `uid` among their owners.
    pub(super) fn dependents(&self, uid: &str) -> impl Iterator<Item = (&WorkKey, &Arc<Stored>)> {
        self.by_owner.get(uid).into_iter().flatten()
    }

    /// Returns the names of the objects without a controller.
    pub(super) fn orphans(&self, resource: &GroupResource, namespace: &str) -> impl Iterator<Item = &String> {
        self.orphans.get(&(resource.clone(), namespace.to_owned())).into_iter().flatten()
    }

    fn insert(&mut self, key: WorkKey, stored: &Arc<Stored>) {
        for owner in owner_uids(&stored.value) {
            self.by_owner.entry(owner.to_owned()).or_default().insert(key.clone(), stored.clone());
        }
        if is_orphan(&key, &stored.value) {
            let place = (key.resource.clone(), key.key.namespace.clone());
            self.orphans.entry(place).or_default().insert(key.key.name.clone());
        }
        self.by_uid.insert(stored.value.uid().to_owned(), key);
    }

    fn remove(&mut self, key: &WorkKey, value: &Value) {
        for owner in owner_uids(value) {
            if let Some(dependents) = self.by_owner.get_mut(owner) {
                dependents.remove(key);
                if dependents.is_empty() {
                    self.by_owner.remove(owner);
                }
            }
        }
        if is_orphan(key, value) {
            let place = (key.resource.clone(), key.key.namespace.clone());
            if let Some(names) = self.orphans.get_mut(&place) {
                names.remove(&key.key.name);
                if names.is_empty() {
                    self.orphans.remove(&place);
                }
            }
        }
        self.by_uid.remove(value.uid());
    }
}

fn owner_uids(value: &Value) -> impl Iterator<Item = &str> {
    value.owner_references().iter().map(|owner| owner.text_at(&["uid"]))
}

fn is_orphan(key: &WorkKey, value: &Value) -> bool {
    ADOPTED.contains(&key.resource.resource.as_str()) && value.controller_reference().is_none()
}
