//! The order in which pods of a StatefulSet come, go and are replaced.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::kind::POD;
use super::super::pods::{self, Availability, number_at};
use super::super::revisions::Revisions;
use super::super::{Step, View};
use super::{COMPONENT, Note, identity};
use crate::controlplane::object::Object;

/// Asks for the next pods to be made or deleted. One at a time, unless `podManagementPolicy` is `Parallel`.
pub(super) fn sync(view: &View, set: &Value, owned: &[&Value], revisions: &Revisions, step: &mut Step) {
    let by_ordinal: BTreeMap<i64, &Value> =
        owned.iter().filter_map(|pod| Some((identity::ordinal_of(set, pod)?, *pod))).collect();
    let first = identity::start(set);
    let wanted = first..first + number_at(set, &["spec", "replicas"], 1);
    let is_parallel = set.text_at(&["spec", "podManagementPolicy"]) == "Parallel";
    for ordinal in wanted.clone() {
        let is_settled = match by_ordinal.get(&ordinal) {
            None => {
                create(view, set, revisions, ordinal, step);
                false
            }
            Some(pod) if pods::is_finished(pod) => {
                replace_finished(set, pod, step);
                false
            }
            Some(pod) => pod.deletion_timestamp().is_none() && is_available(view, set, pod, step),
        };
        if !is_settled && !is_parallel {
            return;
        }
    }
    let condemned = by_ordinal.iter().rev().filter(|(ordinal, _)| !wanted.contains(ordinal));
    for (_, pod) in condemned {
        if pod.deletion_timestamp().is_none() {
            delete(set, pod, step);
        }
        if !is_parallel {
            return;
        }
    }
    if step.is_empty() && set.text_at(&["spec", "updateStrategy", "type"]) != "OnDelete" {
        update(view, set, &by_ordinal, revisions, step);
    }
}

fn is_available(view: &View, set: &Value, pod: &Value, step: &mut Step) -> bool {
    match pods::availability(pod, number_at(set, &["spec", "minReadySeconds"], 0), view.now()) {
        Availability::Yes => true,
        Availability::No => false,
        Availability::After(wait) => {
            step.requeue(wait);
            false
        }
    }
}

/// Returns the lowest ordinal that is updated.
fn partition(set: &Value) -> i64 {
    number_at(set, &["spec", "updateStrategy", "rollingUpdate", "partition"], 0)
}

/// Returns the revision that a new pod gets: the old one below the partition, the new one from there.
fn revision_for<'a>(set: &Value, revisions: &'a Revisions, ordinal: i64) -> &'a Value {
    let is_rolling = set.text_at(&["spec", "updateStrategy", "type"]) != "OnDelete";
    let first = identity::start(set);
    let current = number_at(set, &["status", "currentReplicas"], 0);
    let has_bounds = set.at(&["spec", "updateStrategy", "rollingUpdate"]).is_some_and(|bounds| !bounds.is_null());
    let stays = if has_bounds { ordinal < first + partition(set) } else { ordinal < first + current };
    let old = revisions.find(set.text_at(&["status", "currentRevision"]));
    old.filter(|_| is_rolling && stays).unwrap_or_else(|| revisions.current())
}

fn create(view: &View, set: &Value, revisions: &Revisions, ordinal: i64, step: &mut Step) {
    identity::ensure_claims(view, set, ordinal, step);
    let pod = identity::new_pod(set, revision_for(set, revisions, ordinal), ordinal);
    let message = format!("create Pod {} in StatefulSet {} successful", pod.name(), set.name());
    step.create(&POD.gvr(), pod);
    step.event(Note::normal(COMPONENT, set, "SuccessfulCreate", message));
}

fn delete(set: &Value, pod: &Value, step: &mut Step) {
    step.delete(&POD.gvr(), pod, None);
    let message = format!("delete Pod {} in StatefulSet {} successful", pod.name(), set.name());
    step.event(Note::normal(COMPONENT, set, "SuccessfulDelete", message));
}

/// A pod that has run to its end is made anew.
fn replace_finished(set: &Value, pod: &Value, step: &mut Step) {
    if pod.deletion_timestamp().is_none() {
        let message = format!("StatefulSet {}/{} is recreating failed Pod {}", set.namespace(), set.name(), pod.name());
        step.event(Note::warning(COMPONENT, set, "RecreatingFailedPod", message));
        delete(set, pod, step);
    }
}

/// Deletes the last pod that is out of date, once all after it are well again.
fn update(view: &View, set: &Value, pods: &BTreeMap<i64, &Value>, revisions: &Revisions, step: &mut Step) {
    let first = identity::start(set) + partition(set);
    for pod in pods.range(first..).rev().map(|(_, pod)| *pod) {
        let is_outdated = identity::revision_of(pod) != revisions.current().name();
        if is_outdated && pod.deletion_timestamp().is_none() {
            return delete(set, pod, step);
        }
        if !is_available(view, set, pod, step) {
            return;
        }
    }
}
