//! The controllers that operators depend on, as pure steps.
//!
//! A controller is no task: it maps a change to the keys it must look at, and a key to the effects that bring the world
//! closer to what it should be, from what the store holds now. One [`Scheduler`] orders the steps, so that a run can be
//! replayed. The writes go through the same path as everybody's.

pub mod clusterrole_aggregation;
mod conditions;
mod crd;
mod cronjob;
mod daemonset;
mod deployment;
mod disruption;
mod endpoints;
mod garbage_collector;
mod index;
mod job;
mod kind;
mod kubelet;
mod namespace;
mod namespace_content;
mod pod_scheduler;
mod pods;
mod queue;
mod recorder;
mod replicaset;
mod revisions;
mod scheduler;
mod selector;
mod statefulset;
mod view;
mod volumes;

#[cfg(test)]
mod harness;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::gvk::{GroupResource, Gvk, Gvr};
use super::object::Object;
use super::status::Status;
use super::storage::{Change, ObjectKey};

pub use recorder::Note;
pub use scheduler::{Progress, Scheduler, SchedulerHandle};
pub use view::View;

/// What the controllers need to know.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The CA of the API server (PEM), published in every namespace; empty publishes none.
    pub ca: String,
    /// Whether there is a made-up node on which pods run.
    pub nodes: bool,
}

/// Returns all controllers, in the order in which they are asked.
pub fn all(options: &Options) -> Vec<Box<dyn Controller>> {
    let mut controllers: Vec<Box<dyn Controller>> = vec![
        Box::new(crd::CrdController),
        Box::new(namespace::NamespaceController),
        Box::new(namespace_content::ServiceAccountController),
        Box::new(deployment::DeploymentController),
        Box::new(replicaset::ReplicaSetController),
        Box::new(statefulset::StatefulSetController),
        Box::new(daemonset::DaemonSetController),
        Box::new(job::JobController),
        Box::new(cronjob::CronJobController),
        Box::new(endpoints::EndpointSliceController),
        Box::new(endpoints::EndpointsController),
        Box::new(disruption::DisruptionController),
        Box::new(garbage_collector::GarbageCollector),
        Box::new(clusterrole_aggregation::ClusterRoleAggregation),
    ];
    if !options.ca.is_empty() {
        controllers.push(Box::new(namespace_content::RootCaPublisher { ca: options.ca.clone() }));
    }
    if options.nodes {
        controllers.push(Box::new(volumes::VolumeController));
        controllers.push(Box::new(kubelet::NodeRegistration));
        controllers.push(Box::new(pod_scheduler::PodScheduler));
        controllers.push(Box::new(kubelet::Kubelet::default()));
    }
    controllers
}

/// A unit of work: what to look at. Equal keys that wait are looked at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkKey {
    /// The resource.
    pub resource: GroupResource,
    /// The object.
    pub key: ObjectKey,
}

impl WorkKey {
    /// Returns the key of an object.
    pub fn new(resource: &GroupResource, namespace: &str, name: &str) -> Self {
        Self { resource: resource.clone(), key: ObjectKey::new(namespace, name) }
    }

    /// Returns the key of the object that a change is about.
    pub fn of(change: &Change) -> Self {
        Self { resource: change.resource.clone(), key: change.key.clone() }
    }
}

/// A write that a controller wants; it goes through the whole request chain under the controller's own user.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Create an object (`POST`).
    Create {
        /// The endpoint.
        gvr: Gvr,
        /// The object; its namespace says where. With a subresource, its name is the parent's.
        object: Value,
        /// `binding` or another subresource that is created.
        subresource: Option<&'static str>,
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

/// What a write was, after it has been sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// `create`, `update`, `patch` or `delete`.
    pub verb: &'static str,
    /// The endpoint.
    pub gvr: Gvr,
    /// The name of the object.
    pub name: String,
}

impl Attempt {
    /// Returns what a write is.
    pub fn of(write: &Write) -> Self {
        let (verb, gvr, name) = match write {
            Write::Create { gvr, object, .. } => ("create", gvr, object.name()),
            Write::Update { gvr, object, .. } => ("update", gvr, object.name()),
            Write::Patch { gvr, key, .. } => ("patch", gvr, key.name.as_str()),
            Write::Delete { gvr, key, .. } => ("delete", gvr, key.name.as_str()),
        };
        Self { verb, gvr: gvr.clone(), name: name.to_owned() }
    }
}

/// In whose name a write is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// The user, such as `system:serviceaccount:kube-system:deployment-controller`.
    pub user: &'static str,
    /// The name in `managedFields`.
    pub field_manager: &'static str,
}

/// Takes the writes of controllers through the request chain.
pub trait Writer: Send + Sync {
    /// Performs the write and returns the object that it leaves, or a `Status`.
    fn write(&self, actor: Actor, write: Write) -> BoxFuture<'_, Result<Arc<Value>, Status>>;
}

/// What is served under the kind that an owner reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The endpoint.
    pub gvr: Gvr,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
}

/// Finds the resource of a kind, as a REST mapper does.
pub trait Kinds: Send + Sync {
    /// Returns what is served under a kind; `None` when the kind is not known (now).
    fn served(&self, gvk: &Gvk) -> Option<Served>;
}

/// One thing that a step asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A write.
    Write(Write),
    /// An event for people to read. One that cannot be written is dropped.
    Event(Note),
}

/// What one look at a key asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// What to do, in order. The first write that fails ends the step; the key is then tried again with back-off.
    pub effects: Vec<Effect>,
    /// After which time to look again even if nothing changes.
    pub requeue_after: Option<Duration>,
}

impl Step {
    /// Asks for an object to be created.
    pub fn create(&mut self, gvr: &Gvr, object: Value) {
        self.write(Write::Create { gvr: gvr.clone(), object, subresource: None });
    }

    /// Asks for an object to be replaced.
    pub fn update(&mut self, gvr: &Gvr, object: Value) {
        self.write(Write::Update { gvr: gvr.clone(), object, subresource: None });
    }

    /// Asks for the status of an object to be replaced.
    pub fn update_status(&mut self, gvr: &Gvr, object: Value) {
        self.write(Write::Update { gvr: gvr.clone(), object, subresource: Some("status") });
    }

    /// Asks for a merge patch of an object that must still be the one that was read.
    pub fn patch(&mut self, gvr: &Gvr, object: &Value, mut patch: Value) {
        patch.set(&["metadata", "uid"], object.uid());
        let key = ObjectKey::new(object.namespace(), object.name());
        self.write(Write::Patch { gvr: gvr.clone(), key, patch, subresource: None });
    }

    /// Asks for an object to be deleted if it is still the one that was read.
    pub fn delete(&mut self, gvr: &Gvr, object: &Value, policy: Option<&str>) {
        let mut options = serde_json::json!({"preconditions": {"uid": object.uid()}});
        if let Some(policy) = policy {
            options.set(&["propagationPolicy"], policy);
        }
        let key = ObjectKey::new(object.namespace(), object.name());
        self.write(Write::Delete { gvr: gvr.clone(), key, options });
    }

    /// Asks for a write.
    pub fn write(&mut self, write: Write) {
        self.effects.push(Effect::Write(write));
    }

    /// Asks for an event.
    pub fn event(&mut self, note: Note) {
        self.effects.push(Effect::Event(note));
    }

    /// Asks to look again at the latest after a time.
    pub fn requeue(&mut self, after: Duration) {
        self.requeue_after = Some(self.requeue_after.map_or(after, |other| other.min(after)));
    }

    /// Whether the step asks for nothing now.
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }
}

/// A controller.
pub trait Controller: std::fmt::Debug + Send + Sync {
    /// The name, as upstream's.
    fn name(&self) -> &'static str;

    /// In whose name the controller writes.
    fn actor(&self) -> Actor;

    /// Returns the keys to look at when the control plane starts, beside those that existing objects cause.
    fn start(&self, _view: &View) -> Vec<WorkKey> {
        Vec::new()
    }

    /// Returns the keys that a change makes worth a look. Called for every change of every resource.
    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey>;

    /// Returns what brings the object closer to what it should be. Must ask for nothing when it is.
    fn reconcile(&self, view: &View, key: &WorkKey) -> Step;

    /// Returns what to do about a write that was refused, before the key is tried again with back-off.
    fn refused(&self, _view: &View, _key: &WorkKey, _attempt: &Attempt, _status: &Status) -> Step {
        Step::default()
    }
}
