//! What the cluster itself is made of: namespaces, nodes, quotas, budgets, leases, priorities.
//!
//! Source: `k8s.io/kubernetes/pkg/registry/{core,policy,coordination,scheduling,node}` and the validation of these
//! groups, Kubernetes 1.36.

use serde_json::{Value, json};

use super::edit::Edit;
use super::field::{Field, Findings};
use super::kind::Kind;
use super::{labels, pod};
use crate::controlplane::names::dns1123_label;
use crate::controlplane::object::Object;
use crate::controlplane::quantity::Quantity;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::validation::NameFormat;

/// Whether a namespace waits for its content to go; its own finalizers are apart from those of metadata.
fn has_finalizers(namespace: &Value) -> bool {
    let finalizers = namespace.at(&["spec", "finalizers"]).and_then(Value::as_array);
    finalizers.is_some_and(|finalizers| !finalizers.is_empty())
}

const MAX_USER_PRIORITY: i64 = 1_000_000_000;

/// Namespaces.
pub(super) const NAMESPACE: Kind = Kind {
    names: NameFormat::Label,
    defaults: |namespace| {
        // The label by which selectors find a namespace by name.
        let name = namespace.name().to_owned();
        if !name.is_empty() {
            namespace.make("metadata").make("labels").put("kubernetes.io/metadata.name", name);
        }
        if namespace.text_at(&["status", "phase"]).is_empty() {
            namespace.make("status").put("phase", "Active");
        }
    },
    create: |_, namespace| {
        namespace.put("status", json!({"phase": "Active"}));
        let finalizers = namespace.make("spec");
        match finalizers.get_mut("finalizers").and_then(Value::as_array_mut) {
            Some(list) if list.iter().any(|finalizer| finalizer == "kubernetes") => {}
            Some(list) => list.push("kubernetes".into()),
            None => finalizers.put("finalizers", json!(["kubernetes"])),
        }
    },
    update: |namespace, old| {
        // Finalizers of a namespace go by its `finalize` subresource alone.
        match old.at(&["spec", "finalizers"]).cloned() {
            Some(finalizers) => namespace.make("spec").put("finalizers", finalizers),
            None => namespace.make("spec").drop_field("finalizers"),
        }
    },
    begin_deletion: |env, namespace| {
        if namespace.deletion_timestamp().is_some() {
            return has_finalizers(namespace);
        }
        namespace.set(&["metadata", "deletionTimestamp"], env.now_text());
        namespace.set(&["status", "phase"], "Terminating");
        true
    },
    holds_deletion: has_finalizers,
    validate_status: |new, old, found| {
        let phase = new.at(&["status", "phase"]);
        let deleted = !old.at(&["metadata", "deletionTimestamp"]).is_empty();
        match (deleted, phase.text()) {
            (true, "Terminating") | (false, "Active") => {}
            (true, _) => found.invalid(&phase, "may only be 'Terminating' if `deletionTimestamp` is not empty"),
            (false, _) => found.invalid(&phase, "may not be 'Terminating' if `deletionTimestamp` is empty"),
        }
    },
    ..Kind::PLAIN
};

/// Nodes.
pub(super) const NODE: Kind = Kind {
    validate: |node, found| {
        for taint in node.at(&["spec", "taints"]).items() {
            found.one_of(&taint.get("effect"), &["NoExecute", "NoSchedule", "PreferNoSchedule"]);
        }
    },
    validate_update: |new, old, found| {
        let (id, old_id) = (new.at(&["spec", "providerID"]), old.at(&["spec", "providerID"]));
        if !old_id.is_empty() && id.value != old_id.value {
            found.forbidden(&id, "node updates may not change providerID once it is set");
        }
    },
    ..Kind::PLAIN
};

/// Leases.
pub(super) const LEASE: Kind = Kind {
    unconditional_update: false,
    create_on_update: true,
    validate: |lease, found| {
        found.positive(&lease.at(&["spec", "leaseDurationSeconds"]));
        found.not_negative(&lease.at(&["spec", "leaseTransitions"]));
    },
    ..Kind::PLAIN
};

/// ServiceAccounts.
pub(super) const SERVICE_ACCOUNT: Kind = Kind { returns_deleted: true, ..Kind::PLAIN };

/// LimitRanges.
pub(super) const LIMIT_RANGE: Kind =
    Kind { create_on_update: true, defaults: default_limit_range, validate: validate_limit_range, ..Kind::PLAIN };

/// ResourceQuotas.
pub(super) const RESOURCE_QUOTA: Kind = Kind {
    returns_deleted: true,
    validate: |quota, found| {
        for (_, amount) in quota.at(&["spec", "hard"]).entries() {
            pod::validate_quantity(&amount, found);
        }
    },
    ..Kind::PLAIN
};

/// PodDisruptionBudgets.
pub(super) const DISRUPTION_BUDGET: Kind =
    Kind { generation: true, unconditional_update: false, validate: validate_budget, ..Kind::PLAIN };

/// PriorityClasses.
pub(super) const PRIORITY_CLASS: Kind = Kind {
    generation: true,
    defaults: |class| class.default("preemptionPolicy", "PreemptLowerPriority"),
    validate: validate_priority,
    validate_update: |new, old, found| {
        if new.get("value").number().unwrap_or(0) != old.get("value").number().unwrap_or(0) {
            found.forbidden(&new.get("value"), "may not be changed in an update.");
        }
        found.immutable(&new.get("preemptionPolicy"), &old.get("preemptionPolicy"));
    },
    ..Kind::PLAIN
};

/// RuntimeClasses.
pub(super) const RUNTIME_CLASS: Kind = Kind {
    unconditional_update: false,
    validate: |class, found| {
        found.invalid_each(&class.get("handler"), dns1123_label(class.get("handler").text()));
        pod::validate_tolerations(&class.at(&["scheduling", "tolerations"]), found);
    },
    validate_update: |new, old, found| found.immutable(&new.get("handler"), &old.get("handler")),
    ..Kind::PLAIN
};

/// CertificateSigningRequests.
pub(super) const SIGNING_REQUEST: Kind = Kind {
    names: NameFormat::PathSegment,
    validate: |request, found| {
        let spec = request.get("spec");
        if spec.get("usages").is_empty() {
            found.required(&spec.get("usages"), "usages must be specified");
        }
        if spec.get("signerName").is_empty() {
            found.required(&spec.get("signerName"), "");
        }
    },
    ..Kind::PLAIN
};

/// Limits on containers default to the most that is allowed, requests to the limits.
fn default_limit_range(range: &mut Value) {
    range.make("spec").each("limits", |item| {
        if item.text_at(&["type"]) != "Container" {
            return;
        }
        let copy = |item: &mut Value, from: &str, to: &str| {
            let Some(Value::Object(amounts)) = item.get(from).cloned() else { return };
            let target = item.make(to);
            amounts.into_iter().for_each(|(name, amount)| target.default(&name, amount));
        };
        copy(item, "max", "default");
        copy(item, "default", "defaultRequest");
        copy(item, "min", "defaultRequest");
    });
}

fn validate_limit_range(range: &Field<'_>, found: &mut Findings) {
    for item in range.at(&["spec", "limits"]).items() {
        for side in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
            item.get(side).entries().for_each(|(_, amount)| pod::validate_quantity(&amount, found));
        }
        for (name, low) in item.get("min").entries() {
            let high = Quantity::parse(item.get("max").get(name).text());
            if let (Some(low_amount), Some(high)) = (Quantity::parse(low.text()), high)
                && low_amount > high
            {
                found.invalid(&low, format!("min value {low_amount} is greater than max value {high}"));
            }
        }
    }
}

fn validate_budget(budget: &Field<'_>, found: &mut Findings) {
    let spec = budget.get("spec");
    let (available, unavailable) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    if available.is_set() && unavailable.is_set() {
        found.invalid(&spec, "minAvailable and maxUnavailable cannot be both set");
    }
    for bound in [&available, &unavailable] {
        found.not_negative(bound);
        let percent = bound.text().strip_suffix('%').and_then(|digits| digits.parse::<u32>().ok());
        match bound.value {
            Value::String(_) if percent.is_none() => found.invalid(
                bound,
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
            ),
            _ if percent.is_some_and(|percent| percent > 100) => found.invalid(bound, "must not be greater than 100%"),
            _ => {}
        }
    }
    labels::validate_selector(&spec.get("selector"), found);
    found.one_of_if_set(&spec.get("unhealthyPodEvictionPolicy"), &["AlwaysAllow", "IfHealthyBudget"]);
}

fn validate_priority(class: &Field<'_>, found: &mut Findings) {
    let (name, value) = (class.at(&["metadata", "name"]), class.get("value"));
    let number = value.number().unwrap_or(0);
    let known = matches!(
        (name.text(), number),
        ("system-cluster-critical", 2_000_000_000) | ("system-node-critical", 2_000_001_000)
    );
    if name.text().starts_with("system-") {
        if !known {
            let detail = "priority class names with 'system-' prefix are reserved for system use only. error: no such system priority class";
            found.0.push(FieldError::forbidden("metadata.name", detail));
        }
    } else if number > MAX_USER_PRIORITY {
        found.forbidden(&value, format!("maximum allowed value of a user defined priority is {MAX_USER_PRIORITY}"));
    }
    found.one_of_if_set(&class.get("preemptionPolicy"), &["Never", "PreemptLowerPriority"]);
}
