//! The addresses behind Services, as EndpointSlices and as the older Endpoints.
//!
//! Not done: topology hints, IPv6 and dual stack (pods have one IPv4 address), mirroring of Endpoints made by hand.
//! Source: `k8s.io/endpointslice`, `pkg/controller/{endpoint,endpointslice}`.

mod backends;
mod legacy;
mod slices;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::kind::{ENDPOINT_SLICE, ENDPOINTS, Kind, POD, SERVICE, controller_manager};
use super::{Actor, Controller, Step, View, WorkKey, selector};
use crate::controlplane::object::Object;
use crate::controlplane::storage::{Change, ChangeType};

/// Keeps EndpointSlices.
#[derive(Debug)]
pub(super) struct EndpointSliceController;

impl Controller for EndpointSliceController {
    fn name(&self) -> &'static str {
        "endpointslice-controller"
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:endpointslice-controller")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if ENDPOINT_SLICE.changed(change) {
            let service = change.object.value.label(slices::SERVICE_NAME);
            return service.map(|service| SERVICE.key(&change.key.namespace, service)).into_iter().collect();
        }
        keys(view, change)
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        if let Some(service) = view.get_key(key).filter(|service| is_managed(&service.value)) {
            slices::sync(view, &service.value, &mut step);
        }
        step
    }
}

/// Keeps Endpoints.
#[derive(Debug)]
pub(super) struct EndpointsController;

impl Controller for EndpointsController {
    fn name(&self) -> &'static str {
        "endpoint-controller"
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:endpoint-controller")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if ENDPOINTS.changed(change) {
            return vec![SERVICE.key(&change.key.namespace, &change.key.name)];
        }
        keys(view, change)
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        match view.get_key(key) {
            Some(service) if is_managed(&service.value) => legacy::sync(view, &service.value, &mut step),
            Some(_) => {}
            None => legacy::remove(view, key, &mut step),
        }
        step
    }
}

/// Returns the Services that a change of a Service or pod concerns.
fn keys(view: &View, change: &Change) -> Vec<WorkKey> {
    if SERVICE.changed(change) {
        return vec![WorkKey::of(change)];
    }
    if !POD.changed(change) || !matters(change) {
        return Vec::new();
    }
    let versions: Vec<&Value> = change.previous.iter().chain([&change.object]).map(|stored| &stored.value).collect();
    let services = view.list(&SERVICE.resource());
    let selecting = services.in_namespace(Some(&change.key.namespace)).filter(|service| {
        let labels = service.value.at(&["spec", "selector"]);
        labels.is_some_and(|labels| versions.iter().any(|pod| selector::matches_map(labels, pod)))
    });
    selecting.map(|service| SERVICE.key(service.value.namespace(), service.value.name())).collect()
}

/// Whether a change of a pod can change an address.
fn matters(change: &Change) -> bool {
    let relevant = |pod: &Value| {
        let paths: [&[&str]; 4] =
            [&["metadata", "labels"], &["metadata", "deletionTimestamp"], &["status", "podIP"], &["status", "phase"]];
        let values: Vec<_> = paths.iter().map(|path| pod.at(path).cloned()).collect();
        (values, super::pods::is_ready(pod))
    };
    let has_address = !change.object.value.text_at(&["status", "podIP"]).is_empty();
    match &change.previous {
        Some(previous) if change.change_type == ChangeType::Modified => {
            relevant(&previous.value) != relevant(&change.object.value)
        }
        _ => has_address,
    }
}

/// Whether a Service gets its addresses from pods.
fn is_managed(service: &Value) -> bool {
    service.deletion_timestamp().is_none()
        && service.text_at(&["spec", "type"]) != "ExternalName"
        && service.at(&["spec", "selector"]).and_then(Value::as_object).is_some_and(|labels| !labels.is_empty())
}

/// Returns the labels of a Service's endpoints.
fn labels_of(service: &Value, kind: Kind, own: &[(&str, &str)]) -> Value {
    let mut labels = service.at(&["metadata", "labels"]).cloned().unwrap_or_else(|| serde_json::json!({}));
    for (label, value) in own {
        labels[*label] = (*value).into();
    }
    if service.text_at(&["spec", "clusterIP"]) == "None" {
        labels["service.kubernetes.io/headless"] = "".into();
    } else if kind == ENDPOINTS {
        labels.as_object_mut().map(|labels| labels.shift_remove("service.kubernetes.io/headless"));
    }
    labels
}
