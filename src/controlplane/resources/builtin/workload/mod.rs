//! Workloads: what runs pods.
//!
//! Source: `k8s.io/kubernetes/pkg/apis/{apps,batch,core}` and `pkg/registry/{apps,batch,core}`, Kubernetes 1.36.

pub(super) mod cronjob;
pub(super) mod daemonset;
pub(super) mod deployment;
pub(super) mod job;
pub(super) mod replicaset;
pub(super) mod statefulset;

use serde_json::Value;

use super::field::{Field, Findings};
use super::labels;
use super::pod::validate_template;

/// Checks a selector and the template whose pods it must select. `kind` names the workload as the messages do.
fn validate_selector_and_template(spec: &Field<'_>, kind: &str, found: &mut Findings) {
    let selector = spec.get("selector");
    if !selector.is_set() {
        found.required(&selector, "");
    } else {
        labels::validate_selector(&selector, found);
        if labels::selects_everything(selector.value) {
            found.invalid(&selector, format!("empty selector is invalid for {kind}"));
        }
    }
    validate_match(spec, found);
    validate_template(&spec.get("template"), found);
}

fn validate_match(spec: &Field<'_>, found: &mut Findings) {
    let (selector, labels) = (spec.get("selector"), spec.at(&["template", "metadata", "labels"]));
    let everything = labels::selects_everything(selector.value);
    if !everything && !labels::selects(selector.value, labels.value) {
        found.invalid_value(&labels, labels.value, "`selector` does not match template `labels`");
    }
}

/// Refuses what pods of a workload that never ends cannot have. `kind` names it as the message does.
fn validate_runs_forever(spec: &Field<'_>, kind: &str, found: &mut Findings) {
    let pod = spec.at(&["template", "spec"]);
    let policy = pod.get("restartPolicy");
    if policy.text() != "Always" {
        found.not_supported(&policy, &["Always"]);
    }
    let deadline = pod.get("activeDeadlineSeconds");
    if deadline.is_set() {
        found.forbidden(&deadline, format!("activeDeadlineSeconds in {kind} is not Supported"));
    }
}

/// Checks a count or a percentage.
fn validate_count_or_percent(field: &Field<'_>, found: &mut Findings) {
    match field.value {
        Value::String(text) if percent(text).is_none() => {
            let detail = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
            found.invalid(field, detail);
        }
        _ => found.not_negative(field),
    }
}

fn percent(text: &str) -> Option<u64> {
    let digits = text.strip_suffix('%')?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) { None } else { digits.parse().ok() }
}

/// Whether a count or a percentage is zero.
fn is_zero(field: &Field<'_>) -> bool {
    match field.value {
        Value::String(text) => percent(text) == Some(0),
        value => value.as_i64().unwrap_or(0) == 0,
    }
}

/// Refuses a percentage above 100.
fn validate_not_above_all(field: &Field<'_>, found: &mut Findings) {
    if percent(field.text()).is_some_and(|percent| percent > 100) {
        found.invalid(field, "must not be greater than 100%");
    }
}
