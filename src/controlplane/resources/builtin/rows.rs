//! The table of built-in resources: names, scope, verbs, subresources and selectable fields.
//!
//! Source: the `NewREST` and `AddFieldLabelConversionFunc` of `k8s.io/kubernetes/pkg/registry` and `pkg/apis`,
//! Kubernetes 1.36.

/// A row: one version of one built-in resource.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) group_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) plural: &'static str,
    pub(super) namespaced: bool,
    pub(super) short_names: &'static [&'static str],
    pub(super) categories: &'static [&'static str],
    pub(super) verbs: &'static [&'static str],
    pub(super) subresources: &'static [Sub],
    pub(super) fields: &'static [&'static str],
}

/// A subresource. An empty kind is the parent's.
#[derive(Debug)]
pub(super) struct Sub {
    pub(super) name: &'static str,
    pub(super) group_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) verbs: &'static [&'static str],
}

const ALL_VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const CREATE: &[&str] = &["create"];
const GET: &[&str] = &["get"];
const CREATE_GET: &[&str] = &["create", "get"];
const GET_LIST: &[&str] = &["get", "list"];
const GET_PATCH_UPDATE: &[&str] = &["get", "patch", "update"];
const PROXY_VERBS: &[&str] = &["create", "delete", "get", "patch", "update"];
const UPDATE: &[&str] = &["update"];

/// Starts a row of a resource that lives in namespaces.
const fn namespaced(group_version: &'static str, kind: &'static str, plural: &'static str) -> Row {
    Row {
        group_version,
        kind,
        plural,
        namespaced: true,
        short_names: &[],
        categories: &[],
        verbs: ALL_VERBS,
        subresources: &[],
        fields: &[],
    }
}

/// Starts a row of a resource that belongs to the cluster.
const fn cluster(group_version: &'static str, kind: &'static str, plural: &'static str) -> Row {
    Row { namespaced: false, ..namespaced(group_version, kind, plural) }
}

impl Row {
    const fn short(self, short_names: &'static [&'static str]) -> Self {
        Self { short_names, ..self }
    }

    const fn within(self, categories: &'static [&'static str]) -> Self {
        Self { categories, ..self }
    }

    const fn verbs(self, verbs: &'static [&'static str]) -> Self {
        Self { verbs, ..self }
    }

    const fn below(self, subresources: &'static [Sub]) -> Self {
        Self { subresources, ..self }
    }

    const fn fields(self, fields: &'static [&'static str]) -> Self {
        Self { fields, ..self }
    }
}

/// Returns a subresource of the parent's kind.
const fn sub(name: &'static str, verbs: &'static [&'static str]) -> Sub {
    Sub { name, group_version: "", kind: "", verbs }
}

/// Returns a subresource of a kind of its own.
const fn sub_of(
    name: &'static str,
    group_version: &'static str,
    kind: &'static str,
    verbs: &'static [&'static str],
) -> Sub {
    Sub { name, group_version, kind, verbs }
}

const STATUS_SUB: Sub = sub("status", GET_PATCH_UPDATE);
const STATUS: &[Sub] = &[STATUS_SUB];
const SCALE_STATUS: &[Sub] = &[sub_of("scale", "autoscaling/v1", "Scale", GET_PATCH_UPDATE), STATUS_SUB];

const ALL: &[&str] = &["all"];
const EXTENSIONS: &[&str] = &["api-extensions"];

const EVENT_FIELDS: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

const REGARDING_FIELDS: &[&str] = &[
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.apiVersion",
    "regarding.resourceVersion",
    "regarding.fieldPath",
    "reason",
    "reportingController",
    "type",
];

const POD_FIELDS: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];

const POD_SUBRESOURCES: &[Sub] = &[
    sub_of("attach", "v1", "PodAttachOptions", CREATE_GET),
    sub_of("binding", "v1", "Binding", CREATE),
    sub("ephemeralcontainers", GET_PATCH_UPDATE),
    sub_of("eviction", "policy/v1", "Eviction", CREATE),
    sub_of("exec", "v1", "PodExecOptions", CREATE_GET),
    sub("log", GET),
    sub_of("portforward", "v1", "PodPortForwardOptions", CREATE_GET),
    sub_of("proxy", "v1", "PodProxyOptions", PROXY_VERBS),
    sub("resize", GET_PATCH_UPDATE),
    STATUS_SUB,
];

/// All built-in resources, in the order in which a server of 1.36 discovers them.
pub(super) const ROWS: &[Row] = &[
    namespaced("v1", "Binding", "bindings").verbs(CREATE),
    cluster("v1", "ComponentStatus", "componentstatuses").short(&["cs"]).verbs(GET_LIST),
    namespaced("v1", "ConfigMap", "configmaps").short(&["cm"]),
    namespaced("v1", "Endpoints", "endpoints").short(&["ep"]),
    namespaced("v1", "Event", "events").short(&["ev"]).fields(EVENT_FIELDS),
    namespaced("v1", "LimitRange", "limitranges").short(&["limits"]),
    cluster("v1", "Namespace", "namespaces")
        .short(&["ns"])
        .verbs(&["create", "delete", "get", "list", "patch", "update", "watch"])
        .below(&[sub("finalize", UPDATE), STATUS_SUB])
        .fields(&["status.phase"]),
    cluster("v1", "Node", "nodes")
        .short(&["no"])
        .below(&[sub_of("proxy", "v1", "NodeProxyOptions", PROXY_VERBS), STATUS_SUB])
        .fields(&["spec.unschedulable"]),
    namespaced("v1", "PersistentVolumeClaim", "persistentvolumeclaims").short(&["pvc"]).below(STATUS),
    cluster("v1", "PersistentVolume", "persistentvolumes").short(&["pv"]).below(STATUS),
    namespaced("v1", "Pod", "pods").short(&["po"]).within(ALL).below(POD_SUBRESOURCES).fields(POD_FIELDS),
    namespaced("v1", "PodTemplate", "podtemplates"),
    namespaced("v1", "ReplicationController", "replicationcontrollers")
        .short(&["rc"])
        .within(ALL)
        .below(SCALE_STATUS)
        .fields(&["status.replicas"]),
    namespaced("v1", "ResourceQuota", "resourcequotas").short(&["quota"]).below(STATUS),
    namespaced("v1", "Secret", "secrets").fields(&["type"]),
    namespaced("v1", "ServiceAccount", "serviceaccounts").short(&["sa"]).below(&[sub_of(
        "token",
        "authentication.k8s.io/v1",
        "TokenRequest",
        CREATE,
    )]),
    namespaced("v1", "Service", "services")
        .short(&["svc"])
        .within(ALL)
        .below(&[sub_of("proxy", "v1", "ServiceProxyOptions", PROXY_VERBS), STATUS_SUB])
        .fields(&["spec.clusterIP", "spec.type"]),
    cluster("apiregistration.k8s.io/v1", "APIService", "apiservices").within(EXTENSIONS).below(STATUS),
    namespaced("apps/v1", "ControllerRevision", "controllerrevisions"),
    namespaced("apps/v1", "DaemonSet", "daemonsets").short(&["ds"]).within(ALL).below(STATUS),
    namespaced("apps/v1", "Deployment", "deployments").short(&["deploy"]).within(ALL).below(SCALE_STATUS),
    namespaced("apps/v1", "ReplicaSet", "replicasets")
        .short(&["rs"])
        .within(ALL)
        .below(SCALE_STATUS)
        .fields(&["status.replicas"]),
    namespaced("apps/v1", "StatefulSet", "statefulsets").short(&["sts"]).within(ALL).below(SCALE_STATUS),
    namespaced("events.k8s.io/v1", "Event", "events").short(&["ev"]).fields(REGARDING_FIELDS),
    cluster("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews").verbs(CREATE),
    cluster("authentication.k8s.io/v1", "TokenReview", "tokenreviews").verbs(CREATE),
    namespaced("authorization.k8s.io/v1", "LocalSubjectAccessReview", "localsubjectaccessreviews").verbs(CREATE),
    cluster("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews").verbs(CREATE),
    cluster("authorization.k8s.io/v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews").verbs(CREATE),
    cluster("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews").verbs(CREATE),
    namespaced("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
        .short(&["hpa"])
        .within(ALL)
        .below(STATUS),
    namespaced("autoscaling/v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
        .short(&["hpa"])
        .within(ALL)
        .below(STATUS),
    namespaced("batch/v1", "CronJob", "cronjobs").short(&["cj"]).within(ALL).below(STATUS),
    namespaced("batch/v1", "Job", "jobs").within(ALL).below(STATUS).fields(&["status.successful"]),
    cluster("certificates.k8s.io/v1", "CertificateSigningRequest", "certificatesigningrequests")
        .short(&["csr"])
        .below(&[sub("approval", GET_PATCH_UPDATE), STATUS_SUB])
        .fields(&["spec.signerName"]),
    cluster("networking.k8s.io/v1", "IngressClass", "ingressclasses"),
    namespaced("networking.k8s.io/v1", "Ingress", "ingresses").short(&["ing"]).below(STATUS),
    cluster("networking.k8s.io/v1", "IPAddress", "ipaddresses").short(&["ip"]),
    namespaced("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies").short(&["netpol"]),
    cluster("networking.k8s.io/v1", "ServiceCIDR", "servicecidrs").below(STATUS),
    namespaced("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets").short(&["pdb"]).below(STATUS),
    cluster("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings"),
    cluster("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles"),
    namespaced("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    namespaced("rbac.authorization.k8s.io/v1", "Role", "roles"),
    cluster("storage.k8s.io/v1", "CSIDriver", "csidrivers"),
    cluster("storage.k8s.io/v1", "CSINode", "csinodes"),
    namespaced("storage.k8s.io/v1", "CSIStorageCapacity", "csistoragecapacities"),
    cluster("storage.k8s.io/v1", "StorageClass", "storageclasses").short(&["sc"]),
    cluster("storage.k8s.io/v1", "VolumeAttachment", "volumeattachments").below(STATUS),
    cluster("storage.k8s.io/v1", "VolumeAttributesClass", "volumeattributesclasses").short(&["vac"]),
    cluster("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies")
        .within(EXTENSIONS),
    cluster("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings")
        .within(EXTENSIONS),
    cluster("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations")
        .within(EXTENSIONS),
    cluster("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies")
        .within(EXTENSIONS)
        .below(STATUS),
    cluster("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings")
        .within(EXTENSIONS),
    cluster("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations")
        .within(EXTENSIONS),
    cluster("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions")
        .short(&["crd", "crds"])
        .within(EXTENSIONS)
        .below(STATUS),
    cluster("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses").short(&["pc"]),
    namespaced("coordination.k8s.io/v1", "Lease", "leases"),
    cluster("node.k8s.io/v1", "RuntimeClass", "runtimeclasses"),
    namespaced("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    cluster("resource.k8s.io/v1", "DeviceClass", "deviceclasses"),
    namespaced("resource.k8s.io/v1", "ResourceClaim", "resourceclaims").below(STATUS),
    namespaced("resource.k8s.io/v1", "ResourceClaimTemplate", "resourceclaimtemplates"),
    cluster("resource.k8s.io/v1", "ResourceSlice", "resourceslices").fields(&["spec.nodeName", "spec.driver"]),
    cluster("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "flowschemas").below(STATUS),
    cluster("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", "prioritylevelconfigurations")
        .below(STATUS),
];
