//! ReplicaSets: as many pods as asked for.
//!
//! Source: `pkg/controller/replicaset/{replica_set,replica_set_utils}.go`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kind::{POD, REPLICA_SET, controller_manager};
use super::pods::{self, Availability, number_at, set_nonzero};
use super::{Actor, Attempt, Controller, Note, Step, View, WorkKey, conditions};
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;
use crate::controlplane::storage::{Change, Stored};

const COMPONENT: &str = "replicaset-controller";

/// How many pods one step makes or deletes at most; upstream's `BurstReplicas`.
const BURST: usize = 500;

/// The ReplicaSet controller.
#[derive(Debug)]
pub(super) struct ReplicaSetController;

impl Controller for ReplicaSetController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:replicaset-controller")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if REPLICA_SET.changed(change) {
            return vec![WorkKey::of(change)];
        }
        if POD.changed(change) {
            return pods::keys_of_owners(view, REPLICA_SET, change);
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        let set = &stored.value;
        let owned = pods::claim(view, REPLICA_SET, set, &mut step);
        if !step.is_empty() {
            return step;
        }
        if set.deletion_timestamp().is_none() {
            manage(view, set, &owned, &mut step);
        }
        if step.is_empty() {
            let mut list = conditions::of(set);
            conditions::remove(&mut list, "ReplicaFailure");
            sync_status(view, set, &owned, list, &mut step);
        }
        step
    }

    fn refused(&self, view: &View, key: &WorkKey, attempt: &Attempt, status: &Status) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        let (reason, verb) = match attempt.verb {
            "create" => ("FailedCreate", "creating"),
            "delete" => ("FailedDelete", "deleting"),
            _ => return step,
        };
        let set = &stored.value;
        step.event(Note::warning(COMPONENT, set, reason, format!("Error {verb}: {status}")));
        let mut list = conditions::of(set);
        let now = view.env.now_text();
        conditions::set(&mut list, conditions::new("ReplicaFailure", "True", reason, &status.message, &now));
        let owned: Vec<_> = view.controlled(set.uid(), &POD.resource()).cloned().collect();
        sync_status(view, set, &owned, list, &mut step);
        step
    }
}

/// Makes the pods that are missing, or deletes those that are too many.
fn manage(view: &View, set: &Value, owned: &[Arc<Stored>], step: &mut Step) {
    let mut active: Vec<_> = owned.iter().map(|pod| &pod.value).filter(|pod| pods::is_active(pod)).collect();
    let wanted = usize::try_from(number_at(set, &["spec", "replicas"], 1)).unwrap_or(0);
    if active.len() < wanted {
        let template = set.at(&["spec", "template"]).unwrap_or(&Value::Null);
        for _ in 0..(wanted - active.len()).min(BURST) {
            let pod = pods::from_template(view, REPLICA_SET, set, template);
            let message = format!("Created pod: {}", pod.name());
            step.create(&POD.gvr(), pod);
            step.event(Note::normal(COMPONENT, set, "SuccessfulCreate", message));
        }
    } else if active.len() > wanted {
        active.sort_by(|left, right| pods::deletion_order(left, right));
        for pod in active.iter().take((active.len() - wanted).min(BURST)) {
            step.delete(&POD.gvr(), pod, None);
            let message = format!("Deleted pod: {}", pod.name());
            step.event(Note::normal(COMPONENT, set, "SuccessfulDelete", message));
        }
    }
}

fn sync_status(view: &View, set: &Value, owned: &[Arc<Stored>], list: Vec<Value>, step: &mut Step) {
    let min_ready_seconds = number_at(set, &["spec", "minReadySeconds"], 0);
    let labels = set.at(&["spec", "template", "metadata", "labels"]).unwrap_or(&Value::Null);
    let (mut replicas, mut labeled, mut ready, mut available, mut terminating) = (0, 0, 0, 0, 0);
    for pod in owned.iter().map(|pod| &pod.value) {
        terminating += i64::from(pods::is_terminating(pod));
        if !pods::is_active(pod) {
            continue;
        }
        replicas += 1;
        labeled += i64::from(super::selector::matches_map(labels, pod));
        ready += i64::from(pods::is_ready(pod));
        match pods::availability(pod, min_ready_seconds, view.now()) {
            Availability::Yes => available += 1,
            Availability::No => {}
            Availability::After(wait) => step.requeue(wait),
        }
    }
    let mut status = json!({"replicas": replicas});
    set_nonzero(&mut status, "fullyLabeledReplicas", labeled);
    set_nonzero(&mut status, "readyReplicas", ready);
    set_nonzero(&mut status, "availableReplicas", available);
    status["terminatingReplicas"] = terminating.into();
    set_nonzero(&mut status, "observedGeneration", set.generation());
    if !list.is_empty() {
        status["conditions"] = list.into();
    }
    if set.get("status") != Some(&status) {
        let mut updated = set.clone();
        updated["status"] = status;
        step.update_status(&REPLICA_SET.gvr(), updated);
    }
}
