//! Jobs: pods that run to their end, counted exactly once.
//!
//! A pod holds a finalizer until it has been counted: first its UID goes into `status.uncountedTerminatedPods`, then
//! the finalizer is taken off, then the UID becomes a count. Not done: `podFailurePolicy`, `successPolicy` and
//! `backoffLimitPerIndex`; a Job that uses them gets a warning event.
//! Source: `pkg/controller/job/{job_controller,tracking_utils,indexed_job_utils,backoff_utils}.go`.

mod indexes;
mod manage;
mod status;
#[cfg(test)]
mod tests;
mod tracking;

use serde_json::{Value, json};

use super::kind::{JOB, POD, controller_manager};
use super::{Actor, Attempt, Controller, Note, Step, View, WorkKey, conditions, pods};
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;
use crate::controlplane::storage::{Change, ChangeType};

pub(super) use status::is_finished;

const COMPONENT: &str = "job-controller";

/// The finalizer of pods that have not been counted.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";

/// The Job controller.
#[derive(Debug)]
pub(super) struct JobController;

impl Controller for JobController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:job-controller")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if JOB.changed(change) {
            return vec![WorkKey::of(change)].into_iter().chain(orphans_of(view, change)).collect();
        }
        if POD.changed(change) {
            let mut keys = pods::keys_of_owners(view, JOB, change);
            if change.object.value.finalizers().contains(&TRACKING) {
                keys.push(WorkKey::of(change));
            }
            return keys;
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        if POD.is(&key.resource) {
            release_orphan(view, &stored.value, &mut step);
        } else {
            sync(view, &stored.value, &mut step);
        }
        step
    }

    fn refused(&self, view: &View, key: &WorkKey, attempt: &Attempt, status: &Status) -> Step {
        let mut step = Step::default();
        if let ("create", Some(stored)) = (attempt.verb, view.get_key(key)) {
            let message = format!("Error creating: {status}");
            step.event(Note::warning(COMPONENT, &stored.value, "FailedCreate", message));
        }
        step
    }
}

/// Returns the pods of a Job that is gone.
fn orphans_of(view: &View, change: &Change) -> Vec<WorkKey> {
    if change.change_type != ChangeType::Deleted {
        return Vec::new();
    }
    let pods = POD.resource();
    let orphans = view.controlled(change.object.value.uid(), &pods);
    orphans.map(|pod| POD.key(pod.value.namespace(), pod.value.name())).collect()
}

/// Lets a pod go that nobody will count: its Job is gone, or is none.
fn release_orphan(view: &View, pod: &Value, step: &mut Step) {
    if !pod.finalizers().contains(&TRACKING) {
        return;
    }
    let owner = pod.controller_reference().filter(|owner| JOB.owns(owner));
    let job = owner.and_then(|owner| {
        let job = view.get(&JOB.resource(), pod.namespace(), owner.text_at(&["name"]))?;
        (job.value.uid() == owner.text_at(&["uid"])).then_some(job)
    });
    if job.is_none() || job.is_some_and(|job| status::is_finished(&job.value)) {
        tracking::release(pod, step);
    }
}

fn sync(view: &View, job: &Value, step: &mut Step) {
    if job.text_at(&["spec", "managedBy"]).starts_with(|c: char| c != 'k') {
        return;
    }
    if status::is_finished(job) {
        return status::expire(view, job, step);
    }
    if job.deletion_timestamp().is_some() {
        return;
    }
    let owned = pods::claim(view, JOB, job, step);
    if !step.is_empty() {
        return;
    }
    warn_of_what_is_missing(job, step);
    let counted = tracking::count(job, &owned);
    if let Some(suspended) = status::sync_suspended(view, job, step) {
        return write(job, suspended, step);
    }
    let verdict = status::judge(view, job, &owned, &counted, step);
    if verdict.is_none() && !status::is_suspended(job) {
        manage::pods(view, job, &owned, &counted, step);
    } else {
        manage::stop(job, &owned, step);
    }
    if manage::asks_for_pods(step) {
        return;
    }
    let updated = status::calculate(view, job, &owned, &counted, verdict, step);
    let is_new = job.get("status") != Some(&updated);
    write(job, updated, step);
    if !is_new {
        tracking::release_counted(job, &owned, step);
    }
}

fn write(job: &Value, status: Value, step: &mut Step) {
    if job.get("status") != Some(&status) {
        let mut updated = job.clone();
        updated["status"] = status;
        step.update_status(&JOB.gvr(), updated);
    }
}

/// Says once that a field of the spec has no effect here.
fn warn_of_what_is_missing(job: &Value, step: &mut Step) {
    if job.at(&["status", "startTime"]).is_some() {
        return;
    }
    for field in ["podFailurePolicy", "successPolicy", "backoffLimitPerIndex"] {
        if job.at(&["spec", field]).is_some_and(|value| !value.is_null()) {
            let message = format!("rop's control plane does not implement spec.{field}");
            step.event(Note::warning(COMPONENT, job, "NotImplemented", message));
        }
    }
}

/// Returns a condition of a Job.
fn condition(view: &View, condition_type: &str, status: &str, reason: &str, message: &str) -> Value {
    let now = view.env.now_text();
    json!({
        "type": condition_type, "status": status, "lastProbeTime": now, "lastTransitionTime": now,
        "reason": reason, "message": message,
    })
}

/// Whether a condition is true.
fn has(job: &Value, condition_type: &str) -> bool {
    conditions::is(job, condition_type, "True")
}
