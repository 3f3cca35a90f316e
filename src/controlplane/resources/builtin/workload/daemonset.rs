//! DaemonSets.
//!
//! Source: `ValidateDaemonSetSpec` of `k8s.io/kubernetes/pkg/apis/apps/validation/validation.go`, Kubernetes 1.36.

use serde_json::Value;

use super::{is_zero, validate_count_or_percent, validate_not_above_all};
use crate::controlplane::object::Object;
use crate::controlplane::resources::builtin::edit::Edit;
use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::kind::Kind;
use crate::controlplane::resources::builtin::pod;

/// DaemonSets.
pub(in crate::controlplane::resources::builtin) const DAEMON_SET: Kind = Kind {
    generation: true,
    defaults,
    validate,
    validate_update: |new, old, found| {
        found.immutable(&new.at(&["spec", "selector"]), &old.at(&["spec", "selector"]));
    },
    ..Kind::PLAIN
};

fn defaults(set: &mut Value) {
    let spec = set.make("spec");
    let strategy = spec.make("updateStrategy");
    if strategy.text_at(&["type"]).is_empty() {
        strategy.put("type", "RollingUpdate");
    }
    if strategy.text_at(&["type"]) == "RollingUpdate" {
        let rolling = strategy.make("rollingUpdate");
        rolling.default("maxUnavailable", 1);
        rolling.default("maxSurge", 0);
    }
    spec.default("revisionHistoryLimit", 10);
    pod::default_template(spec);
}

fn validate(set: &Field<'_>, found: &mut Findings) {
    let spec = set.get("spec");
    super::validate_selector_and_template(&spec, "daemonset", found);
    super::validate_runs_forever(&spec, "DaemonSet", found);
    found.not_negative(&spec.get("minReadySeconds"));
    validate_strategy(&spec.get("updateStrategy"), found);
    found.not_negative(&spec.get("revisionHistoryLimit"));
}

fn validate_strategy(strategy: &Field<'_>, found: &mut Findings) {
    match strategy.get("type").text() {
        "OnDelete" => {}
        "RollingUpdate" => {
            let rolling = strategy.get("rollingUpdate");
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            for field in [&unavailable, &surge] {
                validate_count_or_percent(field, found);
                validate_not_above_all(field, found);
            }
            match (is_zero(&unavailable), is_zero(&surge)) {
                (true, true) => found.required(&unavailable, "cannot be 0 when maxSurge is 0"),
                (false, false) => found.invalid(&surge, "may not be set when maxUnavailable is non-zero"),
                _ => {}
            }
        }
        _ => found.not_supported(&strategy.get("type"), &["OnDelete", "RollingUpdate"]),
    }
}
