//! The pods behind a Service, with the ports that each of them serves.

use serde_json::{Value, json};

use super::super::kind::POD;
use super::super::{View, pods, selector};
use crate::controlplane::object::Object;

/// One pod behind a Service.
#[derive(Debug, Clone)]
pub(super) struct Backend {
    pub(super) address: String,
    pub(super) is_ready: bool,
    pub(super) is_serving: bool,
    pub(super) is_terminating: bool,
    pub(super) node: String,
    pub(super) host_name: Option<String>,
    pub(super) target: Value,
    /// Name, protocol and number of each port.
    pub(super) ports: Vec<(String, String, i64)>,
}

/// Returns the pods behind a Service, in order of name.
pub(super) fn of(view: &View, service: &Value) -> Vec<Backend> {
    let Some(labels) = service.at(&["spec", "selector"]) else { return Vec::new() };
    let all = view.list(&POD.resource());
    let selected = all.in_namespace(Some(service.namespace())).map(|pod| &pod.value);
    selected.filter(|pod| selector::matches_map(labels, pod)).filter_map(|pod| backend(service, pod)).collect()
}

fn backend(service: &Value, pod: &Value) -> Option<Backend> {
    let address = pod.text_at(&["status", "podIP"]);
    if address.is_empty() || pods::is_finished(pod) {
        return None;
    }
    let is_terminating = pod.deletion_timestamp().is_some();
    let is_serving = pods::is_ready(pod);
    let publishes_all = service.at(&["spec", "publishNotReadyAddresses"]) == Some(&Value::Bool(true));
    let is_in_domain = pod.text_at(&["spec", "subdomain"]) == service.name();
    let host_name = Some(pod.text_at(&["spec", "hostname"])).filter(|name| is_in_domain && !name.is_empty());
    Some(Backend {
        address: address.to_owned(),
        is_ready: publishes_all || is_serving && !is_terminating,
        is_serving,
        is_terminating,
        node: pod.text_at(&["spec", "nodeName"]).to_owned(),
        host_name: host_name.map(str::to_owned),
        target: json!({"kind": "Pod", "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid()}),
        ports: ports(service, pod),
    })
}

fn ports(service: &Value, pod: &Value) -> Vec<(String, String, i64)> {
    let ports = service.at(&["spec", "ports"]).and_then(Value::as_array).into_iter().flatten();
    ports
        .filter_map(|port| {
            let protocol = Some(port.text_at(&["protocol"])).filter(|protocol| !protocol.is_empty()).unwrap_or("TCP");
            let number = match port.get("targetPort") {
                Some(Value::String(name)) => container_port(pod, name, protocol)?,
                Some(Value::Number(number)) if number.as_i64() != Some(0) => number.as_i64()?,
                _ => port.get("port")?.as_i64()?,
            };
            Some((port.text_at(&["name"]).to_owned(), protocol.to_owned(), number))
        })
        .collect()
}

/// Returns the number of a container's port by its name.
fn container_port(pod: &Value, name: &str, protocol: &str) -> Option<i64> {
    let containers = pod.at(&["spec", "containers"])?.as_array()?;
    let ports = containers.iter().filter_map(|container| container.get("ports")?.as_array()).flatten();
    let is_wanted = |port: &&Value| {
        let of_port = port.text_at(&["protocol"]);
        port.text_at(&["name"]) == name && (of_port == protocol || of_port.is_empty() && protocol == "TCP")
    };
    ports.into_iter().find(is_wanted)?.get("containerPort")?.as_i64()
}
