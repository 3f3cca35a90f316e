//! The garbage collector: deletes what nobody owns any more, and finishes foreground and orphaning deletions.
//!
//! Owners are looked up by the UID index, never by walking the store. Events are left alone, as upstream does.
//! Source: `pkg/controller/garbagecollector/garbagecollector.go`.

mod owners;

use std::time::Duration;

use serde_json::{Value, json};

use super::kind::controller_manager;
use super::{Actor, Controller, Step, View, WorkKey};
use crate::controlplane::gvk::{GroupResource, Gvr};
use crate::controlplane::object::Object;
use crate::controlplane::storage::{Change, ChangeType};
use owners::{Owners, classify};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// How long to wait for an owner's kind to become known.
const UNKNOWN_KIND_DELAY: Duration = Duration::from_secs(30);

/// The garbage collector.
#[derive(Debug)]
pub(super) struct GarbageCollector;

impl Controller for GarbageCollector {
    fn name(&self) -> &'static str {
        "garbage-collector-controller"
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:generic-garbage-collector")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if is_ignored(&change.resource) {
            return Vec::new();
        }
        let object = &change.object.value;
        let mut keys = Vec::new();
        if change.change_type == ChangeType::Deleted {
            keys.extend(view.dependents(object.uid()).map(|(key, _)| key.clone()));
            keys.extend(deleting_owners(view, object));
            return keys;
        }
        let previous = change.previous.as_ref().map(|previous| &previous.value);
        if previous.is_some_and(|previous| is_same(previous, object)) {
            return keys;
        }
        if !object.owner_references().is_empty() || object.deletion_timestamp().is_some() {
            keys.push(WorkKey::of(change));
        }
        if is_deleting_dependents(object) {
            let blocking = view.dependents(object.uid()).filter(|(_, other)| blocks(&other.value, object.uid()));
            keys.extend(blocking.map(|(key, _)| key.clone()));
        }
        if let Some(previous) = previous {
            keys.extend(deleting_owners(view, previous));
        }
        keys
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        let object = &stored.value;
        let Some(gvr) = view.gvr_of(&key.resource, object) else { return step };
        if object.deletion_timestamp().is_some() {
            let finalizers = object.finalizers();
            if finalizers.contains(&ORPHAN) {
                orphan_dependents(view, &gvr, object, &mut step);
            } else if finalizers.contains(&FOREGROUND) && !has_blocking_dependents(view, object) {
                remove_finalizer(&gvr, object, FOREGROUND, &mut step);
            }
        } else if !object.owner_references().is_empty() {
            attempt_to_delete(view, &gvr, object, &mut step);
        }
        step
    }
}

/// Whether the collector ignores a resource.
fn is_ignored(resource: &GroupResource) -> bool {
    resource.resource == "events" && matches!(resource.group.as_str(), "" | "events.k8s.io")
}

/// Whether an object is the same as before, as far as the collector cares.
fn is_same(previous: &Value, object: &Value) -> bool {
    let relevant = |value: &Value, field| value.at(&["metadata", field]).cloned();
    ["ownerReferences", "finalizers", "deletionTimestamp"]
        .iter()
        .all(|field| relevant(previous, field) == relevant(object, field))
}

/// Whether an object waits for its dependents to go.
fn is_deleting_dependents(object: &Value) -> bool {
    object.deletion_timestamp().is_some() && object.finalizers().contains(&FOREGROUND)
}

/// Returns the keys of the owners that wait for this object to go.
fn deleting_owners(view: &View, object: &Value) -> Vec<WorkKey> {
    let owners = object.owner_references().iter().filter_map(|owner| view.by_uid(owner.text_at(&["uid"])));
    let waits = |key: &&WorkKey| view.get_key(key).is_some_and(|owner| is_deleting_dependents(&owner.value));
    owners.filter(waits).cloned().collect()
}

/// Whether an object blocks the foreground deletion of its owner.
fn blocks(dependent: &Value, owner_uid: &str) -> bool {
    let is_blocking = |owner: &Value| {
        owner.text_at(&["uid"]) == owner_uid && owner.get("blockOwnerDeletion") == Some(&Value::Bool(true))
    };
    dependent.owner_references().iter().any(is_blocking)
}

fn has_blocking_dependents(view: &View, owner: &Value) -> bool {
    view.dependents(owner.uid()).any(|(_, dependent)| blocks(&dependent.value, owner.uid()))
}

/// Takes the owner out of its dependents, then lets it go.
fn orphan_dependents(view: &View, gvr: &Gvr, owner: &Value, step: &mut Step) {
    for (key, dependent) in view.dependents(owner.uid()) {
        if let Some(dependent_gvr) = view.gvr_of(&key.resource, &dependent.value) {
            remove_owners(&dependent_gvr, &dependent.value, &[owner.uid()], step);
        }
    }
    remove_finalizer(gvr, owner, ORPHAN, step);
}

/// Deletes an object if no owner is left, or takes out the owners that are gone.
fn attempt_to_delete(view: &View, gvr: &Gvr, object: &Value, step: &mut Step) {
    let Some(Owners { solid, dangling, waiting, unknown }) = classify(view, object) else { return };
    if unknown {
        return step.requeue(UNKNOWN_KIND_DELAY);
    }
    if !solid.is_empty() {
        let gone: Vec<_> = dangling.iter().chain(&waiting).map(String::as_str).collect();
        if !gone.is_empty() {
            remove_owners(gvr, object, &gone, step);
        }
        return;
    }
    let has_dependents = view.dependents(object.uid()).next().is_some();
    if !waiting.is_empty() && has_dependents {
        if has_deleting_dependent(view, object) {
            unblock_owners(gvr, object, step);
        }
        return delete(gvr, object, "Foreground", step);
    }
    let finalizers = object.finalizers();
    let policy = match () {
        () if finalizers.contains(&ORPHAN) => "Orphan",
        () if finalizers.contains(&FOREGROUND) => "Foreground",
        () => "Background",
    };
    delete(gvr, object, policy, step);
}

/// Whether a dependent is itself in foreground deletion: a circle, which has to be opened.
fn has_deleting_dependent(view: &View, object: &Value) -> bool {
    view.dependents(object.uid()).any(|(_, dependent)| is_deleting_dependents(&dependent.value))
}

fn delete(gvr: &Gvr, object: &Value, policy: &str, step: &mut Step) {
    step.delete(gvr, object, Some(policy));
}

fn unblock_owners(gvr: &Gvr, object: &Value, step: &mut Step) {
    let mut owners = object.owner_references().to_vec();
    owners.iter_mut().for_each(|owner| owner["blockOwnerDeletion"] = false.into());
    step.patch(gvr, object, json!({"metadata": {"ownerReferences": owners}}));
}

/// Takes owners out of an object that must still be the one that was read.
fn remove_owners(gvr: &Gvr, object: &Value, uids: &[&str], step: &mut Step) {
    let left = object.owner_references().iter().filter(|owner| !uids.contains(&owner.text_at(&["uid"])));
    let left: Vec<_> = left.cloned().collect();
    patch_list(gvr, object, "ownerReferences", left, step);
}

fn remove_finalizer(gvr: &Gvr, object: &Value, finalizer: &str, step: &mut Step) {
    let left = object.finalizers().into_iter().filter(|other| *other != finalizer).map(Value::from).collect();
    patch_list(gvr, object, "finalizers", left, step);
}

/// Replaces a list in the metadata; the resource version guards what was read.
fn patch_list(gvr: &Gvr, object: &Value, field: &str, list: Vec<Value>, step: &mut Step) {
    let list = if list.is_empty() { Value::Null } else { list.into() };
    let mut patch = json!({"metadata": {"resourceVersion": object.text_at(&["metadata", "resourceVersion"])}});
    patch["metadata"][field] = list;
    step.patch(gvr, object, patch);
}

#[cfg(test)]
mod tests;
