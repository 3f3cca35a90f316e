//! The built-in kinds that controllers read and write, as constants.

use serde_json::Value;

use super::{Actor, WorkKey};
use crate::controlplane::gvk::{GroupResource, Gvr};
use crate::controlplane::storage::Change;

/// A built-in kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) plural: &'static str,
    pub(super) kind: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $group:literal $version:literal $plural:literal $kind:literal;)*) => {
        $(pub(super) const $name: Kind =
            Kind { group: $group, version: $version, plural: $plural, kind: $kind };)*
    };
}

kinds! {
    CONFIG_MAP = "" "v1" "configmaps" "ConfigMap";
    CRD = "apiextensions.k8s.io" "v1" "customresourcedefinitions" "CustomResourceDefinition";
    CONTROLLER_REVISION = "apps" "v1" "controllerrevisions" "ControllerRevision";
    CRON_JOB = "batch" "v1" "cronjobs" "CronJob";
    ENDPOINTS = "" "v1" "endpoints" "Endpoints";
    ENDPOINT_SLICE = "discovery.k8s.io" "v1" "endpointslices" "EndpointSlice";
    PERSISTENT_VOLUME = "" "v1" "persistentvolumes" "PersistentVolume";
    POD_DISRUPTION_BUDGET = "policy" "v1" "poddisruptionbudgets" "PodDisruptionBudget";
    SERVICE = "" "v1" "services" "Service";
    STORAGE_CLASS = "storage.k8s.io" "v1" "storageclasses" "StorageClass";
    DAEMON_SET = "apps" "v1" "daemonsets" "DaemonSet";
    PERSISTENT_VOLUME_CLAIM = "" "v1" "persistentvolumeclaims" "PersistentVolumeClaim";
    STATEFUL_SET = "apps" "v1" "statefulsets" "StatefulSet";
    DEPLOYMENT = "apps" "v1" "deployments" "Deployment";
    JOB = "batch" "v1" "jobs" "Job";
    NAMESPACE = "" "v1" "namespaces" "Namespace";
    NODE = "" "v1" "nodes" "Node";
    POD = "" "v1" "pods" "Pod";
    REPLICA_SET = "apps" "v1" "replicasets" "ReplicaSet";
    SERVICE_ACCOUNT = "" "v1" "serviceaccounts" "ServiceAccount";
}

impl Kind {
    /// Returns where objects are stored.
    pub(super) fn resource(&self) -> GroupResource {
        GroupResource::new(self.group, self.plural)
    }

    /// Returns the endpoint.
    pub(super) fn gvr(&self) -> Gvr {
        Gvr::new(self.group, self.version, self.plural)
    }

    /// Returns the text of `apiVersion`.
    pub(super) fn api_version(&self) -> String {
        self.gvr().group_version().to_string()
    }

    /// Whether a resource is this kind's.
    pub(super) fn is(&self, resource: &GroupResource) -> bool {
        resource.resource == self.plural && resource.group == self.group
    }

    /// Whether a change is about an object of this kind.
    pub(super) fn changed(&self, change: &Change) -> bool {
        self.is(&change.resource)
    }

    /// Returns the key of an object of this kind.
    pub(super) fn key(&self, namespace: &str, name: &str) -> WorkKey {
        WorkKey::new(&self.resource(), namespace, name)
    }

    /// Whether an owner reference names this kind, whatever the version.
    pub(super) fn owns(&self, reference: &Value) -> bool {
        let api_version = reference.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        reference.get("kind").and_then(Value::as_str) == Some(self.kind) && group == self.group
    }
}

/// Returns the actor of a controller of the controller manager.
pub(super) const fn controller_manager(user: &'static str) -> Actor {
    Actor { user, field_manager: "kube-controller-manager" }
}
