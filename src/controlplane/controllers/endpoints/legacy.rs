//! Endpoints: one object a Service, at most a thousand addresses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::kind::ENDPOINTS;
use super::super::{Step, View, WorkKey};
use super::backends::{self, Backend};
use super::labels_of;
use crate::controlplane::object::Object;

const MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");
const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const MAX_ADDRESSES: usize = 1000;

/// Brings the Endpoints of a Service up to date.
pub(super) fn sync(view: &View, service: &Value, step: &mut Step) {
    let mut backends = backends::of(view, service);
    backends.retain(|backend| backend.is_ready || !backend.is_terminating);
    let is_over_capacity = backends.len() > MAX_ADDRESSES;
    backends.truncate(MAX_ADDRESSES);
    let labels = labels_of(service, ENDPOINTS, &[MANAGED_BY]);
    let subsets = subsets(&backends);
    let current = view.get(&ENDPOINTS.resource(), service.namespace(), service.name());
    let mut object = match &current {
        Some(current) => current.value.clone(),
        None => json!({
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": service.name(), "namespace": service.namespace()},
        }),
    };
    let has_subsets = object.get("subsets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() == subsets;
    if current.is_some() && has_subsets && object.at(&["metadata", "labels"]) == Some(&labels) {
        return;
    }
    object.set(&["metadata", "labels"], labels);
    object.set(&["metadata", "annotations", TRIGGER_TIME], view.env.now_text());
    if is_over_capacity {
        object.set(&["metadata", "annotations", OVER_CAPACITY], "truncated");
    }
    object["subsets"] = subsets.into();
    match current {
        Some(_) => step.update(&ENDPOINTS.gvr(), object),
        None => step.create(&ENDPOINTS.gvr(), object),
    }
}

/// Removes the Endpoints of a Service that is gone, if they are ours.
pub(super) fn remove(view: &View, key: &WorkKey, step: &mut Step) {
    let endpoints = view.get(&ENDPOINTS.resource(), &key.key.namespace, &key.key.name);
    if let Some(endpoints) = endpoints.filter(|found| found.value.label(MANAGED_BY.0) == Some(MANAGED_BY.1)) {
        step.delete(&ENDPOINTS.gvr(), &endpoints.value, None);
    }
}

fn subsets(backends: &[Backend]) -> Vec<Value> {
    let mut by_ports = BTreeMap::<&Vec<(String, String, i64)>, [Vec<Value>; 2]>::new();
    for backend in backends {
        let [ready, unready] = by_ports.entry(&backend.ports).or_default();
        if backend.is_ready { ready.push(address(backend)) } else { unready.push(address(backend)) }
    }
    by_ports.into_iter().map(|(ports, [ready, unready])| subset(ports, ready, unready)).collect()
}

fn subset(ports: &[(String, String, i64)], ready: Vec<Value>, unready: Vec<Value>) -> Value {
    let mut subset = json!({});
    for (field, addresses) in [("addresses", ready), ("notReadyAddresses", unready)] {
        if !addresses.is_empty() {
            subset[field] = addresses.into();
        }
    }
    let ports: Vec<_> = ports
        .iter()
        .map(|(name, protocol, port)| match name.as_str() {
            "" => json!({"port": port, "protocol": protocol}),
            name => json!({"name": name, "port": port, "protocol": protocol}),
        })
        .collect();
    if !ports.is_empty() {
        subset["ports"] = ports.into();
    }
    subset
}

fn address(backend: &Backend) -> Value {
    let mut address = json!({"ip": backend.address});
    if let Some(host_name) = &backend.host_name {
        address["hostname"] = host_name.as_str().into();
    }
    if !backend.node.is_empty() {
        address["nodeName"] = backend.node.as_str().into();
    }
    address["targetRef"] = backend.target.clone();
    address
}
