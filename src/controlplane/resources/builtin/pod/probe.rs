//! Probes and lifecycle hooks.
//!
//! Source: `validateProbe` and `validateHandler` of `k8s.io/kubernetes/pkg/apis/core/validation/validation.go`,
//! Kubernetes 1.36.

use serde_json::Value;

use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::ports::{validate_port, validate_port_or_name};

/// Checks the probes and hooks of a container.
pub(super) fn validate(container: &Field<'_>, found: &mut Findings) {
    for hook in ["postStart", "preStop"] {
        let hook = container.at(&["lifecycle", hook]);
        if hook.is_set() {
            validate_handler(&hook, found);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = container.get(name);
        if !probe.is_set() {
            continue;
        }
        validate_probe(&probe, found);
        let threshold = probe.get("successThreshold");
        if name != "readinessProbe" && threshold.number() != Some(1) {
            found.invalid_value(&threshold, &threshold.number().unwrap_or(0).into(), "must be 1");
        }
        let grace = probe.get("terminationGracePeriodSeconds");
        if name == "readinessProbe" && grace.is_set() {
            found.invalid(&grace, "must not be set for readinessProbes");
        }
    }
}

fn validate_probe(probe: &Field<'_>, found: &mut Findings) {
    validate_handler(probe, found);
    for name in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        found.not_negative(&probe.get(name));
    }
    found.positive(&probe.get("terminationGracePeriodSeconds"));
}

fn validate_handler(handler: &Field<'_>, found: &mut Findings) {
    let types = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];
    let mut count = 0;
    for field in types.iter().map(|name| handler.get(name)).filter(Field::is_set) {
        count += 1;
        if count > 1 {
            found.forbidden(&field, "may not specify more than 1 handler type");
        } else {
            validate_action(&field, found);
        }
    }
    if count == 0 {
        found.required(handler, "must specify a handler type");
    }
}

fn validate_action(action: &Field<'_>, found: &mut Findings) {
    let Value::Object(_) = action.value else { return };
    let name = action.path().rsplit('.').next().unwrap_or_default();
    match name {
        "exec" if action.get("command").is_empty() => found.required(&action.get("command"), ""),
        "httpGet" => {
            if action.get("path").is_empty() {
                found.required(&action.get("path"), "");
            }
            validate_port_or_name(&action.get("port"), found);
            found.one_of(&action.get("scheme"), &["HTTP", "HTTPS"]);
            for header in action.get("httpHeaders").items() {
                validate_header(&header.get("name"), found);
            }
        }
        "tcpSocket" => validate_port_or_name(&action.get("port"), found),
        "grpc" => validate_port(&action.get("port"), found),
        _ => {}
    }
}

fn validate_header(name: &Field<'_>, found: &mut Findings) {
    let valid = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !valid(name.text()) {
        let detail = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
        found.invalid(name, detail);
    }
}
