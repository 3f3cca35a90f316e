//! StatefulSets: pods with an ordinal, a claim each, made and updated in order.
//!
//! Not done: `persistentVolumeClaimRetentionPolicy.whenScaled: Delete` and `rollingUpdate.maxUnavailable` above one.
//! Source: `pkg/controller/statefulset/{stateful_set_control,stateful_set_utils,stateful_pod_control}.go`.

mod identity;
mod replicas;
mod status;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::kind::{PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET, controller_manager};
use super::revisions::Revisions;
use super::{Actor, Attempt, Controller, Note, Step, View, WorkKey, pods};
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;
use crate::controlplane::storage::Change;

const COMPONENT: &str = "statefulset-controller";

/// The StatefulSet controller.
#[derive(Debug)]
pub(super) struct StatefulSetController;

impl Controller for StatefulSetController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:statefulset-controller")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if STATEFUL_SET.changed(change) {
            return vec![WorkKey::of(change)];
        }
        if POD.changed(change) || super::kind::CONTROLLER_REVISION.changed(change) {
            return pods::keys_of_owners(view, STATEFUL_SET, change);
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        let set = &stored.value;
        // A revision made now would hold up the foreground deletion that has just removed it.
        if set.deletion_timestamp().is_some() {
            return step;
        }
        let owned = pods::claim(view, STATEFUL_SET, set, &mut step);
        if !step.is_empty() {
            return step;
        }
        let Some(revisions) = Revisions::sync(view, STATEFUL_SET, set, &mut step) else { return step };
        let owned: Vec<&Value> = owned.iter().map(|pod| &pod.value).collect();
        replicas::sync(view, set, &owned, &revisions, &mut step);
        if step.is_empty() {
            status::sync(view, set, &owned, &revisions, &mut step);
        }
        if step.is_empty() {
            let used = |revision: &Value| {
                let name = revision.name();
                set.text_at(&["status", "currentRevision"]) == name
                    || owned.iter().any(|pod| identity::revision_of(pod) == name)
            };
            revisions.truncate(set, used, &mut step);
        }
        step
    }

    fn refused(&self, view: &View, key: &WorkKey, attempt: &Attempt, status: &Status) -> Step {
        let mut step = Step::default();
        let ("create", Some(stored)) = (attempt.verb, view.get_key(key)) else { return step };
        let set = &stored.value;
        let what = if attempt.gvr == PERSISTENT_VOLUME_CLAIM.gvr() { "Claim" } else { "Pod" };
        let message = format!("create {what} {} in StatefulSet {} failed error: {status}", attempt.name, set.name());
        step.event(Note::warning(COMPONENT, set, "FailedCreate", message));
        step
    }
}
