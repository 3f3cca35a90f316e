//! EndpointSlices: at most a hundred endpoints each, one set of ports each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::kind::{ENDPOINT_SLICE, SERVICE};
use super::super::pods::{controller_reference, generated_name};
use super::super::{Step, View};
use super::backends::{self, Backend};
use super::labels_of;
use crate::controlplane::object::Object;

pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";
const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// How many endpoints a slice holds.
const MAX_ENDPOINTS: usize = 100;

/// What a slice should hold.
struct Content {
    endpoints: Vec<Value>,
    ports: Value,
}

/// Brings the slices of a Service up to date.
pub(super) fn sync(view: &View, service: &Value, step: &mut Step) {
    let labels = labels_of(service, ENDPOINT_SLICE, &[(MANAGED_BY, MANAGER), (SERVICE_NAME, service.name())]);
    let resource = ENDPOINT_SLICE.resource();
    let existing = view.controlled(service.uid(), &resource).map(|slice| &slice.value);
    let mut existing = existing.filter(|slice| slice.label(MANAGED_BY) == Some(MANAGER));
    for content in contents(backends::of(view, service)) {
        match existing.next() {
            None => step.create(&ENDPOINT_SLICE.gvr(), new_slice(view, service, &labels, content)),
            Some(slice) => update(view, slice, &labels, content, step),
        }
    }
    existing.for_each(|slice| step.delete(&ENDPOINT_SLICE.gvr(), slice, None));
}

/// Returns what the slices should hold; an empty one stands for a Service without pods.
fn contents(backends: Vec<Backend>) -> Vec<Content> {
    let mut by_ports = BTreeMap::<Vec<(String, String, i64)>, Vec<Value>>::new();
    for backend in backends {
        by_ports.entry(backend.ports.clone()).or_default().push(endpoint(&backend));
    }
    if by_ports.is_empty() {
        return vec![Content { endpoints: Vec::new(), ports: json!([]) }];
    }
    let chunks = |(ports, endpoints): (Vec<(String, String, i64)>, Vec<Value>)| {
        let ports: Vec<_> = ports
            .into_iter()
            .map(|(name, protocol, port)| json!({"name": name, "protocol": protocol, "port": port}))
            .collect();
        let chunks: Vec<_> = endpoints.chunks(MAX_ENDPOINTS).map(<[Value]>::to_vec).collect();
        chunks.into_iter().map(move |endpoints| Content { endpoints, ports: ports.clone().into() })
    };
    by_ports.into_iter().flat_map(chunks).collect()
}

fn endpoint(backend: &Backend) -> Value {
    let mut endpoint = json!({
        "addresses": [backend.address],
        "conditions": {
            "ready": backend.is_ready, "serving": backend.is_serving, "terminating": backend.is_terminating,
        },
    });
    if let Some(host_name) = &backend.host_name {
        endpoint["hostname"] = host_name.as_str().into();
    }
    endpoint["targetRef"] = backend.target.clone();
    if !backend.node.is_empty() {
        endpoint["nodeName"] = backend.node.as_str().into();
    }
    endpoint
}

fn new_slice(view: &View, service: &Value, labels: &Value, content: Content) -> Value {
    let base = format!("{}-", service.name());
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": generated_name(view, &base),
            "generateName": base,
            "namespace": service.namespace(),
            "labels": labels,
            "annotations": {TRIGGER_TIME: view.env.now_text()},
            "ownerReferences": [controller_reference(SERVICE, service)],
        },
        "addressType": "IPv4",
        "endpoints": content.endpoints,
        "ports": content.ports,
    })
}

fn update(view: &View, slice: &Value, labels: &Value, content: Content, step: &mut Step) {
    let list = |field| slice.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_current = list("endpoints") == content.endpoints
        && Some(list("ports")) == content.ports.as_array().map(Vec::as_slice)
        && slice.at(&["metadata", "labels"]) == Some(labels);
    if is_current {
        return;
    }
    let mut updated = slice.clone();
    updated.set(&["metadata", "labels"], labels.clone());
    updated.set(&["metadata", "annotations", TRIGGER_TIME], view.env.now_text());
    updated["endpoints"] = content.endpoints.into();
    updated["ports"] = content.ports;
    step.update(&ENDPOINT_SLICE.gvr(), updated);
}
