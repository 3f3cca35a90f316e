//! Which pods a Job makes and deletes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::tracking::Counted;
use super::{COMPONENT, TRACKING, indexes};
use crate::controlplane::controllers::kind::{JOB, POD};
use crate::controlplane::controllers::pods::{self as pod, number_at};
use crate::controlplane::controllers::{Effect, Note, Step, View, Write, conditions};
use crate::controlplane::object::{Object, object_mut};
use crate::controlplane::storage::Stored;

/// How many pods one step makes at most; upstream's `MaxPodCreateDeletePerSync`.
const BURST: usize = 500;

const FIRST_BACK_OFF: i64 = 10;
const MAX_BACK_OFF: i64 = 600;

/// Whether a step makes or deletes pods.
pub(super) fn asks_for_pods(step: &Step) -> bool {
    step.effects.iter().any(|effect| matches!(effect, Effect::Write(Write::Create { .. } | Write::Delete { .. })))
}

/// Brings the number of active pods to what is wanted now.
pub(super) fn pods(view: &View, job: &Value, owned: &[Arc<Stored>], counted: &Counted, step: &mut Step) {
    let active: Vec<_> = owned.iter().map(|pod| &pod.value).filter(|pod| pod::is_active(pod)).collect();
    let running = i64::try_from(active.len()).unwrap_or(i64::MAX);
    let wanted = wanted(job, running, counted);
    if running > wanted {
        let excess = usize::try_from(running - wanted).unwrap_or(0);
        let mut active = active;
        active.sort_by(|left, right| pod::deletion_order(left, right));
        return active.into_iter().take(excess).for_each(|pod| delete(job, pod, step));
    }
    let mut missing = wanted - running;
    if job.text_at(&["spec", "podReplacementPolicy"]) == "Failed" {
        let terminating = owned.iter().filter(|pod| pod::is_terminating(&pod.value)).count();
        missing -= i64::try_from(terminating).unwrap_or(i64::MAX);
    }
    if missing <= 0 {
        return;
    }
    if let Some(wait) = back_off(view, owned) {
        return step.requeue(wait);
    }
    let missing = usize::try_from(missing).unwrap_or(0).min(BURST);
    if indexes::is_indexed(job) {
        let free = free_indexes(job, &active, &counted.indexes, missing);
        free.into_iter().for_each(|index| create(view, job, Some(index), step));
    } else {
        (0..missing).for_each(|_| create(view, job, None, step));
    }
}

/// Deletes all active pods.
pub(super) fn stop(job: &Value, owned: &[Arc<Stored>], step: &mut Step) {
    let active = owned.iter().map(|pod| &pod.value).filter(|pod| pod::is_active(pod));
    active.for_each(|pod| delete(job, pod, step));
}

fn wanted(job: &Value, running: i64, counted: &Counted) -> i64 {
    let parallelism = number_at(job, &["spec", "parallelism"], 1);
    match job.at(&["spec", "completions"]).and_then(Value::as_i64) {
        None if counted.succeeded > 0 => running,
        None => parallelism,
        Some(completions) => (completions - counted.succeeded).clamp(0, parallelism),
    }
}

fn free_indexes(job: &Value, active: &[&Value], done: &BTreeSet<i64>, count: usize) -> Vec<i64> {
    let taken: BTreeSet<_> = active.iter().filter_map(|pod| indexes::of(pod)).collect();
    let all = 0..number_at(job, &["spec", "completions"], 0);
    all.filter(|index| !taken.contains(index) && !done.contains(index)).take(count).collect()
}

/// Returns how long to wait before a new pod, after pods that failed with no success since.
fn back_off(view: &View, owned: &[Arc<Stored>]) -> Option<Duration> {
    let ended =
        |phase| owned.iter().map(|pod| &pod.value).filter(move |pod| pod::phase(pod) == phase).filter_map(finished_at);
    let last_success = ended("Succeeded").max();
    let failures: Vec<_> = ended("Failed").filter(|at| last_success.is_none_or(|success| *at > success)).collect();
    let last_failure = failures.iter().max()?;
    let doublings = u32::try_from(failures.len() - 1).unwrap_or(u32::MAX).min(10);
    let delay = (FIRST_BACK_OFF << doublings).min(MAX_BACK_OFF);
    let left = delay as f64 - view.now().duration_since(*last_failure).as_secs_f64();
    (left > 0.0).then(|| Duration::from_secs_f64(left))
}

fn finished_at(pod: &Value) -> Option<Timestamp> {
    let statuses = pod.at(&["status", "containerStatuses"]).and_then(Value::as_array);
    let times = statuses
        .into_iter()
        .flatten()
        .filter_map(|status| conditions::time_at(status, &["state", "terminated", "finishedAt"]));
    times.max().or_else(|| conditions::time_at(pod, &["metadata", "deletionTimestamp"]))
}

fn create(view: &View, job: &Value, index: Option<i64>, step: &mut Step) {
    let template = job.at(&["spec", "template"]).unwrap_or(&Value::Null);
    let mut pod = match index {
        None => pod::from_template(view, JOB, job, template),
        Some(index) => indexed_pod(view, job, template, index),
    };
    let mut finalizers: Vec<_> = pod.finalizers().into_iter().map(str::to_owned).collect();
    finalizers.push(TRACKING.to_owned());
    pod.set(&["metadata", "finalizers"], finalizers);
    let message = format!("Created pod: {}", pod.name());
    step.create(&POD.gvr(), pod);
    step.event(Note::normal(COMPONENT, job, "SuccessfulCreate", message));
}

fn indexed_pod(view: &View, job: &Value, template: &Value, index: i64) -> Value {
    let host = format!("{}-{index}", job.name());
    let base = format!("{host}-");
    let mut pod = pod::named_from_template(JOB, job, template, &pod::generated_name(view, &base));
    pod.set(&["metadata", "generateName"], base);
    for field in ["labels", "annotations"] {
        object_mut(pod.metadata_mut().entry(field).or_insert(Value::Null))
            .insert(INDEX.to_owned(), index.to_string().into());
    }
    if pod.text_at(&["spec", "hostname"]).is_empty() {
        pod.set(&["spec", "hostname"], host);
    }
    for list in ["initContainers", "containers"] {
        let containers = pod.get_mut("spec").and_then(|spec| spec.get_mut(list)).and_then(Value::as_array_mut);
        containers.into_iter().flatten().for_each(add_index_variable);
    }
    pod
}

use indexes::INDEX;

fn add_index_variable(container: &mut Value) {
    let variable = json!({
        "name": "JOB_COMPLETION_INDEX",
        "valueFrom": {"fieldRef": {"fieldPath": format!("metadata.labels['{INDEX}']")}},
    });
    let variables = object_mut(container).entry("env").or_insert_with(|| json!([]));
    if let Some(variables) = variables.as_array_mut()
        && !variables.iter().any(|other| other.get("name") == variable.get("name"))
    {
        variables.push(variable);
    }
}

fn delete(job: &Value, pod: &Value, step: &mut Step) {
    step.delete(&POD.gvr(), pod, None);
    let message = format!("Deleted pod: {}", pod.name());
    step.event(Note::normal(COMPONENT, job, "SuccessfulDelete", message));
}
