//! ReplicaSets and ReplicationControllers.
//!
//! Source: `ValidateReplicaSetSpec` and `ValidateReplicationControllerSpec` of `k8s.io/kubernetes/pkg/apis`,
//! Kubernetes 1.36.

use serde_json::Value;

use crate::controlplane::resources::builtin::edit::Edit;
use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::kind::Kind;
use crate::controlplane::resources::builtin::{labels, pod};

/// ReplicaSets.
pub(in crate::controlplane::resources::builtin) const REPLICA_SET: Kind = Kind {
    generation: true,
    defaults: default_replica_set,
    validate: validate_replica_set,
    validate_update: |new, old, found| {
        found.immutable(&new.at(&["spec", "selector"]), &old.at(&["spec", "selector"]));
    },
    validate_status,
    ..Kind::PLAIN
};

/// ReplicationControllers.
pub(in crate::controlplane::resources::builtin) const REPLICATION_CONTROLLER: Kind = Kind {
    generation: true,
    defaults: default_replication_controller,
    validate: validate_replication_controller,
    validate_status,
    ..Kind::PLAIN
};

fn default_replica_set(set: &mut Value) {
    let spec = set.make("spec");
    spec.default("replicas", 1);
    pod::default_template(spec);
}

/// Labels and selector follow the template.
fn default_replication_controller(controller: &mut Value) {
    default_replica_set(controller);
    let labels = controller.pointer("/spec/template/metadata/labels").cloned();
    if let Some(labels) = labels.filter(|labels| labels.as_object().is_some_and(|map| !map.is_empty())) {
        controller.make("spec").default("selector", labels.clone());
        controller.make("metadata").default("labels", labels);
    }
}

fn validate_replica_set(set: &Field<'_>, found: &mut Findings) {
    let spec = set.get("spec");
    found.not_negative(&spec.get("replicas"));
    found.not_negative(&spec.get("minReadySeconds"));
    super::validate_selector_and_template(&spec, "deployment", found);
    super::validate_runs_forever(&spec, "ReplicaSet", found);
}

fn validate_replication_controller(controller: &Field<'_>, found: &mut Findings) {
    let spec = controller.get("spec");
    found.not_negative(&spec.get("minReadySeconds"));
    let (selector, template) = (spec.get("selector"), spec.get("template"));
    labels::validate(&selector, found);
    if selector.is_empty() {
        found.required(&selector, "");
    }
    found.not_negative(&spec.get("replicas"));
    if !template.is_set() {
        return found.required(&template, "");
    }
    let labels = template.at(&["metadata", "labels"]);
    if !selector.entries().all(|(key, value)| labels.value.get(key) == Some(value.value)) {
        found.invalid_value(&labels, labels.value, "`selector` does not match template `labels`");
    }
    pod::validate_template(&template, found);
    super::validate_runs_forever(&spec, "ReplicationController", found);
}

fn validate_status(new: &Field<'_>, _old: &Field<'_>, found: &mut Findings) {
    let status = new.get("status");
    let names = ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"];
    names.iter().for_each(|name| found.not_negative(&status.get(name)));
    let all = status.get("replicas").number().unwrap_or(0);
    for name in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"] {
        if status.get(name).number().is_some_and(|count| count > all) {
            found.invalid(&status.get(name), "cannot be greater than status.replicas");
        }
    }
    let ready = status.get("readyReplicas").number().unwrap_or(0);
    let available = status.get("availableReplicas");
    if available.number().is_some_and(|available| available > ready) {
        found.invalid(&available, "cannot be greater than readyReplicas");
    }
}
