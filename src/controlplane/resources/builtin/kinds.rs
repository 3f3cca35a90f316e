//! Which [`Kind`] each built-in kind has.

use super::autoscaling::{AUTOSCALER, AUTOSCALER_V1};
use super::cluster::{
    DISRUPTION_BUDGET, LEASE, LIMIT_RANGE, NAMESPACE, NODE, PRIORITY_CLASS, RESOURCE_QUOTA, RUNTIME_CLASS,
    SERVICE_ACCOUNT, SIGNING_REQUEST,
};
use super::config::{CONFIG_MAP, SECRET};
use super::event::{EVENT, NEW_EVENT};
use super::extension::{
    ADMISSION_POLICY, ADMISSION_POLICY_BINDING, API_SERVICE, MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS,
};
use super::kind::Kind;
use super::networking::{ENDPOINT_SLICE, ENDPOINTS, INGRESS, INGRESS_CLASS, NETWORK_POLICY};
use super::pod::{POD, POD_TEMPLATE};
use super::rbac::{CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING};
use super::service::SERVICE;
use super::storage::{CLAIM, CSI_DRIVER, STORAGE_CLASS, VOLUME, VOLUME_ATTACHMENT};
use super::workload::cronjob::CRON_JOB;
use super::workload::daemonset::DAEMON_SET;
use super::workload::deployment::DEPLOYMENT;
use super::workload::job::JOB;
use super::workload::replicaset::{REPLICA_SET, REPLICATION_CONTROLLER};
use super::workload::statefulset::{CONTROLLER_REVISION, STATEFUL_SET};
use crate::controlplane::gvk::Gvk;

/// A kind without rules whose generation counts.
const COUNTED: Kind = Kind { generation: true, ..Kind::PLAIN };

/// Component statuses, which have been out of use for long.
const COMPONENT_STATUS: Kind = Kind { deprecation: Some("v1 ComponentStatus is deprecated in v1.19+"), ..Kind::PLAIN };

/// Returns what a kind does differently from all others.
pub(super) fn kind(gvk: &Gvk) -> &'static Kind {
    match (gvk.group.as_str(), gvk.version.as_str(), gvk.kind.as_str()) {
        ("", _, "ComponentStatus") => &COMPONENT_STATUS,
        ("", _, "ConfigMap") => &CONFIG_MAP,
        ("", _, "Endpoints") => &ENDPOINTS,
        ("", _, "Event") => &EVENT,
        ("", _, "LimitRange") => &LIMIT_RANGE,
        ("", _, "Namespace") => &NAMESPACE,
        ("", _, "Node") => &NODE,
        ("", _, "PersistentVolume") => &VOLUME,
        ("", _, "PersistentVolumeClaim") => &CLAIM,
        ("", _, "Pod") => &POD,
        ("", _, "PodTemplate") => &POD_TEMPLATE,
        ("", _, "ReplicationController") => &REPLICATION_CONTROLLER,
        ("", _, "ResourceQuota") => &RESOURCE_QUOTA,
        ("", _, "Secret") => &SECRET,
        ("", _, "Service") => &SERVICE,
        ("", _, "ServiceAccount") => &SERVICE_ACCOUNT,
        ("admissionregistration.k8s.io", _, "MutatingWebhookConfiguration") => &MUTATING_WEBHOOKS,
        ("admissionregistration.k8s.io", _, "ValidatingWebhookConfiguration") => &VALIDATING_WEBHOOKS,
        ("admissionregistration.k8s.io", _, kind) if kind.ends_with("Binding") => &ADMISSION_POLICY_BINDING,
        ("admissionregistration.k8s.io", _, _) => &ADMISSION_POLICY,
        ("apiregistration.k8s.io", _, "APIService") => &API_SERVICE,
        ("apps", _, "ControllerRevision") => &CONTROLLER_REVISION,
        ("apps", _, "DaemonSet") => &DAEMON_SET,
        ("apps", _, "Deployment") => &DEPLOYMENT,
        ("apps", _, "ReplicaSet") => &REPLICA_SET,
        ("apps", _, "StatefulSet") => &STATEFUL_SET,
        ("autoscaling", "v1", "HorizontalPodAutoscaler") => &AUTOSCALER_V1,
        ("autoscaling", _, "HorizontalPodAutoscaler") => &AUTOSCALER,
        ("batch", _, "CronJob") => &CRON_JOB,
        ("batch", _, "Job") => &JOB,
        ("certificates.k8s.io", _, "CertificateSigningRequest") => &SIGNING_REQUEST,
        ("coordination.k8s.io", _, "Lease") => &LEASE,
        ("discovery.k8s.io", _, "EndpointSlice") => &ENDPOINT_SLICE,
        ("events.k8s.io", _, "Event") => &NEW_EVENT,
        ("networking.k8s.io", _, "Ingress") => &INGRESS,
        ("networking.k8s.io", _, "IngressClass") => &INGRESS_CLASS,
        ("networking.k8s.io", _, "NetworkPolicy") => &NETWORK_POLICY,
        ("node.k8s.io", _, "RuntimeClass") => &RUNTIME_CLASS,
        ("policy", _, "PodDisruptionBudget") => &DISRUPTION_BUDGET,
        ("rbac.authorization.k8s.io", _, "ClusterRole") => &CLUSTER_ROLE,
        ("rbac.authorization.k8s.io", _, "ClusterRoleBinding") => &CLUSTER_ROLE_BINDING,
        ("rbac.authorization.k8s.io", _, "Role") => &ROLE,
        ("rbac.authorization.k8s.io", _, "RoleBinding") => &ROLE_BINDING,
        ("scheduling.k8s.io", _, "PriorityClass") => &PRIORITY_CLASS,
        ("storage.k8s.io", _, "CSIDriver") => &CSI_DRIVER,
        ("storage.k8s.io", _, "StorageClass") => &STORAGE_CLASS,
        ("storage.k8s.io", _, "VolumeAttachment") => &VOLUME_ATTACHMENT,
        ("flowcontrol.apiserver.k8s.io", _, _)
        | ("resource.k8s.io", _, "DeviceClass" | "ResourceSlice")
        | ("networking.k8s.io", _, "ServiceCIDR" | "IPAddress") => &COUNTED,
        _ => &Kind::PLAIN,
    }
}
