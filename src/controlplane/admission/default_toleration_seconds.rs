//! Pods stay five minutes on a node that is not ready or not reachable, unless they say otherwise.
//!
//! Source: `plugin/pkg/admission/defaulttolerationseconds/admission.go`, Kubernetes 1.36.

use serde_json::{Value, json};

use super::{Attributes, is_new_pod};
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;

const SECONDS: i64 = 300;

/// Adds the tolerations to a new pod.
pub(super) fn admit(attributes: &Attributes<'_>, pod: &mut Value) -> Result<(), Status> {
    if is_new_pod(attributes) {
        add(pod);
    }
    Ok(())
}

fn add(pod: &mut Value) {
    let mut tolerations = pod.at(&["spec", "tolerations"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let given = tolerations.len();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        if !tolerations.iter().take(given).any(|toleration| tolerates(toleration, key)) {
            let toleration =
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS});
            tolerations.push(toleration);
        }
    }
    if tolerations.len() > given {
        pod.set(&["spec", "tolerations"], tolerations);
    }
}

/// Whether a toleration is about a taint of that key which evicts; an empty key or effect is about all.
fn tolerates(toleration: &Value, key: &str) -> bool {
    let is = |field: &str, wanted: &str| ["", wanted].contains(&toleration.text_at(&[field]));
    is("key", key) && is("effect", "NoExecute")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: Value, expected_added: usize) {
        let mut pod = json!({"spec": {"tolerations": given}});
        add(&mut pod);
        let tolerations = pod["spec"]["tolerations"].as_array().map_or(0, Vec::len);
        assert_eq!(tolerations - given.as_array().map_or(0, Vec::len), expected_added);
    }

    #[test]
    fn what_the_pod_tolerates_already_is_left_alone() {
        check(json!([]), 2);
        check(json!([{"operator": "Exists"}]), 0);
        check(json!([{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}]), 1);
        check(json!([{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"}]), 2);
    }
}
