//! Services: their ports, addresses, and what follows from their type.
//!
//! Source: `k8s.io/kubernetes/pkg/registry/core/service/strategy.go`, Kubernetes 1.36.

pub(super) mod allocation;
mod change;
mod validation;

use serde_json::{Value, json};

use super::edit::Edit;
use super::kind::Kind;
use crate::controlplane::object::Object;
use crate::controlplane::validation::NameFormat;

/// Services.
pub(super) const SERVICE: Kind = Kind {
    names: NameFormat::Label1035,
    returns_deleted: true,
    defaults,
    create: |_, service| {
        change::follow_cluster_ip(service, &Value::Null);
        change::drop_what_the_type_excludes(service);
    },
    update: |service, old| {
        change::keep_what_was_allocated(service, old);
        change::follow_cluster_ip(service, old);
        change::drop_what_the_type_lost(service, old);
    },
    validate: validation::validate,
    validate_update: validation::validate_update,
    ..Kind::PLAIN
};

/// Whether a service of this type has an address in the cluster.
fn needs_cluster_ip(service: &Value) -> bool {
    matches!(service.text_at(&["spec", "type"]), "ClusterIP" | "NodePort" | "LoadBalancer")
}

/// Whether a service opens ports on the nodes.
fn needs_node_ports(service: &Value) -> bool {
    match service.text_at(&["spec", "type"]) {
        "NodePort" => true,
        "LoadBalancer" => service.at(&["spec", "allocateLoadBalancerNodePorts"]) != Some(&Value::Bool(false)),
        _ => false,
    }
}

/// Whether a service has a port by which load balancers find the nodes that run its pods.
fn needs_health_check_port(service: &Value) -> bool {
    service.text_at(&["spec", "type"]) == "LoadBalancer"
        && service.text_at(&["spec", "externalTrafficPolicy"]) == "Local"
}

fn is_externally_accessible(service: &Value) -> bool {
    let external_ips =
        service.at(&["spec", "externalIPs"]).and_then(Value::as_array).is_some_and(|ips| !ips.is_empty());
    match service.text_at(&["spec", "type"]) {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => external_ips,
        _ => false,
    }
}

/// Source: `SetDefaults_Service` of `k8s.io/kubernetes/pkg/apis/core/v1/defaults.go`, Kubernetes 1.36.
fn defaults(service: &mut Value) {
    let spec = service.make("spec");
    spec.default("sessionAffinity", "None");
    match spec.text_at(&["sessionAffinity"]) {
        "None" => spec.drop_field("sessionAffinityConfig"),
        "ClientIP" => spec.make("sessionAffinityConfig").make("clientIP").default("timeoutSeconds", 10800),
        _ => {}
    }
    spec.default("type", "ClusterIP");
    spec.each("ports", |port| {
        port.default("protocol", "TCP");
        let target = port.get("targetPort").cloned().unwrap_or_default();
        if target.is_null() || target == json!(0) || target == json!("") {
            let number = port.get("port").cloned().unwrap_or_default();
            port.put("targetPort", number);
        }
    });
    let accessible = is_externally_accessible(service);
    let spec = service.make("spec");
    if accessible {
        spec.default("externalTrafficPolicy", "Cluster");
    }
    if matches!(spec.text_at(&["type"]), "ClusterIP" | "NodePort" | "LoadBalancer") {
        spec.default("internalTrafficPolicy", "Cluster");
    }
    if spec.text_at(&["type"]) == "LoadBalancer" {
        spec.default("allocateLoadBalancerNodePorts", true);
    }
}
