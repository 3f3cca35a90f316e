//! Requests and limits.
//!
//! Source: `ValidateResourceRequirements` of `k8s.io/kubernetes/pkg/apis/core/validation/validation.go`, Kubernetes 1.36.

use crate::controlplane::names::qualified_name;
use crate::controlplane::quantity::{INVALID, Quantity};
use crate::controlplane::resources::builtin::field::{Field, Findings};

/// Checks the resources of a container.
pub(super) fn validate_requirements(resources: &Field<'_>, found: &mut Findings) {
    let (limits, requests) = (resources.get("limits"), resources.get("requests"));
    for (name, limit) in limits.entries() {
        validate_name(name, &limits, found);
        validate_quantity(&limit, found);
    }
    for (name, request) in requests.entries() {
        validate_name(name, &requests, found);
        validate_quantity(&request, found);
        compare(name, &request, &limits.get(name), &requests, found);
    }
}

fn compare(name: &str, request: &Field<'_>, limit: &Field<'_>, requests: &Field<'_>, found: &mut Findings) {
    let Some(amount) = Quantity::parse(request.text()) else { return };
    let overcommits = !is_extended(name) && !name.starts_with("hugepages-");
    match Quantity::parse(limit.text()) {
        Some(limit) if overcommits && amount > limit => {
            let detail = format!("must be less than or equal to {name} limit of {limit}");
            found.invalid_value(requests, request.value, detail);
        }
        Some(limit) if !overcommits && amount != limit => {
            found.invalid_value(requests, request.value, format!("must be equal to {name} limit of {limit}"));
        }
        None if !overcommits => {
            found.required(&requests.with(request.value), "Limit must be set for non overcommitable resources")
        }
        _ => {}
    }
}

fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

fn validate_name(name: &str, holder: &Field<'_>, found: &mut Findings) {
    let value = name.into();
    for detail in qualified_name(name) {
        found.invalid_value(holder, &value, detail);
    }
    let standard = ["cpu", "memory", "ephemeral-storage"].contains(&name) || name.starts_with("hugepages-");
    if !name.contains('/') && !standard {
        found.invalid_value(holder, &value, "must be a standard resource for containers");
    }
}

/// Checks one amount: it must not be below zero.
pub(in crate::controlplane::resources::builtin) fn validate_quantity(amount: &Field<'_>, found: &mut Findings) {
    match Quantity::parse(amount.text()) {
        None => found.invalid(amount, INVALID),
        Some(quantity) if quantity.is_negative() => found.invalid(amount, "must be greater than or equal to 0"),
        Some(_) => {}
    }
}
