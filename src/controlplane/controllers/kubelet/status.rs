//! The status of a pod in a state.

use serde_json::{Value, json};

use super::stages::State;
use super::{NODE_ADDRESS, containers};
use crate::controlplane::controllers::{View, conditions};
use crate::controlplane::object::Object;

/// Returns the status of a pod that comes to a state; `address` is asked for when the pod needs its first.
pub(super) fn at(view: &View, pod: &Value, state: State, address: impl FnOnce() -> String) -> Value {
    let now = view.env.now_text();
    let mut status = pod.get("status").cloned().unwrap_or_else(|| json!({}));
    if pod.generation() > 0 {
        status["observedGeneration"] = pod.generation().into();
    }
    status["phase"] = phase(pod, state).into();
    status["conditions"] = conditions_of(pod, state, &now).into();
    if status.get("startTime").is_none() {
        status["hostIP"] = NODE_ADDRESS.into();
        status["hostIPs"] = json!([{"ip": NODE_ADDRESS}]);
        status["startTime"] = now.as_str().into();
    }
    if matches!(state, State::Running | State::Ready) && status.get("podIP").is_none() {
        let is_on_host = pod.at(&["spec", "hostNetwork"]) == Some(&Value::Bool(true));
        let address = if is_on_host { NODE_ADDRESS.to_owned() } else { address() };
        status["podIPs"] = json!([{"ip": address}]);
        status["podIP"] = address.into();
    }
    let init = containers::init_statuses(pod, state, &now);
    if !init.is_empty() {
        status["initContainerStatuses"] = init.into();
    }
    status["containerStatuses"] = containers::statuses(pod, state, &now).into();
    status
}

fn phase(pod: &Value, state: State) -> &'static str {
    match state {
        State::Bound | State::Creating | State::PullFailed | State::PullBackOff => "Pending",
        State::Running | State::Ready | State::CrashLoop => "Running",
        State::Succeeded => "Succeeded",
        State::Stopped if pod.text_at(&["spec", "restartPolicy"]) == "Always" => "Succeeded",
        State::Failed | State::Stopped => "Failed",
    }
}

/// Returns the conditions in the order in which a kubelet writes them; those of others are kept at the end.
fn conditions_of(pod: &Value, state: State, now: &str) -> Vec<Value> {
    let is_created = !matches!(state, State::Bound | State::Creating | State::PullFailed | State::PullBackOff);
    let unready = format!("containers with unready status: [{}]", containers::names(pod).collect::<Vec<_>>().join(" "));
    let (ready, reason, message) = match (state, phase(pod, state)) {
        (State::Ready, _) => ("True", "", ""),
        (_, "Succeeded") => ("False", "PodCompleted", ""),
        (_, "Failed") => ("False", "PodFailed", ""),
        _ => ("False", "ContainersNotReady", unready.as_str()),
    };
    let has_sandbox = is_created && !matches!(state, State::Succeeded | State::Failed | State::Stopped);
    let initialized = if phase(pod, state) == "Succeeded" { "PodCompleted" } else { "" };
    let mut list = Vec::new();
    for (condition_type, status, reason, message) in [
        ("PodReadyToStartContainers", if has_sandbox { "True" } else { "False" }, "", ""),
        ("Initialized", "True", initialized, ""),
        ("Ready", ready, reason, message),
        ("ContainersReady", ready, reason, message),
        ("PodScheduled", "True", "", ""),
    ] {
        let mut one = conditions::of(pod);
        one.retain(|other| other.text_at(&["type"]) == condition_type);
        conditions::set(&mut one, condition(pod, [condition_type, status, reason, message], now));
        list.append(&mut one);
    }
    let known = |other: &Value| list.iter().any(|condition| condition.get("type") == other.get("type"));
    let others: Vec<_> = conditions::of(pod).into_iter().filter(|other| !known(other)).collect();
    list.into_iter().chain(others).collect()
}

fn condition(pod: &Value, [condition_type, status, reason, message]: [&str; 4], now: &str) -> Value {
    let mut condition = json!({"type": condition_type});
    if pod.generation() > 0 {
        condition["observedGeneration"] = pod.generation().into();
    }
    condition["status"] = status.into();
    condition["lastProbeTime"] = Value::Null;
    condition["lastTransitionTime"] = now.into();
    for (field, text) in [("reason", reason), ("message", message)] {
        if !text.is_empty() {
            condition[field] = text.into();
        }
    }
    condition
}
