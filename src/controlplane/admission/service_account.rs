//! Pods run as a ServiceAccount: the default one if they name none, with its token mounted.
//!
//! Source: `plugin/pkg/admission/serviceaccount/admission.go`, Kubernetes 1.36. Upstream waits a little for a default
//! account that is about to be made; here the pod is refused, and its author tries again.

use serde_json::{Value, json};

use super::{Attributes, forbidden, is_new_pod};
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::{Object, object_mut};
use crate::controlplane::status::Status;

const DEFAULT: &str = "default";
const VOLUME_PREFIX: &str = "kube-api-access-";
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const MIRROR: &str = "kubernetes.io/config.mirror";
/// A token lives an hour; the seven seconds let the kubelet tell tokens that it mounts from others.
const EXPIRATION_SECONDS: i64 = 3607;

/// Gives a new pod its ServiceAccount.
pub(super) fn admit(attributes: &Attributes<'_>, pod: &mut Value) -> Result<(), Status> {
    if !is_new_pod(attributes) {
        return Ok(());
    }
    if pod.annotation(MIRROR).is_some() {
        return match pod.text_at(&["spec", "serviceAccountName"]) {
            "" => Ok(()),
            _ => Err(forbidden(attributes, Some(pod), "a mirror pod may not reference service accounts")),
        };
    }
    let name = match pod.text_at(&["spec", "serviceAccountName"]) {
        "" => DEFAULT.to_owned(),
        name => name.to_owned(),
    };
    let accounts = GroupResource::new("", "serviceaccounts");
    let Some(account) = attributes.objects.get(&accounts, attributes.namespace, &name) else {
        let namespace = attributes.namespace;
        let why = format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
        return Err(forbidden(attributes, Some(pod), &why));
    };
    for field in ["serviceAccountName", "serviceAccount"] {
        pod.set(&["spec", field], name.as_str());
    }
    if automounts(pod, &account.value) {
        mount_token(pod, &attributes.objects.env().suffix(5));
    }
    inherit_pull_secrets(pod, &account.value);
    Ok(())
}

/// Whether the token is mounted: the pod says so, or else the account, or else it is.
fn automounts(pod: &Value, account: &Value) -> bool {
    let of_pod = pod.at(&["spec", "automountServiceAccountToken"]).and_then(Value::as_bool);
    let of_account = account.at(&["automountServiceAccountToken"]).and_then(Value::as_bool);
    of_pod.or(of_account).unwrap_or(true)
}

/// Mounts the token in every container that has nothing at its place.
fn mount_token(pod: &mut Value, suffix: &str) {
    let volumes = pod.at(&["spec", "volumes"]).and_then(Value::as_array).into_iter().flatten();
    let own = volumes.map(|volume| volume.text_at(&["name"])).find(|name| name.starts_with(VOLUME_PREFIX));
    let (name, has_volume) = match own {
        Some(name) => (name.to_owned(), true),
        None => (format!("{VOLUME_PREFIX}{suffix}"), false),
    };
    let mount = json!({"name": name, "readOnly": true, "mountPath": MOUNT_PATH});
    let mut mounted = false;
    for field in ["initContainers", "containers"] {
        let containers = pod.get_mut("spec").and_then(|spec| spec.get_mut(field)).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let mounts = container.get("volumeMounts").and_then(Value::as_array).into_iter().flatten();
            if !mounts.into_iter().any(|mount| mount.text_at(&["mountPath"]) == MOUNT_PATH) {
                push(container, "volumeMounts", mount.clone());
                mounted = true;
            }
        }
    }
    if mounted && !has_volume {
        let spec = object_mut(pod).entry("spec").or_insert(Value::Null);
        push(spec, "volumes", token_volume(&name));
    }
}

fn token_volume(name: &str) -> Value {
    json!({"name": name, "projected": {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": EXPIRATION_SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [
                {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
            ]}},
        ],
        "defaultMode": 420,
    }})
}

fn push(object: &mut Value, field: &str, item: Value) {
    match object_mut(object).entry(field).or_insert_with(|| Value::Array(Vec::new())) {
        Value::Array(list) => list.push(item),
        other => *other = Value::Array(vec![item]),
    }
}

/// A pod that names no pull secrets gets its account's.
fn inherit_pull_secrets(pod: &mut Value, account: &Value) {
    let secrets = |value: Option<&Value>| value.and_then(Value::as_array).filter(|list| !list.is_empty()).cloned();
    if secrets(pod.at(&["spec", "imagePullSecrets"])).is_none()
        && let Some(inherited) = secrets(account.at(&["imagePullSecrets"]))
    {
        pod.set(&["spec", "imagePullSecrets"], inherited);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Value {
        json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "volumeMounts": [{"mountPath": MOUNT_PATH}]}]}})
    }

    #[test]
    fn the_token_is_mounted_where_nothing_is() {
        let mut pod = pod();
        mount_token(&mut pod, "x2b4z");
        let mount = json!([{"name": "kube-api-access-x2b4z", "readOnly": true, "mountPath": MOUNT_PATH}]);
        assert_eq!(pod["spec"]["containers"][0]["volumeMounts"], mount);
        assert_eq!(pod["spec"]["containers"][1]["volumeMounts"], json!([{"mountPath": MOUNT_PATH}]));
        assert_eq!(pod["spec"]["volumes"][0]["name"], "kube-api-access-x2b4z");
        let before = pod.clone();
        mount_token(&mut pod, "other");
        assert_eq!(pod, before, "a second pass changes nothing");
    }

    #[test]
    fn the_pods_word_on_mounting_comes_before_the_accounts() {
        let say = |value: bool| json!({"automountServiceAccountToken": value});
        assert!(automounts(&pod(), &json!({})));
        assert!(!automounts(&pod(), &say(false)));
        assert!(automounts(&json!({"spec": say(true)}), &say(false)));
        assert!(!automounts(&json!({"spec": say(false)}), &say(true)));
    }

    #[test]
    fn pull_secrets_are_inherited_unless_the_pod_has_its_own() {
        let account = json!({"imagePullSecrets": [{"name": "r"}]});
        let mut inherits = pod();
        inherit_pull_secrets(&mut inherits, &account);
        assert_eq!(inherits["spec"]["imagePullSecrets"], account["imagePullSecrets"]);
        let mut own = json!({"spec": {"imagePullSecrets": [{"name": "mine"}]}});
        inherit_pull_secrets(&mut own, &account);
        assert_eq!(own["spec"]["imagePullSecrets"][0]["name"], "mine");
    }
}
