//! What a Job says of itself, and when it is over.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::tracking::Counted;
use super::{COMPONENT, condition, has, indexes};
use crate::controlplane::controllers::kind::JOB;
use crate::controlplane::controllers::pods::{self, number_at, set_nonzero};
use crate::controlplane::controllers::{Note, Step, View, conditions};
use crate::controlplane::object::Object;
use crate::controlplane::storage::Stored;

/// How a Job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    is_success: bool,
    reason: &'static str,
    message: &'static str,
}

const COMPLETE: Verdict =
    Verdict { is_success: true, reason: "CompletionsReached", message: "Reached expected number of succeeded pods" };
const BACK_OFF_LIMIT: Verdict = Verdict {
    is_success: false,
    reason: "BackoffLimitExceeded",
    message: "Job has reached the specified backoff limit",
};
const DEADLINE: Verdict =
    Verdict { is_success: false, reason: "DeadlineExceeded", message: "Job was active longer than specified deadline" };

/// Whether a Job is over.
pub(in crate::controlplane::controllers) fn is_finished(job: &Value) -> bool {
    has(job, "Complete") || has(job, "Failed")
}

/// Deletes a Job whose time to live is over.
pub(super) fn expire(view: &View, job: &Value, step: &mut Step) {
    let Some(ttl) = job.at(&["spec", "ttlSecondsAfterFinished"]).and_then(Value::as_i64) else { return };
    let finished = ["Complete", "Failed"].into_iter().find(|condition| has(job, condition));
    let finished = finished.and_then(|condition| conditions::find(job, condition));
    let at = finished.and_then(|condition| conditions::time_at(condition, &["lastTransitionTime"]));
    let Some(at) = at.filter(|_| job.deletion_timestamp().is_none()) else { return };
    let left = ttl as f64 - view.now().duration_since(at).as_secs_f64();
    if left > 0.0 {
        step.requeue(Duration::from_secs_f64(left));
    } else {
        step.delete(&JOB.gvr(), job, Some("Foreground"));
    }
}

/// Whether a Job is to have no pods for now.
pub(super) fn is_suspended(job: &Value) -> bool {
    job.at(&["spec", "suspend"]) == Some(&Value::Bool(true))
}

/// Returns the status with a changed Suspended condition, if it has to change.
pub(super) fn sync_suspended(view: &View, job: &Value, step: &mut Step) -> Option<Value> {
    let (status, reason, message, event) = match (is_suspended(job), conditions::find(job, "Suspended")) {
        (true, _) if has(job, "Suspended") => return None,
        (true, _) => ("True", "JobSuspended", "Job suspended", "Suspended"),
        (false, Some(_)) if has(job, "Suspended") => ("False", "JobResumed", "Job resumed", "Resumed"),
        (false, _) => return None,
    };
    let mut updated = job.get("status").cloned().unwrap_or_else(|| json!({}));
    let mut list = conditions::of(job);
    conditions::set(&mut list, condition(view, "Suspended", status, reason, message));
    updated["conditions"] = list.into();
    if is_suspended(job) {
        updated.as_object_mut().map(|status| status.shift_remove("startTime"));
    }
    step.event(Note::normal(COMPONENT, job, event, message));
    Some(in_order(&updated))
}

/// Returns how the Job ends, if it does; asks to look again when its deadline comes.
pub(super) fn judge(
    view: &View,
    job: &Value,
    owned: &[Arc<Stored>],
    counted: &Counted,
    step: &mut Step,
) -> Option<Verdict> {
    if let Some(verdict) = earlier_verdict(job) {
        return Some(verdict);
    }
    if is_suspended(job) {
        return None;
    }
    let limit = number_at(job, &["spec", "backoffLimit"], 6);
    if counted.failed > limit || exceeds_restarts(job, owned, limit) {
        return Some(BACK_OFF_LIMIT);
    }
    if let Some(left) = time_left(view, job) {
        if left.is_zero() {
            return Some(DEADLINE);
        }
        step.requeue(left);
    }
    let active = owned.iter().filter(|pod| pods::is_active(&pod.value)).count();
    let is_complete = match job.at(&["spec", "completions"]).and_then(Value::as_i64) {
        None => counted.succeeded > 0 && active == 0,
        Some(completions) => counted.succeeded >= completions,
    };
    is_complete.then_some(COMPLETE)
}

/// Returns the verdict that stands in the status already.
fn earlier_verdict(job: &Value) -> Option<Verdict> {
    if has(job, "SuccessCriteriaMet") {
        return Some(COMPLETE);
    }
    let target = conditions::find(job, "FailureTarget")?;
    Some(if target.text_at(&["reason"]) == DEADLINE.reason { DEADLINE } else { BACK_OFF_LIMIT })
}

/// Whether the containers of pods that are restarted in place have failed too often.
fn exceeds_restarts(job: &Value, owned: &[Arc<Stored>], limit: i64) -> bool {
    if job.text_at(&["spec", "template", "spec", "restartPolicy"]) != "OnFailure" {
        return false;
    }
    let unfinished = owned.iter().filter(|pod| matches!(pods::phase(&pod.value), "Running" | "Pending"));
    let statuses = unfinished.filter_map(|pod| pod.value.at(&["status", "containerStatuses"])?.as_array()).flatten();
    let restarts: i64 = statuses.map(|status| number_at(status, &["restartCount"], 0)).sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn time_left(view: &View, job: &Value) -> Option<Duration> {
    let deadline = job.at(&["spec", "activeDeadlineSeconds"])?.as_i64()?;
    let start = conditions::time_at(job, &["status", "startTime"])?;
    let left = deadline as f64 - view.now().duration_since(start).as_secs_f64();
    Some(Duration::from_secs_f64(left.max(0.0)))
}

/// Returns the status of a Job.
pub(super) fn calculate(
    view: &View,
    job: &Value,
    owned: &[Arc<Stored>],
    counted: &Counted,
    verdict: Option<Verdict>,
    step: &mut Step,
) -> Value {
    let count = |judge: &dyn Fn(&Value) -> bool| {
        i64::try_from(owned.iter().filter(|pod| judge(&pod.value)).count()).unwrap_or(i64::MAX)
    };
    let (active, terminating) = (count(&pods::is_active), count(&pods::is_terminating));
    let mut status = json!({"conditions": conditions::of(job)});
    let start = job.at(&["status", "startTime"]).cloned();
    if let Some(start) = start.or_else(|| (!is_suspended(job)).then(|| view.env.now_text().into())) {
        status["startTime"] = start;
    }
    set_nonzero(&mut status, "active", active);
    set_nonzero(&mut status, "succeeded", counted.final_succeeded);
    set_nonzero(&mut status, "failed", counted.final_failed);
    status["terminating"] = terminating.into();
    if indexes::is_indexed(job) && !counted.indexes.is_empty() {
        status["completedIndexes"] = indexes::format(&counted.indexes).into();
    }
    status["uncountedTerminatedPods"] = json!({});
    for (field, uids) in [("succeeded", &counted.uncounted_succeeded), ("failed", &counted.uncounted_failed)] {
        if !uids.is_empty() {
            status["uncountedTerminatedPods"][field] = json!(uids);
        }
    }
    status["ready"] = count(&|pod| pods::is_active(pod) && pods::is_ready(pod)).into();
    let all_counted = counted.uncounted_succeeded.is_empty() && counted.uncounted_failed.is_empty();
    if let Some(verdict) = verdict {
        pronounce(view, job, verdict, all_counted && active == 0 && terminating == 0, &mut status, step);
    }
    in_order(&status)
}

/// Says how the Job ends: at once as a criterion, and for good when all its pods have ended and are counted.
fn pronounce(view: &View, job: &Value, verdict: Verdict, is_final: bool, status: &mut Value, step: &mut Step) {
    let Verdict { is_success, reason, message } = verdict;
    let [criterion, end] = if is_success { ["SuccessCriteriaMet", "Complete"] } else { ["FailureTarget", "Failed"] };
    let mut list = conditions::of(job);
    conditions::set(&mut list, condition(view, criterion, "True", reason, message));
    if let Some(current) = conditions::find(job, criterion) {
        // The criterion keeps the time at which it was first met.
        list.iter_mut().filter(|other| other.get("type") == current.get("type")).for_each(|c| *c = current.clone());
    }
    if is_final {
        conditions::set(&mut list, condition(view, end, "True", reason, message));
        if is_success {
            status["completionTime"] = view.env.now_text().into();
            step.event(Note::normal(COMPONENT, job, "Completed", "Job completed"));
        } else {
            step.event(Note::warning(COMPONENT, job, reason, message));
        }
    }
    status["conditions"] = list.into();
}

/// Returns a status with its fields in the order of upstream's struct and without what is empty.
fn in_order(status: &Value) -> Value {
    let mut ordered = json!({});
    for field in [
        "conditions",
        "startTime",
        "completionTime",
        "active",
        "succeeded",
        "failed",
        "terminating",
        "completedIndexes",
        "uncountedTerminatedPods",
        "ready",
    ] {
        match status.get(field) {
            Some(Value::Array(list)) if list.is_empty() => {}
            Some(value) => ordered[field] = value.clone(),
            None => {}
        }
    }
    ordered
}
