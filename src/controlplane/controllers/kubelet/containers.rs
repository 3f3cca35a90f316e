//! What a kubelet says of single containers: their statuses and events.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::stages::State;
use super::{COMPONENT, Note};
use crate::controlplane::object::Object;

const CRASHED: i64 = 1;
const STOPPED_BY_SIGNAL: i64 = 143;

fn containers<'a>(pod: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    pod.at(&["spec", field]).and_then(Value::as_array).into_iter().flatten()
}

/// Returns the names of a pod's containers.
pub(super) fn names(pod: &Value) -> impl Iterator<Item = &str> {
    containers(pod, "containers").map(|container| container.text_at(&["name"]))
}

/// Returns the statuses of a pod's containers in a state.
pub(super) fn statuses(pod: &Value, state: State, now: &str) -> Vec<Value> {
    containers(pod, "containers").map(|container| status(pod, container, state, now)).collect()
}

/// Returns the statuses of a pod's init containers in a state.
pub(super) fn init_statuses(pod: &Value, state: State, now: &str) -> Vec<Value> {
    let state_of = |container: &Value| match (state, container.text_at(&["restartPolicy"])) {
        (State::Bound | State::Creating | State::PullFailed | State::PullBackOff, _) => State::Creating,
        (State::Running | State::Ready | State::CrashLoop, "Always") => State::Ready,
        _ => State::Succeeded,
    };
    containers(pod, "initContainers").map(|container| status(pod, container, state_of(container), now)).collect()
}

fn status(pod: &Value, container: &Value, state: State, now: &str) -> Value {
    let name = container.text_at(&["name"]);
    let previous = previous_status(pod, name);
    let previous_field = |field: &str| previous.and_then(|previous| previous.get(field)).cloned();
    let restarts = previous_field("restartCount").and_then(|count| count.as_i64()).unwrap_or(0);
    let is_restart = state == State::Running
        && previous.is_some_and(|previous| previous.text_at(&["state", "waiting", "reason"]) == "CrashLoopBackOff");
    let restarts = restarts + i64::from(is_restart);
    let image = container.text_at(&["image"]);
    let id = container_id(pod, name, restarts);
    let runs = !matches!(state, State::Bound | State::Creating | State::PullFailed | State::PullBackOff);
    let mut last_state = previous_field("lastState").unwrap_or_else(|| json!({}));
    if state == State::CrashLoop {
        last_state = json!({"terminated": terminated(previous, CRASHED, &id, now)});
    }
    let is_ready = state == State::Ready;
    json!({
        "name": name,
        "state": state_value(pod, container, state, &Place { previous, id: &id, restarts, now }),
        "lastState": last_state,
        "ready": is_ready,
        "restartCount": restarts,
        "image": image,
        "imageID": if runs { image_id(image) } else { String::new() },
        "containerID": if runs { id.as_str() } else { "" },
        "started": matches!(state, State::Running | State::Ready),
    })
}

/// What the state of one container depends on.
struct Place<'a> {
    previous: Option<&'a Value>,
    id: &'a str,
    restarts: i64,
    now: &'a str,
}

fn state_value(pod: &Value, container: &Value, state: State, place: &Place<'_>) -> Value {
    let image = container.text_at(&["image"]);
    let waiting = |reason: &str, message: String| json!({"waiting": {"reason": reason, "message": message}});
    let ended = |code| json!({"terminated": terminated(place.previous, code, place.id, place.now)});
    match state {
        State::Bound | State::Creating => json!({"waiting": {"reason": "ContainerCreating"}}),
        State::PullFailed => waiting("ErrImagePull", pull_error(image)),
        State::PullBackOff => waiting("ImagePullBackOff", format!("Back-off pulling image {image:?}: ErrImagePull")),
        State::Running | State::Ready => json!({"running": {"startedAt": started_at(place).unwrap_or(place.now)}}),
        State::CrashLoop => {
            let name = container.text_at(&["name"]);
            let seconds = 10_i64.saturating_mul(1 << place.restarts.clamp(0, 5)).min(300);
            let message = format!("back-off {seconds}s restarting failed container={name} pod={}", full_name(pod));
            waiting("CrashLoopBackOff", message)
        }
        State::Succeeded => ended(0),
        State::Failed => ended(CRASHED),
        State::Stopped if pod.text_at(&["spec", "restartPolicy"]) == "Always" => ended(0),
        State::Stopped => ended(STOPPED_BY_SIGNAL),
    }
}

fn started_at<'a>(place: &Place<'a>) -> Option<&'a str> {
    place.previous?.at(&["state", "running", "startedAt"])?.as_str()
}

fn terminated(previous: Option<&Value>, exit_code: i64, id: &str, now: &str) -> Value {
    let started = previous.map(|previous| previous.text_at(&["state", "running", "startedAt"]));
    let started = started.filter(|started| !started.is_empty()).unwrap_or(now);
    let reason = if exit_code == 0 { "Completed" } else { "Error" };
    json!({"exitCode": exit_code, "reason": reason, "startedAt": started, "finishedAt": now, "containerID": id})
}

fn previous_status<'a>(pod: &'a Value, name: &str) -> Option<&'a Value> {
    let lists = ["containerStatuses", "initContainerStatuses"];
    let statuses = lists.into_iter().filter_map(|list| pod.at(&["status", list])?.as_array()).flatten();
    statuses.into_iter().find(|status| status.text_at(&["name"]) == name)
}

fn full_name(pod: &Value) -> String {
    format!("{}_{}({})", pod.name(), pod.namespace(), pod.uid())
}

fn pull_error(image: &str) -> String {
    format!("failed to pull and unpack image {image:?}: failed to resolve reference {image:?}: not found")
}

fn hex_digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn container_id(pod: &Value, container: &str, restarts: i64) -> String {
    format!("containerd://{}", hex_digest(&format!("{}/{container}/{restarts}", pod.uid())))
}

fn image_id(image: &str) -> String {
    let repository = image.split('@').next().unwrap_or_default();
    let repository = match repository.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => repository,
    };
    format!("{repository}@sha256:{}", hex_digest(image))
}

/// Returns the events that go with the way to a state.
pub(super) fn notes(pod: &Value, to: State) -> Vec<Note> {
    let normal = |reason, message: String| Note::normal(COMPONENT, pod, reason, message);
    let warning = |reason, message: String| Note::warning(COMPONENT, pod, reason, message);
    let per_container = |make: &dyn Fn(&str, &str) -> Vec<Note>| {
        let containers = containers(pod, "containers");
        containers
            .flat_map(|container| {
                let name = container.text_at(&["name"]);
                make(name, container.text_at(&["image"])).into_iter().map(move |note| note.about_container(name))
            })
            .collect()
    };
    match to {
        State::Running | State::Ready if State::of(pod) != State::Running => per_container(&|_, image| {
            let message =
                format!("Container image {image:?} already present on machine and can be accessed by the pod");
            vec![
                normal("Pulled", message),
                normal("Created", "Container created".to_owned()),
                normal("Started", "Container started".to_owned()),
            ]
        }),
        State::PullFailed => per_container(&|_, image| {
            vec![
                normal("Pulling", format!("Pulling image {image:?}")),
                warning("Failed", format!("Failed to pull image {image:?}: {}", pull_error(image))),
                warning("Failed", "Error: ErrImagePull".to_owned()),
            ]
        }),
        State::PullBackOff => per_container(&|_, image| {
            vec![
                normal("BackOff", format!("Back-off pulling image {image:?}")),
                warning("Failed", "Error: ImagePullBackOff".to_owned()),
            ]
        }),
        State::CrashLoop => per_container(&|name, _| {
            let message = format!("Back-off restarting failed container {name} in pod {}", full_name(pod));
            vec![warning("BackOff", message)]
        }),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_counted_and_remembers_its_end() {
        let mut pod = json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": {"containers": [{"name": "c", "image": "registry:5000/app:v1"}]},
        });
        for (state, now) in [(State::Running, "t1"), (State::CrashLoop, "t2"), (State::Running, "t3")] {
            pod["status"] = json!({"containerStatuses": statuses(&pod, state, now)});
        }
        let status = &pod["status"]["containerStatuses"][0];
        assert_eq!(status["restartCount"], 1);
        assert_eq!(status["state"], json!({"running": {"startedAt": "t3"}}));
        assert_eq!(status.text_at(&["lastState", "terminated", "startedAt"]), "t1");
        assert_eq!(status.text_at(&["lastState", "terminated", "finishedAt"]), "t2");
        assert!(status.text_at(&["imageID"]).starts_with("registry:5000/app@sha256:"));
    }
}
