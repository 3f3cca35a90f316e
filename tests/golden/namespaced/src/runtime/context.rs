//! What a reconciler works with: reading, applying, reporting.

use std::fmt::Debug;

use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::object::HasStatus;
use kube::core::{ClusterResourceScope, NamespaceResourceScope, PartialObjectMeta};
use kube::discovery::Scope;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::conditions::Conditions;
use super::drift;
use super::error::Error;
use super::health::Health;
use super::metrics::Metrics;

/// Under this name the operator writes: server-side apply records who owns which field.
pub const FIELD_MANAGER: &str = env!("CARGO_PKG_NAME");

/// What a reconciler works with.
pub struct Context {
    /// Talks to the API server.
    pub client: Client,
    /// Ends the operator when cancelled.
    pub shutdown: CancellationToken,
    /// What /readyz answers.
    pub health: Health,
    /// What /metrics answers.
    pub metrics: Metrics,
    /// How long to wait after failures.
    pub backoff: Backoff,
    watch_namespace: Option<String>,
    recorder: Recorder,
}

impl Context {
    /// Returns a context that watches one namespace, or the whole cluster.
    pub fn new(client: Client, watch_namespace: Option<String>, shutdown: CancellationToken) -> Self {
        let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: None };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            shutdown,
            health: Health::default(),
            metrics: Metrics::default(),
            backoff: Backoff::default(),
            watch_namespace: watch_namespace.filter(|namespace| !namespace.is_empty()),
        }
    }

    /// Returns the operator's own namespace: where cluster-scoped objects have their children.
    pub fn namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// Returns the objects of a namespaced kind that the operator looks after.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match &self.watch_namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// Returns the objects of a cluster-scoped kind.
    pub fn cluster_api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = ClusterResourceScope>,
    {
        Api::all(self.client.clone())
    }

    /// Returns the objects of a namespaced kind as metadata only: all that is needed to notice that a child has changed, at a fraction of the
    /// memory.
    pub fn api_metadata<K>(&self) -> Api<PartialObjectMeta<K>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match &self.watch_namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// Returns the children of cluster-scoped objects, which live in the operator's own namespace, as metadata only.
    pub fn own_metadata<K>(&self) -> Api<PartialObjectMeta<K>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), self.namespace())
    }

    /// Makes a child what it should be, and returns it as it is. Writes only when the two differ. A child without a
    /// namespace, as a cluster-scoped object has it, lives in the operator's own.
    ///
    /// # Errors
    /// [`Error::NotControlled`] when an object of that name is there and has another owner.
    pub async fn apply<K>(&self, mut desired: K) -> Result<K, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize,
    {
        let (kind, name) = (K::kind(&()), desired.name_any());
        let namespace = desired.namespace().unwrap_or_else(|| self.namespace().to_owned());
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        desired.meta_mut().namespace = Some(namespace);
        let wanted = drift::stamped(&mut desired)?;
        if let Some(live) = api.get_opt(&name).await? {
            if !drift::same_controller(&live, &desired) {
                return Err(Error::NotControlled { kind: kind.into_owned(), name });
            }
            if !drift::differs(&wanted, &serde_json::to_value(&live)?) {
                return Ok(live);
            }
            debug!(%kind, name, "differs from what it should be");
        }
        info!(%kind, name, namespace = desired.namespace(), "applying");
        Ok(api.patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&wanted)).await?)
    }

    /// Writes the status of an object, if it has changed, and tells its event log when Ready has.
    pub async fn update_status<K>(&self, object: &K, status: K::Status) -> Result<(), Error>
    where
        K: Resource<DynamicType = ()> + HasStatus,
        K::Status: Conditions + PartialEq + Serialize,
    {
        if object.status() == Some(&status) {
            return Ok(());
        }
        let resource = ApiResource::erase::<K>(&());
        let patch = json!({"apiVersion": resource.api_version, "kind": resource.kind, "status": status});
        let params = PatchParams::apply(FIELD_MANAGER).force();
        self.api_of(object).patch_status(&object.name_any(), &params, &Patch::Apply(&patch)).await?;
        self.report_transition(object, &status).await;
        Ok(())
    }

    fn api_of<K: Resource<DynamicType = ()>>(&self, object: &K) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<K>(&());
        match object.namespace() {
            Some(namespace) => Api::dynamic(self.client.clone(), &resource, &Scope::Namespaced).constrain(&namespace),
            None => Api::dynamic(self.client.clone(), &resource, &Scope::Cluster),
        }
    }

    /// Publishes an event when Ready has another status than before. A first `Ready=False` is no news.
    async fn report_transition<K>(&self, object: &K, status: &K::Status)
    where
        K: Resource<DynamicType = ()> + HasStatus,
        K::Status: Conditions,
    {
        let Some(ready) = status.ready() else { return };
        let before = object.status().and_then(Conditions::ready).map_or("False", |condition| &condition.status);
        if before == ready.status {
            return;
        }
        let event = Event {
            type_: if ready.status == "True" { EventType::Normal } else { EventType::Warning },
            reason: if ready.status == "True" { "Ready".to_owned() } else { ready.reason.clone() },
            note: Some(ready.message.clone()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &object.object_ref(&())).await {
            warn!(%error, "cannot publish an event");
        }
    }
}
