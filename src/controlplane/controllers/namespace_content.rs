//! What every namespace gets: the ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`.
//!
//! Source: `pkg/controller/serviceaccount/serviceaccounts_controller.go`,
//! `pkg/controller/certificates/rootcacertpublisher/publisher.go`.

use serde_json::{Value, json};

use super::kind::{CONFIG_MAP, NAMESPACE, SERVICE_ACCOUNT, controller_manager};
use super::{Actor, Controller, Step, View, WorkKey};
use crate::controlplane::object::Object;
use crate::controlplane::storage::Change;

const DEFAULT_SERVICE_ACCOUNT: &str = "default";
const ROOT_CA: &str = "kube-root-ca.crt";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal \
                           endpoints such as the internal service IP or kubernetes.default.svc. No other usage is \
                           guaranteed across distributions of Kubernetes clusters.";

/// Makes the ServiceAccount `default`.
#[derive(Debug)]
pub(super) struct ServiceAccountController;

impl Controller for ServiceAccountController {
    fn name(&self) -> &'static str {
        "serviceaccount-controller"
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:service-account-controller")
    }

    fn keys(&self, _view: &View, change: &Change) -> Vec<WorkKey> {
        if NAMESPACE.changed(change) {
            return vec![WorkKey::of(change)];
        }
        if SERVICE_ACCOUNT.changed(change) && change.key.name == DEFAULT_SERVICE_ACCOUNT {
            return vec![NAMESPACE.key("", &change.key.namespace)];
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let namespace = &key.key.name;
        if !is_active(view, key) || view.get(&SERVICE_ACCOUNT.resource(), namespace, DEFAULT_SERVICE_ACCOUNT).is_some()
        {
            return step;
        }
        let metadata = json!({"name": DEFAULT_SERVICE_ACCOUNT, "namespace": namespace});
        let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
        step.create(&SERVICE_ACCOUNT.gvr(), object);
        step
    }
}

/// Publishes the CA of the API server.
#[derive(Debug)]
pub(super) struct RootCaPublisher {
    /// The certificate, PEM.
    pub(super) ca: String,
}

impl Controller for RootCaPublisher {
    fn name(&self) -> &'static str {
        "root-ca-certificate-publisher-controller"
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:root-ca-cert-publisher")
    }

    fn keys(&self, _view: &View, change: &Change) -> Vec<WorkKey> {
        if NAMESPACE.changed(change) {
            return vec![WorkKey::of(change)];
        }
        if CONFIG_MAP.changed(change) && change.key.name == ROOT_CA {
            return vec![NAMESPACE.key("", &change.key.namespace)];
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        if !is_active(view, key) {
            return step;
        }
        let data = json!({"ca.crt": self.ca});
        match view.get(&CONFIG_MAP.resource(), &key.key.name, ROOT_CA) {
            None => step.create(&CONFIG_MAP.gvr(), self.config_map(&key.key.name)),
            Some(current) if is_current(&current.value, &data) => {}
            Some(current) => {
                let mut object = current.value.clone();
                object["data"] = data;
                object.set(&["metadata", "annotations", "kubernetes.io/description"], DESCRIPTION);
                step.update(&CONFIG_MAP.gvr(), object);
            }
        }
        step
    }
}

impl RootCaPublisher {
    fn config_map(&self, namespace: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": ROOT_CA,
                "namespace": namespace,
                "annotations": {"kubernetes.io/description": DESCRIPTION},
            },
            "data": {"ca.crt": self.ca},
        })
    }
}

fn is_current(config_map: &Value, data: &Value) -> bool {
    config_map.get("data") == Some(data) && config_map.annotation("kubernetes.io/description").is_some()
}

fn is_active(view: &View, key: &WorkKey) -> bool {
    view.get_key(key).is_some_and(|namespace| {
        namespace.value.deletion_timestamp().is_none() && namespace.value.text_at(&["status", "phase"]) != "Terminating"
    })
}
