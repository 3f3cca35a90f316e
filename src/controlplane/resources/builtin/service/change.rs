//! What stays and what goes when a service changes.
//!
//! Source: `patchAllocatedValues` and `dropTypeDependentFields` of
//! `k8s.io/kubernetes/pkg/registry/core/service/strategy.go`, and `normalizeClusterIPs` of `storage/storage.go`,
//! Kubernetes 1.36.

use serde_json::{Value, json};

use super::{is_externally_accessible, needs_cluster_ip, needs_health_check_port, needs_node_ports};
use crate::controlplane::object::Object;
use crate::controlplane::resources::builtin::edit::Edit;

/// Copies allocated addresses and ports into an update that does not mention them.
pub(super) fn keep_what_was_allocated(service: &mut Value, old: &Value) {
    if needs_cluster_ip(service) && needs_cluster_ip(old) && service.text_at(&["spec", "clusterIP"]).is_empty() {
        let given = service.at(&["spec", "clusterIPs"]).is_some();
        if !given {
            copy(service, old, "clusterIP");
            copy(service, old, "clusterIPs");
        }
    }
    if needs_node_ports(service) && needs_node_ports(old) {
        keep_node_ports(service, old);
    }
    let health_port =
        |service: &Value| service.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64).unwrap_or(0);
    if needs_health_check_port(service) && needs_health_check_port(old) && health_port(service) == 0 {
        copy(service, old, "healthCheckNodePort");
    }
}

fn copy(service: &mut Value, old: &Value, field: &str) {
    if let Some(value) = old.at(&["spec", field]).cloned() {
        service.make("spec").put(field, value);
    }
}

/// Ports are found again by protocol and number.
fn keep_node_ports(service: &mut Value, old: &Value) {
    let old_ports = old.at(&["spec", "ports"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let used: Vec<Value> = node_ports(service).collect();
    service.make("spec").each("ports", |port| {
        if port.get("nodePort").is_some_and(|number| *number != json!(0)) {
            return;
        }
        let same = |candidate: &&Value| candidate["port"] == port["port"] && candidate["protocol"] == port["protocol"];
        if let Some(number) = old_ports.iter().find(same).and_then(|old| old.get("nodePort"))
            && !used.contains(number)
        {
            port.put("nodePort", number.clone());
        }
    });
}

/// Returns the ports that a service opens on the nodes.
pub(super) fn node_ports(service: &Value) -> impl Iterator<Item = Value> + use<'_> {
    let ports = service.at(&["spec", "ports"]).and_then(Value::as_array).into_iter().flatten();
    ports.filter_map(|port| port.get("nodePort")).filter(|number| **number != json!(0)).cloned()
}

/// Makes the list of addresses follow the first address, which older clients know alone.
pub(super) fn follow_cluster_ip(service: &mut Value, old: &Value) {
    let ip = service.text_at(&["spec", "clusterIP"]).to_owned();
    let (ips, old_ips) = (service.at(&["spec", "clusterIPs"]), old.at(&["spec", "clusterIPs"]));
    let untouched = ips.is_none() || ips == old_ips;
    let changed = ip != old.text_at(&["spec", "clusterIP"]) || ips.is_none();
    if !untouched || !changed {
        return;
    }
    let mut ips = ips.and_then(Value::as_array).cloned().unwrap_or_default();
    let spec = service.make("spec");
    if ip.is_empty() {
        return spec.drop_field("clusterIPs");
    }
    match ips.first_mut() {
        Some(first) => *first = ip.into(),
        None => ips.push(ip.into()),
    }
    spec.put("clusterIPs", ips);
}

/// Takes away what a service of the old type had and one of the new type has not.
pub(super) fn drop_what_the_type_lost(service: &mut Value, old: &Value) {
    if needs_cluster_ip(old) && !needs_cluster_ip(service) {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
            drop_unchanged(service, old, field);
        }
    }
    if needs_node_ports(old) && !needs_node_ports(service) {
        drop_unchanged_node_ports(service, old);
    }
    if needs_health_check_port(old) && !needs_health_check_port(service) {
        drop_unchanged(service, old, "healthCheckNodePort");
    }
    if is_externally_accessible(old) && !is_externally_accessible(service) {
        drop_unchanged(service, old, "externalTrafficPolicy");
    }
    let balanced = |service: &Value| service.text_at(&["spec", "type"]) == "LoadBalancer";
    if balanced(old) && !balanced(service) {
        drop_unchanged(service, old, "allocateLoadBalancerNodePorts");
        drop_unchanged(service, old, "loadBalancerClass");
    }
    drop_what_the_type_excludes(service);
}

/// Takes away what no client can have meant: a service by external name has no addresses.
pub(super) fn drop_what_the_type_excludes(service: &mut Value) {
    if service.text_at(&["spec", "type"]) == "ExternalName" {
        let spec = service.make("spec");
        spec.drop_field("ipFamilies");
        spec.drop_field("ipFamilyPolicy");
    }
}

fn drop_unchanged(service: &mut Value, old: &Value, field: &str) {
    if service.at(&["spec", field]) == old.at(&["spec", field]) {
        service.make("spec").drop_field(field);
    }
}

fn drop_unchanged_node_ports(service: &mut Value, old: &Value) {
    let old_ports: Vec<Value> = node_ports(old).collect();
    if node_ports(service).all(|port| old_ports.contains(&port)) {
        service.make("spec").each("ports", |port| port.drop_field("nodePort"));
    }
}
