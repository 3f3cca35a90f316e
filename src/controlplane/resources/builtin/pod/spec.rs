//! What the spec of a pod or a pod template may say.
//!
//! Source: `ValidatePodSpec` of `k8s.io/kubernetes/pkg/apis/core/validation/validation.go`, Kubernetes 1.36. Affinity and
//! topology spread constraints are checked for their required fields only.

use super::container::{self, Surroundings};
use super::volume;
use crate::controlplane::names::{dns1123_label, dns1123_subdomain, label_value, qualified_name};
use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::labels;

const MAX_INT32: i64 = i32::MAX as i64;

/// Checks a pod.
pub(super) fn validate_pod(pod: &Field<'_>, found: &mut Findings) {
    validate(&pod.get("spec"), found);
}

/// Checks the template of a workload: its metadata, and its spec.
pub(in crate::controlplane::resources::builtin) fn validate_template(template: &Field<'_>, found: &mut Findings) {
    labels::validate(&template.at(&["metadata", "labels"]), found);
    labels::validate_annotations(&template.at(&["metadata", "annotations"]), found);
    let spec = template.get("spec");
    validate(&spec, found);
    if !spec.get("ephemeralContainers").is_empty() {
        found.forbidden(&spec.get("ephemeralContainers"), "ephemeral containers not allowed in pod template");
    }
}

fn validate(spec: &Field<'_>, found: &mut Findings) {
    let volumes = volume::validate(&spec.get("volumes"), found);
    let around = Surroundings { volumes, host_network: spec.get("hostNetwork").is_true() };
    container::validate(spec, &around, found);
    found.one_of(&spec.get("restartPolicy"), &["Always", "OnFailure", "Never"]);
    validate_dns(spec, found);
    validate_security_context(&spec.get("securityContext"), found);
    labels::validate(&spec.get("nodeSelector"), found);
    for constraint in spec.get("topologySpreadConstraints").items() {
        validate_spread(&constraint, found);
    }
    validate_names(spec, found);
    let deadline = spec.get("activeDeadlineSeconds");
    if deadline.is_set() {
        found.within(&deadline, 1, MAX_INT32);
    }
    validate_tolerations(&spec.get("tolerations"), found);
    validate_gates(spec, found);
    found.one_of_if_set(&spec.get("preemptionPolicy"), &["Never", "PreemptLowerPriority"]);
}

fn validate_dns(spec: &Field<'_>, found: &mut Findings) {
    let (policy, config) = (spec.get("dnsPolicy"), spec.get("dnsConfig"));
    found.one_of(&policy, &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]);
    if policy.text() != "None" {
        return;
    }
    if !config.is_set() {
        found.required(&config, "must provide `dnsConfig` when `dnsPolicy` is None");
    } else if config.get("nameservers").is_empty() {
        found.required(&config.get("nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
}

fn validate_security_context(context: &Field<'_>, found: &mut Findings) {
    for name in ["fsGroup", "runAsGroup", "runAsUser"] {
        if context.get(name).number().is_some_and(|id| !(0..=MAX_INT32).contains(&id)) {
            found.invalid(&context.get(name), "must be between 0 and 2147483647, inclusive");
        }
    }
    for sysctl in context.get("sysctls").items() {
        if sysctl.get("name").is_empty() {
            found.required(&sysctl.get("name"), "");
        }
    }
}

fn validate_spread(constraint: &Field<'_>, found: &mut Findings) {
    found.positive(&constraint.get("maxSkew"));
    if constraint.get("topologyKey").is_empty() {
        found.required(&constraint.get("topologyKey"), "can not be empty");
    }
    found.one_of(&constraint.get("whenUnsatisfiable"), &["DoNotSchedule", "ScheduleAnyway"]);
}

fn validate_names(spec: &Field<'_>, found: &mut Findings) {
    type Check = fn(&str) -> Vec<String>;
    let checks: [(&str, Check); 6] = [
        ("serviceAccountName", dns1123_subdomain),
        ("nodeName", dns1123_subdomain),
        ("hostname", dns1123_label),
        ("subdomain", dns1123_label),
        ("priorityClassName", dns1123_subdomain),
        ("runtimeClassName", dns1123_subdomain),
    ];
    for (name, check) in checks {
        let field = spec.get(name);
        if !field.is_empty() {
            found.invalid_each(&field, check(field.text()));
        }
    }
    for reference in spec.get("imagePullSecrets").items() {
        if reference.get("name").is_empty() {
            found.required(&reference.get("name"), "");
        }
    }
}

fn validate_gates(spec: &Field<'_>, found: &mut Findings) {
    for (list, name) in [("readinessGates", "conditionType"), ("schedulingGates", "name")] {
        for gate in spec.get(list).items() {
            found.invalid_each(&gate.get(name), qualified_name(gate.get(name).text()));
        }
    }
}

/// Checks the tolerations of a pod, a template or a runtime class.
pub(in crate::controlplane::resources::builtin) fn validate_tolerations(tolerations: &Field<'_>, found: &mut Findings) {
    for toleration in tolerations.items() {
        let (key, operator, value) = (toleration.get("key"), toleration.get("operator"), toleration.get("value"));
        if !key.is_empty() {
            found.invalid_each(&key, qualified_name(key.text()));
        }
        if key.is_empty() && operator.text() != "Exists" {
            found.invalid(
                &operator,
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
            );
        }
        if toleration.get("tolerationSeconds").is_set() && toleration.get("effect").text() != "NoExecute" {
            found.invalid(&toleration.get("effect"), "effect must be 'NoExecute' when `tolerationSeconds` is set");
        }
        match operator.text() {
            "" | "Equal" => {
                let details = label_value(value.text());
                details.into_iter().for_each(|detail| found.invalid_value(&operator, value.value, detail));
            }
            "Exists" if value.is_empty() => {}
            "Exists" => found.invalid_value(&operator, value.value, "value must be empty when `operator` is 'Exists'"),
            _ => found.not_supported(&operator, &["Equal", "Exists"]),
        }
        if !toleration.get("effect").is_empty() {
            found.one_of(&toleration.get("effect"), &["NoExecute", "NoSchedule", "PreferNoSchedule"]);
        }
    }
}
