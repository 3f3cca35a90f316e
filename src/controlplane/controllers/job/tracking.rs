//! Counting pods that have ended, each exactly once.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{TRACKING, indexes};
use crate::controlplane::controllers::Step;
use crate::controlplane::controllers::kind::POD;
use crate::controlplane::controllers::pods::{number_at, phase};
use crate::controlplane::object::Object;
use crate::controlplane::storage::Stored;

/// How many pods of a Job have ended.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// All that ended well, counted or not.
    pub(super) succeeded: i64,
    /// All that failed, counted or not.
    pub(super) failed: i64,
    /// Those that are in the status as numbers.
    pub(super) final_succeeded: i64,
    pub(super) final_failed: i64,
    /// UIDs on their way from a finalizer to a number.
    pub(super) uncounted_succeeded: Vec<String>,
    pub(super) uncounted_failed: Vec<String>,
    /// The completion indexes that are done.
    pub(super) indexes: BTreeSet<i64>,
}

/// Counts: UIDs whose pods have lost the finalizer become numbers, newly ended pods become UIDs.
pub(super) fn count(job: &Value, owned: &[Arc<Stored>]) -> Counted {
    let is_indexed = indexes::is_indexed(job);
    let mut counted = Counted {
        final_succeeded: number_at(job, &["status", "succeeded"], 0),
        final_failed: number_at(job, &["status", "failed"], 0),
        indexes: indexes::parse(job.text_at(&["status", "completedIndexes"])),
        ..Counted::default()
    };
    let tracked: BTreeSet<&str> =
        owned.iter().filter(|pod| is_tracked(&pod.value)).map(|pod| pod.value.uid()).collect();
    for uid in uncounted(job, "succeeded") {
        if tracked.contains(uid) {
            counted.uncounted_succeeded.push(uid.to_owned());
        } else if !is_indexed {
            counted.final_succeeded += 1;
        }
    }
    for uid in uncounted(job, "failed") {
        if tracked.contains(uid) {
            counted.uncounted_failed.push(uid.to_owned());
        } else {
            counted.final_failed += 1;
        }
    }
    for pod in owned.iter().map(|pod| &pod.value).filter(|pod| is_tracked(pod)) {
        match outcome(pod) {
            Some(Outcome::Succeeded) if is_indexed => drop(indexes::of(pod).map(|index| counted.indexes.insert(index))),
            Some(Outcome::Succeeded) => push_new(&mut counted.uncounted_succeeded, pod.uid()),
            Some(Outcome::Failed) => push_new(&mut counted.uncounted_failed, pod.uid()),
            None => {}
        }
    }
    if is_indexed {
        counted.final_succeeded = i64::try_from(counted.indexes.len()).unwrap_or(i64::MAX);
    }
    let length = |uids: &Vec<String>| i64::try_from(uids.len()).unwrap_or(i64::MAX);
    counted.succeeded = counted.final_succeeded + length(&counted.uncounted_succeeded);
    counted.failed = counted.final_failed + length(&counted.uncounted_failed);
    counted
}

fn push_new(uids: &mut Vec<String>, uid: &str) {
    if !uids.iter().any(|other| other == uid) {
        uids.push(uid.to_owned());
    }
}

/// How a pod has ended, as its Job counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    Failed,
}

/// Returns how a pod has ended. One that is being deleted counts as failed as soon as it was deleted.
fn outcome(pod: &Value) -> Option<Outcome> {
    match phase(pod) {
        "Succeeded" => Some(Outcome::Succeeded),
        "Failed" => Some(Outcome::Failed),
        _ if pod.deletion_timestamp().is_some() => Some(Outcome::Failed),
        _ => None,
    }
}

fn is_tracked(pod: &Value) -> bool {
    pod.finalizers().contains(&TRACKING)
}

fn uncounted<'a>(job: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    let uids = job.at(&["status", "uncountedTerminatedPods", field]).and_then(Value::as_array);
    uids.into_iter().flatten().filter_map(Value::as_str)
}

/// Takes the finalizer off the pods whose UIDs, or indexes, are in the status.
pub(super) fn release_counted(job: &Value, owned: &[Arc<Stored>], step: &mut Step) {
    let uids: BTreeSet<&str> = uncounted(job, "succeeded").chain(uncounted(job, "failed")).collect();
    let done = indexes::parse(job.text_at(&["status", "completedIndexes"]));
    for pod in owned.iter().map(|pod| &pod.value).filter(|pod| is_tracked(pod)) {
        let is_index_done = outcome(pod) == Some(Outcome::Succeeded)
            && indexes::is_indexed(job)
            && indexes::of(pod).is_some_and(|index| done.contains(&index));
        if uids.contains(pod.uid()) || is_index_done {
            release(pod, step);
        }
    }
}

/// Takes the finalizer off a pod.
pub(super) fn release(pod: &Value, step: &mut Step) {
    let left: Vec<_> = pod.finalizers().into_iter().filter(|finalizer| *finalizer != TRACKING).collect();
    let left = if left.is_empty() { Value::Null } else { json!(left) };
    step.patch(&POD.gvr(), pod, json!({"metadata": {"finalizers": left}}));
}
