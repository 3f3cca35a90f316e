//! What the cluster itself is made of.

use serde_json::Value;

use super::cells::{self, NONE, count, items, text_or};
use super::{AGE, Field, NAME, Printed, Text, boolean, integer, text};
use crate::controlplane::duration;
use crate::controlplane::env::Env;
use crate::controlplane::object::Object;

pub(super) const NAMESPACE: &[Printed] = &[
    NAME,
    text("Status", Text("The status of the namespace"), |object, _| object.text_at(&["status", "phase"]).into()),
    AGE,
];

pub(super) const CONFIG_MAP: &[Printed] = &[
    NAME,
    text("Data", Field("core.v1.ConfigMap", "data"), |map, _| {
        (cells::len(map, &["data"]) + cells::len(map, &["binaryData"])).into()
    }),
    AGE,
];

pub(super) const SECRET: &[Printed] = &[
    NAME,
    text("Type", Field("core.v1.Secret", "type"), |secret, _| secret.text_at(&["type"]).into()),
    text("Data", Field("core.v1.Secret", "data"), |secret, _| cells::len(secret, &["data"]).into()),
    AGE,
];

pub(super) const EVENT: &[Printed] = &[
    text("Last Seen", Field("core.v1.Event", "lastTimestamp"), last_seen),
    text("Type", Field("core.v1.Event", "type"), |event, _| event.text_at(&["type"]).into()),
    text("Reason", Field("core.v1.Event", "reason"), |event, _| event.text_at(&["reason"]).into()),
    text("Object", Field("core.v1.Event", "involvedObject"), |event, _| {
        let about = either(event, "involvedObject", "regarding");
        match about.text_at(&["name"]) {
            "" => about.text_at(&["kind"]).to_lowercase().into(),
            name => format!("{}/{name}", about.text_at(&["kind"]).to_lowercase()).into(),
        }
    }),
    text("Subobject", Field("core.v1.ObjectReference", "fieldPath"), |event, _| {
        either(event, "involvedObject", "regarding").text_at(&["fieldPath"]).into()
    })
    .wide(),
    text("Source", Field("core.v1.Event", "source"), source).wide(),
    text("Message", Field("core.v1.Event", "message"), |event, _| {
        either(event, "message", "note").as_str().unwrap_or_default().trim().into()
    }),
    text("First Seen", Field("core.v1.Event", "firstTimestamp"), first_seen).wide(),
    text("Count", Field("core.v1.Event", "count"), |event, _| {
        let series = event.at(&["series", "count"]).and_then(Value::as_i64);
        series
            .or_else(|| either(event, "count", "deprecatedCount").as_i64())
            .filter(|count| *count > 0)
            .unwrap_or(1)
            .into()
    })
    .wide(),
    Printed { priority: 1, ..NAME },
];

pub(super) const NODE: &[Printed] = &[
    NAME,
    text("Status", Text("The status of the node"), node_status),
    text("Roles", Text("The roles of the node"), node_roles),
    AGE,
    text("Version", Field("core.v1.NodeSystemInfo", "kubeletVersion"), |node, _| node_info(node, "kubeletVersion")),
    text("Internal-IP", Field("core.v1.NodeStatus", "addresses"), |node, _| node_address(node, "InternalIP")).wide(),
    text("External-IP", Field("core.v1.NodeStatus", "addresses"), |node, _| node_address(node, "ExternalIP")).wide(),
    text("OS-Image", Field("core.v1.NodeSystemInfo", "osImage"), |node, _| known(node_info(node, "osImage"))).wide(),
    text("Kernel-Version", Field("core.v1.NodeSystemInfo", "kernelVersion"), |node, _| {
        known(node_info(node, "kernelVersion"))
    })
    .wide(),
    text("Container-Runtime", Field("core.v1.NodeSystemInfo", "containerRuntimeVersion"), |node, _| {
        known(node_info(node, "containerRuntimeVersion"))
    })
    .wide(),
];

pub(super) const COMPONENT_STATUS: &[Printed] = &[
    NAME,
    text("Status", Text("Status of the component conditions"), |component, _| {
        let healthy = items(component, &["conditions"]).find(|condition| condition.text_at(&["type"]) == "Healthy");
        match healthy.map(|condition| condition.text_at(&["status"])) {
            Some("True") => "Healthy".into(),
            Some(_) => "Unhealthy".into(),
            None => "Unknown".into(),
        }
    }),
    text("Message", Text("Message of the component conditions"), |component, _| {
        items(component, &["conditions"]).next().map_or("", |condition| condition.text_at(&["message"])).into()
    }),
    text("Error", Text("Error of the component conditions"), |component, _| {
        items(component, &["conditions"]).next().map_or("", |condition| condition.text_at(&["error"])).into()
    }),
];

pub(super) const RESOURCE_QUOTA: &[Printed] = &[
    NAME,
    text(
        "Request",
        Text("Request represents a minimum amount of cpu/memory that a container may consume."),
        |quota, _| quota_side(quota, false),
    ),
    text(
        "Limit",
        Text(
            "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
        ),
        |quota, _| quota_side(quota, true),
    ),
    AGE,
];

pub(super) const LEASE: &[Printed] = &[
    NAME,
    text("Holder", Field("coordination.v1.LeaseSpec", "holderIdentity"), |lease, _| {
        lease.text_at(&["spec", "holderIdentity"]).into()
    }),
    AGE,
];

pub(super) const RUNTIME_CLASS: &[Printed] = &[
    NAME,
    text("Handler", Field("node.v1.RuntimeClass", "handler"), |class, _| class.text_at(&["handler"]).into()),
    AGE,
];

pub(super) const PRIORITY_CLASS: &[Printed] = &[
    NAME,
    integer("Value", Field("scheduling.v1.PriorityClass", "value"), |class, _| count(class, &["value"]).into()),
    boolean("Global-Default", Field("scheduling.v1.PriorityClass", "globalDefault"), |class, _| {
        (class.get("globalDefault") == Some(&Value::Bool(true))).into()
    }),
    AGE,
    text("PreemptionPolicy", Field("scheduling.v1.PriorityClass", "preemptionPolicy"), |class, _| {
        class.text_at(&["preemptionPolicy"]).into()
    }),
];

const ROLE: Printed = text("Role", Field("rbac.v1.RoleBinding", "roleRef"), |binding, _| {
    let role = binding.get("roleRef").unwrap_or(&Value::Null);
    format!("{}/{}", role.text_at(&["kind"]), role.text_at(&["name"])).into()
});

pub(super) const ROLE_BINDING: &[Printed] = &[
    NAME,
    ROLE,
    AGE,
    text("Users", Text("Users in the roleBinding"), |binding, _| subjects(binding, "User")).wide(),
    text("Groups", Text("Groups in the roleBinding"), |binding, _| subjects(binding, "Group")).wide(),
    text("ServiceAccounts", Text("ServiceAccounts in the roleBinding"), |binding, _| {
        subjects(binding, "ServiceAccount")
    })
    .wide(),
];

pub(super) const CLUSTER_ROLE_BINDING: &[Printed] = &[
    NAME,
    ROLE,
    AGE,
    text("Users", Text("Users in the clusterRoleBinding"), |binding, _| subjects(binding, "User")).wide(),
    text("Groups", Text("Groups in the clusterRoleBinding"), |binding, _| subjects(binding, "Group")).wide(),
    text("ServiceAccounts", Text("ServiceAccounts in the clusterRoleBinding"), |binding, _| {
        subjects(binding, "ServiceAccount")
    })
    .wide(),
];

pub(super) const SIGNING_REQUEST: &[Printed] = &[
    NAME,
    AGE,
    text("SignerName", Field("certificates.v1.CertificateSigningRequestSpec", "signerName"), |request, _| {
        text_or(request, &["spec", "signerName"], NONE)
    }),
    text("Requestor", Field("certificates.v1.CertificateSigningRequestSpec", "request"), |request, _| {
        request.text_at(&["spec", "username"]).into()
    }),
    text(
        "RequestedDuration",
        Field("certificates.v1.CertificateSigningRequestSpec", "expirationSeconds"),
        |request, _| {
            let seconds = request.at(&["spec", "expirationSeconds"]).and_then(Value::as_i64);
            seconds.map_or(NONE.into(), |seconds| duration::human(seconds).into())
        },
    ),
    text("Condition", Field("certificates.v1.CertificateSigningRequestStatus", "conditions"), |request, _| {
        let types: Vec<&str> =
            items(request, &["status", "conditions"]).map(|condition| condition.text_at(&["type"])).collect();
        let mut text = if types.is_empty() { "Pending".to_owned() } else { types.join(",") };
        if !request.text_at(&["status", "certificate"]).is_empty() {
            text.push_str(",Issued");
        }
        text.into()
    }),
];

/// Returns a field that the two forms of events name differently.
fn either<'a>(event: &'a Value, core: &str, new: &str) -> &'a Value {
    event.get(core).or_else(|| event.get(new)).unwrap_or(&Value::Null)
}

fn first_seen(event: &Value, env: &Env) -> Value {
    let time = match either(event, "firstTimestamp", "deprecatedFirstTimestamp").as_str() {
        Some(time) => time,
        None => event.text_at(&["eventTime"]),
    };
    duration::since(env, time).into()
}

fn last_seen(event: &Value, env: &Env) -> Value {
    if let Some(time) = event.at(&["series", "lastObservedTime"]).and_then(Value::as_str) {
        return duration::since(env, time).into();
    }
    match either(event, "lastTimestamp", "deprecatedLastTimestamp").as_str() {
        Some(time) => duration::since(env, time).into(),
        None => first_seen(event, env),
    }
}

fn source(event: &Value, _env: &Env) -> Value {
    let source = either(event, "source", "deprecatedSource");
    let component = match source.text_at(&["component"]) {
        "" => either(event, "reportingComponent", "reportingController").as_str().unwrap_or_default(),
        component => component,
    };
    match source.text_at(&["host"]) {
        "" => component.into(),
        host => format!("{component}, {host}").into(),
    }
}

fn node_status(node: &Value, _env: &Env) -> Value {
    let ready = items(node, &["status", "conditions"]).find(|condition| condition.text_at(&["type"]) == "Ready");
    let status = match ready.map(|condition| condition.text_at(&["status"])) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    if node.at(&["spec", "unschedulable"]) == Some(&Value::Bool(true)) {
        return format!("{status},SchedulingDisabled").into();
    }
    status.into()
}

fn node_roles(node: &Value, _env: &Env) -> Value {
    let labels = node.at(&["metadata", "labels"]).and_then(Value::as_object).into_iter().flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None if key == "kubernetes.io/role" => value.as_str(),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    cells::joined(roles).into()
}

fn node_info(node: &Value, field: &str) -> Value {
    node.text_at(&["status", "nodeInfo", field]).into()
}

fn known(value: Value) -> Value {
    if value == "" { "<unknown>".into() } else { value }
}

fn node_address(node: &Value, kind: &str) -> Value {
    let address = items(node, &["status", "addresses"]).find(|address| address.text_at(&["type"]) == kind);
    address.map_or(NONE, |address| address.text_at(&["address"])).into()
}

/// Lists what is used of what is allowed; limits and the rest stand in columns of their own.
fn quota_side(quota: &Value, limits: bool) -> Value {
    let hard = quota.at(&["status", "hard"]).and_then(Value::as_object);
    let mut names: Vec<&String> = hard.into_iter().flat_map(serde_json::Map::keys).collect();
    names.sort_unstable();
    let shown: Vec<String> = names
        .into_iter()
        .filter(|name| name.starts_with("limits") == limits)
        .map(|name| {
            let amount = |side: &str| match quota.text_at(&["status", side, name]) {
                "" => "0",
                amount => amount,
            };
            format!("{name}: {}/{}", amount("used"), amount("hard"))
        })
        .collect();
    shown.join(", ").into()
}

fn subjects(binding: &Value, kind: &str) -> Value {
    let names: Vec<String> = items(binding, &["subjects"])
        .filter(|subject| subject.text_at(&["kind"]) == kind)
        .map(|subject| match kind {
            "ServiceAccount" => format!("{}/{}", subject.text_at(&["namespace"]), subject.text_at(&["name"])),
            _ => subject.text_at(&["name"]).to_owned(),
        })
        .collect();
    names.join(", ").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_reads_the_same_in_both_groups() {
        let env = Env::deterministic(1, || jiff::Timestamp::UNIX_EPOCH);
        let core = json!({
            "involvedObject": {"kind": "Pod", "name": "p"}, "message": "m", "source": {"component": "me"}, "count": 2,
            "lastTimestamp": "1969-12-31T23:59:00Z",
        });
        let new = json!({
            "regarding": {"kind": "Pod", "name": "p"}, "note": "m", "deprecatedSource": {"component": "me"},
            "deprecatedCount": 2, "deprecatedLastTimestamp": "1969-12-31T23:59:00Z",
        });
        for column in EVENT {
            assert_eq!((column.cell)(&core, &env), (column.cell)(&new, &env), "{}", column.name);
        }
        assert_eq!(last_seen(&core, &env), "60s");
    }
}
