//! The life of a pod as a table: from which state, how, after which time, to which state.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::controlplane::controllers::kind::JOB;
use crate::controlplane::controllers::{conditions, pods};
use crate::controlplane::object::Object;

/// Says what becomes of a pod: `never-ready`, `crash-loop`, `image-pull-error`, `complete` or `fail`.
const STAGE_ANNOTATION: &str = "rop.dev/stage";

/// Says how long the containers of a pod run before they are ready, such as `3s` or `500ms`.
const READY_AFTER_ANNOTATION: &str = "rop.dev/ready-after";

/// Where a pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It has a node.
    Bound,
    /// Its containers are being created.
    Creating,
    /// Its images could not be pulled.
    PullFailed,
    /// Its images will be tried again.
    PullBackOff,
    /// Its containers run, but are not ready.
    Running,
    /// Its containers are ready.
    Ready,
    /// Its containers have failed and will be restarted.
    CrashLoop,
    /// Its containers have ended well.
    Succeeded,
    /// Its containers have failed for good.
    Failed,
    /// Its containers were stopped because it is being deleted.
    Stopped,
}

impl State {
    /// Reads the state of a pod from its status.
    pub(super) fn of(pod: &Value) -> Self {
        match pods::phase(pod) {
            "Succeeded" => return Self::Succeeded,
            "Failed" => return Self::Failed,
            _ => {}
        }
        let statuses = pod.at(&["status", "containerStatuses"]).and_then(Value::as_array);
        let Some(first) = statuses.and_then(|statuses| statuses.first()) else { return Self::Bound };
        match first.text_at(&["state", "waiting", "reason"]) {
            "ErrImagePull" => Self::PullFailed,
            "ImagePullBackOff" => Self::PullBackOff,
            "CrashLoopBackOff" => Self::CrashLoop,
            "" if pods::is_ready(pod) => Self::Ready,
            "" => Self::Running,
            _ => Self::Creating,
        }
    }

    /// Returns when a pod in this state has come to it, to the second.
    fn since(self, pod: &Value) -> Option<Timestamp> {
        let first = pod.at(&["status", "containerStatuses"])?.get(0)?;
        match self {
            Self::Running | Self::Ready => conditions::time_at(first, &["state", "running", "startedAt"]),
            Self::CrashLoop => conditions::time_at(first, &["lastState", "terminated", "finishedAt"]),
            _ => conditions::time_at(pod, &["status", "startTime"]),
        }
    }
}

/// What a pod does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    Serve,
    NeverReady,
    CrashLoop,
    ImagePullError,
    Complete,
    Fail,
}

impl Behaviour {
    fn of(pod: &Value) -> Self {
        let restart_policy = pod.text_at(&["spec", "restartPolicy"]);
        match (pod.annotation(STAGE_ANNOTATION).unwrap_or_default(), restart_policy) {
            ("never-ready", _) => Self::NeverReady,
            ("crash-loop", "Never") => Self::Fail,
            ("crash-loop", _) | ("fail", "Always" | "OnFailure") => Self::CrashLoop,
            ("image-pull-error", _) => Self::ImagePullError,
            ("complete", "Never" | "OnFailure") => Self::Complete,
            ("fail", _) => Self::Fail,
            (_, "Never" | "OnFailure") if pod.controller_reference().is_some_and(|owner| JOB.owns(owner)) => {
                Self::Complete
            }
            _ => Self::Serve,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stage {
    from: State,
    /// Whose line it is; `None` for every pod that has no line of its own.
    behaviour: Option<Behaviour>,
    /// How long the pod stays in `from`.
    pub(super) delay: Duration,
    /// What comes next.
    pub(super) to: State,
}

const fn stage(from: State, behaviour: Option<Behaviour>, millis: u64, to: State) -> Stage {
    Stage { from, behaviour, delay: Duration::from_millis(millis), to }
}

/// The table. A pod's own line comes before the common one.
const STAGES: [Stage; 12] = [
    stage(State::Bound, None, 0, State::Creating),
    stage(State::Creating, Some(Behaviour::ImagePullError), 100, State::PullFailed),
    stage(State::PullFailed, None, 1_000, State::PullBackOff),
    stage(State::Creating, Some(Behaviour::NeverReady), 100, State::Running),
    stage(State::Creating, Some(Behaviour::CrashLoop), 100, State::Running),
    stage(State::Creating, None, 100, State::Ready),
    stage(State::Running, Some(Behaviour::CrashLoop), 1_000, State::CrashLoop),
    stage(State::Running, Some(Behaviour::Serve), 0, State::Ready),
    stage(State::CrashLoop, Some(Behaviour::CrashLoop), 10_000, State::Running),
    stage(State::CrashLoop, None, 0, State::Running),
    stage(State::Ready, Some(Behaviour::Complete), 1_000, State::Succeeded),
    stage(State::Ready, Some(Behaviour::Fail), 1_000, State::Failed),
];

/// The longest back-off of a container that fails again and again.
const MAX_CRASH_BACK_OFF: Duration = Duration::from_secs(300);

/// Returns the line that applies to a pod in a state.
pub(super) fn next(pod: &Value, state: State) -> Option<Stage> {
    let behaviour = Behaviour::of(pod);
    let lines = || STAGES.into_iter().filter(|stage| stage.from == state);
    let own = lines().find(|stage| stage.behaviour == Some(behaviour));
    let mut stage = own.or_else(|| lines().find(|stage| stage.behaviour.is_none()))?;
    let ready_after = pod.annotation(READY_AFTER_ANNOTATION).and_then(duration);
    match (state, stage.to, ready_after) {
        (State::Creating, State::Ready, Some(_)) => stage.to = State::Running,
        (State::Running, State::Ready, Some(delay)) => stage.delay = delay,
        (State::CrashLoop, State::Running, _) => {
            stage.delay = (stage.delay * (1 << restarts(pod).min(5))).min(MAX_CRASH_BACK_OFF);
        }
        _ => {}
    }
    Some(stage)
}

/// Returns how long a pod has to stay in its state. Times in a status are whole seconds, so a delay below one second
/// is over when the kubelet looks again.
pub(super) fn wait(pod: &Value, state: State, stage: &Stage, now: Timestamp) -> Duration {
    if stage.delay < Duration::from_secs(1) {
        return Duration::ZERO;
    }
    let Some(since) = state.since(pod) else { return Duration::ZERO };
    let left = stage.delay.as_secs_f64() - now.duration_since(since).as_secs_f64();
    Duration::from_secs_f64(left.max(0.0))
}

/// Returns how often the first container was restarted.
fn restarts(pod: &Value) -> u32 {
    let statuses = pod.at(&["status", "containerStatuses"]).and_then(|statuses| statuses.get(0));
    let count = statuses.and_then(|first| first.get("restartCount")).and_then(Value::as_u64);
    u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX)
}

/// Reads `3s` or `500ms`.
fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(millis) => millis.parse().ok().map(Duration::from_millis),
        None => text.strip_suffix('s')?.parse().ok().map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(annotation: &str, restart_policy: &str, expected: &[State]) {
        let pod = json!({
            "metadata": {"annotations": {STAGE_ANNOTATION: annotation}},
            "spec": {"restartPolicy": restart_policy},
        });
        let states = std::iter::successors(Some(State::Bound), |state| next(&pod, *state).map(|stage| stage.to));
        assert_eq!(states.skip(1).take(expected.len()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn pods_go_the_way_that_the_table_says() {
        check("", "Always", &[State::Creating, State::Ready]);
        check("never-ready", "Always", &[State::Creating, State::Running]);
        check("image-pull-error", "Always", &[State::Creating, State::PullFailed, State::PullBackOff]);
        check("crash-loop", "Always", &[State::Creating, State::Running, State::CrashLoop, State::Running]);
        check("crash-loop", "Never", &[State::Creating, State::Ready, State::Failed]);
        check("complete", "OnFailure", &[State::Creating, State::Ready, State::Succeeded]);
    }

    #[test]
    fn a_pod_of_a_job_completes() {
        let owner = json!({"apiVersion": "batch/v1", "kind": "Job", "controller": true});
        let pod = json!({"metadata": {"ownerReferences": [owner]}, "spec": {"restartPolicy": "Never"}});
        assert_eq!(next(&pod, State::Ready).map(|stage| stage.to), Some(State::Succeeded));
    }

    #[test]
    fn durations_are_seconds_or_milliseconds() {
        assert_eq!(duration("3s"), Some(Duration::from_secs(3)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("soon"), None);
    }
}
