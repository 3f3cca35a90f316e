//! Jobs.
//!
//! Source: `k8s.io/kubernetes/pkg/registry/batch/job/strategy.go` and `pkg/apis/batch/validation/validation.go`,
//! Kubernetes 1.36.

use serde_json::{Value, json};

use crate::controlplane::env::Env;
use crate::controlplane::object::Object;
use crate::controlplane::resources::builtin::edit::Edit;
use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::kind::Kind;
use crate::controlplane::resources::builtin::{labels, pod};

const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
const JOB_NAME: &str = "batch.kubernetes.io/job-name";

/// Jobs.
pub(in crate::controlplane::resources::builtin) const JOB: Kind = Kind {
    generation: true,
    defaults,
    create,
    validate: |job, found| validate_spec(&job.get("spec"), true, found),
    validate_update,
    validate_status: |new, old, found| validate_status(&new.get("status"), &old.get("status"), found),
    orphans: Some(
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning",
    ),
    ..Kind::PLAIN
};

fn defaults(job: &mut Value) {
    let spec = job.make("spec");
    if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
        spec.default("completions", 1);
    }
    spec.default("parallelism", 1);
    let per_index = spec.get("backoffLimitPerIndex").is_some();
    spec.default("backoffLimit", if per_index { i64::from(i32::MAX) } else { 6 });
    spec.default("completionMode", "NonIndexed");
    spec.default("suspend", false);
    spec.default("manualSelector", false);
    let replacement = if spec.get("podFailurePolicy").is_some() { "Failed" } else { "TerminatingOrFailed" };
    spec.default("podReplacementPolicy", replacement);
    if let Some(policy) = spec.child("podFailurePolicy") {
        policy.each("rules", |rule| {
            rule.each("onPodConditions", |condition| condition.default("status", "True"));
        });
    }
    pod::default_template(spec);
    let labels = spec.pointer("/template/metadata/labels").cloned();
    if let Some(labels) = labels {
        job.make("metadata").default("labels", labels);
    }
}

/// Gives the job a selector that finds its own pods and no others.
fn create(_env: &Env, job: &mut Value) {
    if job.at(&["spec", "manualSelector"]) == Some(&Value::Bool(true)) {
        return;
    }
    let (name, uid) = (job.name().to_owned(), job.uid().to_owned());
    let spec = job.make("spec");
    spec.make("selector").make("matchLabels").put(CONTROLLER_UID, uid.as_str());
    let labels = spec.make("template").make("metadata").make("labels");
    for (key, value) in [(CONTROLLER_UID, &uid), (JOB_NAME, &name), ("controller-uid", &uid), ("job-name", &name)] {
        labels.put(key, value.as_str());
    }
    let labels = labels.clone();
    job.make("metadata").default("labels", labels);
}

/// Checks the spec of a job, or (with `with_selector` false) of the template of a job, which has no selector yet.
pub(super) fn validate_spec(spec: &Field<'_>, with_selector: bool, found: &mut Findings) {
    for name in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        found.not_negative(&spec.get(name));
    }
    found.one_of_if_set(&spec.get("completionMode"), &["Indexed", "NonIndexed"]);
    let indexed = spec.get("completionMode").text() == "Indexed";
    if indexed && !spec.get("completions").is_set() {
        found.required(&spec.get("completions"), "when completion mode is Indexed");
    }
    if !indexed && spec.get("backoffLimitPerIndex").is_set() {
        found.invalid(&spec.get("backoffLimitPerIndex"), "requires indexed completion mode");
    }
    found.one_of_if_set(&spec.get("podReplacementPolicy"), &["Failed", "TerminatingOrFailed"]);
    pod::validate_template(&spec.get("template"), found);
    let policy = spec.at(&["template", "spec", "restartPolicy"]);
    if !["OnFailure", "Never"].contains(&policy.text()) {
        found.required(&policy, "valid values: \"OnFailure\", \"Never\"");
    } else if spec.get("podFailurePolicy").is_set() && policy.text() != "Never" {
        found.invalid(&policy, "only \"Never\" is supported when podFailurePolicy is specified");
    }
    if with_selector {
        validate_selector(spec, found);
    }
}

fn validate_selector(spec: &Field<'_>, found: &mut Findings) {
    let (selector, manual) = (spec.get("selector"), spec.get("manualSelector").is_true());
    if !selector.is_set() {
        return found.required(&selector, "");
    }
    labels::validate_selector(&selector, found);
    let generated = selector.get("matchLabels").len() == 1 && selector.get("matchExpressions").is_empty();
    if !manual && !generated {
        found.invalid(&selector, "`selector` not auto-generated");
    }
    super::validate_match(spec, found);
}

fn validate_update(new: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    let (new_spec, old_spec) = (new.get("spec"), old.get("spec"));
    validate_completions(&new_spec, &old_spec, found);
    found.immutable(&new_spec.get("selector"), &old_spec.get("selector"));
    let started = old.at(&["status", "startTime"]).is_set();
    let suspended = old_spec.get("suspend").is_true();
    if !suspended || started {
        found.immutable(&new_spec.get("template"), &old_spec.get("template"));
    } else {
        validate_template_of_suspended(&new_spec.get("template"), &old_spec.get("template"), found);
    }
    for name in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
        found.immutable(&new_spec.get(name), &old_spec.get(name));
    }
}

/// An indexed job may grow and shrink as long as completions and parallelism are one number.
fn validate_completions(new_spec: &Field<'_>, old_spec: &Field<'_>, found: &mut Findings) {
    let (new, old) = (new_spec.get("completions"), old_spec.get("completions"));
    if new.value == old.value {
        return;
    }
    if old_spec.get("completionMode").text() != "Indexed" {
        return found.immutable(&new, &old);
    }
    if new.value != new_spec.get("parallelism").value || old.value != old_spec.get("parallelism").value {
        found.invalid(&new, "can only be modified in tandem with spec.parallelism");
    }
}

/// Before a job starts, a queue may say where its pods go and what they get.
fn validate_template_of_suspended(new: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    let fixed = |template: &Value| {
        let mut template = template.clone();
        if let Some(metadata) = template.child("metadata") {
            metadata.drop_field("annotations");
            metadata.drop_field("labels");
        }
        if let Some(spec) = template.child("spec") {
            for field in ["affinity", "nodeSelector", "tolerations", "schedulingGates"] {
                spec.drop_field(field);
            }
            for containers in ["containers", "initContainers"] {
                spec.each(containers, |container| container.put("resources", json!({})));
            }
        }
        template
    };
    if fixed(new.value) != fixed(old.value) {
        found.invalid(new, "field is immutable");
    }
}

fn validate_status(new: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    for name in ["active", "succeeded", "failed", "ready", "terminating"] {
        found.not_negative(&new.get(name));
    }
    let is = |status: &Field<'_>, kind: &str| {
        let mut conditions = status.get("conditions").items();
        conditions.any(|condition| condition.get("type").text() == kind && condition.get("status").text() == "True")
    };
    if is(new, "Complete") && is(new, "Failed") {
        found.invalid(&new.get("conditions"), "cannot set Complete=True and Failed=true conditions");
    }
    for kind in ["Complete", "Failed"] {
        if is(old, kind) && !is(new, kind) {
            found.invalid(&new.get("conditions"), format!("cannot disable the terminal {kind}=True condition"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_job_selects_its_own_pods() {
        let mut job = json!({"metadata": {"name": "j", "uid": "u"}, "spec": {"template": {"metadata": {}}}});
        create(&Env::deterministic(1, || Timestamp::UNIX_EPOCH), &mut job);
        assert_eq!(job["spec"]["selector"]["matchLabels"][CONTROLLER_UID], "u");
        assert_eq!(job["spec"]["template"]["metadata"]["labels"]["job-name"], "j");
        assert_eq!(job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]);
    }
}
