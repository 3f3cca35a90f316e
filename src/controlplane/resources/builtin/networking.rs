//! Ingresses, network policies and endpoints.
//!
//! Source: `k8s.io/kubernetes/pkg/apis/{networking,discovery}/validation/validation.go` and `v1/defaults.go`,
//! Kubernetes 1.36.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::edit::Edit;
use super::field::{Field, Findings};
use super::kind::Kind;
use super::labels;
use super::ports::{validate_port, validate_port_name, validate_port_or_name};
use crate::controlplane::names::{dns1035_label, dns1123_subdomain};

/// Ingresses.
pub(super) const INGRESS: Kind = Kind { generation: true, validate: validate_ingress, ..Kind::PLAIN };

/// IngressClasses.
pub(super) const INGRESS_CLASS: Kind = Kind {
    generation: true,
    defaults: |class| {
        if let Some(parameters) = class.child("spec").and_then(|spec| spec.child("parameters")) {
            parameters.default("scope", "Cluster");
        }
    },
    validate_update: |new, old, found| {
        found.immutable(&new.at(&["spec", "controller"]), &old.at(&["spec", "controller"]))
    },
    ..Kind::PLAIN
};

/// NetworkPolicies.
pub(super) const NETWORK_POLICY: Kind =
    Kind { generation: true, defaults: default_policy, validate: validate_policy, ..Kind::PLAIN };

/// EndpointSlices.
pub(super) const ENDPOINT_SLICE: Kind = Kind {
    generation: true,
    defaults: |slice| {
        slice.each("ports", |port| {
            port.default("name", "");
            port.default("protocol", "TCP");
        });
    },
    validate: validate_slice,
    validate_update: |new, old, found| found.immutable(&new.get("addressType"), &old.get("addressType")),
    ..Kind::PLAIN
};

/// Endpoints.
pub(super) const ENDPOINTS: Kind = Kind {
    create_on_update: true,
    defaults: |endpoints| {
        endpoints.each("subsets", |subset| subset.each("ports", |port| port.default("protocol", "TCP")));
    },
    validate: validate_endpoints,
    deprecation: Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
    ..Kind::PLAIN
};

fn validate_ingress(ingress: &Field<'_>, found: &mut Findings) {
    let spec = ingress.get("spec");
    let (backend, rules) = (spec.get("defaultBackend"), spec.get("rules"));
    for tls in spec.get("tls").items() {
        for host in tls.get("hosts").items() {
            validate_host(&host, found);
        }
    }
    if rules.is_empty() && !backend.is_set() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        found.invalid_value(&spec, &json!([]), detail);
    }
    if backend.is_set() {
        validate_backend(&backend, found);
    }
    for rule in rules.items() {
        validate_rule(&rule, found);
    }
    let class = spec.get("ingressClassName");
    if class.is_set() {
        found.invalid_each(&class, dns1123_subdomain(class.text()));
    }
}

fn validate_host(host: &Field<'_>, found: &mut Findings) {
    let text = host.text();
    if text.is_empty() {
        return;
    }
    if text.parse::<IpAddr>().is_ok() {
        return found.invalid(host, "must be a DNS name, not an IP address");
    }
    found.invalid_each(host, dns1123_subdomain(text.strip_prefix("*.").unwrap_or(text)));
}

fn validate_rule(rule: &Field<'_>, found: &mut Findings) {
    validate_host(&rule.get("host"), found);
    let http = rule.get("http");
    if !http.is_set() {
        return;
    }
    if http.get("paths").is_empty() {
        found.required(&http.get("paths"), "");
    }
    for path in http.get("paths").items() {
        let (kind, text) = (path.get("pathType"), path.get("path"));
        match kind.text() {
            "" => found.required(&kind, "pathType must be specified"),
            "Exact" | "Prefix" if !text.text().starts_with('/') => found.invalid(&text, "must be an absolute path"),
            "ImplementationSpecific" if !text.is_empty() && !text.text().starts_with('/') => {
                found.invalid(&text, "must be an absolute path");
            }
            _ => found.one_of(&kind, &["Exact", "ImplementationSpecific", "Prefix"]),
        }
        validate_backend(&path.get("backend"), found);
    }
}

fn validate_backend(backend: &Field<'_>, found: &mut Findings) {
    let (service, resource) = (backend.get("service"), backend.get("resource"));
    match (service.is_set(), resource.is_set()) {
        (true, true) => found.invalid_value(backend, &"".into(), "cannot set both resource and service backends"),
        (false, false) => found.required(backend, "resource or service backend is required"),
        (false, true) => {}
        (true, false) => validate_service_backend(&service, found),
    }
}

fn validate_service_backend(service: &Field<'_>, found: &mut Findings) {
    let (name, port) = (service.get("name"), service.get("port"));
    if name.is_empty() {
        found.required(&name, "");
    } else {
        found.invalid_each(&name, dns1035_label(name.text()));
    }
    match (port.get("name").is_empty(), port.get("number").number().unwrap_or(0)) {
        (true, 0) => found.required(&port, "port name or number is required"),
        (false, 0) => drop(validate_port_name(&port.get("name"), found)),
        (true, _) => validate_port(&port.get("number"), found),
        (false, _) => found.invalid(&port, "cannot set both port name & port number"),
    }
}

fn default_policy(policy: &mut Value) {
    let spec = policy.make("spec");
    for direction in ["ingress", "egress"] {
        spec.each(direction, |rule| rule.each("ports", |port| port.default("protocol", "TCP")));
    }
    let has_egress = spec.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    let types = if has_egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    spec.default("policyTypes", types);
}

fn validate_policy(policy: &Field<'_>, found: &mut Findings) {
    let spec = policy.get("spec");
    labels::validate_selector(&spec.get("podSelector"), found);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.get(direction).items() {
            rule.get("ports").items().for_each(|port| validate_policy_port(&port, found));
            rule.get(peers).items().for_each(|peer| validate_peer(&peer, found));
        }
    }
    let types = spec.get("policyTypes");
    if types.len() > 2 {
        return found.invalid(&types, "may not specify more than two policyTypes");
    }
    types.items().for_each(|kind| found.one_of(&kind, &["Egress", "Ingress"]));
}

fn validate_policy_port(port: &Field<'_>, found: &mut Findings) {
    found.one_of_if_set(&port.get("protocol"), &["SCTP", "TCP", "UDP"]);
    let (number, end) = (port.get("port"), port.get("endPort"));
    if number.is_set() {
        validate_port_or_name(&number, found);
        if let (Some(start), Some(end_number)) = (number.number(), end.number())
            && end_number < start
        {
            found.invalid(&end, "must be greater than or equal to `port`");
        }
    }
    if end.is_set() && number.number().is_none() {
        found.required(&number, "must be specified when `endPort` is specified");
    }
}

fn validate_peer(peer: &Field<'_>, found: &mut Findings) {
    let (pods, namespaces, block) = (peer.get("podSelector"), peer.get("namespaceSelector"), peer.get("ipBlock"));
    for selector in [&pods, &namespaces] {
        if selector.is_set() {
            labels::validate_selector(selector, found);
        }
    }
    if block.is_set() {
        validate_cidr(&block.get("cidr"), found);
        block.get("except").items().for_each(|except| validate_cidr(&except, found));
        if pods.is_set() || namespaces.is_set() {
            found.forbidden(peer, "may not specify both ipBlock and another peer");
        }
    } else if !pods.is_set() && !namespaces.is_set() {
        found.required(peer, "must specify a peer");
    }
}

fn validate_cidr(cidr: &Field<'_>, found: &mut Findings) {
    let parsed = cidr.text().split_once('/').and_then(|(ip, bits)| {
        let max = if ip.parse::<IpAddr>().ok()?.is_ipv4() { 32 } else { 128 };
        bits.parse::<u8>().ok().filter(|bits| *bits <= max)
    });
    if cidr.is_empty() {
        found.required(cidr, "");
    } else if parsed.is_none() {
        found.invalid(cidr, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
    }
}

fn validate_slice(slice: &Field<'_>, found: &mut Findings) {
    let kind = slice.get("addressType");
    if kind.is_empty() {
        found.required(&kind, "");
    } else {
        found.one_of(&kind, &["FQDN", "IPv4", "IPv6"]);
    }
    for endpoint in slice.get("endpoints").items() {
        if endpoint.get("addresses").is_empty() {
            found.required(&endpoint.get("addresses"), "must contain at least 1 address");
        }
    }
    for port in slice.get("ports").items() {
        if !port.get("name").is_empty() {
            found.invalid_each(&port.get("name"), crate::controlplane::names::dns1123_label(port.get("name").text()));
        }
        found.one_of(&port.get("protocol"), &["SCTP", "TCP", "UDP"]);
    }
}

fn validate_endpoints(endpoints: &Field<'_>, found: &mut Findings) {
    for subset in endpoints.get("subsets").items() {
        if subset.get("addresses").is_empty() && subset.get("notReadyAddresses").is_empty() {
            found.required(&subset, "must specify `addresses` or `notReadyAddresses`");
        }
        for addresses in ["addresses", "notReadyAddresses"] {
            for address in subset.get(addresses).items() {
                if address.get("ip").text().parse::<IpAddr>().is_err() {
                    found.invalid(&address.get("ip"), "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
                }
            }
        }
        for port in subset.get("ports").items() {
            validate_port(&port.get("port"), found);
            found.one_of(&port.get("protocol"), &["SCTP", "TCP", "UDP"]);
        }
    }
}
