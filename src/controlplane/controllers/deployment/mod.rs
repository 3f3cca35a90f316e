//! Deployments: ReplicaSets a template, rolled from old to new.
//!
//! Each step does the first thing that is to be done: adopt, make the new ReplicaSet, scale, then say so in the status.
//! Source: `pkg/controller/deployment/{deployment_controller,sync,rolling,recreate,progress}.go`.

mod annotations;
mod hash;
mod replica_sets;
mod rollout;
mod scale;
mod status;

use super::kind::{DEPLOYMENT, POD, REPLICA_SET, controller_manager};
use super::{Actor, Controller, Note, Step, View, WorkKey, pods, selector};
use crate::controlplane::object::Object;
use crate::controlplane::storage::{Change, ChangeType};
use replica_sets::ReplicaSets;

pub(super) use hash::template_hash;
pub(super) use scale::resolve;

const COMPONENT: &str = "deployment-controller";

/// The Deployment controller.
#[derive(Debug)]
pub(super) struct DeploymentController;

impl Controller for DeploymentController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:deployment-controller")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if DEPLOYMENT.changed(change) {
            return vec![WorkKey::of(change)];
        }
        if REPLICA_SET.changed(change) {
            return pods::keys_of_owners(view, DEPLOYMENT, change);
        }
        if POD.changed(change) && change.change_type == ChangeType::Deleted {
            return recreated(view, change);
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        let deployment = &stored.value;
        if selector::is_empty(deployment.at(&["spec", "selector"])) {
            let message = "This deployment is selecting all pods. A non-empty selector is required.";
            step.event(Note::warning(COMPONENT, deployment, "SelectingAll", message));
            return step;
        }
        let owned = pods::claim_objects(view, DEPLOYMENT, deployment, REPLICA_SET, &mut step);
        if !step.is_empty() {
            return step;
        }
        let sets = ReplicaSets::new(deployment, owned);
        if deployment.deletion_timestamp().is_some() {
            status::sync(view, deployment, &sets, &mut step);
        } else {
            sync(view, deployment, &sets, &mut step);
        }
        step
    }
}

/// A Deployment that replaces all pods at once waits for the last old pod to go.
fn recreated(view: &View, change: &Change) -> Vec<WorkKey> {
    let Some(owner) = change.object.value.controller_reference().filter(|owner| REPLICA_SET.owns(owner)) else {
        return Vec::new();
    };
    let replica_set = view.get(&REPLICA_SET.resource(), &change.key.namespace, owner.text_at(&["name"]));
    let owner = replica_set.as_ref().and_then(|set| set.value.controller_reference());
    owner.map(|owner| DEPLOYMENT.key(&change.key.namespace, owner.text_at(&["name"]))).into_iter().collect()
}

fn sync(view: &View, deployment: &serde_json::Value, sets: &ReplicaSets, step: &mut Step) {
    if status::sync_paused(view, deployment, step) {
        return;
    }
    let is_paused = deployment.at(&["spec", "paused"]).and_then(serde_json::Value::as_bool) == Some(true);
    if is_paused || scale::is_scaling(deployment, sets) {
        if rollout::sync_revision(view, deployment, sets, step) || scale::sync(deployment, sets, step) {
            return;
        }
        if is_paused {
            rollout::clean_up(deployment, sets, step);
        }
        return status::sync(view, deployment, sets, step);
    }
    match deployment.text_at(&["spec", "strategy", "type"]) {
        "Recreate" => rollout::recreate(view, deployment, sets, step),
        _ => rollout::rolling_update(view, deployment, sets, step),
    }
}

#[cfg(test)]
mod tests;
