//! Services and what stands before and behind them.

use serde_json::Value;

use super::cells::{self, NONE, UNSET, count, items, joined, text_or};
use super::{AGE, Field, NAME, Printed, Text, text};
use crate::controlplane::env::Env;
use crate::controlplane::object::Object;

/// How many ports or endpoints a cell shows.
const MAX_SHOWN: usize = 3;

pub(super) const SERVICE: &[Printed] = &[
    NAME,
    text("Type", Field("core.v1.ServiceSpec", "type"), |service, _| service.text_at(&["spec", "type"]).into()),
    text("Cluster-IP", Field("core.v1.ServiceSpec", "clusterIP"), |service, _| {
        match items(service, &["spec", "clusterIPs"]).next().and_then(Value::as_str) {
            Some(ip) => ip.into(),
            None => text_or(service, &["spec", "clusterIP"], NONE),
        }
    }),
    text("External-IP", Field("core.v1.ServiceSpec", "externalIPs"), |service, _| external_ip(service).into()),
    text("Port(s)", Field("core.v1.ServiceSpec", "ports"), service_ports),
    AGE,
    text("Selector", Field("core.v1.ServiceSpec", "selector"), |service, _| {
        cells::pairs(service.at(&["spec", "selector"])).into()
    })
    .wide(),
];

pub(super) const ENDPOINTS: &[Printed] =
    &[NAME, text("Endpoints", Field("core.v1.Endpoints", "subsets"), endpoint_addresses), AGE];

pub(super) const ENDPOINT_SLICE: &[Printed] = &[
    NAME,
    text("AddressType", Field("discovery.v1.EndpointSlice", "addressType"), |slice, _| {
        slice.text_at(&["addressType"]).into()
    }),
    text("Ports", Field("discovery.v1.EndpointSlice", "ports"), slice_ports),
    text("Endpoints", Field("discovery.v1.EndpointSlice", "endpoints"), slice_endpoints),
    AGE,
];

pub(super) const INGRESS: &[Printed] = &[
    NAME,
    text(
        "Class",
        Text("The name of the IngressClass resource that should be used for additional configuration"),
        |ingress, _| text_or(ingress, &["spec", "ingressClassName"], NONE),
    ),
    text("Hosts", Text("Hosts that incoming requests are matched against before the ingress rule"), hosts),
    text("Address", Text("Address is a list containing ingress points for the load-balancer"), |ingress, _| {
        balancer(ingress).join(",").into()
    }),
    text("Ports", Text("Ports of TLS configurations that open"), |ingress, _| {
        if cells::len(ingress, &["spec", "tls"]) > 0 { "80, 443".into() } else { "80".into() }
    }),
    AGE,
];

pub(super) const INGRESS_CLASS: &[Printed] = &[
    NAME,
    text("Controller", Text("Controller that is responsible for handling this class"), |class, _| {
        class.text_at(&["spec", "controller"]).into()
    }),
    text("Parameters", Text("A reference to a resource with additional parameters"), |class, _| {
        let Some(parameters) = class.at(&["spec", "parameters"]) else { return NONE.into() };
        let kind = match parameters.text_at(&["apiGroup"]) {
            "" => parameters.text_at(&["kind"]).to_owned(),
            group => format!("{}.{group}", parameters.text_at(&["kind"])),
        };
        format!("{kind}/{}", parameters.text_at(&["name"])).into()
    }),
    AGE,
];

pub(super) const NETWORK_POLICY: &[Printed] = &[
    NAME,
    text("Pod-Selector", Field("networking.v1.NetworkPolicySpec", "podSelector"), |policy, _| {
        cells::selector(policy.at(&["spec", "podSelector"])).into()
    }),
    AGE,
];

/// Returns the addresses at which a load balancer can be reached.
fn balancer(object: &Value) -> Vec<String> {
    let addresses = items(object, &["status", "loadBalancer", "ingress"]).map(|point| match point.text_at(&["ip"]) {
        "" => point.text_at(&["hostname"]).to_owned(),
        ip => ip.to_owned(),
    });
    addresses.filter(|address| !address.is_empty()).collect()
}

fn external_ip(service: &Value) -> String {
    let external: Vec<String> =
        items(service, &["spec", "externalIPs"]).filter_map(Value::as_str).map(str::to_owned).collect();
    match service.text_at(&["spec", "type"]) {
        "LoadBalancer" => {
            let all: Vec<String> = balancer(service).into_iter().chain(external).collect();
            if all.is_empty() { "<pending>".to_owned() } else { all.join(",") }
        }
        "ExternalName" => service.text_at(&["spec", "externalName"]).to_owned(),
        "ClusterIP" | "NodePort" => joined(external),
        _ => "<unknown>".to_owned(),
    }
}

fn service_ports(service: &Value, _env: &Env) -> Value {
    let ports = items(service, &["spec", "ports"]).map(|port| {
        let (number, protocol) = (count(port, &["port"]), port.text_at(&["protocol"]));
        match count(port, &["nodePort"]) {
            0 => format!("{number}/{protocol}"),
            node_port => format!("{number}:{node_port}/{protocol}"),
        }
    });
    joined(ports).into()
}

fn with_more(shown: &[String], total: usize) -> Value {
    match total {
        0 => NONE.into(),
        _ if total > shown.len() => format!("{} + {} more...", shown.join(","), total - shown.len()).into(),
        _ => shown.join(",").into(),
    }
}

fn endpoint_addresses(endpoints: &Value, _env: &Env) -> Value {
    let mut all = Vec::new();
    for subset in items(endpoints, &["subsets"]) {
        let addresses: Vec<&str> = items(subset, &["addresses"]).map(|address| address.text_at(&["ip"])).collect();
        if cells::len(subset, &["ports"]) == 0 {
            all.extend(addresses.iter().map(|ip| (*ip).to_owned()));
        }
        for port in items(subset, &["ports"]) {
            let number = count(port, &["port"]);
            let host = |ip: &str| if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
            all.extend(addresses.iter().map(|ip| format!("{}:{number}", host(ip))));
        }
    }
    with_more(&all[..all.len().min(MAX_SHOWN)], all.len())
}

fn slice_ports(slice: &Value, _env: &Env) -> Value {
    if cells::len(slice, &["ports"]) == 0 {
        return UNSET.into();
    }
    let ports: Vec<String> = items(slice, &["ports"])
        .map(|port| match (count(port, &["port"]), port.text_at(&["name"])) {
            (0, "") => "*".to_owned(),
            (0, name) => name.to_owned(),
            (number, _) => number.to_string(),
        })
        .collect();
    with_more(&ports[..ports.len().min(MAX_SHOWN)], ports.len())
}

fn slice_endpoints(slice: &Value, _env: &Env) -> Value {
    if cells::len(slice, &["endpoints"]) == 0 {
        return UNSET.into();
    }
    let addresses: Vec<String> = items(slice, &["endpoints"])
        .flat_map(|endpoint| items(endpoint, &["addresses"]))
        .filter_map(|address| address.as_str().map(str::to_owned))
        .collect();
    with_more(&addresses[..addresses.len().min(MAX_SHOWN)], addresses.len())
}

fn hosts(ingress: &Value, _env: &Env) -> Value {
    let mut hosts: Vec<String> = Vec::new();
    for rule in items(ingress, &["spec", "rules"]) {
        let host = rule.text_at(&["host"]);
        if !host.is_empty() && !hosts.iter().any(|known| known == host) {
            hosts.push(host.to_owned());
        }
    }
    if hosts.is_empty() {
        return "*".into();
    }
    with_more(&hosts[..hosts.len().min(MAX_SHOWN)], hosts.len())
}
