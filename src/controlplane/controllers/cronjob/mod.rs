//! CronJobs: a Job whenever it is time.
//!
//! Source: `pkg/controller/cronjob/{cronjob_controllerv2,utils}.go`.

mod schedule;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kind::{CRON_JOB, JOB, controller_manager};
use super::pods::{controller_reference, number_at};
use super::{Actor, Controller, Note, Step, View, WorkKey, conditions, job, pods};
use crate::controlplane::object::Object;
use crate::controlplane::storage::Change;
use schedule::Schedule;

const COMPONENT: &str = "cronjob-controller";
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// How many times may be missed before somebody is told.
const MANY: usize = 100;

/// The CronJob controller.
#[derive(Debug)]
pub(super) struct CronJobController;

impl Controller for CronJobController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:cronjob-controller")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if CRON_JOB.changed(change) {
            return vec![WorkKey::of(change)];
        }
        if JOB.changed(change) && change.object.value.controller_reference().is_some() {
            return pods::keys_of_owners(view, CRON_JOB, change);
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        let cron = &stored.value;
        let resource = JOB.resource();
        let jobs: Vec<&Value> = view.controlled(cron.uid(), &resource).map(|job| &job.value).collect();
        sync_status(cron, &jobs, &mut step);
        clean_up(cron, &jobs, &mut step);
        let is_suspended = cron.at(&["spec", "suspend"]) == Some(&Value::Bool(true));
        if step.is_empty() && cron.deletion_timestamp().is_none() && !is_suspended {
            start_when_due(view, cron, &jobs, &mut step);
        }
        step
    }
}

/// Brings the list of active Jobs up to date, and tells of those that have ended.
fn sync_status(cron: &Value, jobs: &[&Value], step: &mut Step) {
    let mut status = cron.get("status").cloned().unwrap_or_else(|| json!({}));
    let active = status.get("active").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_listed = |job: &Value| active.iter().any(|other| other.text_at(&["uid"]) == job.uid());
    for job in jobs.iter().filter(|job| job::is_finished(job) && is_listed(job)) {
        let end = if conditions::is(job, "Complete", "True") { "Complete" } else { "Failed" };
        let message = format!("Saw completed job: {}, condition: {end}", job.name());
        step.event(Note::normal(COMPONENT, cron, "SawCompletedJob", message));
    }
    let unfinished: Vec<Value> = jobs.iter().filter(|job| !job::is_finished(job)).map(|job| reference(job)).collect();
    let same = |left: &Value, right: &Value| left.text_at(&["uid"]) == right.text_at(&["uid"]);
    let is_same =
        unfinished.len() == active.len() && unfinished.iter().all(|one| active.iter().any(|other| same(one, other)));
    if !is_same {
        status["active"] = unfinished.into();
    }
    if status.get("active").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        status.as_object_mut().map(|status| status.shift_remove("active"));
    }
    let scheduled = jobs.iter().filter_map(|job| job.annotation(SCHEDULED)?.parse::<Timestamp>().ok()).max();
    let completed = jobs.iter().filter(|job| conditions::is(job, "Complete", "True"));
    let completed = completed.filter_map(|job| conditions::time_at(job, &["status", "completionTime"])).max();
    for (field, time) in [("lastScheduleTime", scheduled), ("lastSuccessfulTime", completed)] {
        if let Some(time) = time.filter(|time| conditions::time_at(&status, &[field]).is_none_or(|last| last < *time)) {
            status[field] = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        }
    }
    if cron.get("status").unwrap_or(&json!({})) != &status {
        let mut updated = cron.clone();
        updated["status"] = status;
        step.update_status(&CRON_JOB.gvr(), updated);
    }
}

fn reference(job: &Value) -> Value {
    json!({
        "kind": "Job", "namespace": job.namespace(), "name": job.name(), "uid": job.uid(), "apiVersion": "batch/v1",
        "resourceVersion": job.text_at(&["metadata", "resourceVersion"]),
    })
}

/// Deletes the oldest finished Jobs beyond the limits of the history.
fn clean_up(cron: &Value, jobs: &[&Value], step: &mut Step) {
    for (condition, field, default) in
        [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)]
    {
        let limit = usize::try_from(number_at(cron, &["spec", field], default)).unwrap_or(0);
        let mut ended: Vec<_> = jobs.iter().filter(|job| conditions::is(job, condition, "True")).collect();
        let excess = ended.len().saturating_sub(limit);
        ended.sort_by_key(|job| (job.text_at(&["status", "startTime"]), job.name()));
        for job in ended.into_iter().take(excess).filter(|job| job.deletion_timestamp().is_none()) {
            delete(cron, job, step);
        }
    }
}

fn delete(cron: &Value, job: &Value, step: &mut Step) {
    step.delete(&JOB.gvr(), job, Some("Background"));
    let message = format!("Deleted job {}", job.name());
    step.event(Note::normal(COMPONENT, cron, "SuccessfulDelete", message));
}

fn start_when_due(view: &View, cron: &Value, jobs: &[&Value], step: &mut Step) {
    let zone = cron.at(&["spec", "timeZone"]).and_then(Value::as_str);
    let text = cron.text_at(&["spec", "schedule"]);
    let schedule = match Schedule::parse(text, zone) {
        Ok(schedule) => schedule,
        Err(error) => {
            let message = format!("unparseable schedule: {text:?} : {error}");
            return step.event(Note::warning(COMPONENT, cron, "UnparseableSchedule", message));
        }
    };
    let now = view.now();
    if let Some(next) = schedule.next(now) {
        step.requeue(duration(now, next) + Duration::from_millis(100));
    }
    let Some((due, missed)) = latest_due(cron, &schedule, now) else { return };
    let last = conditions::time_at(cron, &["status", "lastScheduleTime"]);
    if last.is_some_and(|last| last >= due) {
        return;
    }
    if missed > MANY {
        let message = format!(
            "too many missed start times: {missed}. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        );
        step.event(Note::warning(COMPONENT, cron, "TooManyMissedTimes", message));
    }
    let deadline = cron.at(&["spec", "startingDeadlineSeconds"]).and_then(Value::as_i64);
    if deadline.is_some_and(|deadline| now.duration_since(due).as_secs() > deadline) {
        let message = format!("Missed scheduled time to start a job: {}", due.strftime("%a, %d %b %Y %H:%M:%S %z"));
        return step.event(Note::warning(COMPONENT, cron, "MissSchedule", message));
    }
    start(cron, jobs, due, step);
}

fn start(cron: &Value, jobs: &[&Value], due: Timestamp, step: &mut Step) {
    let active: Vec<_> = jobs.iter().filter(|job| !job::is_finished(job)).collect();
    match cron.text_at(&["spec", "concurrencyPolicy"]) {
        "Forbid" if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            return step.event(Note::normal(COMPONENT, cron, "JobAlreadyActive", message));
        }
        "Replace" => active.into_iter().for_each(|job| delete(cron, job, step)),
        _ => {}
    }
    let job = new_job(cron, due);
    if jobs.iter().any(|other| other.name() == job.name()) {
        return;
    }
    let message = format!("Created job {}", job.name());
    step.create(&JOB.gvr(), job);
    step.event(Note::normal(COMPONENT, cron, "SuccessfulCreate", message));
}

/// Returns the last time up to now at which a Job was due, and how many there have been since the last one.
fn latest_due(cron: &Value, schedule: &Schedule, now: Timestamp) -> Option<(Timestamp, usize)> {
    let last = conditions::time_at(cron, &["status", "lastScheduleTime"]);
    let mut from = last.or_else(|| conditions::time_at(cron, &["metadata", "creationTimestamp"]))?;
    if let Some(deadline) = cron.at(&["spec", "startingDeadlineSeconds"]).and_then(Value::as_i64) {
        from = from.max(now.checked_sub(jiff::SignedDuration::from_secs(deadline)).unwrap_or(from));
    }
    let times = std::iter::successors(schedule.next(from), |time| schedule.next(*time));
    let due: Vec<_> = times.take_while(|time| *time <= now).take(100_000).collect();
    due.last().map(|time| (*time, due.len()))
}

fn new_job(cron: &Value, due: Timestamp) -> Value {
    let template = |field| cron.at(&["spec", "jobTemplate", "metadata", field]).cloned();
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": format!("{}-{}", cron.name(), due.as_second() / 60),
            "namespace": cron.namespace(),
        },
        "spec": cron.at(&["spec", "jobTemplate", "spec"]),
    });
    if let Some(labels) = template("labels") {
        job.set(&["metadata", "labels"], labels);
    }
    job.set(&["metadata", "annotations"], template("annotations").unwrap_or_else(|| json!({})));
    job.set(&["metadata", "annotations", SCHEDULED], due.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    job.set(&["metadata", "ownerReferences"], json!([controller_reference(CRON_JOB, cron)]));
    job
}

fn duration(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
