//! From old ReplicaSets to the new one: all at once, or rolling.
//!
//! Source: `pkg/controller/deployment/{rolling,recreate,sync}.go`.

use serde_json::{Value, json};

use super::annotations::{self, REVISION};
use super::hash::template_hash;
use super::replica_sets::{ReplicaSets, TEMPLATE_HASH, replicas};
use super::scale::{max_unavailable, new_replicas, set_size, set_sizes};
use super::{COMPONENT, status};
use crate::controlplane::controllers::kind::{DEPLOYMENT, POD, REPLICA_SET};
use crate::controlplane::controllers::pods::{controller_reference, is_finished, number_at};
use crate::controlplane::controllers::{Note, Step, View};
use crate::controlplane::object::Object;

/// Replaces pods step by step.
pub(super) fn rolling_update(view: &View, deployment: &Value, sets: &ReplicaSets, step: &mut Step) {
    if ensure_new_replica_set(view, deployment, sets, step) || sync_revision(view, deployment, sets, step) {
        return;
    }
    let Some(new) = sets.current() else { return };
    let size = match replicas(new) > replicas(deployment) {
        true => replicas(deployment),
        false => new_replicas(deployment, sets),
    };
    if size != replicas(new) && set_size(deployment, new, size, step) {
        return;
    }
    if shrink_old(deployment, sets, new, step) {
        return;
    }
    finish(view, deployment, sets, step);
}

/// Removes all old pods, waits until they are gone, and makes new ones.
pub(super) fn recreate(view: &View, deployment: &Value, sets: &ReplicaSets, step: &mut Step) {
    if sync_revision(view, deployment, sets, step) {
        return;
    }
    let active = sets.old().filter(|set| replicas(set) > 0);
    if set_sizes(deployment, active.map(|set| (set, 0)), step) {
        return;
    }
    if has_running_old_pods(view, sets) {
        return status::sync_rollout(view, deployment, sets, step);
    }
    if ensure_new_replica_set(view, deployment, sets, step) {
        return;
    }
    let Some(new) = sets.current() else { return };
    if replicas(new) != replicas(deployment) && set_size(deployment, new, replicas(deployment), step) {
        return;
    }
    finish(view, deployment, sets, step);
}

fn finish(view: &View, deployment: &Value, sets: &ReplicaSets, step: &mut Step) {
    if status::is_complete(deployment, &status::calculate(view, deployment, sets)) {
        clean_up(deployment, sets, step);
    }
    status::sync_rollout(view, deployment, sets, step);
}

fn has_running_old_pods(view: &View, sets: &ReplicaSets) -> bool {
    let pods = POD.resource();
    sets.old().any(|set| view.controlled(set.uid(), &pods).any(|pod| !is_finished(&pod.value)))
}

/// Makes the ReplicaSet of the present template. Returns whether anything has to be written.
fn ensure_new_replica_set(view: &View, deployment: &Value, sets: &ReplicaSets, step: &mut Step) -> bool {
    if sets.current().is_some() {
        return false;
    }
    let collisions = deployment.at(&["status", "collisionCount"]).and_then(Value::as_i64);
    let template = deployment.at(&["spec", "template"]).unwrap_or(&Value::Null);
    let hash = template_hash(template, collisions);
    let name = format!("{}-{hash}", deployment.name());
    if view.get(&REPLICA_SET.resource(), deployment.namespace(), &name).is_some() {
        let mut updated = deployment.clone();
        updated.set(&["status", "collisionCount"], collisions.unwrap_or(0) + 1);
        step.update_status(&DEPLOYMENT.gvr(), updated);
        return true;
    }
    let size = new_replicas(deployment, sets);
    let set = new_replica_set(deployment, &name, &hash, size, next_revision(sets));
    step.create(&REPLICA_SET.gvr(), set);
    if size > 0 {
        let message = format!("Scaled up replica set {name} from 0 to {size}");
        step.event(Note::normal(COMPONENT, deployment, "ScalingReplicaSet", message));
    }
    let message = format!("Created new replica set {name:?}");
    status::set_progressing(view, deployment, "True", "NewReplicaSetCreated", &message, step);
    true
}

fn new_replica_set(deployment: &Value, name: &str, hash: &str, size: i64, revision: i64) -> Value {
    let mut template = deployment.at(&["spec", "template"]).cloned().unwrap_or_else(|| json!({}));
    template.set(&["metadata", "labels", TEMPLATE_HASH], hash);
    let mut selector = deployment.at(&["spec", "selector"]).cloned().unwrap_or_else(|| json!({}));
    selector.set(&["matchLabels", TEMPLATE_HASH], hash);
    let annotations = annotations::for_new_replica_set(deployment, &Value::Null, revision);
    let mut set = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": deployment.namespace(),
            "labels": template.at(&["metadata", "labels"]),
            "annotations": annotations,
            "ownerReferences": [controller_reference(DEPLOYMENT, deployment)],
        },
        "spec": {"replicas": size, "selector": selector, "template": template},
    });
    let min_ready_seconds = number_at(deployment, &["spec", "minReadySeconds"], 0);
    if min_ready_seconds > 0 {
        set.set(&["spec", "minReadySeconds"], min_ready_seconds);
    }
    annotations::set_replicas(deployment, &mut set);
    set
}

fn next_revision(sets: &ReplicaSets) -> i64 {
    sets.old().map(annotations::revision).max().unwrap_or(0) + 1
}

/// Brings the revision annotations of the new ReplicaSet and of the Deployment up to date. Returns whether anything
/// has to be written.
pub(super) fn sync_revision(view: &View, deployment: &Value, sets: &ReplicaSets, step: &mut Step) -> bool {
    let Some(new) = sets.current() else { return false };
    let revision = next_revision(sets);
    let mut updated = new.clone();
    updated.set(&["metadata", "annotations"], annotations::for_new_replica_set(deployment, new, revision));
    let min_ready_seconds = number_at(deployment, &["spec", "minReadySeconds"], 0);
    if number_at(new, &["spec", "minReadySeconds"], 0) != min_ready_seconds {
        updated.set(&["spec", "minReadySeconds"], min_ready_seconds);
    }
    if updated != *new {
        step.update(&REPLICA_SET.gvr(), updated);
        return true;
    }
    if deployment.annotation(REVISION) != new.annotation(REVISION) {
        let revision = new.annotation(REVISION).unwrap_or_default();
        step.patch(&DEPLOYMENT.gvr(), deployment, json!({"metadata": {"annotations": {REVISION: revision}}}));
        return true;
    }
    if status::has_deadline(deployment) && status::progressing(deployment).is_none() {
        let message = format!("Found new replica set {:?}", new.name());
        return status::set_progressing(view, deployment, "True", "FoundNewReplicaSet", &message, step);
    }
    false
}

/// Takes pods from old ReplicaSets, unhealthy ones first, as far as availability allows. Returns whether anything has
/// to be written.
fn shrink_old(deployment: &Value, sets: &ReplicaSets, new: &Value, step: &mut Step) -> bool {
    if sets.old().map(replicas).sum::<i64>() == 0 {
        return false;
    }
    let min_available = replicas(deployment) - max_unavailable(deployment);
    let new_unavailable = replicas(new) - available(new);
    let max_removed = sets.total_replicas() - min_available - new_unavailable;
    if max_removed <= 0 {
        return false;
    }
    let mut sizes: Vec<_> = sets.old().map(|set| (set, replicas(set))).collect();
    let mut removed = 0;
    for (set, size) in &mut sizes {
        let unhealthy = (*size - available(set)).clamp(0, max_removed - removed);
        *size -= unhealthy;
        removed += unhealthy;
    }
    let mut spare = (sets.sum("availableReplicas") - min_available).max(0);
    for (_, size) in &mut sizes {
        let taken = (*size).min(spare);
        *size -= taken;
        spare -= taken;
    }
    let resized = sizes.into_iter().filter(|(set, size)| replicas(set) != *size);
    set_sizes(deployment, resized, step)
}

fn available(set: &Value) -> i64 {
    number_at(set, &["status", "availableReplicas"], 0)
}

/// Deletes the oldest ReplicaSets beyond `spec.revisionHistoryLimit` that have no pods.
pub(super) fn clean_up(deployment: &Value, sets: &ReplicaSets, step: &mut Step) {
    let Some(limit) = deployment.at(&["spec", "revisionHistoryLimit"]).and_then(Value::as_u64) else { return };
    let mut old: Vec<_> = sets.old().filter(|set| set.deletion_timestamp().is_none()).collect();
    let excess = old.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    old.sort_by_key(|set| annotations::revision(set));
    for set in old.into_iter().take(excess) {
        let is_observed = number_at(set, &["status", "observedGeneration"], 0) >= set.generation();
        if number_at(set, &["status", "replicas"], 0) == 0 && replicas(set) == 0 && is_observed {
            step.delete(&REPLICA_SET.gvr(), set, None);
        }
    }
}
