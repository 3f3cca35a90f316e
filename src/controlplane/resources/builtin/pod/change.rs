//! What of a pod may change: images, a shorter deadline, more tolerations, fewer scheduling gates.
//!
//! Source: `ValidatePodUpdate` and `ValidatePodStatusUpdate` of
//! `k8s.io/kubernetes/pkg/apis/core/validation/validation.go`, Kubernetes 1.36. The difference between the specs, which
//! upstream appends to its message, is not.

use serde_json::Value;

use crate::controlplane::resources::builtin::edit::Edit;
use crate::controlplane::resources::builtin::field::{Field, Findings};

const OTHER_FIELDS: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Checks a change of a pod.
pub(super) fn validate_update(pod: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    let (new_spec, old_spec) = (pod.get("spec"), old.get("spec"));
    for containers in ["containers", "initContainers"] {
        if new_spec.get(containers).len() != old_spec.get(containers).len() {
            return found.forbidden(&new_spec.get(containers), "pod updates may not add or remove containers");
        }
    }
    validate_deadline(&new_spec, &old_spec, found);
    validate_tolerations(&new_spec, &old_spec, found);
    if !gates_only_go(&new_spec, &old_spec) {
        let detail = "only deletion is allowed, but found new scheduling gate";
        found.forbidden(&new_spec.get("schedulingGates"), detail);
    }
    let gated = !old_spec.get("schedulingGates").is_empty();
    if rest(new_spec.value, old_spec.value, gated) != *old_spec.value {
        found.forbidden(&new_spec, OTHER_FIELDS);
    }
}

fn validate_deadline(new_spec: &Field<'_>, old_spec: &Field<'_>, found: &mut Findings) {
    let (new, old) = (new_spec.get("activeDeadlineSeconds"), old_spec.get("activeDeadlineSeconds"));
    match (new.number(), old.number()) {
        (Some(new_value), Some(old_value)) if new_value > old_value => {
            found.invalid(&new, "must be less than or equal to previous value");
        }
        (None, Some(_)) => {
            found.invalid_value(&new, &Value::Null, "must not update from a positive integer to nil value")
        }
        _ => {}
    }
}

fn validate_tolerations(new_spec: &Field<'_>, old_spec: &Field<'_>, found: &mut Findings) {
    let new = new_spec.get("tolerations");
    let kept = old_spec.get("tolerations").items().all(|old| new.items().any(|new| new.value == old.value));
    if !kept {
        found.forbidden(&new, "existing toleration can not be modified except its tolerationSeconds");
    }
}

fn gates_only_go(new_spec: &Field<'_>, old_spec: &Field<'_>) -> bool {
    let old = old_spec.get("schedulingGates");
    new_spec.get("schedulingGates").items().all(|new| old.items().any(|old| old.value == new.value))
}

/// Returns the new spec with all that may change as it was.
fn rest(new: &Value, old: &Value, gated: bool) -> Value {
    let mut rest = new.clone();
    for containers in ["containers", "initContainers"] {
        let images: Vec<Value> =
            old[containers].as_array().into_iter().flatten().map(|container| container["image"].clone()).collect();
        let mut images = images.into_iter();
        rest.each(containers, |container| {
            container.put("image", images.next().unwrap_or_default());
        });
    }
    let mut restore = |field: &str| match old.get(field) {
        Some(value) => rest.put(field, value.clone()),
        None => rest.drop_field(field),
    };
    ["activeDeadlineSeconds", "tolerations", "schedulingGates"].into_iter().for_each(&mut restore);
    if gated {
        ["nodeSelector", "affinity"].into_iter().for_each(&mut restore);
    }
    let period = |spec: &Value| spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64);
    if period(old).is_some_and(|period| period < 0) && period(new) == Some(1) {
        restore("terminationGracePeriodSeconds");
    }
    rest
}

/// Checks a change of a pod's status.
pub(super) fn validate_status(pod: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    let (new, old) = (pod.at(&["spec", "nodeName"]), old.at(&["spec", "nodeName"]));
    if new.value != old.value {
        found.forbidden(&new, "may not be changed directly");
    }
    let phases = ["Failed", "Pending", "Running", "Succeeded", "Unknown", ""];
    found.one_of_if_set(&pod.at(&["status", "phase"]), &phases);
}
