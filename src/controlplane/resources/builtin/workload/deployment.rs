//! Deployments.
//!
//! Source: `ValidateDeploymentSpec` of `k8s.io/kubernetes/pkg/apis/apps/validation/validation.go`, Kubernetes 1.36.

use serde_json::{Value, json};

use super::{is_zero, validate_count_or_percent, validate_not_above_all};
use crate::controlplane::object::Object;
use crate::controlplane::resources::builtin::edit::Edit;
use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::kind::Kind;
use crate::controlplane::resources::builtin::pod;

/// Deployments.
pub(in crate::controlplane::resources::builtin) const DEPLOYMENT: Kind = Kind {
    generation: true,
    defaults,
    validate,
    validate_update: |new, old, found| {
        found.immutable(&new.at(&["spec", "selector"]), &old.at(&["spec", "selector"]));
    },
    validate_status: |new, _, found| {
        for name in [
            "observedGeneration",
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
            "unavailableReplicas",
        ] {
            found.not_negative(&new.get("status").get(name));
        }
    },
    ..Kind::PLAIN
};

fn defaults(deployment: &mut Value) {
    let spec = deployment.make("spec");
    spec.default("replicas", 1);
    spec.default("revisionHistoryLimit", 10);
    spec.default("progressDeadlineSeconds", 600);
    let strategy = spec.make("strategy");
    if strategy.text_at(&["type"]).is_empty() {
        strategy.put("type", "RollingUpdate");
    }
    if strategy.text_at(&["type"]) == "RollingUpdate" {
        let rolling = strategy.make("rollingUpdate");
        rolling.default("maxUnavailable", "25%");
        rolling.default("maxSurge", "25%");
    }
    pod::default_template(spec);
}

fn validate(deployment: &Field<'_>, found: &mut Findings) {
    let spec = deployment.get("spec");
    found.not_negative(&spec.get("replicas"));
    super::validate_selector_and_template(&spec, "deployment", found);
    super::validate_runs_forever(&spec, "ReplicaSet", found);
    validate_strategy(&spec.get("strategy"), found);
    for name in ["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
        found.not_negative(&spec.get(name));
    }
    let deadline = spec.get("progressDeadlineSeconds");
    if deadline.number().is_some_and(|deadline| deadline <= spec.get("minReadySeconds").number().unwrap_or(0)) {
        found.invalid(&deadline, "must be greater than minReadySeconds");
    }
}

fn validate_strategy(strategy: &Field<'_>, found: &mut Findings) {
    let rolling = strategy.get("rollingUpdate");
    match strategy.get("type").text() {
        "Recreate" if rolling.is_set() => {
            found.forbidden(&rolling, "may not be specified when strategy `type` is 'Recreate'");
        }
        "Recreate" => {}
        "RollingUpdate" => validate_rolling(&rolling, found),
        _ => found.not_supported(&strategy.get("type"), &["Recreate", "RollingUpdate"]),
    }
}

fn validate_rolling(rolling: &Field<'_>, found: &mut Findings) {
    let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
    validate_count_or_percent(&unavailable, found);
    validate_count_or_percent(&surge, found);
    if is_zero(&unavailable) && is_zero(&surge) {
        let value = if unavailable.is_set() { unavailable.value.clone() } else { json!(0) };
        found.invalid_value(&unavailable, &value, "may not be 0 when `maxSurge` is 0");
    }
    validate_not_above_all(&unavailable, found);
}
