//! The controllers that operators depend on, as pure steps.
//!
//! A controller is no task: it maps a change to the keys it must look at, and a key to the writes that bring the world
//! closer to what it should be, from a snapshot. One scheduler orders the steps, so that a run can be replayed.
//! The writes go through the same path as everybody's.

use std::time::Duration;

use serde_json::Value;

use super::env::Env;
use super::gvk::{GroupResource, Gvr};
use super::storage::{Change, ObjectKey, Snapshot, Store};

/// What a controller may see: the objects as they are now, and the time.
#[derive(Debug, Clone)]
pub struct View {
    store: Store,
    /// Time and randomness.
    pub env: Env,
}

impl View {
    /// Returns a view of the store.
    pub fn new(store: Store, env: Env) -> Self {
        Self { store, env }
    }

    /// Returns one object.
    pub fn get(
        &self,
        resource: &GroupResource,
        namespace: &str,
        name: &str,
    ) -> Option<std::sync::Arc<super::storage::Stored>> {
        self.store.get(resource, &ObjectKey::new(namespace, name))
    }

    /// Returns all objects of a resource.
    pub fn list(&self, resource: &GroupResource) -> Snapshot {
        self.store.list(resource)
    }

    /// Returns the resources that hold at least one object.
    pub fn resources(&self) -> Vec<GroupResource> {
        self.store.resources()
    }
}

/// A unit of work: what to look at. Equal keys that wait are looked at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkKey {
    /// The resource.
    pub resource: GroupResource,
    /// The object.
    pub key: ObjectKey,
}

/// A write that a controller wants; it goes through the whole request chain under the controller's own user.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Create an object (`POST`).
    Create {
        /// The endpoint.
        gvr: Gvr,
        /// The object; its namespace says where.
        object: Value,
    },
    /// Replace an object or a subresource of it (`PUT`); a conflict makes the scheduler try the key again.
    Update {
        /// The endpoint.
        gvr: Gvr,
        /// The object, with the resource version that was read.
        object: Value,
        /// `status` or another subresource.
        subresource: Option<&'static str>,
    },
    /// Change an object by a JSON merge patch.
    Patch {
        /// The endpoint.
        gvr: Gvr,
        /// The object.
        key: ObjectKey,
        /// The patch.
        patch: Value,
        /// `status` or another subresource.
        subresource: Option<&'static str>,
    },
    /// Delete an object.
    Delete {
        /// The endpoint.
        gvr: Gvr,
        /// The object.
        key: ObjectKey,
        /// `DeleteOptions` (preconditions, propagationPolicy, gracePeriodSeconds).
        options: Value,
    },
}

/// What one look at a key asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// The writes, in order. The first that fails ends the step; the key is then tried again with back-off.
    pub writes: Vec<Write>,
    /// After which time to look again even if nothing changes.
    pub requeue_after: Option<Duration>,
}

/// A controller.
pub trait Controller: std::fmt::Debug + Send + Sync {
    /// The name; its user is `system:serviceaccount:kube-system:<name>`.
    fn name(&self) -> &'static str;

    /// Returns the keys that a change makes worth a look. Called for every change of every resource.
    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey>;

    /// Returns the writes that bring the object closer to what it should be. Must write nothing when it is.
    fn reconcile(&self, view: &View, key: &WorkKey) -> Step;
}
