//! A world for tests of controllers: a store, the scheduler, and a writer that does what the API server's chain does
//! as far as controllers can tell. Time is tokio's paused clock.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::kind::Kind;
use super::{Actor, Controller, Kinds, Scheduler, SchedulerHandle, Served, Write, Writer};
use crate::controlplane::env::Env;
use crate::controlplane::gvk::{GroupResource, Gvk, Gvr};
use crate::controlplane::object::{Object, object_mut};
use crate::controlplane::status::Status;
use crate::controlplane::storage::{ObjectKey, Store, StoreError, Stored};

/// The scheduler over a store.
pub(super) struct World {
    pub(super) store: Store,
    writer: Arc<TestWriter>,
    handle: SchedulerHandle,
    task: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    /// Starts controllers over an empty store. Must be called in a runtime whose clock is paused.
    pub(super) fn new(controllers: Vec<Box<dyn Controller>>) -> Self {
        let start = Instant::now();
        let env = Env::deterministic(7, move || {
            let elapsed = SignedDuration::try_from(start.elapsed()).expect("tests are short");
            Timestamp::from_second(1_700_000_000).expect("a valid time") + elapsed
        });
        let store = Store::default();
        let writer = Arc::new(TestWriter { store: store.clone(), env: env.clone() });
        let scheduler = Scheduler::new(store.clone(), env, Arc::new(TestKinds), writer.clone(), controllers);
        let handle = scheduler.handle();
        Self { store, writer, handle, task: tokio::spawn(scheduler.run()) }
    }

    /// Starts all controllers with a node.
    pub(super) fn with_node() -> Self {
        Self::new(super::all(&super::Options { ca: "CA".to_owned(), nodes: true }))
    }

    /// Starts all controllers without a node.
    pub(super) fn without_node() -> Self {
        Self::new(super::all(&super::Options { ca: "CA".to_owned(), nodes: false }))
    }

    /// Lets time pass until the controllers have been idle for `seconds`.
    pub(super) async fn settle(&mut self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.handle.idle().await;
    }

    pub(super) fn create(&self, kind: Kind, object: Value) -> Value {
        let mut object = object;
        object["apiVersion"] = kind.api_version().into();
        object["kind"] = kind.kind.into();
        self.write(Write::Create { gvr: kind.gvr(), object, subresource: None })
    }

    pub(super) fn patch(&self, kind: Kind, name: &str, patch: Value) -> Value {
        self.write(Write::Patch { gvr: kind.gvr(), key: key_of(kind, name), patch, subresource: None })
    }

    pub(super) fn delete(&self, kind: Kind, name: &str, policy: &str) -> Value {
        let options = json!({"propagationPolicy": policy});
        self.write(Write::Delete { gvr: kind.gvr(), key: key_of(kind, name), options })
    }

    /// Returns an object, which must be there; it is looked for in the namespace `default`.
    #[track_caller]
    pub(super) fn get(&self, kind: Kind, name: &str) -> Value {
        self.find(kind, name).unwrap_or_else(|| panic!("no {} {name:?}", kind.kind))
    }

    pub(super) fn find(&self, kind: Kind, name: &str) -> Option<Value> {
        self.store.get(&kind.resource(), &key_of(kind, name)).map(|stored| stored.value.clone())
    }

    pub(super) fn list(&self, kind: Kind) -> Vec<Value> {
        self.store.list(&kind.resource()).objects.values().map(|stored| stored.value.clone()).collect()
    }

    /// Returns reason and message of the events in the order in which they were written.
    pub(super) fn events(&self) -> Vec<String> {
        let events = self.store.list(&GroupResource::new("", "events"));
        let mut events: Vec<_> = events.objects.values().collect();
        events.sort_by_key(|event| event.revision);
        events
            .into_iter()
            .map(|event| format!("{} {}", event.value.text_at(&["reason"]), event.value.text_at(&["message"])))
            .collect()
    }

    #[track_caller]
    fn write(&self, write: Write) -> Value {
        self.writer.perform(write).expect("the test asks for what is possible")
    }
}

fn key_of(kind: Kind, name: &str) -> ObjectKey {
    let is_global = ["namespaces", "nodes", "persistentvolumes", "customresourcedefinitions", "storageclasses"]
        .contains(&kind.plural);
    ObjectKey::new(if is_global { "" } else { "default" }, name)
}

/// Knows every kind by the rule that its plural is the lower-case kind with an `s`.
struct TestKinds;

impl Kinds for TestKinds {
    fn served(&self, gvk: &Gvk) -> Option<Served> {
        let plural = format!("{}s", gvk.kind.to_lowercase());
        let namespaced = !matches!(gvk.kind.as_str(), "Namespace" | "Node" | "ClusterThing");
        (gvk.kind != "Unknown").then(|| Served { gvr: Gvr::new(&gvk.group, &gvk.version, plural), namespaced })
    }
}

struct TestWriter {
    store: Store,
    env: Env,
}

impl Writer for TestWriter {
    fn write(&self, _actor: Actor, write: Write) -> BoxFuture<'_, Result<Arc<Value>, Status>> {
        std::future::ready(self.perform(write).map(Arc::new)).boxed()
    }
}

impl TestWriter {
    fn perform(&self, write: Write) -> Result<Value, Status> {
        match write {
            Write::Create { gvr, object, subresource: Some("binding") } => {
                let key = ObjectKey::new(object.namespace(), object.name());
                let condition = json!({"type": "PodScheduled", "status": "True"});
                self.change(&gvr, &key, |pod| {
                    pod.set(&["spec", "nodeName"], object.text_at(&["target", "name"]));
                    pod.set(&["status", "conditions"], json!([condition]));
                })
            }
            Write::Create { gvr, object, .. } => self.create(&gvr, object),
            Write::Update { gvr, object, subresource } => {
                let key = ObjectKey::new(object.namespace(), object.name());
                let read = object.resource_version();
                self.change_if(
                    &gvr,
                    &key,
                    |live| read == 0 || live.revision == read,
                    |live| {
                        overlay(live, &object, subresource);
                    },
                )
            }
            Write::Patch { gvr, key, patch, subresource } => {
                let read = patch.resource_version();
                let uid = patch.uid().to_owned();
                let fits =
                    |live: &Stored| (read == 0 || live.revision == read) && (uid.is_empty() || live.value.uid() == uid);
                self.change_if(&gvr, &key, fits, |live| {
                    let mut patched = live.clone();
                    merge(&mut patched, &patch);
                    overlay(live, &patched, subresource);
                })
            }
            Write::Delete { gvr, key, options } => self.delete(&gvr, &key, &options),
        }
    }

    fn create(&self, gvr: &Gvr, mut object: Value) -> Result<Value, Status> {
        let resource = gvr.group_resource();
        let now = self.env.now_text();
        let metadata = object.metadata_mut();
        metadata.insert("uid".to_owned(), self.env.uid().into());
        metadata.insert("creationTimestamp".to_owned(), now.into());
        metadata.insert("generation".to_owned(), 1.into());
        default(&gvr.resource, &mut object);
        let key = ObjectKey::new(object.namespace(), object.name());
        let stored = self.store.create(&resource, key.clone(), object);
        stored.map(|stored| stored.value.clone()).map_err(|_| Status::already_exists(&resource, &key.name))
    }

    fn change(&self, gvr: &Gvr, key: &ObjectKey, change: impl Fn(&mut Value)) -> Result<Value, Status> {
        self.change_if(gvr, key, |_| true, change)
    }

    fn change_if(
        &self,
        gvr: &Gvr,
        key: &ObjectKey,
        fits: impl Fn(&Stored) -> bool,
        change: impl Fn(&mut Value),
    ) -> Result<Value, Status> {
        let resource = gvr.group_resource();
        let live = self.store.get(&resource, key).ok_or_else(|| Status::not_found(&resource, &key.name))?;
        if !fits(&live) {
            return Err(Status::modified(&resource, &key.name));
        }
        let mut value = live.value.clone();
        change(&mut value);
        if value == live.value {
            return Ok(value);
        }
        if value.get("spec") != live.value.get("spec") {
            value.set(&["metadata", "generation"], live.value.generation() + 1);
        }
        let is_empty_namespace = gvr.resource == "namespaces" && value["spec"].get("finalizers").is_none();
        let is_gone = value.deletion_timestamp().is_some()
            && value.finalizers().is_empty()
            && (gvr.resource != "pods" || value["metadata"]["deletionGracePeriodSeconds"] == 0)
            && (gvr.resource != "namespaces" || is_empty_namespace);
        self.commit(&resource, key, &live, value, is_gone)
    }

    fn commit(
        &self,
        resource: &GroupResource,
        key: &ObjectKey,
        live: &Stored,
        value: Value,
        is_gone: bool,
    ) -> Result<Value, Status> {
        let done = match is_gone {
            true => self.store.delete(resource, key.clone(), live.revision, value),
            false => self.store.update(resource, key.clone(), live.revision, value),
        };
        done.map(|stored| stored.value.clone()).map_err(|error| match error {
            StoreError::Conflict(_) => Status::modified(resource, &key.name),
            _ => Status::not_found(resource, &key.name),
        })
    }

    fn delete(&self, gvr: &Gvr, key: &ObjectKey, options: &Value) -> Result<Value, Status> {
        let resource = gvr.group_resource();
        let live = self.store.get(&resource, key).ok_or_else(|| Status::not_found(&resource, &key.name))?;
        let mut value = live.value.clone();
        let finalizer = match options.text_at(&["propagationPolicy"]) {
            "Foreground" => Some("foregroundDeletion"),
            "Orphan" => Some("orphan"),
            _ => None,
        };
        let is_pod = gvr.resource == "pods" && !value.text_at(&["spec", "nodeName"]).is_empty();
        let grace = options.get("gracePeriodSeconds").and_then(Value::as_i64).unwrap_or(if is_pod { 30 } else { 0 });
        if value.deletion_timestamp().is_none() {
            value.set(&["metadata", "deletionTimestamp"], self.env.now_text());
            let mut finalizers: Vec<_> = value.finalizers().into_iter().map(str::to_owned).collect();
            finalizers.extend(finalizer.map(str::to_owned));
            if !finalizers.is_empty() {
                value.set(&["metadata", "finalizers"], finalizers);
            }
            if gvr.resource == "namespaces" {
                value.set(&["status", "phase"], "Terminating");
            }
        }
        value.set(&["metadata", "deletionGracePeriodSeconds"], grace);
        if value == live.value {
            return Ok(value);
        }
        let is_gone = value.finalizers().is_empty() && grace == 0 && gvr.resource != "namespaces";
        self.commit(&resource, key, &live, value, is_gone)
    }
}

/// The few defaults of the API server that controllers rely on.
fn default(resource: &str, object: &mut Value) {
    match resource {
        "pods" => {
            object.set(&["status", "phase"], "Pending");
            if object.text_at(&["spec", "schedulerName"]).is_empty() {
                object.set(&["spec", "schedulerName"], "default-scheduler");
            }
        }
        "namespaces" => {
            object.set(&["spec", "finalizers"], json!(["kubernetes"]));
            object.set(&["status", "phase"], "Active");
        }
        "deployments" if object.at(&["spec", "progressDeadlineSeconds"]).is_none() => {
            object.set(&["spec", "progressDeadlineSeconds"], 600);
            object.set(&["spec", "revisionHistoryLimit"], 10);
        }
        _ => {}
    }
}

/// Takes over what an update of the object or of its status may change.
fn overlay(live: &mut Value, object: &Value, subresource: Option<&str>) {
    let status = live.get("status").cloned();
    match subresource {
        Some("status") => live["status"] = object["status"].clone(),
        _ => {
            *live = object.clone();
            if let Some(status) = status {
                live["status"] = status;
            }
        }
    }
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    for (field, value) in fields {
        if value.is_null() {
            object_mut(target).shift_remove(field);
        } else {
            merge(object_mut(target).entry(field.as_str()).or_insert(Value::Null), value);
        }
    }
}
