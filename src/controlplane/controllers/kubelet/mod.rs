//! The kubelet of the one made-up node: moves its pods through stages, and lets deleted ones go.
//!
//! No container ever runs. What happens to a pod stands in a small table ([`stages`]), which the annotation
//! `rop.dev/stage` of the pod changes. Readiness gates and probes are not looked at.
//! Source of texts: `pkg/kubelet/{kubelet_pods,status/generate}.go`, `pkg/kubelet/events/event.go`.

mod containers;
mod node;
mod stages;
mod status;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::kind::POD;
use super::{Actor, Controller, Note, Step, View, WorkKey, Write, pods};
use crate::controlplane::object::Object;
use crate::controlplane::storage::{Change, ChangeType, ObjectKey};
use stages::State;

pub(super) use node::NodeRegistration;

/// The name of the node.
pub(super) const NODE_NAME: &str = "rop";

/// The address of the node, which also is its pods' `hostIP`.
const NODE_ADDRESS: &str = "10.244.0.1";

const COMPONENT: &str = "kubelet";

/// How long containers take to stop.
const STOP_DELAY: Duration = Duration::from_millis(50);

const ACTOR: Actor = Actor { user: "system:node:rop", field_manager: "kubelet" };

/// The kubelet.
#[derive(Debug, Default)]
pub(super) struct Kubelet {
    /// How many pod addresses have been given out.
    addresses: AtomicU32,
}

impl Controller for Kubelet {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn actor(&self) -> Actor {
        ACTOR
    }

    /// Learns which addresses are taken.
    fn start(&self, view: &View) -> Vec<WorkKey> {
        let pods = view.list(&POD.resource());
        let taken = pods.objects.values().filter_map(|pod| number_of_address(pod.value.text_at(&["status", "podIP"])));
        self.addresses.fetch_max(taken.max().map_or(0, |last| last + 1), Ordering::Relaxed);
        Vec::new()
    }

    /// A change of nothing but the status is the kubelet's own, and no reason to hurry to the next stage.
    fn keys(&self, _view: &View, change: &Change) -> Vec<WorkKey> {
        let pod = &change.object.value;
        if !POD.changed(change) || change.change_type == ChangeType::Deleted || !is_here(pod) {
            return Vec::new();
        }
        let is_status_only = change.previous.as_ref().is_some_and(|previous| is_same_pod(&previous.value, pod));
        if is_status_only { Vec::new() } else { vec![WorkKey::of(change)] }
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key).filter(|stored| is_here(&stored.value)) else { return step };
        let pod = &stored.value;
        if pod.deletion_timestamp().is_some() {
            terminate(view, pod, &mut step);
            return step;
        }
        let state = State::of(pod);
        let Some(stage) = stages::next(pod, state) else { return step };
        let wait = stages::wait(pod, state, &stage, view.now());
        if !wait.is_zero() {
            step.requeue(wait);
            return step;
        }
        let mut updated = pod.clone();
        updated["status"] = status::at(view, pod, stage.to, || self.next_address());
        for note in containers::notes(pod, stage.to) {
            step.event(note);
        }
        let following = stages::next(&updated, stage.to).map(|following| following.delay);
        step.update_status(&POD.gvr(), updated);
        if let Some(delay) = following {
            step.requeue(delay);
        }
        step
    }
}

impl Kubelet {
    fn next_address(&self) -> String {
        address_of_number(self.addresses.fetch_add(1, Ordering::Relaxed))
    }
}

/// Pod addresses start at 10.244.0.2 and go up to 10.247.255.254.
const FIRST_ADDRESS: u32 = (10 << 24) + (244 << 16) + 2;
const ADDRESSES: u32 = (4 << 16) - 4;

fn address_of_number(number: u32) -> String {
    std::net::Ipv4Addr::from(FIRST_ADDRESS + number % ADDRESSES).to_string()
}

fn number_of_address(address: &str) -> Option<u32> {
    let address: std::net::Ipv4Addr = address.parse().ok()?;
    u32::from(address).checked_sub(FIRST_ADDRESS).filter(|number| *number < ADDRESSES)
}

fn is_here(pod: &Value) -> bool {
    pod.text_at(&["spec", "nodeName"]) == NODE_NAME
}

fn is_same_pod(left: &Value, right: &Value) -> bool {
    let metadata = |pod: &Value, field| pod.at(&["metadata", field]).cloned();
    left.get("spec") == right.get("spec")
        && ["annotations", "finalizers", "deletionTimestamp", "deletionGracePeriodSeconds"]
            .iter()
            .all(|field| metadata(left, field) == metadata(right, field))
}

/// Stops the containers, then tells the API server that the pod may go.
fn terminate(view: &View, pod: &Value, step: &mut Step) {
    let is_confirmed = pod.at(&["metadata", "deletionGracePeriodSeconds"]).and_then(Value::as_i64) == Some(0);
    if !pods::is_finished(pod) && (!pod.finalizers().is_empty() || State::of(pod) == State::Ready && !is_confirmed) {
        let mut updated = pod.clone();
        updated["status"] = status::at(view, pod, State::Stopped, String::new);
        for container in containers::names(pod) {
            let message = format!("Stopping container {container}");
            step.event(Note::normal(COMPONENT, pod, "Killing", message).about_container(container));
        }
        step.update_status(&POD.gvr(), updated);
        step.requeue(STOP_DELAY);
    } else if !is_confirmed {
        let options = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid()}});
        let key = ObjectKey::new(pod.namespace(), pod.name());
        step.write(Write::Delete { gvr: POD.gvr(), key, options });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_back_as_the_numbers_they_were_made_from() {
        for number in [0, 1, 253, 254, 70_000] {
            assert_eq!(number_of_address(&address_of_number(number)), Some(number));
        }
        assert_eq!(address_of_number(0), "10.244.0.2");
        assert_eq!(number_of_address("192.168.0.1"), None);
    }
}
