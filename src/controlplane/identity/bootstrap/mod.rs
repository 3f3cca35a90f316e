//! What a fresh cluster holds: namespaces, roles and their bindings, priority classes, the Service of the API server.
//!
//! The objects are put into the empty store before the first request, since nobody may write anything until the roles
//! are there; that is the one write that does not go through the request chain. What controllers make from these
//! (default ServiceAccounts, `kube-root-ca.crt`) is not here.
//!
//! Source: `pkg/controlplane/{instance,controller/systemnamespaces,controller/kubernetesservice}`,
//! `plugin/pkg/auth/authorizer/rbac/bootstrappolicy`.

mod roles;

use serde_json::{Value, json};

use crate::controlplane::env::Env;
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::storage::{ObjectKey, Store, StoreError};

/// What the objects of a fresh cluster depend on.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap<'a> {
    /// The CA certificate of clients, which extension API servers read.
    pub ca_pem: &'a str,
    /// The port at which the API server listens.
    pub port: u16,
}

impl Bootstrap<'_> {
    /// Returns the objects, complete but for the resource version.
    pub fn objects(&self, env: &Env) -> Vec<(GroupResource, Value)> {
        let mut objects: Vec<(GroupResource, Value)> = Vec::new();
        let mut add = |group: &str, plural: &str, object: Value| {
            objects.push((GroupResource::new(group, plural), with_identity(env, object)));
        };
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            add("", "namespaces", namespace(name));
        }
        for (plural, object) in roles::objects() {
            add("rbac.authorization.k8s.io", plural, object);
        }
        for (name, value, description) in PRIORITY_CLASSES {
            add("scheduling.k8s.io", "priorityclasses", priority_class(name, value, description));
        }
        for name in ["controller-manager", "scheduler"] {
            add("", "componentstatuses", component_status(name));
        }
        add("", "services", self.service());
        add("", "configmaps", self.authentication_config());
        objects
    }

    /// Puts the objects into a store. What is there already (in a store that was kept) stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotKept`].
    pub fn install(&self, store: &Store, env: &Env) -> Result<(), StoreError> {
        for (resource, object) in self.objects(env) {
            let key = ObjectKey::new(object.namespace(), object.name());
            match store.create(&resource, key, object) {
                Ok(_) | Err(StoreError::Exists) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn service(&self) -> Value {
        json!({
            "kind": "Service", "apiVersion": "v1",
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": self.port}],
                "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "type": "ClusterIP", "sessionAffinity": "None",
                "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
            },
            "status": {"loadBalancer": {}},
        })
    }

    fn authentication_config(&self) -> Value {
        json!({
            "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": {"name": "extension-apiserver-authentication", "namespace": "kube-system"},
            "data": {"client-ca-file": self.ca_pem},
        })
    }
}

fn with_identity(env: &Env, mut object: Value) -> Value {
    object.set(&["metadata", "uid"], env.uid());
    object.set(&["metadata", "creationTimestamp"], env.now_text());
    object
}

fn namespace(name: &str) -> Value {
    json!({
        "kind": "Namespace", "apiVersion": "v1",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    })
}

/// The controllers and the scheduler live and die with the server. Of etcd nothing is said: there is none.
///
/// Source: `pkg/registry/core/componentstatus/rest.go`, which asks each time.
fn component_status(name: &str) -> Value {
    json!({
        "kind": "ComponentStatus", "apiVersion": "v1",
        "metadata": {"name": name},
        "conditions": [{"type": "Healthy", "status": "True", "message": "ok"}],
    })
}

const PRIORITY_CLASSES: [(&str, i64, &str); 2] = [
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
];

fn priority_class(name: &str, value: i64, description: &str) -> Value {
    json!({
        "kind": "PriorityClass", "apiVersion": "scheduling.k8s.io/v1",
        "metadata": {"name": name, "generation": 1},
        "value": value, "description": description, "preemptionPolicy": "PreemptLowerPriority",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::identity::rbac::{Attributes, Authorizer};
    use crate::controlplane::identity::users::UserInfo;

    fn authorizer() -> Authorizer {
        let store = Store::default();
        let bootstrap = Bootstrap { ca_pem: "CA", port: 6443 };
        bootstrap.install(&store, &Env::system()).expect("there is no journal");
        let revision = store.revision();
        bootstrap.install(&store, &Env::system()).expect("there is no journal");
        assert_eq!(store.revision(), revision, "a second start writes nothing");
        Authorizer::new(store)
    }

    #[test]
    fn everybody_may_look_at_the_health_and_who_is_known_at_the_discovery() {
        let authorizer = authorizer();
        let (bob, nobody) = (UserInfo::new("bob", ["system:authenticated"]), UserInfo::anonymous());
        for (user, path, expected) in [
            (&bob, "/apis/apps/v1", true),
            (&bob, "/healthz", true),
            (&bob, "/metrics", false),
            (&nobody, "/api", false),
            (&nobody, "/version", true),
        ] {
            assert_eq!(authorizer.authorize(&Attributes::path(user, "get", path)).allowed, expected, "{path}");
        }
        let review = Attributes::resource(&bob, "create", "authorization.k8s.io", "selfsubjectaccessreviews");
        let reason = authorizer.authorize(&review).reason;
        let expected = "RBAC: allowed by ClusterRoleBinding \"system:basic-user\" of ClusterRole \"system:basic-user\" to \
                        Group \"system:authenticated\"";
        assert_eq!(reason, expected);
    }

    #[test]
    fn controllers_may_do_their_work_and_no_more() {
        let authorizer = authorizer();
        let deployments = UserInfo::controller("deployment-controller");
        let ask = |verb: &str, group: &str, resource: &str| {
            authorizer.authorize(&Attributes::resource(&deployments, verb, group, resource)).allowed
        };
        assert!(ask("create", "apps", "replicasets"));
        assert!(!ask("delete", "apps", "deployments"));
    }
}
