//! What a service may say.
//!
//! Source: `ValidateService` of `k8s.io/kubernetes/pkg/apis/core/validation/validation.go`, Kubernetes 1.36.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::controlplane::names::{dns1123_label, dns1123_subdomain, qualified_name};
use crate::controlplane::object::Object;
use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::labels;
use crate::controlplane::resources::builtin::ports::{validate_port, validate_port_or_name};
use crate::controlplane::schema::field_error::FieldError;

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const MAX_AFFINITY_SECONDS: i64 = 86400;

/// Checks a service.
pub(super) fn validate(service: &Field<'_>, found: &mut Findings) {
    let spec = service.get("spec");
    let service_type = spec.get("type");
    let ports = spec.get("ports");
    let headless = spec.get("clusterIP").text() == "None";
    if ports.is_empty() && !headless && service_type.text() != "ExternalName" {
        found.required(&ports, "");
    }
    validate_by_type(&spec, headless, found);
    validate_ports(&ports, found);
    labels::validate(&spec.get("selector"), found);
    validate_affinity(&spec, found);
    for ip in spec.get("externalIPs").items() {
        validate_ip(&ip, found);
    }
    if service_type.is_empty() {
        found.required(&service_type, "");
    } else {
        found.one_of(&service_type, &TYPES);
    }
    validate_unique_ports(&spec, found);
    validate_traffic(&spec, found);
    validate_families(&spec, found);
    validate_cluster_ips(&spec, found);
}

fn validate_by_type(spec: &Field<'_>, headless: bool, found: &mut Findings) {
    let kind = spec.get("type").text();
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            let detail = format!("may not be set to 'None' for {kind} services");
            found.invalid(&spec.at(&["clusterIPs"]).items().next().unwrap_or(spec.get("clusterIPs")), detail);
        }
        "ExternalName" => {
            for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                if !spec.get(field).is_empty() {
                    found.forbidden(&spec.get(field), "may not be set for ExternalName services");
                }
            }
            let name = spec.get("externalName");
            if name.is_empty() {
                found.required(&name, "");
            } else {
                found.invalid_each(&name, dns1123_subdomain(name.text().trim_end_matches('.')));
            }
        }
        _ => {}
    }
}

fn validate_ports(ports: &Field<'_>, found: &mut Findings) {
    let mut names = BTreeSet::new();
    for port in ports.items() {
        let name = port.get("name");
        if name.is_empty() {
            if ports.len() > 1 {
                found.required(&name, "");
            }
        } else {
            found.invalid_each(&name, dns1123_label(name.text()));
            if !names.insert(name.text()) {
                found.duplicate(&name);
            }
        }
        validate_port(&port.get("port"), found);
        found.one_of(&port.get("protocol"), &["SCTP", "TCP", "UDP"]);
        validate_port_or_name(&port.get("targetPort"), found);
        let protocol = port.get("appProtocol");
        if protocol.is_set() {
            found.invalid_each(&protocol, qualified_name(protocol.text()));
        }
    }
}

fn validate_affinity(spec: &Field<'_>, found: &mut Findings) {
    let (affinity, config) = (spec.get("sessionAffinity"), spec.get("sessionAffinityConfig"));
    match affinity.text() {
        "" => found.required(&affinity, ""),
        "None" if config.is_set() => {
            found.forbidden(&config, format!("must not be set when session affinity is {}", "None"));
        }
        "ClientIP" => {
            let timeout = config.at(&["clientIP", "timeoutSeconds"]);
            if timeout.number().is_none_or(|seconds| !(1..=MAX_AFFINITY_SECONDS).contains(&seconds)) {
                found.invalid(&timeout, format!("must be greater than 0 and less than {MAX_AFFINITY_SECONDS}"));
            }
        }
        _ => found.one_of(&affinity, &["ClientIP", "None"]),
    }
}

/// The form in which messages show a port: Go's, with all fields.
fn shown(port: &Field<'_>) -> Value {
    let text = |name: &str| port.get(name).text();
    json!({
        "Name": "", "Protocol": text("protocol"), "AppProtocol": null, "Port": port.get("port").value,
        "TargetPort": 0, "NodePort": 0,
    })
}

fn validate_unique_ports(spec: &Field<'_>, found: &mut Findings) {
    let (mut ports, mut node_ports) = (BTreeSet::new(), BTreeSet::new());
    for port in spec.get("ports").items() {
        let protocol = port.get("protocol").text();
        let node_port = port.get("nodePort");
        let number = node_port.number().unwrap_or(0);
        if number != 0 {
            if spec.get("type").text() == "ClusterIP" {
                found.forbidden(&node_port, "may not be used when `type` is 'ClusterIP'");
            }
            if !node_ports.insert((protocol, number)) {
                found.duplicate(&node_port);
            }
        }
        if !ports.insert((protocol, port.get("port").number())) {
            found.0.push(FieldError::duplicate(port.path(), &shown(&port)));
        }
    }
}

fn validate_traffic(spec: &Field<'_>, found: &mut Findings) {
    let (external, internal) = (spec.get("externalTrafficPolicy"), spec.get("internalTrafficPolicy"));
    let accessible =
        matches!(spec.get("type").text(), "NodePort" | "LoadBalancer") || !spec.get("externalIPs").is_empty();
    if external.is_set() && !accessible {
        found.invalid(&external, "may only be set for externally-accessible services");
    } else {
        found.one_of_if_set(&external, &["Cluster", "Local"]);
    }
    if spec.get("type").text() != "ExternalName" {
        match internal.is_set() {
            true => found.one_of(&internal, &["Cluster", "Local"]),
            false if TYPES.contains(&spec.get("type").text()) => found.required(&internal, ""),
            false => {}
        }
    }
    let health = spec.get("healthCheckNodePort");
    let needs = spec.get("type").text() == "LoadBalancer" && external.text() == "Local";
    if health.number().unwrap_or(0) != 0 && !needs {
        found.invalid(&health, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    }
    for name in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
        if spec.get(name).is_set() && spec.get("type").text() != "LoadBalancer" {
            found.forbidden(&spec.get(name), "may only be used when `type` is 'LoadBalancer'");
        }
    }
}

fn validate_families(spec: &Field<'_>, found: &mut Findings) {
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    found.one_of_if_set(&spec.get("ipFamilyPolicy"), &policies);
    for family in spec.get("ipFamilies").items() {
        found.one_of(&family, &["IPv4", "IPv6"]);
    }
}

fn validate_cluster_ips(spec: &Field<'_>, found: &mut Findings) {
    let ips = spec.get("clusterIPs");
    if ips.len() > 2 {
        return found.0.push(FieldError::invalid(ips.path(), ips.value, "may only hold up to 2 values"));
    }
    for ip in ips.items() {
        if ip.text() == "None" {
            if ips.len() > 1 {
                found.0.push(FieldError::invalid(ips.path(), ips.value, "'None' must be the first and only value"));
            }
        } else {
            validate_ip(&ip, found);
        }
    }
    let first = ips.items().next();
    let ip = spec.get("clusterIP");
    if !ip.is_empty() && first.is_some_and(|first| first.text() != ip.text()) {
        found.invalid(&ip, "must be the same as the first value of `clusterIPs`");
    }
}

fn validate_ip(ip: &Field<'_>, found: &mut Findings) {
    if ip.text().parse::<IpAddr>().is_err() {
        found.invalid(ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    }
}

/// Checks that a service keeps the addresses that it has.
pub(super) fn validate_update(new: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    let external = |service: &Field<'_>| service.value.text_at(&["spec", "type"]) == "ExternalName";
    if external(new) || external(old) {
        return;
    }
    let (new, old) = (new.at(&["spec", "clusterIPs"]), old.at(&["spec", "clusterIPs"]));
    for (index, old_ip) in old.items().enumerate() {
        match new.items().nth(index) {
            Some(ip) if ip.text() == old_ip.text() => {}
            Some(ip) => found.0.push(FieldError::invalid(ip.path(), new.value, "may not change once set")),
            None if index == 0 => {
                found.0.push(FieldError::invalid("spec.clusterIPs[0]", new.value, "primary clusterIP can not be unset"))
            }
            None => {}
        }
    }
}
