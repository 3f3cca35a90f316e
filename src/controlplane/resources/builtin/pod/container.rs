//! Containers: what they run, their environment, ports and mounts.
//!
//! Source: `validateContainers` and below in `k8s.io/kubernetes/pkg/apis/core/validation/validation.go`, Kubernetes 1.36.

use std::collections::BTreeSet;

use super::{probe, resources, volume};
use crate::controlplane::names::{dns1123_label, dns1123_subdomain};
use crate::controlplane::resources::builtin::config::is_config_key;
use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::ports::{validate_port, validate_port_name};

/// What the containers of a pod have in common.
pub(super) struct Surroundings<'a> {
    /// The names of the pod's volumes.
    pub(super) volumes: BTreeSet<&'a str>,
    /// Whether the pod uses the node's network.
    pub(super) host_network: bool,
}

/// Checks the containers and init containers of a pod.
pub(super) fn validate(spec: &Field<'_>, around: &Surroundings<'_>, found: &mut Findings) {
    let containers = spec.get("containers");
    if containers.is_empty() {
        found.required(&containers, "");
    }
    let mut names = BTreeSet::new();
    for container in containers.items() {
        validate_common(&container, around, found);
        validate_name_once(&container, &mut names, found);
        probe::validate(&container, found);
    }
    validate_host_ports(&containers, found);
    for container in spec.get("initContainers").items() {
        validate_common(&container, around, found);
        validate_name_once(&container, &mut names, found);
        validate_init(&container, found);
    }
}

fn validate_name_once<'a>(container: &Field<'a>, names: &mut BTreeSet<&'a str>, found: &mut Findings) {
    let name = container.get("name");
    if !name.is_empty() && !names.insert(name.text()) {
        found.duplicate(&name);
    }
}

fn validate_init(container: &Field<'_>, found: &mut Findings) {
    let policy = container.get("restartPolicy");
    found.one_of_if_set(&policy, &["Always", "Never", "OnFailure"]);
    if policy.text() == "Always" {
        return probe::validate(container, found);
    }
    for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        if container.get(name).is_set() {
            found.forbidden(&container.get(name), "may not be set for init containers without restartPolicy=Always");
        }
    }
}

fn validate_common(container: &Field<'_>, around: &Surroundings<'_>, found: &mut Findings) {
    let (name, image) = (container.get("name"), container.get("image"));
    if name.is_empty() {
        found.required(&name, "");
    } else {
        found.invalid_each(&name, dns1123_label(name.text()));
    }
    if image.is_empty() {
        found.required(&image, "");
    } else if image.text().trim() != image.text() {
        found.invalid(&image, "must not have leading or trailing whitespace");
    }
    found.one_of(&container.get("terminationMessagePolicy"), &["FallbackToLogsOnError", "File"]);
    validate_ports(&container.get("ports"), around, found);
    container.get("env").items().for_each(|variable| validate_env(&variable, found));
    container.get("envFrom").items().for_each(|source| validate_env_from(&source, found));
    validate_mounts(&container.get("volumeMounts"), around, found);
    found.one_of(&container.get("imagePullPolicy"), &["Always", "IfNotPresent", "Never"]);
    resources::validate_requirements(&container.get("resources"), found);
    validate_security_context(&container.get("securityContext"), found);
}

fn validate_security_context(context: &Field<'_>, found: &mut Findings) {
    for name in ["runAsUser", "runAsGroup"] {
        if context.get(name).number().is_some_and(|id| !(0..=i64::from(i32::MAX)).contains(&id)) {
            found.invalid(&context.get(name), "must be between 0 and 2147483647, inclusive");
        }
    }
    let escalation = context.get("allowPrivilegeEscalation");
    if escalation.is_set() && !escalation.is_true() && context.get("privileged").is_true() {
        found.invalid(context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    }
}

fn validate_ports(ports: &Field<'_>, around: &Surroundings<'_>, found: &mut Findings) {
    let mut names = BTreeSet::new();
    for port in ports.items() {
        let name = port.get("name");
        if !name.is_empty() && validate_port_name(&name, found) && !names.insert(name.text()) {
            found.duplicate(&name);
        }
        let (container_port, host_port) = (port.get("containerPort"), port.get("hostPort"));
        match container_port.number() {
            None | Some(0) => found.required(&container_port, ""),
            Some(_) => validate_port(&container_port, found),
        }
        if host_port.is_set() {
            validate_port(&host_port, found);
        }
        if around.host_network && host_port.number() != container_port.number() {
            found.invalid(&container_port, "must match `hostPort` when `hostNetwork` is true");
        }
        found.one_of(&port.get("protocol"), &["SCTP", "TCP", "UDP"]);
    }
}

/// Two containers of a pod cannot take the same port of the node.
fn validate_host_ports(containers: &Field<'_>, found: &mut Findings) {
    let mut taken = BTreeSet::new();
    for port in containers.items().flat_map(|container| container.get("ports").items()) {
        let host_port = port.get("hostPort");
        let Some(number) = host_port.number().filter(|number| *number != 0) else { continue };
        let text = format!("{}/{}/{number}", port.get("protocol").text(), port.get("hostIP").text());
        if !taken.insert(text.clone()) {
            let text = text.into();
            found.0.push(crate::controlplane::schema::field_error::FieldError::duplicate(host_port.path(), &text));
        }
    }
}

fn validate_env(variable: &Field<'_>, found: &mut Findings) {
    let (name, from) = (variable.get("name"), variable.get("valueFrom"));
    if name.is_empty() {
        found.required(&name, "");
    } else if !name.text().bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        found.invalid(
            &name,
            "a valid environment variable name must consist only of printable ASCII characters other than '='",
        );
    }
    if from.is_set() {
        validate_env_source(variable, &from, found);
    }
}

fn validate_env_source(variable: &Field<'_>, from: &Field<'_>, found: &mut Findings) {
    let empty = "".into();
    let sources = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
    match sources.iter().filter(|name| from.get(name).is_set()).count() {
        0 => {
            let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
            found.invalid_value(from, &empty, detail);
        }
        _ if !variable.get("value").is_empty() => {
            found.invalid_value(from, &empty, "may not be specified when `value` is not empty");
        }
        1 => {}
        _ => found.invalid_value(from, &empty, "may not have more than one field specified at a time"),
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        let selector = from.get(name);
        if selector.is_set() {
            validate_key_selector(&selector, found);
        }
    }
    let path = from.at(&["fieldRef", "fieldPath"]);
    if from.get("fieldRef").is_set() && path.is_empty() {
        found.required(&path, "");
    }
    let resource = from.at(&["resourceFieldRef", "resource"]);
    if from.get("resourceFieldRef").is_set() && resource.is_empty() {
        found.required(&resource, "");
    }
}

fn validate_key_selector(selector: &Field<'_>, found: &mut Findings) {
    let (name, key) = (selector.get("name"), selector.get("key"));
    if name.is_empty() {
        found.required(&name, "");
    }
    if key.is_empty() {
        found.required(&key, "");
    } else {
        found.invalid_each(&key, is_config_key(key.text()));
    }
}

fn validate_env_from(source: &Field<'_>, found: &mut Findings) {
    let empty = "".into();
    let given: Vec<_> =
        ["configMapRef", "secretRef"].iter().map(|name| source.get(name)).filter(Field::is_set).collect();
    match given.as_slice() {
        [] => found.invalid_value(source, &empty, "must specify one of: `configMapRef` or `secretRef`"),
        [reference] => {
            let name = reference.get("name");
            if name.is_empty() {
                found.required(&name, "");
            } else {
                found.invalid_each(&name, dns1123_subdomain(name.text()));
            }
        }
        _ => found.invalid_value(source, &empty, "may not have more than one field specified at a time"),
    }
}

fn validate_mounts(mounts: &Field<'_>, around: &Surroundings<'_>, found: &mut Findings) {
    let mut paths = BTreeSet::new();
    for mount in mounts.items() {
        let (name, path) = (mount.get("name"), mount.get("mountPath"));
        if name.is_empty() {
            found.required(&name, "");
        } else if !around.volumes.contains(name.text()) {
            found.not_found(&name);
        }
        if path.is_empty() {
            found.required(&path, "");
        } else if !paths.insert(path.text()) {
            found.invalid(&path, "must be unique");
        }
        if !mount.get("subPath").is_empty() {
            volume::validate_local_path(&mount.get("subPath"), found);
            if !mount.get("subPathExpr").is_empty() {
                found.invalid(&mount.get("subPathExpr"), "subPathExpr and subPath are mutually exclusive");
            }
        }
    }
}
