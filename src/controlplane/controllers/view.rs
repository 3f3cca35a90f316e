//! What a controller may see: the objects as they are now, indexes over them, and the time.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::index::Index;
use super::{Kinds, Served, WorkKey};
use crate::controlplane::env::Env;
use crate::controlplane::gvk::{GroupResource, Gvk, Gvr};
use crate::controlplane::object::Object;
use crate::controlplane::storage::{Change, ObjectKey, Snapshot, Store, Stored};

/// What a controller may see.
pub struct View {
    store: Store,
    index: Index,
    kinds: Arc<dyn Kinds>,
    /// Time and randomness.
    pub env: Env,
}

impl View {
    /// Returns a view of a store with everything in it indexed, and the revision at which that was.
    pub(super) fn new(store: Store, env: Env, kinds: Arc<dyn Kinds>) -> Self {
        Self { store, index: Index::default(), kinds, env }
    }

    /// Returns the store that is looked at.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Takes a change into the indexes.
    pub(super) fn observe(&mut self, change: &Change) {
        self.index.observe(change);
    }

    /// Forgets the indexes, to build them anew.
    pub(super) fn forget(&mut self) {
        self.index = Index::default();
    }

    /// Returns one object.
    pub fn get(&self, resource: &GroupResource, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        self.store.get(resource, &ObjectKey::new(namespace, name))
    }

    /// Returns the object of a key.
    pub fn get_key(&self, key: &WorkKey) -> Option<Arc<Stored>> {
        self.store.get(&key.resource, &key.key)
    }

    /// Returns all objects of a resource.
    pub fn list(&self, resource: &GroupResource) -> Snapshot {
        self.store.list(resource)
    }

    /// Returns the resources that hold at least one object.
    pub fn resources(&self) -> Vec<GroupResource> {
        self.store.resources()
    }

    /// Returns where the object with this UID is.
    pub fn by_uid(&self, uid: &str) -> Option<&WorkKey> {
        self.index.by_uid(uid)
    }

    /// Returns the objects that name `uid` among their owners, in order of resource, namespace and name.
    pub fn dependents(&self, uid: &str) -> impl Iterator<Item = (&WorkKey, &Arc<Stored>)> {
        self.index.dependents(uid)
    }

    /// Returns the objects of a resource that the object with this UID controls, in order of name.
    pub fn controlled<'a>(
        &'a self,
        uid: &'a str,
        resource: &'a GroupResource,
    ) -> impl Iterator<Item = &'a Arc<Stored>> + 'a {
        let controls = move |stored: &Arc<Stored>| {
            stored.value.controller_reference().is_some_and(|owner| owner.text_at(&["uid"]) == uid)
        };
        self.dependents(uid)
            .filter(move |(key, stored)| &key.resource == resource && controls(stored))
            .map(|(_, stored)| stored)
    }

    /// Returns the objects of a resource in a namespace that have no controller, in order of name. Only pods,
    /// ReplicaSets and ControllerRevisions are kept.
    pub fn orphans(&self, resource: &GroupResource, namespace: &str) -> Vec<Arc<Stored>> {
        let names = self.index.orphans(resource, namespace);
        names.filter_map(|name| self.get(resource, namespace, name)).collect()
    }

    /// Returns what is served under a kind.
    pub fn served(&self, gvk: &Gvk) -> Option<Served> {
        self.kinds.served(gvk)
    }

    /// Returns the endpoint of a stored object, in the version in which it is stored.
    pub fn gvr_of(&self, resource: &GroupResource, object: &Value) -> Option<Gvr> {
        let version = object.gvk()?.version;
        Some(Gvr::new(&resource.group, version, &resource.resource))
    }

    /// Returns the present time.
    pub fn now(&self) -> Timestamp {
        self.env.now()
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("revision", &self.store.revision()).finish_non_exhaustive()
    }
}
