//! Registers the made-up node, and registers it again when someone deletes it.

use serde_json::{Value, json};

use super::{ACTOR, NODE_ADDRESS, NODE_NAME};
use crate::controlplane::KUBERNETES_VERSION;
use crate::controlplane::controllers::kind::NODE;
use crate::controlplane::controllers::{Actor, Controller, Step, View, WorkKey, conditions};
use crate::controlplane::storage::Change;

/// Registers the node.
#[derive(Debug)]
pub(in crate::controlplane::controllers) struct NodeRegistration;

impl Controller for NodeRegistration {
    fn name(&self) -> &'static str {
        "node-registration"
    }

    fn actor(&self) -> Actor {
        ACTOR
    }

    fn start(&self, _view: &View) -> Vec<WorkKey> {
        vec![NODE.key("", NODE_NAME)]
    }

    fn keys(&self, _view: &View, change: &Change) -> Vec<WorkKey> {
        if NODE.changed(change) && change.key.name == NODE_NAME { vec![WorkKey::of(change)] } else { Vec::new() }
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        match view.get_key(key) {
            None => step.create(&NODE.gvr(), node()),
            Some(stored) if conditions::find(&stored.value, "Ready").is_none() => {
                let mut updated = stored.value.clone();
                updated["status"] = status(&view.env.now_text());
                step.update_status(&NODE.gvr(), updated);
            }
            Some(_) => {}
        }
        step
    }
}

fn node() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": NODE_NAME,
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": NODE_NAME,
                "kubernetes.io/os": "linux",
            },
        },
        "spec": {"podCIDR": "10.244.0.0/14", "podCIDRs": ["10.244.0.0/14"]},
    })
}

fn status(now: &str) -> Value {
    let resources = json!({
        "cpu": "64", "ephemeral-storage": "1Ti", "hugepages-1Gi": "0", "hugepages-2Mi": "0", "memory": "256Gi",
        "pods": "250000",
    });
    let list: Vec<_> = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
    .into_iter()
    .map(|(condition_type, status, reason, message)| {
        json!({
            "type": condition_type, "status": status, "lastHeartbeatTime": now, "lastTransitionTime": now,
            "reason": reason, "message": message,
        })
    })
    .collect();
    json!({
        "capacity": resources,
        "allocatable": resources,
        "conditions": list,
        "addresses": [
            {"type": "InternalIP", "address": NODE_ADDRESS},
            {"type": "Hostname", "address": NODE_NAME},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "", "osImage": "rop",
            "containerRuntimeVersion": "containerd://2.0.0", "kubeletVersion": KUBERNETES_VERSION,
            "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
        },
    })
}
