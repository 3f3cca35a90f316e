//! Pods and pod templates.
//!
//! Source: `k8s.io/kubernetes/pkg/registry/core/pod/strategy.go`, Kubernetes 1.36.

mod change;
mod container;
mod defaults;
mod probe;
mod qos;
mod resources;
mod spec;
mod volume;

use serde_json::{Value, json};

use super::edit::Edit;
use super::kind::Kind;
use crate::controlplane::env::Env;
use crate::controlplane::object::Object;

pub(super) use defaults::template as default_template;
pub(super) use resources::validate_quantity;
pub(super) use spec::{validate_template, validate_tolerations};

/// Pods.
pub(super) const POD: Kind = Kind {
    generation: true,
    returns_deleted: true,
    defaults: defaults::pod,
    create,
    update,
    status_update,
    validate: spec::validate_pod,
    validate_update: change::validate_update,
    validate_status: change::validate_status,
    grace_period,
    ..Kind::PLAIN
};

/// Pod templates as objects of their own.
pub(super) const POD_TEMPLATE: Kind = Kind {
    generation: true,
    returns_deleted: true,
    defaults: defaults::template,
    validate: |object, found| validate_template(&object.get("template"), found),
    ..Kind::PLAIN
};

fn create(_env: &Env, pod: &mut Value) {
    let mut status = json!({"phase": "Pending", "qosClass": qos::class(pod)});
    if pod.at(&["spec", "schedulingGates"]).and_then(Value::as_array).is_some_and(|gates| !gates.is_empty()) {
        status["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "lastProbeTime": null, "lastTransitionTime": null,
            "reason": "SchedulingGated", "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    pod.put("status", status);
}

/// A pod keeps the class that it was given.
fn update(pod: &mut Value, old: &Value) {
    if let Some(class) = old.at(&["status", "qosClass"]).cloned() {
        pod.set(&["status", "qosClass"], class);
    }
}

/// A kubelet that forgets the class does not take it away.
fn status_update(pod: &mut Value, old: &Value) {
    let class = old.text_at(&["status", "qosClass"]);
    if !class.is_empty() && pod.text_at(&["status", "qosClass"]).is_empty() {
        pod.set(&["status", "qosClass"], class);
    }
}

/// Pods that run on no node, or no longer, need no time to end.
fn grace_period(pod: &Value, requested: Option<i64>) -> Option<i64> {
    let default = || pod.at(&["spec", "terminationGracePeriodSeconds"]).and_then(Value::as_i64);
    let period = requested.or_else(default).unwrap_or(0);
    let ended = matches!(pod.text_at(&["status", "phase"]), "Failed" | "Succeeded");
    let unscheduled = pod.text_at(&["spec", "nodeName"]).is_empty();
    Some(match period {
        _ if ended || unscheduled => 0,
        period if period < 0 => 1,
        period => period,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pods_on_a_node_get_time_to_end() {
        let pod = |node: &str, phase: &str| json!({"spec": {"nodeName": node, "terminationGracePeriodSeconds": 30}, "status": {"phase": phase}});
        assert_eq!(grace_period(&pod("", "Pending"), None), Some(0));
        assert_eq!(grace_period(&pod("n", "Running"), None), Some(30));
        assert_eq!(grace_period(&pod("n", "Running"), Some(5)), Some(5));
        assert_eq!(grace_period(&pod("n", "Running"), Some(-7)), Some(1));
        assert_eq!(grace_period(&pod("n", "Succeeded"), Some(5)), Some(0));
    }
}
