//! The API server: requests in, objects, lists and watches out.
//!
//! [`chain`] is the way of a request, on one screen; [`handlers`] hold what each verb does; the other files are the
//! single stations. See the picture in [`crate::controlplane`].

mod body;
pub(crate) mod chain;
pub mod decode;
pub mod discovery;
pub(crate) mod fit;
pub(crate) mod handlers;
pub(crate) mod metrics;
pub mod negotiate;
pub(crate) mod object_meta;
pub mod openapi;
mod openid;
pub mod options;
pub mod partial;
pub mod protobuf;
pub(crate) mod registry;
pub(crate) mod render;
pub mod request_info;
mod response;
pub mod selector;
pub mod serve;
pub mod service;
pub mod table;
pub(crate) mod wellknown;
mod writer;
pub mod yaml;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::admission::Objects;
use super::env::Env;
use super::gvk::{GroupResource, Gvk};
use super::identity::authn::Authenticator;
use super::identity::rbac::Authorizer;
use super::object::Object;
use super::resources::Resource;
use super::storage::{ObjectKey, Store, Stored};
use metrics::Metrics;
use registry::{Registry, crds};

pub(crate) use response::{List, ObjectRef, Response};

/// The API server. A cheap handle: clones are the same server.
#[derive(Clone)]
pub struct ApiServer(Arc<Inner>);

/// What an API server is made of.
pub(crate) struct Inner {
    /// The objects.
    pub store: Store,
    /// Time and randomness.
    pub env: Env,
    /// The rows.
    pub registry: Registry,
    /// Who sends a request.
    pub authenticator: Authenticator,
    /// What he may do.
    pub authorizer: Authorizer,
    /// What was asked.
    pub metrics: Metrics,
    /// Turns true when the server stops.
    pub shutdown: watch::Sender<bool>,
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiServer").field("revision", &self.0.store.revision()).finish_non_exhaustive()
    }
}

impl ApiServer {
    /// Returns a server. It serves the CustomResourceDefinitions that its store holds already.
    pub(crate) fn new(inner: Inner) -> Self {
        for crd in inner.store.list(&crds()).objects.keys() {
            inner.registry.refresh(&inner.store, &crd.name);
        }
        Self(Arc::new(inner))
    }

    /// Returns the objects.
    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// Returns time and randomness.
    pub(crate) fn env(&self) -> &Env {
        &self.0.env
    }

    /// Returns the rows.
    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Returns who knows users.
    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }

    /// Returns who knows what users may do.
    pub(crate) fn authorizer(&self) -> &Authorizer {
        &self.0.authorizer
    }

    /// Returns what was asked so far.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Returns a receiver that turns true when the server stops.
    pub(crate) fn shutdown(&self) -> watch::Receiver<bool> {
        self.0.shutdown.subscribe()
    }

    /// Ends all watches; new ones end at once.
    pub(crate) fn stop(&self) {
        self.0.shutdown.send_replace(true);
    }

    /// Follows a commit: a CRD changes what is served.
    pub(crate) fn committed(&self, resource: &Resource, object: &Value) {
        if resource.storage == crds() {
            self.registry().refresh(self.store(), object.name());
        }
    }
}

impl Objects for ApiServer {
    fn get(&self, resource: &GroupResource, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        self.store().get(resource, &ObjectKey::new(namespace, name))
    }

    fn list(&self, resource: &GroupResource, namespace: &str) -> Vec<Arc<Stored>> {
        let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
        self.store().list(resource).in_namespace(namespace).cloned().collect()
    }

    fn env(&self) -> &Env {
        &self.0.env
    }
}

impl super::controllers::Kinds for ApiServer {
    fn served(&self, gvk: &Gvk) -> Option<super::controllers::Served> {
        let rows = self.registry().rows();
        let row = rows.iter().find(|row| row.resource.gvk == *gvk)?;
        Some(super::controllers::Served { gvr: row.resource.gvr(), namespaced: row.resource.namespaced })
    }
}
