//! Pods, and how they are doing in one word.

use serde_json::Value;

use super::cells::{self, NONE, count, items, text_or};
use super::{AGE, CONTAINERS_DOC, Field, IMAGES_DOC, NAME, Printed, Text, text};
use crate::controlplane::duration;
use crate::controlplane::env::Env;
use crate::controlplane::object::Object;

pub(super) const POD: &[Printed] = &[
    NAME,
    text("Ready", Text("The aggregate readiness state of this pod for accepting traffic."), ready),
    text("Status", Text("The aggregate status of the containers in this pod."), |pod, _| summary(pod).into()),
    text(
        "Restarts",
        Text(
            "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
        ),
        restarts,
    ),
    AGE,
    text("IP", Field("core.v1.PodStatus", "podIP"), ip).wide(),
    text("Node", Field("core.v1.PodSpec", "nodeName"), |pod, _| text_or(pod, &["spec", "nodeName"], NONE)).wide(),
    text("Nominated Node", Field("core.v1.PodStatus", "nominatedNodeName"), |pod, _| {
        text_or(pod, &["status", "nominatedNodeName"], NONE)
    })
    .wide(),
    text("Readiness Gates", Field("core.v1.PodSpec", "readinessGates"), readiness_gates).wide(),
];

pub(super) const POD_TEMPLATE: &[Printed] = &[
    NAME,
    text("Containers", CONTAINERS_DOC, cells::template_containers),
    text("Images", IMAGES_DOC, cells::template_images),
    text("Pod Labels", Text("The labels for the pod template."), |template, _| {
        cells::pairs(template.at(&["template", "metadata", "labels"])).into()
    }),
];

fn ip(pod: &Value, _env: &Env) -> Value {
    match items(pod, &["status", "podIPs"]).next() {
        Some(ip) => text_or(ip, &["ip"], NONE),
        None => text_or(pod, &["status", "podIP"], NONE),
    }
}

/// Whether an init container of this name keeps running beside the others.
fn is_sidecar(pod: &Value, name: &str) -> bool {
    items(pod, &["spec", "initContainers"])
        .any(|container| container.text_at(&["name"]) == name && container.text_at(&["restartPolicy"]) == "Always")
}

fn is_ready(status: &Value) -> bool {
    status.get("ready") == Some(&Value::Bool(true))
}

fn ready(pod: &Value, _env: &Env) -> Value {
    let sidecars = items(pod, &["spec", "initContainers"])
        .filter(|container| container.text_at(&["restartPolicy"]) == "Always")
        .count();
    let total = cells::len(pod, &["spec", "containers"]) + sidecars;
    let running = |status: &&Value| is_ready(status) && status.at(&["state", "running"]).is_some();
    let containers = items(pod, &["status", "containerStatuses"]).filter(running).count();
    let ready_sidecars = items(pod, &["status", "initContainerStatuses"])
        .filter(|status| {
            is_sidecar(pod, status.text_at(&["name"]))
                && is_ready(status)
                && status.get("started") == Some(&Value::Bool(true))
        })
        .count();
    format!("{}/{total}", containers + ready_sidecars).into()
}

/// Says in one word (or nearly) how a pod is doing: as `kubectl get` has always said it.
fn summary(pod: &Value) -> String {
    let mut reason = match pod.text_at(&["status", "reason"]) {
        "" => pod.text_at(&["status", "phase"]).to_owned(),
        reason => reason.to_owned(),
    };
    let scheduled =
        items(pod, &["status", "conditions"]).find(|condition| condition.text_at(&["type"]) == "PodScheduled");
    if scheduled.is_some_and(|condition| condition.text_at(&["reason"]) == "SchedulingGated") {
        reason = "SchedulingGated".to_owned();
    }
    reason = match initializing(pod) {
        Some(reason) => reason,
        None => running(pod, reason),
    };
    match pod.deletion_timestamp() {
        None => reason,
        Some(_) if pod.text_at(&["status", "reason"]) == "NodeLost" => "Unknown".to_owned(),
        Some(_) if matches!(pod.text_at(&["status", "phase"]), "Failed" | "Succeeded") => reason,
        Some(_) => "Terminating".to_owned(),
    }
}

/// Returns the reason of the first init container that is not done.
fn initializing(pod: &Value) -> Option<String> {
    let total = cells::len(pod, &["spec", "initContainers"]);
    for (index, status) in items(pod, &["status", "initContainerStatuses"]).enumerate() {
        let (terminated, waiting) =
            (status.at(&["state", "terminated"]), status.text_at(&["state", "waiting", "reason"]));
        let started = status.get("started") == Some(&Value::Bool(true));
        let reason = match terminated {
            Some(terminated) if count(terminated, &["exitCode"]) == 0 => continue,
            _ if is_sidecar(pod, status.text_at(&["name"])) && started => continue,
            Some(terminated) => format!("Init:{}", ending(terminated)),
            None if !waiting.is_empty() && waiting != "PodInitializing" => format!("Init:{waiting}"),
            None => format!("Init:{index}/{total}"),
        };
        return Some(reason);
    }
    None
}

/// Returns why a container ended: its reason, its signal, its code.
fn ending(terminated: &Value) -> String {
    match (terminated.text_at(&["reason"]), count(terminated, &["signal"])) {
        ("", 0) => format!("ExitCode:{}", count(terminated, &["exitCode"])),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// Returns the reason of the first container that has one.
fn running(pod: &Value, phase: String) -> String {
    let mut reason = phase;
    let mut some_run = false;
    let statuses: Vec<&Value> = items(pod, &["status", "containerStatuses"]).collect();
    for status in statuses.into_iter().rev() {
        let waiting = status.text_at(&["state", "waiting", "reason"]);
        if !waiting.is_empty() {
            reason = waiting.to_owned();
        } else if let Some(terminated) = status.at(&["state", "terminated"]) {
            reason = ending(terminated);
        } else if is_ready(status) && status.at(&["state", "running"]).is_some() {
            some_run = true;
        }
    }
    if reason != "Completed" || !some_run {
        return reason;
    }
    let ready = items(pod, &["status", "conditions"])
        .any(|condition| condition.text_at(&["type"]) == "Ready" && condition.text_at(&["status"]) == "True");
    if ready { "Running".to_owned() } else { "NotReady".to_owned() }
}

fn restarts(pod: &Value, env: &Env) -> Value {
    let initializing = initializing(pod).is_some();
    let counted = |status: &&Value| initializing || is_sidecar(pod, status.text_at(&["name"]));
    let init = items(pod, &["status", "initContainerStatuses"]).filter(counted);
    let rest = items(pod, &["status", "containerStatuses"]).filter(|_| !initializing);
    let statuses: Vec<&Value> = init.chain(rest).collect();
    let total: i64 = statuses.iter().map(|status| count(status, &["restartCount"])).sum();
    let last = statuses
        .iter()
        .map(|status| status.text_at(&["lastState", "terminated", "finishedAt"]))
        .max()
        .unwrap_or_default();
    match (total, last) {
        (0, _) | (_, "") => total.to_string().into(),
        (_, last) => format!("{total} ({} ago)", duration::since(env, last)).into(),
    }
}

fn readiness_gates(pod: &Value, _env: &Env) -> Value {
    let gates: Vec<&str> =
        items(pod, &["spec", "readinessGates"]).map(|gate| gate.text_at(&["conditionType"])).collect();
    if gates.is_empty() {
        return NONE.into();
    }
    let is_true = |gate: &&&str| {
        items(pod, &["status", "conditions"])
            .any(|condition| condition.text_at(&["type"]) == **gate && condition.text_at(&["status"]) == "True")
    };
    format!("{}/{}", gates.iter().filter(is_true).count(), gates.len()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(status: &Value, expected: &str) {
        let pod = json!({"spec": {"initContainers": [{"name": "i"}], "containers": [{"name": "c"}]}, "status": status});
        assert_eq!(summary(&pod), expected);
    }

    #[test]
    fn a_pod_is_summed_up_in_a_word() {
        check(&json!({"phase": "Pending"}), "Pending");
        check(
            &json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {}}}]}),
            "Init:0/1",
        );
        check(
            &json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 3}}}]}),
            "Init:ExitCode:3",
        );
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        check(&json!({"phase": "Running", "containerStatuses": [{"name": "c", "state": waiting}]}), "CrashLoopBackOff");
        let done = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
        check(&json!({"phase": "Succeeded", "containerStatuses": [{"name": "c", "state": done}]}), "Completed");
        check(&json!({"phase": "Failed", "reason": "Evicted"}), "Evicted");
    }
}
