//! A small API server in memory, for unit tests of reconcilers.
//!
//! Tests say what is there, let the reconciler settle, and look. It keeps resource versions, generations, status
//! subresources, finalizers and garbage collection, refuses what the controller's `rules()` do not allow, and fails a
//! test whose reconciler never stops writing. Defaults, validation, conflicts between appliers and watches it does not
//! have: the tests in `tests/integration` run against a real API.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Request, Response};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::client::Body;
use kube::runtime::controller::Action;
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::error::Error;
use super::rbac::base_rules;
use crate::dns::Dns;

const NAMESPACE: &str = "default";
const ROUNDS: usize = 10;

/// A cluster in memory. Objects live in the namespace `default`, or in none.
pub struct FakeCluster {
    state: Arc<Mutex<State>>,
    ctx: Arc<Context>,
}

#[derive(Default)]
struct State {
    /// By plural and name.
    objects: BTreeMap<(String, String), Value>,
    revision: u64,
    rules: Vec<PolicyRule>,
    writes: Vec<String>,
    failures: Vec<(String, u16)>,
}

/// Where a request goes.
struct Target {
    group: String,
    plural: String,
    name: String,
    subresource: String,
}

type Answer = Result<Value, (u16, &'static str, String)>;

impl FakeCluster {
    /// Returns an empty cluster in which a controller may do what these rules say.
    pub fn new(rules: Vec<PolicyRule>, dns: Dns) -> Self {
        let state = State { rules: [rules, base_rules()].concat(), ..Default::default() };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let service = tower::service_fn(move |request| answer(shared.clone(), request));
        let client = Client::new(service, NAMESPACE);
        Self { state, ctx: Arc::new(Context::new(client, dns, None, CancellationToken::new())) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates an object, as a user does.
    pub fn create<K: Resource<DynamicType = ()> + Serialize>(&self, object: &K) {
        let object = serde_json::to_value(object).expect("objects are JSON");
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        self.state().put(&K::plural(&()), &name, object);
    }

    /// Changes an object by a merge patch, as a user does.
    pub fn merge<K: Resource<DynamicType = ()>>(&self, name: &str, patch: Value) {
        let plural = K::plural(&());
        let mut object = self.state().objects[&(plural.to_string(), name.to_owned())].clone();
        merge(&mut object, &patch);
        self.state().put(&plural, name, object);
    }

    /// Deletes an object, as a user does. Its children go with it, unless finalizers hold it.
    pub fn delete<K: Resource<DynamicType = ()>>(&self, name: &str) {
        self.state().delete(&K::plural(&()), name);
    }

    /// Returns an object, if it is there.
    pub fn find<K: Resource<DynamicType = ()> + DeserializeOwned>(&self, name: &str) -> Option<K> {
        let object = self.state().objects.get(&(K::plural(&()).into_owned(), name.to_owned())).cloned()?;
        Some(serde_json::from_value(object).expect("the object is of its kind"))
    }

    /// Returns an object that must be there.
    pub fn get<K: Resource<DynamicType = ()> + DeserializeOwned>(&self, name: &str) -> K {
        self.find(name).unwrap_or_else(|| panic!("there is no {}/{name}", K::plural(&())))
    }

    /// Does what the cluster does until all pods of a Deployment are ready.
    pub fn make_deployment_ready(&self, name: &str) {
        let deployment: Deployment = self.get(name);
        let replicas = deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
        let status = json!({
            "observedGeneration": deployment.metadata.generation, "replicas": replicas,
            "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
        });
        self.merge::<Deployment>(name, json!({"status": status}));
    }

    /// Makes the next such request of the controller fail, such as `patch services/web`.
    pub fn fail_next(&self, request: &str, code: u16) {
        self.state().failures.push((request.to_owned(), code));
    }

    /// Returns the writes of the controller since the last call, such as `patch services/web`.
    pub fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().writes)
    }

    /// Reconciles each object of a kind once.
    ///
    /// # Errors
    /// The first error of the reconciler.
    pub async fn reconcile_once<K, F>(&self, reconcile: impl Fn(Arc<K>, Arc<Context>) -> F) -> Result<(), Error>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
        F: Future<Output = Result<Action, Error>>,
    {
        let plural = K::plural(&());
        let objects: Vec<_> =
            self.state().objects.iter().filter(|((p, _), _)| *p == plural).map(|(_, o)| o.clone()).collect();
        for object in objects {
            let object = serde_json::from_value(object).expect("the object is of its kind");
            reconcile(Arc::new(object), self.ctx.clone()).await?;
        }
        Ok(())
    }

    /// Reconciles until nothing is written any more.
    ///
    /// # Panics
    /// When the reconciler fails, or still writes after ten rounds.
    pub async fn settle<K, F>(&self, reconcile: impl Fn(Arc<K>, Arc<Context>) -> F)
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
        F: Future<Output = Result<Action, Error>>,
    {
        for _ in 0..ROUNDS {
            let before = self.state().writes.len();
            self.reconcile_once(&reconcile).await.expect("the reconciler succeeds");
            if self.state().writes.len() == before {
                return;
            }
        }
        panic!("the reconciler still writes after {ROUNDS} rounds: {:?}", self.take_writes());
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect_bytes().await.unwrap_or_default();
    let json_patch = parts.headers.get("content-type").is_some_and(|kind| kind == "application/json-patch+json");
    let target = Target::parse(parts.uri.path());
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let (code, value) = match state.serve(&parts.method, &target, &body, json_patch) {
        Ok(value) => (200, value),
        Err((code, reason, message)) => (
            code,
            json!({
                "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message,
            }),
        ),
    };
    let response = Response::builder().status(code).body(Body::from(value.to_string().into_bytes()));
    Ok(response.expect("the code is valid"))
}

impl Target {
    /// Takes apart `/apis/GROUP/VERSION/[namespaces/NAMESPACE/]PLURAL[/NAME[/SUBRESOURCE]]`.
    fn parse(path: &str) -> Self {
        let mut parts = path.trim_matches('/').split('/').collect::<Vec<_>>().into_iter().peekable();
        let group = if parts.next() == Some("api") { "" } else { parts.next().unwrap_or_default() };
        parts.next();
        if parts.peek() == Some(&"namespaces") {
            parts.by_ref().take(2).for_each(drop);
        }
        let mut next = || parts.next().unwrap_or_default().to_owned();
        Self { group: group.to_owned(), plural: next(), name: next(), subresource: next() }
    }

    fn resource(&self) -> String {
        if self.subresource.is_empty() { self.plural.clone() } else { format!("{}/{}", self.plural, self.subresource) }
    }
}

impl State {
    fn serve(&mut self, method: &Method, target: &Target, body: &[u8], json_patch: bool) -> Answer {
        let key = (target.plural.clone(), target.name.clone());
        let verb = match *method {
            Method::GET => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            _ => "delete",
        };
        self.authorize(verb, target)?;
        if verb == "patch" && !self.objects.contains_key(&key) {
            self.authorize("create", target)?;
        }
        self.fail_if_asked(verb, target)?;
        if verb == "get" {
            return self.objects.get(&key).cloned().ok_or_else(|| not_found(target));
        }
        self.writes.push(format!("{verb} {}", described(target)));
        match verb {
            "delete" => {
                self.delete(&target.plural, &target.name);
                Ok(json!({"apiVersion": "v1", "kind": "Status", "status": "Success"}))
            }
            "patch" if json_patch => self.json_patch(target, body),
            "patch" => self.patch(target, parse(body)?),
            _ => {
                let object = parse(body)?;
                let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                Ok(self.put(&target.plural, &name, object))
            }
        }
    }

    fn authorize(&self, verb: &str, target: &Target) -> Result<(), (u16, &'static str, String)> {
        let has =
            |list: &Option<Vec<String>>, item: &str| list.iter().flatten().any(|entry| entry == item || entry == "*");
        let allowed = self.rules.iter().any(|rule| {
            has(&rule.api_groups, &target.group)
                && has(&rule.resources, &target.resource())
                && rule.verbs.iter().any(|entry| entry == verb || entry == "*")
        });
        let message = format!("the controller's rules() lack: {verb} {}", target.resource());
        if allowed { Ok(()) } else { Err((403, "Forbidden", message)) }
    }

    fn fail_if_asked(&mut self, verb: &str, target: &Target) -> Result<(), (u16, &'static str, String)> {
        let request = format!("{verb} {}", described(target));
        match self.failures.iter().position(|(asked, _)| *asked == request) {
            Some(index) => Err((self.failures.remove(index).1, "Asked", "failed as the test asked".to_owned())),
            None => Ok(()),
        }
    }

    /// Server-side apply and merge patch: fields are merged, lists replaced.
    fn patch(&mut self, target: &Target, patch: Value) -> Answer {
        let key = (target.plural.clone(), target.name.clone());
        let mut object = match self.objects.get(&key) {
            Some(object) => object.clone(),
            None if target.subresource.is_empty() => json!({}),
            None => return Err(not_found(target)),
        };
        if target.subresource == "status" {
            merge(&mut object["status"], &patch["status"]);
        } else {
            let status = object.get("status").cloned();
            merge(&mut object, &patch);
            restore(&mut object, status);
        }
        Ok(self.put(&target.plural, &target.name, object))
    }

    fn json_patch(&mut self, target: &Target, body: &[u8]) -> Answer {
        let mut object = self
            .objects
            .get(&(target.plural.clone(), target.name.clone()))
            .cloned()
            .ok_or_else(|| not_found(target))?;
        let mut patch: Vec<Value> = parse(body)?.as_array().cloned().unwrap_or_default();
        // As in Go, a missing field equals null.
        patch.retain(|op| {
            let missing = op["path"].as_str().is_none_or(|path| object.pointer(path).is_none());
            !(op["op"] == "test" && op["value"].is_null() && missing)
        });
        let refused = |error: &dyn std::fmt::Display| (422, "Invalid", error.to_string());
        let patch: json_patch::Patch = serde_json::from_value(patch.into()).map_err(|error| refused(&error))?;
        json_patch::patch(&mut object, &patch).map_err(|error| refused(&error))?;
        Ok(self.put(&target.plural, &target.name, object))
    }

    /// Stores an object as the API server does: with uid, generation and resource version. One that is being deleted
    /// and has no finalizer left is gone.
    fn put(&mut self, plural: &str, name: &str, mut object: Value) -> Value {
        let key = (plural.to_owned(), name.to_owned());
        let old = self.objects.get(&key).cloned().unwrap_or_default();
        if same(&old, &object) {
            return old;
        }
        self.revision += 1;
        let generation = old["metadata"]["generation"].as_i64().unwrap_or(0)
            + i64::from(old["spec"] != object["spec"] || old.is_null());
        let uid = old["metadata"]["uid"].as_str().map_or_else(|| format!("uid-{}", self.revision), str::to_owned);
        let metadata = &mut object["metadata"];
        metadata["name"] = name.into();
        metadata["uid"] = uid.into();
        metadata["generation"] = generation.into();
        metadata["resourceVersion"] = self.revision.to_string().into();
        let finalizers = metadata["finalizers"].as_array().is_some_and(|list| !list.is_empty());
        if metadata["deletionTimestamp"].is_string() && !finalizers {
            self.remove(&key);
        } else {
            self.objects.insert(key, object.clone());
        }
        object
    }

    fn delete(&mut self, plural: &str, name: &str) {
        let key = (plural.to_owned(), name.to_owned());
        let Some(mut object) = self.objects.get(&key).cloned() else { return };
        if object["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty()) {
            object["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z".into();
            self.put(plural, name, object);
        } else {
            self.remove(&key);
        }
    }

    /// Removes an object and what it owns.
    fn remove(&mut self, key: &(String, String)) {
        let Some(object) = self.objects.remove(key) else { return };
        let uid = &object["metadata"]["uid"];
        let owned = |child: &Value| {
            child["metadata"]["ownerReferences"].as_array().into_iter().flatten().any(|owner| owner["uid"] == *uid)
        };
        let children: Vec<_> =
            self.objects.iter().filter(|(_, child)| owned(child)).map(|(key, _)| key.clone()).collect();
        for (plural, name) in children {
            self.delete(&plural, &name);
        }
    }
}

/// Whether two states differ in nothing that a client wrote.
fn same(old: &Value, new: &Value) -> bool {
    let written = |value: &Value| {
        let mut value = value.clone();
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.retain(|key, _| !["uid", "generation", "resourceVersion"].contains(&key.as_str()));
        }
        value
    };
    !old.is_null() && written(old) == written(new)
}

fn restore(object: &mut Value, status: Option<Value>) {
    match status {
        Some(status) => object["status"] = status,
        None => {
            object.as_object_mut().map(|map| map.remove("status"));
        }
    }
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().map(|map| map.remove(key));
        } else {
            merge(&mut target[key], value);
        }
    }
}

fn parse(body: &[u8]) -> Answer {
    serde_json::from_slice(body).map_err(|error| (400, "BadRequest", error.to_string()))
}

fn described(target: &Target) -> String {
    let parts = [&target.plural, &target.name, &target.subresource];
    parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("/")
}

fn not_found(target: &Target) -> (u16, &'static str, String) {
    (404, "NotFound", format!("{} \"{}\" not found", target.plural, target.name))
}
