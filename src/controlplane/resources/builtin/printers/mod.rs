//! Tables of built-in kinds: the columns that `kubectl get` shows.
//!
//! A table of columns a kind, and a function a cell. Kinds that are not named here have what all have: a name and the
//! time when they were made.
//!
//! Source: `k8s.io/kubernetes/pkg/printers/internalversion/printers.go`, Kubernetes 1.36.

mod cells;
mod cluster;
mod extension;
mod network;
mod pod;
mod storage;
mod workload;

use serde_json::Value;

use crate::controlplane::env::Env;
use crate::controlplane::gvk::Gvk;
use crate::controlplane::object::Object;
use crate::controlplane::resources::{Cell, Column};
use crate::controlplane::schema::data;

/// Where the description of a column comes from.
#[derive(Debug, Clone, Copy)]
enum Doc {
    /// It is this text.
    Text(&'static str),
    /// It is what the API says of a field: the definition without `io.k8s.api.`, and the field.
    Field(&'static str, &'static str),
}

use Doc::{Field, Text};

/// A column of a built-in kind.
#[derive(Debug, Clone, Copy)]
struct Printed {
    name: &'static str,
    column_type: &'static str,
    format: &'static str,
    doc: Doc,
    priority: i32,
    cell: fn(&Value, &Env) -> Value,
}

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const CONTAINERS_DOC: Doc = Text("Names of each container in the template.");
const IMAGES_DOC: Doc = Text("Images referenced by each container in the template.");

const NAME: Printed = Printed {
    name: "Name",
    column_type: "string",
    format: "name",
    doc: Field(OBJECT_META, "name"),
    priority: 0,
    cell: |object, _| object.name().into(),
};
const AGE: Printed = text("Age", Field(OBJECT_META, "creationTimestamp"), cells::age);
const CONTAINERS: Printed = text("Containers", CONTAINERS_DOC, cells::template_containers).wide();
const IMAGES: Printed = text("Images", IMAGES_DOC, cells::template_images).wide();

/// Returns a column of texts.
const fn text(name: &'static str, doc: Doc, cell: fn(&Value, &Env) -> Value) -> Printed {
    Printed { name, column_type: "string", format: "", doc, priority: 0, cell }
}

/// Returns a column of whole numbers.
const fn integer(name: &'static str, doc: Doc, cell: fn(&Value, &Env) -> Value) -> Printed {
    Printed { column_type: "integer", ..text(name, doc, cell) }
}

/// Returns a column of yes and no.
const fn boolean(name: &'static str, doc: Doc, cell: fn(&Value, &Env) -> Value) -> Printed {
    Printed { column_type: "boolean", ..text(name, doc, cell) }
}

impl Printed {
    /// Returns the column for `-o wide` only.
    const fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }

    fn column(&self) -> Column {
        Column {
            name: self.name.to_owned(),
            column_type: self.column_type.to_owned(),
            format: self.format.to_owned(),
            description: self.doc.text().to_owned(),
            priority: self.priority,
            cell: Cell::Printer(self.cell),
        }
    }
}

impl Doc {
    fn text(self) -> &'static str {
        match self {
            Self::Text(text) => text,
            Self::Field(definition, field) => {
                let full = if definition.starts_with("io.") {
                    definition.to_owned()
                } else {
                    format!("io.k8s.api.{definition}")
                };
                let definition = data::definition(&full);
                let text =
                    definition.map_or("", |definition| definition.text_at(&["properties", field, "description"]));
                // OpenAPI lists the values of enumerations behind the text; tables do not.
                text.split("\n\nPossible enum values:").next().unwrap_or_default()
            }
        }
    }
}

/// Returns the columns of a kind; none for kinds that have only what all have.
pub(super) fn columns(gvk: &Gvk) -> Vec<Column> {
    table(gvk).iter().map(Printed::column).collect()
}

fn table(gvk: &Gvk) -> &'static [Printed] {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => pod::POD,
        ("", "PodTemplate") => pod::POD_TEMPLATE,
        ("", "ReplicationController") => workload::REPLICATION_CONTROLLER,
        ("", "Service") => network::SERVICE,
        ("", "Endpoints") => network::ENDPOINTS,
        ("", "Node") => cluster::NODE,
        ("" | "events.k8s.io", "Event") => cluster::EVENT,
        ("", "Namespace") => cluster::NAMESPACE,
        ("", "Secret") => cluster::SECRET,
        ("", "ConfigMap") => cluster::CONFIG_MAP,
        ("", "ServiceAccount") => &[NAME, AGE],
        ("", "ComponentStatus") => cluster::COMPONENT_STATUS,
        ("", "ResourceQuota") => cluster::RESOURCE_QUOTA,
        ("", "PersistentVolume") => storage::VOLUME,
        ("", "PersistentVolumeClaim") => storage::CLAIM,
        ("apps", "ControllerRevision") => workload::CONTROLLER_REVISION,
        ("apps", "DaemonSet") => workload::DAEMON_SET,
        ("apps", "Deployment") => workload::DEPLOYMENT,
        ("apps", "ReplicaSet") => workload::REPLICA_SET,
        ("apps", "StatefulSet") => workload::STATEFUL_SET,
        ("autoscaling", "HorizontalPodAutoscaler") => workload::AUTOSCALER,
        ("batch", "CronJob") => workload::CRON_JOB,
        ("batch", "Job") => workload::JOB,
        ("certificates.k8s.io", "CertificateSigningRequest") => cluster::SIGNING_REQUEST,
        ("coordination.k8s.io", "Lease") => cluster::LEASE,
        ("discovery.k8s.io", "EndpointSlice") => network::ENDPOINT_SLICE,
        ("networking.k8s.io", "Ingress") => network::INGRESS,
        ("networking.k8s.io", "IngressClass") => network::INGRESS_CLASS,
        ("networking.k8s.io", "NetworkPolicy") => network::NETWORK_POLICY,
        ("node.k8s.io", "RuntimeClass") => cluster::RUNTIME_CLASS,
        ("policy", "PodDisruptionBudget") => workload::DISRUPTION_BUDGET,
        ("rbac.authorization.k8s.io", "RoleBinding") => cluster::ROLE_BINDING,
        ("rbac.authorization.k8s.io", "ClusterRoleBinding") => cluster::CLUSTER_ROLE_BINDING,
        ("scheduling.k8s.io", "PriorityClass") => cluster::PRIORITY_CLASS,
        ("storage.k8s.io", "CSIDriver") => storage::CSI_DRIVER,
        ("storage.k8s.io", "CSINode") => storage::CSI_NODE,
        ("storage.k8s.io", "CSIStorageCapacity") => storage::CSI_CAPACITY,
        ("storage.k8s.io", "StorageClass") => storage::STORAGE_CLASS,
        ("storage.k8s.io", "VolumeAttachment") => storage::VOLUME_ATTACHMENT,
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => {
            extension::WEBHOOKS
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => extension::VALIDATING_POLICY,
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicy") => extension::MUTATING_POLICY,
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding" | "MutatingAdmissionPolicyBinding") => {
            extension::POLICY_BINDING
        }
        ("apiregistration.k8s.io", "APIService") => extension::API_SERVICE,
        ("flowcontrol.apiserver.k8s.io", "FlowSchema") => extension::FLOW_SCHEMA,
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration") => extension::PRIORITY_LEVEL,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::resources::builtin::rows;

    #[test]
    fn every_column_says_what_it_shows() {
        for row in rows() {
            for column in row.columns.iter() {
                assert!(!column.description.is_empty(), "{} {}", row.gvk, column.name);
            }
        }
    }

    #[test]
    fn cells_of_an_empty_object_do_not_fail() {
        let env = Env::deterministic(1, || jiff::Timestamp::UNIX_EPOCH);
        for row in rows() {
            for object in [serde_json::json!({}), row.strategy.zero(), serde_json::json!({"spec": "x", "status": [1]})]
            {
                for column in row.columns.iter() {
                    let Cell::Printer(printer) = column.cell else { continue };
                    let _ = printer(&object, &env);
                }
            }
        }
    }
}
