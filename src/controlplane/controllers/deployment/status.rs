//! What a Deployment says of itself: numbers, and the conditions Available, Progressing and ReplicaFailure.
//!
//! Source: `pkg/controller/deployment/{sync,progress}.go`.

use std::time::Duration;

use serde_json::{Value, json};

use super::replica_sets::{ReplicaSets, replicas};
use super::scale::max_unavailable;
use crate::controlplane::controllers::kind::DEPLOYMENT;
use crate::controlplane::controllers::pods::{number_at, set_nonzero};
use crate::controlplane::controllers::{Step, View, conditions};
use crate::controlplane::object::Object;

const NEW_AVAILABLE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";

/// Returns the Progressing condition.
pub(super) fn progressing(deployment: &Value) -> Option<&Value> {
    conditions::find(deployment, "Progressing")
}

/// Whether the Deployment limits how long a rollout may stand still.
pub(super) fn has_deadline(deployment: &Value) -> bool {
    deadline(deployment).is_some()
}

fn deadline(deployment: &Value) -> Option<i64> {
    let seconds = deployment.at(&["spec", "progressDeadlineSeconds"]).and_then(Value::as_i64);
    seconds.filter(|seconds| *seconds != i64::from(i32::MAX))
}

fn reason(condition: Option<&Value>) -> &str {
    condition.map(|condition| condition.text_at(&["reason"])).unwrap_or_default()
}

/// Sets a condition as Deployments do: nothing moves while status and reason stay; a new one goes to the end.
fn set_condition(list: &mut Vec<Value>, condition: Value) {
    let same_type = |other: &&Value| other.get("type") == condition.get("type");
    let mut condition = condition.clone();
    if let Some(current) = list.iter().find(same_type) {
        if current.get("status") == condition.get("status") {
            if current.get("reason") == condition.get("reason") {
                return;
            }
            condition["lastTransitionTime"] = current["lastTransitionTime"].clone();
        }
        let condition_type = condition.text_at(&["type"]).to_owned();
        conditions::remove(list, &condition_type);
    }
    list.push(condition);
}

fn condition(view: &View, condition_type: &str, status: &str, reason: &str, message: &str) -> Value {
    let now = view.env.now_text();
    json!({
        "type": condition_type, "status": status, "lastUpdateTime": now, "lastTransitionTime": now,
        "reason": reason, "message": message,
    })
}

/// Asks for a Progressing condition, if the Deployment has a deadline. Returns whether anything has to be written.
pub(super) fn set_progressing(
    view: &View,
    deployment: &Value,
    status: &str,
    reason: &str,
    message: &str,
    step: &mut Step,
) -> bool {
    if !has_deadline(deployment) {
        return false;
    }
    let mut list = conditions::of(deployment);
    set_condition(&mut list, condition(view, "Progressing", status, reason, message));
    if list == conditions::of(deployment) {
        return false;
    }
    let mut updated = deployment.clone();
    updated.set(&["status", "conditions"], list);
    step.update_status(&DEPLOYMENT.gvr(), updated);
    true
}

/// Says that the Deployment is paused or resumed. Returns whether anything has to be written.
pub(super) fn sync_paused(view: &View, deployment: &Value, step: &mut Step) -> bool {
    let reason = reason(progressing(deployment));
    if !has_deadline(deployment) || reason == TIMED_OUT {
        return false;
    }
    let is_paused = deployment.at(&["spec", "paused"]) == Some(&Value::Bool(true));
    match (is_paused, reason == "DeploymentPaused") {
        (true, false) => set_progressing(view, deployment, "Unknown", "DeploymentPaused", "Deployment is paused", step),
        (false, true) => {
            set_progressing(view, deployment, "Unknown", "DeploymentResumed", "Deployment is resumed", step)
        }
        _ => false,
    }
}

/// Returns the status that follows from the ReplicaSets; Progressing stays as it is.
pub(super) fn calculate(view: &View, deployment: &Value, sets: &ReplicaSets) -> Value {
    let available = sets.sum("availableReplicas");
    let mut status = json!({});
    set_nonzero(&mut status, "observedGeneration", deployment.generation());
    set_nonzero(&mut status, "replicas", sets.sum("replicas"));
    let updated = sets.current().map_or(0, |set| number_at(set, &["status", "replicas"], 0));
    set_nonzero(&mut status, "updatedReplicas", updated);
    set_nonzero(&mut status, "readyReplicas", sets.sum("readyReplicas"));
    set_nonzero(&mut status, "availableReplicas", available);
    set_nonzero(&mut status, "unavailableReplicas", (sets.total_replicas() - available).max(0));
    status["terminatingReplicas"] = sets.sum("terminatingReplicas").into();
    let mut list = conditions::of(deployment);
    set_condition(&mut list, availability(view, deployment, available));
    status["conditions"] = list.into();
    if let Some(collisions) = deployment.at(&["status", "collisionCount"]) {
        status["collisionCount"] = collisions.clone();
    }
    status
}

fn availability(view: &View, deployment: &Value, available: i64) -> Value {
    if available >= replicas(deployment) - max_unavailable(deployment) {
        let message = "Deployment has minimum availability.";
        return condition(view, "Available", "True", "MinimumReplicasAvailable", message);
    }
    let message = "Deployment does not have minimum availability.";
    condition(view, "Available", "False", "MinimumReplicasUnavailable", message)
}

/// Whether a status says that the rollout is over.
pub(super) fn is_complete(deployment: &Value, status: &Value) -> bool {
    let desired = replicas(deployment);
    ["updatedReplicas", "replicas", "availableReplicas"].iter().all(|field| number_at(status, &[field], 0) == desired)
        && number_at(status, &["observedGeneration"], 0) >= deployment.generation()
}

fn is_progressing(old: &Value, new: &Value) -> bool {
    let number = |status: &Value, field| number_at(status, &[field], 0);
    let outdated = |status: &Value| number(status, "replicas") - number(status, "updatedReplicas");
    number(new, "updatedReplicas") > number(old, "updatedReplicas")
        || outdated(new) < outdated(old)
        || number(new, "readyReplicas") > number(old, "readyReplicas")
        || number(new, "availableReplicas") > number(old, "availableReplicas")
}

/// Returns how long the rollout may still stand still; `None` when nobody waits for it, zero when it has timed out.
fn time_left(view: &View, deployment: &Value, list: &[Value]) -> Option<Duration> {
    let current = list.iter().find(|condition| condition.text_at(&["type"]) == "Progressing")?;
    match reason(Some(current)) {
        NEW_AVAILABLE => return None,
        TIMED_OUT => return Some(Duration::ZERO),
        _ => {}
    }
    let since = conditions::time_at(current, &["lastUpdateTime"])?;
    let left = deadline(deployment)? as f64 - view.now().duration_since(since).as_secs_f64();
    Some(Duration::from_secs_f64(left.max(0.0)))
}

/// Brings the status up to date without judging the rollout, as for a paused or scaled Deployment.
pub(super) fn sync(view: &View, deployment: &Value, sets: &ReplicaSets, step: &mut Step) {
    write(deployment, calculate(view, deployment, sets), step);
}

/// Brings the status of a rollout up to date.
pub(super) fn sync_rollout(view: &View, deployment: &Value, sets: &ReplicaSets, step: &mut Step) {
    let mut status = calculate(view, deployment, sets);
    let mut list = status["conditions"].as_array().cloned().unwrap_or_default();
    if has_deadline(deployment) {
        judge(view, deployment, sets, &status, &mut list);
        if let Some(left) = time_left(view, deployment, &list).filter(|left| !left.is_zero()) {
            step.requeue(left + Duration::from_secs(1));
        }
    } else {
        conditions::remove(&mut list, "Progressing");
    }
    match replica_failure(sets) {
        Some(failure) => set_condition(&mut list, failure),
        None => conditions::remove(&mut list, "ReplicaFailure"),
    }
    status["conditions"] = list.into();
    write(deployment, status, step);
}

fn judge(view: &View, deployment: &Value, sets: &ReplicaSets, status: &Value, list: &mut Vec<Value>) {
    let is_over =
        reason(progressing(deployment)) == NEW_AVAILABLE && status.get("replicas") == status.get("updatedReplicas");
    if is_over {
        return;
    }
    let subject = match sets.current() {
        Some(set) => format!("ReplicaSet {:?}", set.name()),
        None => format!("Deployment {:?}", deployment.name()),
    };
    let old = deployment.get("status").unwrap_or(&Value::Null);
    if is_complete(deployment, status) {
        let message = format!("{subject} has successfully progressed.");
        set_condition(list, condition(view, "Progressing", "True", NEW_AVAILABLE, &message));
    } else if is_progressing(old, status) {
        let message = format!("{subject} is progressing.");
        let mut updated = condition(view, "Progressing", "True", "ReplicaSetUpdated", &message);
        if let Some(current) = progressing(deployment) {
            if current.text_at(&["status"]) == "True" {
                updated["lastTransitionTime"] = current["lastTransitionTime"].clone();
            }
            conditions::remove(list, "Progressing");
        }
        set_condition(list, updated);
    } else if time_left(view, deployment, list).is_some_and(|left| left.is_zero()) {
        let message = format!("{subject} has timed out progressing.");
        set_condition(list, condition(view, "Progressing", "False", TIMED_OUT, &message));
    }
}

/// Returns the failure of the new ReplicaSet or else of an old one as a Deployment's condition.
fn replica_failure(sets: &ReplicaSets) -> Option<Value> {
    let failure =
        sets.current().into_iter().chain(sets.old()).find_map(|set| conditions::find(set, "ReplicaFailure"))?;
    let time = &failure["lastTransitionTime"];
    Some(json!({
        "type": "ReplicaFailure", "status": failure["status"], "lastUpdateTime": time, "lastTransitionTime": time,
        "reason": failure["reason"], "message": failure["message"],
    }))
}

fn write(deployment: &Value, status: Value, step: &mut Step) {
    if deployment.get("status") != Some(&status) {
        let mut updated = deployment.clone();
        updated["status"] = status;
        step.update_status(&DEPLOYMENT.gvr(), updated);
    }
}
