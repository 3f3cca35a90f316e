//! What runs pods.

use serde_json::Value;

use super::cells::{self, NONE, UNSET, count, items, text_or};
use super::{AGE, CONTAINERS, Field, IMAGES, NAME, Printed, Text, boolean, integer, text};
use crate::controlplane::duration;
use crate::controlplane::env::Env;
use crate::controlplane::object::Object;

const READY: Printed = text("Ready", Text("Number of the pod with ready state"), |object, _| {
    format!("{}/{}", count(object, &["status", "readyReplicas"]), count(object, &["spec", "replicas"])).into()
});

pub(super) const DEPLOYMENT: &[Printed] = &[
    NAME,
    READY,
    text("Up-to-date", Field("apps.v1.DeploymentStatus", "updatedReplicas"), |object, _| {
        count(object, &["status", "updatedReplicas"]).into()
    }),
    text("Available", Field("apps.v1.DeploymentStatus", "availableReplicas"), |object, _| {
        count(object, &["status", "availableReplicas"]).into()
    }),
    AGE,
    CONTAINERS,
    IMAGES,
    text(
        "Selector",
        Text("Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this deployment."),
        spec_selector,
    )
    .wide(),
];

pub(super) const REPLICA_SET: &[Printed] = &[
    NAME,
    integer("Desired", Field("apps.v1.ReplicaSetSpec", "replicas"), desired),
    integer("Current", Field("apps.v1.ReplicaSetStatus", "replicas"), current),
    integer("Ready", Field("apps.v1.ReplicaSetStatus", "readyReplicas"), ready),
    AGE,
    CONTAINERS,
    IMAGES,
    text(
        "Selector",
        Text("Selector is a label query over pods that should match the replica count. If the selector is empty, it is defaulted to the labels present on the pod template. Label keys and values that must match in order to be controlled by this replica set. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"),
        spec_selector,
    )
    .wide(),
];

pub(super) const REPLICATION_CONTROLLER: &[Printed] = &[
    NAME,
    integer("Desired", Field("core.v1.ReplicationControllerSpec", "replicas"), desired),
    integer("Current", Field("core.v1.ReplicationControllerStatus", "replicas"), current),
    integer("Ready", Field("core.v1.ReplicationControllerStatus", "readyReplicas"), ready),
    AGE,
    CONTAINERS,
    IMAGES,
    text("Selector", Field("core.v1.ReplicationControllerSpec", "selector"), |object, _| {
        cells::pairs(object.at(&["spec", "selector"])).into()
    })
    .wide(),
];

pub(super) const STATEFUL_SET: &[Printed] = &[NAME, READY, AGE, CONTAINERS, IMAGES];

pub(super) const DAEMON_SET: &[Printed] = &[
    NAME,
    integer("Desired", Field("apps.v1.DaemonSetStatus", "desiredNumberScheduled"), |object, _| {
        count(object, &["status", "desiredNumberScheduled"]).into()
    }),
    integer("Current", Field("apps.v1.DaemonSetStatus", "currentNumberScheduled"), |object, _| {
        count(object, &["status", "currentNumberScheduled"]).into()
    }),
    integer("Ready", Field("apps.v1.DaemonSetStatus", "numberReady"), |object, _| {
        count(object, &["status", "numberReady"]).into()
    }),
    integer("Up-to-date", Field("apps.v1.DaemonSetStatus", "updatedNumberScheduled"), |object, _| {
        count(object, &["status", "updatedNumberScheduled"]).into()
    }),
    integer("Available", Field("apps.v1.DaemonSetStatus", "numberAvailable"), |object, _| {
        count(object, &["status", "numberAvailable"]).into()
    }),
    text("Node Selector", Field("core.v1.PodSpec", "nodeSelector"), |object, _| {
        cells::pairs(object.at(&["spec", "template", "spec", "nodeSelector"])).into()
    }),
    AGE,
    CONTAINERS,
    IMAGES,
    text(
        "Selector",
        Text("A label query over pods that are managed by the daemon set. Must match in order to be controlled. If empty, defaulted to labels on Pod template. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"),
        spec_selector,
    )
    .wide(),
];

pub(super) const JOB: &[Printed] = &[
    NAME,
    text("Status", Text("Status of the job."), |job, _| job_status(job).into()),
    text("Completions", Field("batch.v1.JobStatus", "succeeded"), completions),
    text("Duration", Text("Time required to complete the job."), job_duration),
    AGE,
    CONTAINERS,
    IMAGES,
    text("Selector", Field("batch.v1.JobSpec", "selector"), spec_selector).wide(),
];

pub(super) const CRON_JOB: &[Printed] = &[
    NAME,
    text("Schedule", Field("batch.v1.CronJobSpec", "schedule"), |job, _| job.text_at(&["spec", "schedule"]).into()),
    text("Timezone", Field("batch.v1.CronJobSpec", "timeZone"), |job, _| text_or(job, &["spec", "timeZone"], NONE)),
    boolean("Suspend", Field("batch.v1.CronJobSpec", "suspend"), |job, _| match job.at(&["spec", "suspend"]) {
        Some(Value::Bool(true)) => "True".into(),
        Some(Value::Bool(false)) => "False".into(),
        _ => UNSET.into(),
    }),
    integer("Active", Field("batch.v1.CronJobStatus", "active"), |job, _| {
        cells::len(job, &["status", "active"]).into()
    }),
    text("Last Schedule", Field("batch.v1.CronJobStatus", "lastScheduleTime"), |job, env| {
        match job.text_at(&["status", "lastScheduleTime"]) {
            "" => NONE.into(),
            time => duration::since(env, time).into(),
        }
    }),
    AGE,
    CONTAINERS,
    IMAGES,
    text("Selector", Field("batch.v1.JobSpec", "selector"), |job, _| {
        cells::selector(job.at(&["spec", "jobTemplate", "spec", "selector"])).into()
    })
    .wide(),
];

pub(super) const CONTROLLER_REVISION: &[Printed] = &[
    NAME,
    text("Controller", Text("Controller of the object"), |revision, _| match revision.controller_reference() {
        Some(owner) => {
            let (group, kind) = (owner.text_at(&["apiVersion"]), owner.text_at(&["kind"]).to_lowercase());
            let group = group.split_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
            format!("{kind}{group}/{}", owner.text_at(&["name"])).into()
        }
        None => NONE.into(),
    }),
    text("Revision", Field("apps.v1.ControllerRevision", "revision"), |revision, _| {
        count(revision, &["revision"]).into()
    }),
    AGE,
];

pub(super) const DISRUPTION_BUDGET: &[Printed] = &[
    NAME,
    text("Min Available", Text("The minimum number of pods that must be available."), |budget, _| {
        count_or_percent(budget, "minAvailable")
    }),
    text("Max Unavailable", Text("The maximum number of pods that may be unavailable."), |budget, _| {
        count_or_percent(budget, "maxUnavailable")
    }),
    integer(
        "Allowed Disruptions",
        Text("Calculated number of pods that may be disrupted at this time."),
        |budget, _| count(budget, &["status", "disruptionsAllowed"]).into(),
    ),
    AGE,
];

pub(super) const AUTOSCALER: &[Printed] = &[
    NAME,
    text("Reference", Field("autoscaling.v2.HorizontalPodAutoscalerSpec", "scaleTargetRef"), |object, _| {
        let target = object.at(&["spec", "scaleTargetRef"]).unwrap_or(&Value::Null);
        format!("{}/{}", target.text_at(&["kind"]), target.text_at(&["name"])).into()
    }),
    text("Targets", Field("autoscaling.v2.HorizontalPodAutoscalerSpec", "metrics"), |object, _| targets(object).into()),
    text("MinPods", Field("autoscaling.v2.HorizontalPodAutoscalerSpec", "minReplicas"), |object, _| {
        object.at(&["spec", "minReplicas"]).map_or(UNSET.into(), |low| low.to_string().into())
    }),
    text("MaxPods", Field("autoscaling.v2.HorizontalPodAutoscalerSpec", "maxReplicas"), |object, _| {
        count(object, &["spec", "maxReplicas"]).into()
    }),
    text("Replicas", Field("autoscaling.v2.HorizontalPodAutoscalerStatus", "currentReplicas"), |object, _| {
        count(object, &["status", "currentReplicas"]).into()
    }),
    AGE,
];

fn spec_selector(object: &Value, _env: &Env) -> Value {
    cells::selector(object.at(&["spec", "selector"])).into()
}

fn desired(object: &Value, _env: &Env) -> Value {
    count(object, &["spec", "replicas"]).into()
}

fn current(object: &Value, _env: &Env) -> Value {
    count(object, &["status", "replicas"]).into()
}

fn ready(object: &Value, _env: &Env) -> Value {
    count(object, &["status", "readyReplicas"]).into()
}

fn count_or_percent(budget: &Value, field: &str) -> Value {
    match budget.at(&["spec", field]) {
        Some(Value::String(percent)) => percent.as_str().into(),
        Some(number) => number.to_string().into(),
        None => "N/A".into(),
    }
}

/// Source: `getJobStatus`: the first of these conditions that holds.
fn job_status(job: &Value) -> &'static str {
    let is = |kind: &str| {
        items(job, &["status", "conditions"])
            .any(|condition| condition.text_at(&["type"]) == kind && condition.text_at(&["status"]) == "True")
    };
    match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if job.deletion_timestamp().is_some() => "Terminating",
        () if is("Suspended") => "Suspended",
        () if is("FailureTarget") => "FailureTarget",
        () if is("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(job: &Value, _env: &Env) -> Value {
    let succeeded = count(job, &["status", "succeeded"]);
    match (job.at(&["spec", "completions"]).and_then(Value::as_i64), count(job, &["spec", "parallelism"])) {
        (Some(completions), _) => format!("{succeeded}/{completions}").into(),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}").into(),
        (None, _) => format!("{succeeded}/1").into(),
    }
}

fn job_duration(job: &Value, env: &Env) -> Value {
    let time = |field: &str| job.text_at(&["status", field]).parse::<jiff::Timestamp>().ok();
    match (time("startTime"), time("completionTime")) {
        (None, _) => "".into(),
        (Some(start), None) => duration::human(env.now().duration_since(start).as_secs()).into(),
        (Some(start), Some(end)) => duration::human(end.duration_since(start).as_secs()).into(),
    }
}

/// Source: `formatHPAMetrics`: at most two metrics, each as `name: current/target`.
fn targets(autoscaler: &Value) -> String {
    const MAX: usize = 2;
    // The form of v1 has its one target in a field of its own.
    if let Some(percent) = autoscaler.at(&["spec", "targetCPUUtilizationPercentage"]).and_then(Value::as_i64) {
        let current = autoscaler.at(&["status", "currentCPUUtilizationPercentage"]).and_then(Value::as_i64);
        return format!("cpu: {}/{percent}%", current.map_or("<unknown>".to_owned(), |current| format!("{current}%")));
    }
    let statuses: Vec<&Value> = items(autoscaler, &["status", "currentMetrics"]).collect();
    let texts: Vec<String> = items(autoscaler, &["spec", "metrics"])
        .enumerate()
        .map(|(index, metric)| target(metric, statuses.get(index).copied()))
        .collect();
    match texts.len() {
        0 => NONE.to_owned(),
        total if total > MAX => format!("{} + {} more...", texts[..MAX].join(", "), total - MAX),
        _ => texts.join(", "),
    }
}

fn target(metric: &Value, status: Option<&Value>) -> String {
    let field = match metric.text_at(&["type"]) {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        _ => return "<unknown type>".to_owned(),
    };
    let source = metric.get(field).unwrap_or(&Value::Null);
    let wanted = source.get("target").unwrap_or(&Value::Null);
    let current = |name: &str| status.and_then(|status| status.at(&[field, "current", name]));
    let text = |name: &str| match (current(name), wanted.get(name)) {
        (current, Some(wanted)) => {
            let show = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let suffix = if name == "averageUtilization" { "%" } else { "" };
            let current = current.map_or("<unknown>".to_owned(), |current| format!("{}{suffix}", show(current)));
            Some(format!("{current}/{}{suffix}", show(wanted)))
        }
        _ => None,
    };
    let numbers = if let Some(text) = text("averageValue") {
        if matches!(field, "object" | "external") { format!("{text} (avg)") } else { text }
    } else {
        text("averageUtilization").or_else(|| text("value")).unwrap_or_else(|| "<unknown>/<auto>".to_owned())
    };
    match field {
        "resource" | "containerResource" => format!("{}: {numbers}", source.text_at(&["name"])),
        _ => numbers,
    }
}
