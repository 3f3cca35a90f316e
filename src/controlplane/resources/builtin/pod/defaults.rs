//! Defaults of pods and pod templates.
//!
//! Source: `SetDefaults_Pod` and below in `k8s.io/kubernetes/pkg/apis/core/v1/defaults.go`, Kubernetes 1.36.

use serde_json::{Value, json};

use crate::controlplane::object::Object;
use crate::controlplane::resources::builtin::edit::Edit;
use crate::controlplane::resources::builtin::storage;

/// Fills in a pod. Pods get more than templates do: what a template leaves open is decided for each pod.
pub(super) fn pod(pod: &mut Value) {
    let Some(spec) = pod.child("spec") else { return };
    for containers in ["containers", "initContainers"] {
        spec.each(containers, requests_from_limits);
    }
    requests_from_limits(spec);
    spec.default("enableServiceLinks", true);
    if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
        for containers in ["containers", "initContainers"] {
            spec.each(containers, |container| container.each("ports", host_port));
        }
    }
    pod_spec(spec);
}

/// Fills in the pod template of a workload.
pub(in crate::controlplane::resources::builtin) fn template(workload_spec: &mut Value) {
    if let Some(spec) = workload_spec.child("template").and_then(|template| template.child("spec")) {
        pod_spec(spec);
    }
}

fn pod_spec(spec: &mut Value) {
    spec.default("restartPolicy", "Always");
    spec.default("terminationGracePeriodSeconds", 30);
    spec.default("dnsPolicy", "ClusterFirst");
    spec.default("securityContext", json!({}));
    spec.default("schedulerName", "default-scheduler");
    service_account(spec);
    for containers in ["initContainers", "containers", "ephemeralContainers"] {
        spec.each(containers, container);
    }
    spec.each("volumes", volume);
}

/// The name of the service account has two fields, of which the old one follows the new one.
fn service_account(spec: &mut Value) {
    let name = match (spec.text_at(&["serviceAccountName"]), spec.text_at(&["serviceAccount"])) {
        ("", "") => return,
        ("", old) => old.to_owned(),
        (new, _) => new.to_owned(),
    };
    spec.put("serviceAccountName", name.as_str());
    spec.put("serviceAccount", name);
}

fn requests_from_limits(holder: &mut Value) {
    let Some(resources) = holder.child("resources") else { return };
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else { return };
    let requests = resources.make("requests");
    for (name, limit) in limits {
        requests.default(&name, limit);
    }
}

fn host_port(port: &mut Value) {
    if let Some(number) = port.get("containerPort").cloned() {
        port.default("hostPort", number);
    }
}

fn container(container: &mut Value) {
    let policy = pull_policy(container.text_at(&["image"]));
    container.default("imagePullPolicy", policy);
    container.default("terminationMessagePath", "/dev/termination-log");
    container.default("terminationMessagePolicy", "File");
    container.each("ports", |port| port.default("protocol", "TCP"));
    container.each("env", |variable| {
        if let Some(from) = variable.child("valueFrom") {
            field_ref(from);
            if let Some(key) = from.child("fileKeyRef") {
                key.default("optional", false);
            }
        }
    });
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        container.child(name).map(probe);
    }
    if let Some(lifecycle) = container.child("lifecycle") {
        for hook in ["postStart", "preStop"] {
            lifecycle.child(hook).map(handler);
        }
    }
}

fn probe(probe: &mut Value) {
    probe.default("timeoutSeconds", 1);
    probe.default("periodSeconds", 10);
    probe.default("successThreshold", 1);
    probe.default("failureThreshold", 3);
    if let Some(grpc) = probe.child("grpc") {
        grpc.default("service", "");
    }
    handler(probe);
}

fn handler(handler: &mut Value) {
    if let Some(http) = handler.child("httpGet") {
        http.default("path", "/");
        http.default("scheme", "HTTP");
    }
}

fn field_ref(holder: &mut Value) {
    if let Some(reference) = holder.child("fieldRef") {
        reference.default("apiVersion", "v1");
    }
}

fn volume(volume: &mut Value) {
    let has_source = volume.as_object().is_some_and(|map| map.keys().any(|key| key != "name"));
    if !has_source {
        volume.put("emptyDir", json!({}));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = volume.child(source) {
            source.default("defaultMode", 0o644);
        }
    }
    if let Some(downward) = volume.child("downwardAPI") {
        downward.each("items", field_ref);
    }
    if let Some(projected) = volume.child("projected") {
        projected.each("sources", projection);
    }
    if let Some(image) = volume.child("image") {
        let policy = pull_policy(image.text_at(&["reference"]));
        image.default("pullPolicy", policy);
    }
    if let Some(ephemeral) = volume.child("ephemeral")
        && let Some(template) = ephemeral.child("volumeClaimTemplate")
        && let Some(spec) = template.child("spec")
    {
        storage::default_claim_spec(spec);
    }
    storage::default_volume_source(volume);
}

fn projection(source: &mut Value) {
    if let Some(token) = source.child("serviceAccountToken") {
        token.default("expirationSeconds", 3600);
    }
    if let Some(downward) = source.child("downwardAPI") {
        downward.each("items", field_ref);
    }
}

/// Images that are named `latest`, in words or by saying nothing, are pulled always.
fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or_default();
    let is_latest = match (name.contains('@'), name.split_once(':')) {
        (true, _) => false,
        (false, None) => !image.is_empty(),
        (false, Some((_, tag))) => tag == "latest",
    };
    if is_latest { "Always" } else { "IfNotPresent" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_without_a_fixed_tag_are_pulled_always() {
        for (image, policy) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("localhost:5000/nginx", "Always"),
            ("nginx:1.2", "IfNotPresent"),
            ("nginx@sha256:0123", "IfNotPresent"),
            ("nginx:latest@sha256:0123", "IfNotPresent"),
            ("", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }

    #[test]
    fn requests_follow_limits() {
        let mut holder = json!({"resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}});
        requests_from_limits(&mut holder);
        assert_eq!(holder["resources"]["requests"], json!({"cpu": "500m", "memory": "1Gi"}));
    }
}
