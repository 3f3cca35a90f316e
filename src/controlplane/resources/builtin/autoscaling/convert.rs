//! Turning autoscalers of v1 into v2 and back. What v1 has no field for travels in annotations.
//!
//! Source: `k8s.io/kubernetes/pkg/apis/autoscaling/v1/conversion.go`, Kubernetes 1.36. Metrics in the annotation are
//! those of v2, not the older form that upstream writes there.

use serde_json::{Value, json};

use crate::controlplane::gvk::GroupVersion;
use crate::controlplane::object::Object;
use crate::controlplane::resources::builtin::edit::Edit;
use crate::controlplane::resources::builtin::go_types;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";

/// The fields of v2 that v1 has not, their annotations, and whether they are of the status.
const HIDDEN: [(&str, &str, &str); 4] = [
    ("spec", "metrics", METRICS),
    ("spec", "behavior", BEHAVIOR),
    ("status", "conditions", CONDITIONS),
    ("status", "currentMetrics", CURRENT_METRICS),
];

/// Returns the metric that v1's CPU percentage stands for.
pub(super) fn cpu_metric(percent: i64) -> Value {
    json!({
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}},
    })
}

/// Turns an autoscaler into that of another version.
pub(in crate::controlplane::resources::builtin) fn convert(autoscaler: &mut Value, target: &GroupVersion) {
    let is_v1 = autoscaler.text_at(&["apiVersion"]).ends_with("/v1");
    autoscaler.put("apiVersion", target.to_string());
    match (is_v1, target.version.as_str()) {
        (true, "v2") => to_v2(autoscaler),
        (false, "v1") => to_v1(autoscaler),
        _ => return,
    }
    go_types::normalize(&format!("autoscaling/{}.HorizontalPodAutoscaler", target.version), autoscaler);
}

fn to_v2(autoscaler: &mut Value) {
    for (part, field, annotation) in HIDDEN {
        let Some(text) = autoscaler.annotation(annotation).map(str::to_owned) else { continue };
        autoscaler.make("metadata").make("annotations").drop_field(annotation);
        // An annotation that is no JSON is a client's mistake, and lost as it is upstream.
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            autoscaler.make(part).put(field, value);
        }
    }
    let spec = autoscaler.make("spec");
    let percent = spec.get("targetCPUUtilizationPercentage").and_then(Value::as_i64);
    let mut metrics = spec.get("metrics").and_then(Value::as_array).cloned().unwrap_or_default();
    match percent {
        Some(percent) => metrics.insert(0, cpu_metric(percent)),
        None if metrics.is_empty() => metrics.push(cpu_metric(80)),
        None => {}
    }
    spec.put("metrics", metrics);
    if let Some(percent) = autoscaler.pointer("/status/currentCPUUtilizationPercentage").cloned() {
        let current = json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": percent, "averageValue": "0"}}});
        let mut all =
            autoscaler.pointer("/status/currentMetrics").and_then(Value::as_array).cloned().unwrap_or_default();
        all.insert(0, current);
        autoscaler.make("status").put("currentMetrics", all);
    }
}

fn to_v1(autoscaler: &mut Value) {
    let mut metrics = autoscaler.pointer("/spec/metrics").and_then(Value::as_array).cloned().unwrap_or_default();
    let utilization = |metric: &Value| {
        let resource = metric.get("resource").filter(|resource| resource["name"] == "cpu")?;
        resource.pointer("/target/averageUtilization").and_then(Value::as_i64)
    };
    if let Some(index) = metrics.iter().position(|metric| utilization(metric).is_some()) {
        let percent = utilization(&metrics.remove(index));
        autoscaler.make("spec").put("targetCPUUtilizationPercentage", percent);
    }
    autoscaler.make("spec").put("metrics", metrics);
    for (part, field, annotation) in HIDDEN {
        let Some(value) = autoscaler.at(&[part, field]).cloned() else { continue };
        autoscaler.make(part).drop_field(field);
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !empty {
            autoscaler.make("metadata").make("annotations").put(annotation, value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_v1_cannot_say_survives_the_way_there_and_back() {
        let memory = json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}});
        let mut v2 = json!({
            "kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2", "metadata": {"name": "h"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 3, "metrics": [cpu_metric(50), memory]},
        });
        go_types::normalize("autoscaling/v2.HorizontalPodAutoscaler", &mut v2);
        let mut converted = v2.clone();
        convert(&mut converted, &GroupVersion::new("autoscaling", "v1"));
        assert_eq!(converted["spec"]["targetCPUUtilizationPercentage"], 50);
        assert!(converted["spec"].get("metrics").is_none());
        convert(&mut converted, &GroupVersion::new("autoscaling", "v2"));
        assert_eq!(converted["spec"], v2["spec"]);
    }
}
