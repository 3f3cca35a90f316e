//! Gives pods a node.
//!
//! Looks at what a node and a pod say of each other (readiness, `unschedulable`, `nodeSelector`, required node
//! affinity, taints), never at resources: the nodes are made up. Source: `pkg/scheduler/schedule_one.go`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kind::{NODE, POD};
use super::{Actor, Controller, Note, Step, View, WorkKey, Write, conditions, pods, selector};
use crate::controlplane::object::Object;
use crate::controlplane::storage::{Change, ChangeType, Stored};

const COMPONENT: &str = "default-scheduler";

/// The scheduler of pods.
#[derive(Debug)]
pub(super) struct PodScheduler;

impl Controller for PodScheduler {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn actor(&self) -> Actor {
        Actor { user: "system:kube-scheduler", field_manager: "kube-scheduler" }
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if POD.changed(change) && change.change_type != ChangeType::Deleted && is_unscheduled(&change.object.value) {
            return vec![WorkKey::of(change)];
        }
        if NODE.changed(change) {
            let pods = view.list(&POD.resource());
            let unscheduled = pods.objects.iter().filter(|(_, pod)| is_unscheduled(&pod.value));
            return unscheduled.map(|(key, _)| POD.key(&key.namespace, &key.name)).collect();
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key).filter(|stored| is_unscheduled(&stored.value)) else { return step };
        let pod = &stored.value;
        if pod.at(&["spec", "schedulingGates"]).and_then(Value::as_array).is_some_and(|gates| !gates.is_empty()) {
            let message = "Scheduling is blocked due to non-empty scheduling gates";
            set_unscheduled(view, pod, "SchedulingGated", message, &mut step);
            return step;
        }
        let nodes = view.list(&NODE.resource());
        match nodes.objects.values().map(|node| why_not(&node.value, pod)).position(|why| why.is_none()) {
            Some(place) => {
                if let Some(node) = nodes.objects.values().nth(place) {
                    bind(pod, node.value.name(), &mut step);
                }
            }
            None => {
                let message = explain(nodes.objects.values(), pod);
                if set_unscheduled(view, pod, "Unschedulable", &message, &mut step) {
                    step.event(Note::warning(COMPONENT, pod, "FailedScheduling", message));
                }
            }
        }
        step
    }
}

fn is_unscheduled(pod: &Value) -> bool {
    pod.text_at(&["spec", "nodeName"]).is_empty()
        && pod.text_at(&["spec", "schedulerName"]) == COMPONENT
        && pods::is_active(pod)
}

fn bind(pod: &Value, node: &str, step: &mut Step) {
    let binding = json!({
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": pod.name(), "namespace": pod.namespace(), "uid": pod.uid()},
        "target": {"kind": "Node", "name": node},
    });
    step.write(Write::Create { gvr: POD.gvr(), object: binding, subresource: Some("binding") });
    let message = format!("Successfully assigned {}/{} to {node}", pod.namespace(), pod.name());
    step.event(Note::normal(COMPONENT, pod, "Scheduled", message));
}

/// Says in the status why a pod has no node. Returns whether that is new.
fn set_unscheduled(view: &View, pod: &Value, reason: &str, message: &str, step: &mut Step) -> bool {
    let mut list = conditions::of(pod);
    let mut condition = conditions::new("PodScheduled", "False", reason, message, &view.env.now_text());
    condition["lastProbeTime"] = Value::Null;
    condition["observedGeneration"] = pod.generation().into();
    conditions::set(&mut list, condition);
    if list == conditions::of(pod) {
        return false;
    }
    let mut updated = pod.clone();
    updated.set(&["status", "conditions"], list);
    step.update_status(&POD.gvr(), updated);
    true
}

/// Whether a node is one for a pod of a DaemonSet, ready or not.
pub(super) fn fits_for_daemon(node: &Value, pod: &Value) -> bool {
    fits_selector(node, pod) && fits_affinity(node, pod) && untolerated(node, pod).is_none()
}

/// Returns why a pod cannot go to a node; `None` when it can.
fn why_not(node: &Value, pod: &Value) -> Option<String> {
    if node.at(&["spec", "unschedulable"]) == Some(&Value::Bool(true)) {
        return Some("node(s) were unschedulable".to_owned());
    }
    if !conditions::is(node, "Ready", "True") {
        return Some("node(s) were not ready".to_owned());
    }
    if !fits_selector(node, pod) || !fits_affinity(node, pod) {
        return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    let taint = untolerated(node, pod)?;
    let (key, value) = (taint.text_at(&["key"]), taint.text_at(&["value"]));
    Some(format!("node(s) had untolerated taint(s) {{{key}: {value}}}"))
}

fn untolerated<'a>(node: &'a Value, pod: &Value) -> Option<&'a Value> {
    let taints = node.at(&["spec", "taints"]).and_then(Value::as_array);
    taints.into_iter().flatten().find(|taint| !is_tolerated(taint, pod))
}

fn fits_selector(node: &Value, pod: &Value) -> bool {
    let selector = pod.at(&["spec", "nodeSelector"]).and_then(Value::as_object);
    selector
        .into_iter()
        .flatten()
        .all(|(key, value)| node.label(key).is_some_and(|label| Some(label) == value.as_str()))
}

fn fits_affinity(node: &Value, pod: &Value) -> bool {
    let path =
        ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];
    let Some(terms) = pod.at(&path).and_then(Value::as_array) else { return true };
    let fits = |term: &Value| {
        let requirements = |field| term.get(field).and_then(Value::as_array).into_iter().flatten();
        requirements("matchExpressions").all(|one| selector::satisfies(one, node.label(one.text_at(&["key"]))))
            && requirements("matchFields").all(|one| selector::satisfies(one, Some(node.name())))
    };
    terms.iter().any(fits)
}

fn is_tolerated(taint: &Value, pod: &Value) -> bool {
    if taint.text_at(&["effect"]) == "PreferNoSchedule" {
        return true;
    }
    let tolerations = pod.at(&["spec", "tolerations"]).and_then(Value::as_array);
    tolerations.into_iter().flatten().any(|toleration| {
        let same = |field| toleration.text_at(&[field]) == taint.text_at(&[field]);
        let is_any = |field| toleration.text_at(&[field]).is_empty();
        let key_fits = is_any("key") && toleration.text_at(&["operator"]) == "Exists" || same("key");
        (is_any("effect") || same("effect"))
            && key_fits
            && (toleration.text_at(&["operator"]) == "Exists" || same("value"))
    })
}

fn explain<'a>(nodes: impl Iterator<Item = &'a Arc<Stored>>, pod: &Value) -> String {
    let mut reasons = std::collections::BTreeMap::<String, usize>::new();
    let mut count = 0;
    for node in nodes {
        count += 1;
        if let Some(why) = why_not(&node.value, pod) {
            *reasons.entry(why).or_default() += 1;
        }
    }
    if count == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let reasons: Vec<_> = reasons.iter().map(|(why, count)| format!("{count} {why}")).collect();
    format!("0/{count} nodes are available: {}.", reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(node: Value, pod: Value, expected: Option<&str>) {
        let mut full = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        full["metadata"] = json!({"name": "n", "labels": {"disk": "ssd"}});
        full["spec"] = node;
        assert_eq!(why_not(&full, &json!({"spec": pod})).as_deref(), expected);
    }

    #[test]
    fn a_pod_goes_where_node_and_pod_agree() {
        let taint = json!({"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]});
        check(json!({}), json!({}), None);
        check(json!({}), json!({"nodeSelector": {"disk": "ssd"}}), None);
        let mismatch = Some("node(s) didn't match Pod's node affinity/selector");
        check(json!({}), json!({"nodeSelector": {"disk": "hdd"}}), mismatch);
        check(json!({"unschedulable": true}), json!({}), Some("node(s) were unschedulable"));
        check(taint.clone(), json!({}), Some("node(s) had untolerated taint(s) {gpu: yes}"));
        check(taint.clone(), json!({"tolerations": [{"key": "gpu", "operator": "Exists"}]}), None);
        check(taint, json!({"tolerations": [{"operator": "Exists"}]}), None);
    }
}
