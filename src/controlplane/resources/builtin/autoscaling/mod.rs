//! HorizontalPodAutoscalers: v1, which knows one CPU percentage, and v2, in which they are stored.
//!
//! Source: `k8s.io/kubernetes/pkg/apis/autoscaling/{v1,v2}/defaults.go` and `validation/validation.go`, Kubernetes 1.36.

mod convert;

use serde_json::{Value, json};

use super::edit::Edit;
use super::field::{Field, Findings};
use super::kind::Kind;
use crate::controlplane::object::Object;

pub(super) use convert::convert;

/// HorizontalPodAutoscalers of v2.
pub(super) const AUTOSCALER: Kind = Kind { defaults, validate, ..Kind::PLAIN };

/// HorizontalPodAutoscalers of v1. The default for CPU comes with the conversion, as upstream's.
pub(super) const AUTOSCALER_V1: Kind = Kind {
    defaults: |autoscaler| autoscaler.make("spec").default("minReplicas", 1),
    validate: |autoscaler, found| {
        validate_bounds(&autoscaler.get("spec"), found);
        let target = autoscaler.at(&["spec", "targetCPUUtilizationPercentage"]);
        if target.number().is_some_and(|percent| percent < 1) {
            found.invalid(&target, "must be greater than 0");
        }
    },
    ..Kind::PLAIN
};

fn defaults(autoscaler: &mut Value) {
    let spec = autoscaler.make("spec");
    spec.default("minReplicas", 1);
    if spec.get("metrics").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        spec.put("metrics", json!([convert::cpu_metric(80)]));
    }
    let Some(behavior) = spec.child("behavior") else { return };
    let up = behavior.make("scaleUp");
    up.default("stabilizationWindowSeconds", 0);
    up.default("selectPolicy", "Max");
    up.default(
        "policies",
        json!([{"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]),
    );
    let down = behavior.make("scaleDown");
    down.default("selectPolicy", "Max");
    down.default("policies", json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]));
}

fn validate(autoscaler: &Field<'_>, found: &mut Findings) {
    let spec = autoscaler.get("spec");
    validate_bounds(&spec, found);
    for metric in spec.get("metrics").items() {
        validate_metric(&metric, found);
    }
    for direction in ["scaleUp", "scaleDown"] {
        let rules = spec.at(&["behavior", direction]);
        if rules.is_set() {
            validate_rules(&rules, found);
        }
    }
}

fn validate_bounds(spec: &Field<'_>, found: &mut Findings) {
    let (low, high) = (spec.get("minReplicas"), spec.get("maxReplicas"));
    if low.number().is_some_and(|low| low < 1) {
        found.invalid(&low, "must be greater than or equal to 1");
    }
    let maximum = high.number().unwrap_or(0);
    if maximum < 1 {
        found.invalid_value(&high, &maximum.into(), "must be greater than 0");
    }
    if low.number().is_some_and(|low| maximum < low) {
        found.invalid_value(&high, &maximum.into(), "must be greater than or equal to `minReplicas`");
    }
    let target = spec.get("scaleTargetRef");
    for name in ["kind", "name"] {
        if target.get(name).is_empty() {
            found.required(&target.get(name), "");
        }
    }
}

fn validate_metric(metric: &Field<'_>, found: &mut Findings) {
    let sources = ["ContainerResource", "External", "Object", "Pods", "Resource"];
    let kind = metric.get("type");
    if kind.is_empty() {
        return found.required(&kind, "must specify a metric source type");
    }
    if !sources.contains(&kind.text()) {
        return found.not_supported(&kind, &sources);
    }
    let name = metric.value.text_at(&["type"]);
    let field = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
    let source = metric.get(&field);
    if !source.is_set() {
        return found.required(&source, "must populate information for the given metric source");
    }
    let target = source.get("target");
    found.one_of(&target.get("type"), &["AverageValue", "Utilization", "Value"]);
    for name in ["averageUtilization"] {
        if target.get(name).number().is_some_and(|percent| percent < 1) {
            found.invalid(&target.get(name), "must be greater than 0");
        }
    }
    if matches!(name, "Resource" | "ContainerResource") && source.get("name").is_empty() {
        found.required(&source.get("name"), "must specify a resource name");
    }
}

fn validate_rules(rules: &Field<'_>, found: &mut Findings) {
    let window = rules.get("stabilizationWindowSeconds");
    found.not_negative(&window);
    if window.number().is_some_and(|seconds| seconds > 3600) {
        found.invalid(&window, "must be less than or equal to 3600");
    }
    found.one_of_if_set(&rules.get("selectPolicy"), &["Disabled", "Max", "Min"]);
    let policies = rules.get("policies");
    if policies.is_empty() {
        found.required(&policies, "must specify at least one Policy");
    }
    for policy in policies.items() {
        found.one_of(&policy.get("type"), &["Percent", "Pods"]);
        found.positive(&policy.get("value"));
        found.positive(&policy.get("periodSeconds"));
        if policy.get("periodSeconds").number().is_some_and(|seconds| seconds > 1800) {
            found.invalid(&policy.get("periodSeconds"), "must be less than or equal to 1800");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_autoscaler_without_metrics_watches_the_cpu() {
        let mut autoscaler = json!({"spec": {"maxReplicas": 3}});
        defaults(&mut autoscaler);
        assert_eq!(autoscaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
        assert_eq!(autoscaler["spec"]["minReplicas"], 1);
    }

    #[test]
    fn bounds_are_checked_against_each_other() {
        let mut found = Findings::default();
        let spec = json!({"minReplicas": 5, "maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}});
        validate_bounds(&Field::root(&spec), &mut found);
        assert_eq!(found.0.len(), 1);
        assert_eq!(found.0[0].detail, "must be greater than or equal to `minReplicas`");
    }
}
