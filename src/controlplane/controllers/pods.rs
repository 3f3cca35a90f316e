//! What controllers of pods share: making a pod from a template, and judging its state.
//!
//! Source: `pkg/controller/controller_utils.go`, `pkg/api/v1/pod/util.go`.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::kind::{Kind, POD};
use super::{Step, View, conditions, selector};
use crate::controlplane::object::Object;
use crate::controlplane::storage::{Change, Stored};

/// How long the name that a suffix is appended to may be.
const MAX_GENERATED_BASE: usize = 58;

/// Returns the owner reference of a controller to its object.
pub(super) fn controller_reference(kind: Kind, owner: &Value) -> Value {
    json!({
        "apiVersion": kind.api_version(), "kind": kind.kind, "name": owner.name(), "uid": owner.uid(),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// Returns a pod made from `spec.template` of its owner, with a generated name.
pub(super) fn from_template(view: &View, kind: Kind, owner: &Value, template: &Value) -> Value {
    let base = format!("{}-", owner.name());
    let mut pod = named_from_template(kind, owner, template, &generated_name(view, &base));
    pod.set(&["metadata", "generateName"], base);
    pod
}

/// Returns a pod made from a template, with a given name.
pub(super) fn named_from_template(kind: Kind, owner: &Value, template: &Value, name: &str) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), name.into());
    metadata.insert("namespace".to_owned(), owner.namespace().into());
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.at(&["metadata", field]).filter(|value| !value.is_null()) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    metadata.insert("ownerReferences".to_owned(), json!([controller_reference(kind, owner)]));
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec")})
}

/// Returns a name as the API server generates one from `metadata.generateName`.
pub(super) fn generated_name(view: &View, base: &str) -> String {
    let end = (0..=MAX_GENERATED_BASE.min(base.len())).rev().find(|&end| base.is_char_boundary(end)).unwrap_or(0);
    format!("{}{}", &base[..end], view.env.suffix(5))
}

/// Returns the pods that an object controls, those that match its selector adopted and others released by `step`.
///
/// Source: `pkg/controller/controller_ref_manager.go`.
pub(super) fn claim(view: &View, kind: Kind, owner: &Value, step: &mut Step) -> Vec<Arc<Stored>> {
    claim_objects(view, kind, owner, POD, step)
}

/// Returns the objects of a kind that an object controls, as [`claim`] does for pods.
pub(super) fn claim_objects(
    view: &View,
    kind: Kind,
    owner: &Value,
    claimed: Kind,
    step: &mut Step,
) -> Vec<Arc<Stored>> {
    let resource = claimed.resource();
    let label_selector = owner.at(&["spec", "selector"]);
    let mut objects = Vec::new();
    for stored in view.controlled(owner.uid(), &resource) {
        if selector::matches(label_selector, &stored.value) {
            objects.push(stored.clone());
        } else if stored.value.deletion_timestamp().is_none() {
            release(owner, claimed, &stored.value, step);
        }
    }
    if owner.deletion_timestamp().is_none() && !selector::is_empty(label_selector) {
        for stored in view.orphans(&resource, owner.namespace()) {
            if stored.value.deletion_timestamp().is_none() && selector::matches(label_selector, &stored.value) {
                adopt(kind, owner, claimed, &stored.value, step);
            }
        }
    }
    objects
}

fn adopt(kind: Kind, owner: &Value, claimed: Kind, object: &Value, step: &mut Step) {
    let mut owners = object.owner_references().to_vec();
    owners.push(controller_reference(kind, owner));
    step.patch(&claimed.gvr(), object, json!({"metadata": {"ownerReferences": owners}}));
}

fn release(owner: &Value, claimed: Kind, object: &Value, step: &mut Step) {
    let others = object.owner_references().iter().filter(|other| other.text_at(&["uid"]) != owner.uid());
    let others: Vec<_> = others.cloned().collect();
    let others = if others.is_empty() { Value::Null } else { others.into() };
    step.patch(&claimed.gvr(), object, json!({"metadata": {"ownerReferences": others}}));
}

/// Returns the keys of the objects of a kind that a change to one of `claimed` concerns: its controllers before and
/// after, or, for an orphan, all those whose selector matches.
pub(super) fn keys_of_owners(view: &View, kind: Kind, change: &Change) -> Vec<super::WorkKey> {
    let owner = |stored: &Arc<Stored>| {
        stored
            .value
            .controller_reference()
            .filter(|reference| kind.owns(reference))
            .map(|reference| kind.key(stored.value.namespace(), reference.text_at(&["name"])))
    };
    let mut keys: Vec<_> = change.previous.iter().chain([&change.object]).filter_map(owner).collect();
    keys.dedup();
    if change.object.value.controller_reference().is_none() && change.object.value.deletion_timestamp().is_none() {
        keys.extend(keys_of_selecting(view, kind, &change.object.value));
    }
    keys
}

fn keys_of_selecting(view: &View, kind: Kind, object: &Value) -> Vec<super::WorkKey> {
    let owners = view.list(&kind.resource());
    let selecting = owners.in_namespace(Some(object.namespace())).filter(|owner| {
        let label_selector = owner.value.at(&["spec", "selector"]);
        !selector::is_empty(label_selector) && selector::matches(label_selector, object)
    });
    selecting.map(|owner| kind.key(owner.value.namespace(), owner.value.name())).collect()
}

/// Returns `status.phase`.
pub(super) fn phase(pod: &Value) -> &str {
    pod.text_at(&["status", "phase"])
}

/// Whether a pod has run to its end.
pub(super) fn is_finished(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether a pod counts for its controller: neither finished nor being deleted.
pub(super) fn is_active(pod: &Value) -> bool {
    !is_finished(pod) && pod.deletion_timestamp().is_none()
}

/// Whether a pod is being deleted and has not finished.
pub(super) fn is_terminating(pod: &Value) -> bool {
    !is_finished(pod) && pod.deletion_timestamp().is_some()
}

/// Whether a pod's `Ready` condition is true.
pub(super) fn is_ready(pod: &Value) -> bool {
    conditions::is(pod, "Ready", "True")
}

/// Whether a pod has been ready for `min_ready_seconds`; if it only has to wait, for how long.
pub(super) fn availability(pod: &Value, min_ready_seconds: i64, now: Timestamp) -> Availability {
    if !is_ready(pod) {
        return Availability::No;
    }
    if min_ready_seconds == 0 {
        return Availability::Yes;
    }
    let since = conditions::find(pod, "Ready").and_then(|ready| conditions::time_at(ready, &["lastTransitionTime"]));
    let Some(since) = since else { return Availability::No };
    let missing = min_ready_seconds as f64 - now.duration_since(since).as_secs_f64();
    if missing <= 0.0 { Availability::Yes } else { Availability::After(Duration::from_secs_f64(missing)) }
}

/// Whether a pod is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Availability {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// It will be if it stays ready this long.
    After(Duration),
}

/// Orders pods so that those to delete first come first.
///
/// Source: `ActivePodsWithRanks.Less` without ranks (one node) and with deletion cost.
pub(super) fn deletion_order(left: &Value, right: &Value) -> Ordering {
    let assigned = |pod: &Value| !pod.text_at(&["spec", "nodeName"]).is_empty();
    let progress = |pod: &Value| match phase(pod) {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let cost = |pod: &Value| -> i64 {
        pod.annotation("controller.kubernetes.io/pod-deletion-cost").and_then(|cost| cost.parse().ok()).unwrap_or(0)
    };
    let ready_since =
        |pod: &Value| conditions::find(pod, "Ready").map(|ready| ready.text_at(&["lastTransitionTime"]).to_owned());
    let created = |pod: &Value| pod.text_at(&["metadata", "creationTimestamp"]).to_owned();
    assigned(left)
        .cmp(&assigned(right))
        .then_with(|| progress(left).cmp(&progress(right)))
        .then_with(|| is_ready(left).cmp(&is_ready(right)))
        .then_with(|| cost(left).cmp(&cost(right)))
        .then_with(|| if is_ready(left) { ready_since(right).cmp(&ready_since(left)) } else { Ordering::Equal })
        .then_with(|| max_restarts(right).cmp(&max_restarts(left)))
        .then_with(|| created(right).cmp(&created(left)))
        .then_with(|| right.name().cmp(left.name()))
}

fn max_restarts(pod: &Value) -> i64 {
    let statuses = pod.at(&["status", "containerStatuses"]).and_then(Value::as_array);
    let counts = statuses.into_iter().flatten().filter_map(|status| status.get("restartCount").and_then(Value::as_i64));
    counts.max().unwrap_or(0)
}

/// Returns the number at a path, or a default.
pub(super) fn number_at(object: &Value, path: &[&str], default: i64) -> i64 {
    object.at(path).and_then(Value::as_i64).unwrap_or(default)
}

/// Sets a number that is left out when it is 0, as Go's `omitempty`.
pub(super) fn set_nonzero(status: &mut Value, field: &str, number: i64) {
    if number != 0 {
        status[field] = number.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_that_are_worth_least_are_deleted_first() {
        let pod = |name: &str, node: &str, ready: &str, cost: &str| {
            json!({
                "metadata": {"name": name, "annotations": {"controller.kubernetes.io/pod-deletion-cost": cost}},
                "spec": {"nodeName": node},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
            })
        };
        let mut pods = [
            pod("d", "n", "True", "5"),
            pod("c", "n", "True", "-5"),
            pod("b", "n", "False", "0"),
            pod("a", "", "False", "0"),
        ];
        pods.sort_by(deletion_order);
        assert_eq!(pods.iter().map(Object::name).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_pod_is_available_after_its_minimum_time() {
        let pod = json!({"status": {"conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:10Z"},
        ]}});
        let at = |seconds| Timestamp::from_second(seconds).expect("a small number");
        assert_eq!(availability(&pod, 0, at(10)), Availability::Yes);
        assert_eq!(availability(&pod, 5, at(12)), Availability::After(Duration::from_secs(3)));
        assert_eq!(availability(&pod, 5, at(15)), Availability::Yes);
        assert_eq!(availability(&json!({}), 5, at(15)), Availability::No);
    }
}
