//! What a StatefulSet says of itself.

use serde_json::{Value, json};

use super::super::kind::STATEFUL_SET;
use super::super::pods::{self, Availability, number_at, set_nonzero};
use super::super::revisions::Revisions;
use super::super::{Step, View};
use super::identity;
use crate::controlplane::object::Object;

/// Brings the status up to date.
pub(super) fn sync(view: &View, set: &Value, owned: &[&Value], revisions: &Revisions, step: &mut Step) {
    let update = revisions.current().name();
    let current = set.text_at(&["status", "currentRevision"]);
    let current = if revisions.find(current).is_some() { current } else { update };
    let min_ready_seconds = number_at(set, &["spec", "minReadySeconds"], 0);
    let live: Vec<_> = owned.iter().filter(|pod| !pods::is_finished(pod)).collect();
    let count = |judge: &dyn Fn(&Value) -> bool| live.iter().filter(|pod| judge(pod)).count() as i64;
    let is_ready = |pod: &Value| pods::phase(pod) == "Running" && pods::is_ready(pod);
    let is_available = |pod: &Value| pods::availability(pod, min_ready_seconds, view.now()) == Availability::Yes;
    let is_at =
        |pod: &Value, revision: &str| pod.deletion_timestamp().is_none() && identity::revision_of(pod) == revision;
    let replicas = count(&|_| true);
    let (ready, updated) = (count(&is_ready), count(&|pod| is_at(pod, update)));
    let is_done = updated == replicas && ready == replicas && replicas == number_at(set, &["spec", "replicas"], 1);
    let current = if is_done { update } else { current };
    let mut status = json!({});
    set_nonzero(&mut status, "observedGeneration", set.generation());
    status["replicas"] = replicas.into();
    set_nonzero(&mut status, "readyReplicas", ready);
    set_nonzero(&mut status, "currentReplicas", count(&|pod| is_at(pod, current)));
    set_nonzero(&mut status, "updatedReplicas", updated);
    status["currentRevision"] = current.into();
    status["updateRevision"] = update.into();
    status["collisionCount"] = set.at(&["status", "collisionCount"]).cloned().unwrap_or_else(|| 0.into());
    status["availableReplicas"] = count(&is_available).into();
    for pod in &live {
        if let Availability::After(wait) = pods::availability(pod, min_ready_seconds, view.now()) {
            step.requeue(wait);
        }
    }
    if set.get("status") != Some(&status) {
        let mut updated = set.clone();
        updated["status"] = status;
        step.update_status(&STATEFUL_SET.gvr(), updated);
    }
}
