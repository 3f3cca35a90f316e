//! `update` and everything else that changes an object: one loop that reads, changes, checks and writes.
//!
//! The write says which revision was read; when another writer was faster, the loop starts over with what is there
//! now, unless the client itself named a revision. Source: `Update` of
//! `k8s.io/apiserver/pkg/registry/generic/registry/store.go`, `.../registry/rest/update.go`, Kubernetes 1.36.

use std::sync::Arc;

use serde_json::Value;

use super::{Scope, create, delete, managed, metadata, storage_gvk};
use crate::controlplane::admission::{self, Operation};
use crate::controlplane::apiserver::{ObjectRef, Response, fit, object_meta};
use crate::controlplane::object::Object;
use crate::controlplane::patch::managed_fields::keep_timestamps;
use crate::controlplane::resources::Origin;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::status::Status;
use crate::controlplane::storage::{StoreError, Stored};

/// How often a change is tried while other writers are faster.
const MAX_TRIES: usize = 5;

/// What becomes of the object that is there.
pub(super) trait Change: Sync {
    /// Returns the changed object, in the version of the request; `live` is `None` when nothing is there.
    ///
    /// # Errors
    /// Whatever the change says against it; 404 for changes that need an object.
    fn change(&self, scope: &Scope, live: Option<&Value>) -> Result<Value, Status>;

    /// Returns the UID that the object must have; empty for any.
    fn expected_uid(&self) -> &str {
        ""
    }

    /// Whether the change has written `managedFields` itself, as server-side apply does.
    fn manages_fields(&self) -> bool {
        false
    }
}

/// `PUT`: the object becomes what the client sent.
#[derive(Debug)]
struct Replacement(Value);

impl Change for Replacement {
    fn change(&self, scope: &Scope, live: Option<&Value>) -> Result<Value, Status> {
        match live {
            None if !scope.resource().strategy.allows_create_on_update() => {
                Err(Status::not_found(&scope.group_resource(), &scope.name))
            }
            _ => Ok(self.0.clone()),
        }
    }

    fn expected_uid(&self) -> &str {
        self.0.uid()
    }
}

/// Replaces the object that the URL names.
///
/// # Errors
/// Whatever is said against it.
pub(crate) async fn update(scope: &Scope, mut object: Value) -> Result<Response, Status> {
    metadata::match_namespace(scope, &mut object)?;
    metadata::match_name(scope, &object)?;
    fit::to_row(scope.resource(), scope.server.env(), &mut object);
    guaranteed_update(scope, &Replacement(object)).await
}

/// Changes the object that the URL names, or creates it where the change makes one out of nothing.
///
/// # Errors
/// Whatever is said against it.
pub(super) async fn guaranteed_update(scope: &Scope, change: &dyn Change) -> Result<Response, Status> {
    let mut tries = 0;
    loop {
        tries += 1;
        match try_update(scope, change).await {
            Ok(response) => return Ok(response),
            Err(Failure::Status(status)) => return Err(status),
            Err(Failure::Race) if tries == MAX_TRIES => {
                return Err(Status::modified(&scope.group_resource(), &scope.name));
            }
            Err(Failure::Race) => {}
        }
    }
}

enum Failure {
    /// Another writer was faster.
    Race,
    Status(Status),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

async fn try_update(scope: &Scope, change: &dyn Change) -> Result<Response, Failure> {
    let stored = scope.server.store().get(&scope.resource().storage, &scope.key(&scope.name));
    check_uid(scope, change.expected_uid(), stored.as_deref().map_or(&Value::Null, |stored| &stored.value))?;
    let Some(stored) = stored else { return Ok(create_by_change(scope, change).await?) };
    let live = scope.present(&stored)?;
    let live = live.value();
    let mut object = change.change(scope, Some(live))?;
    metadata::dedup_owner_references(scope, &mut object);
    if !change.manages_fields() {
        managed::record_update(scope, Some(live), &mut object);
    }
    admission::mutate(&scope.attributes(Operation::Update, &scope.name, Some(live)), &mut object)?;
    scope.check_grants(&object, Some(live))?;
    check_revision(scope, &mut object, stored.revision)?;
    prepare(scope, &mut object, live);
    validate(scope, &object, live)?;
    scope.allocate(&mut object, Some(live))?;
    keep_timestamps(&mut object, live);
    admission::validate(&scope.attributes(Operation::Update, &scope.name, Some(live)), Some(&object))?;
    write(scope, &stored, live, object)
}

async fn create_by_change(scope: &Scope, change: &dyn Change) -> Result<Response, Status> {
    let mut object = change.change(scope, None)?;
    if !scope.subresource.is_empty() {
        return Err(Status::not_found(&scope.group_resource(), &scope.name));
    }
    metadata::dedup_owner_references(scope, &mut object);
    if !change.manages_fields() {
        managed::record_update(scope, None, &mut object);
    }
    let created = create::create_defaulted(scope, object).await?;
    Ok(Response::object(201, &scope.served, created))
}

/// Source: `Preconditions.Check` of `k8s.io/apiserver/pkg/storage/interfaces.go`.
fn check_uid(scope: &Scope, expected: &str, live: &Value) -> Result<(), Status> {
    if expected.is_empty() || expected == live.uid() {
        return Ok(());
    }
    let resource = scope.group_resource();
    let prefix = match resource.group.as_str() {
        "" => resource.resource.clone(),
        group => format!("{group}/{}", resource.resource),
    };
    let place = match scope.storage_namespace() {
        "" => scope.name.clone(),
        namespace => format!("{namespace}/{}", scope.name),
    };
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{prefix}/{place}, ResourceVersion: 0, \
         AdditionalErrorMsg: Precondition failed: UID in precondition: {expected}, UID in object meta: {}",
        live.uid()
    );
    Err(Status::conflict(&resource, &scope.name, &why))
}

/// Checks the revision that the client named, or gives the object the one that was read.
fn check_revision(scope: &Scope, object: &mut Value, live: u64) -> Result<(), Status> {
    let sent = object.text_at(&["metadata", "resourceVersion"]).to_owned();
    if sent.is_empty() || sent == "0" {
        if !scope.resource().strategy.allows_unconditional_update() {
            let detail = "must be specified for an update";
            let found = FieldError::invalid("metadata.resourceVersion", &0.into(), detail);
            return Err(Status::invalid(&plain_gvk(scope), &scope.name, &[found]));
        }
        object.set(&["metadata", "resourceVersion"], live.to_string());
        return Ok(());
    }
    match sent.parse::<u64>() {
        Err(_) => {
            let text = super::list::parse_revision(&sent).err().unwrap_or_default();
            Err(Status::new(500, "", text))
        }
        Ok(sent) if sent != live => Err(Status::modified(&scope.group_resource(), &scope.name)),
        Ok(_) => Ok(()),
    }
}

/// Upstream names the resource, not the kind, where the revision is missing.
fn plain_gvk(scope: &Scope) -> crate::controlplane::gvk::Gvk {
    let mut gvk = scope.resource().gvk.clone();
    gvk.kind = scope.resource().plural.clone();
    gvk
}

/// Takes back what a client may not change. Source: `BeforeUpdate`.
fn prepare(scope: &Scope, object: &mut Value, live: &Value) {
    let (strategy, env) = (&scope.resource().strategy, scope.server.env());
    set_or_remove(object, "generation", live.at(&["metadata", "generation"]));
    match scope.subresource.as_str() {
        "status" => {
            keep_all_but_status(scope, object, live);
            strategy.prepare_for_status_update(env, object, live);
        }
        "finalize" => keep_all_but(object, live, &[&["spec", "finalizers"]]),
        "approval" => keep_all_but(object, live, &[&["status", "conditions"]]),
        "ephemeralcontainers" => keep_all_but(object, live, &[&["spec", "ephemeralContainers"]]),
        // What a binding may change is in its own hands.
        "binding" => {}
        _ => {
            strategy.prepare_for_update(env, object, live);
            bump_generation(scope, object, live);
        }
    }
    if object.uid().is_empty() {
        object.set(&["metadata", "uid"], live.uid());
    }
    set_or_remove(object, "creationTimestamp", live.at(&["metadata", "creationTimestamp"]));
    if let Some(time) = live.deletion_timestamp() {
        object.set(&["metadata", "deletionTimestamp"], time);
    }
    let grace = ["metadata", "deletionGracePeriodSeconds"];
    if let Some(seconds) = live.at(&grace)
        && object.at(&grace).is_none_or(Value::is_null)
    {
        object.set(&grace, seconds.clone());
    }
    object.metadata_mut().retain(|_, value| !value.is_null());
    object.metadata_mut().shift_remove("selfLink");
}

/// Takes everything from the live object but metadata and some fields.
fn keep_all_but(object: &mut Value, live: &Value, fields: &[&[&str]]) {
    let mut kept = live.clone();
    for path in fields.iter().chain(&[&["metadata"][..]]) {
        match object.at(path) {
            Some(value) => kept.set(path, value.clone()),
            None => remove_path(&mut kept, path),
        }
    }
    *object = kept;
}

fn remove_path(object: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents.iter().try_fold(object, |value, step| value.get_mut(*step));
    if let Some(Value::Object(parent)) = parent {
        parent.shift_remove(*last);
    }
}

fn set_or_remove(object: &mut Value, field: &str, value: Option<&Value>) {
    match value {
        Some(value) => object.set(&["metadata", field], value.clone()),
        None => drop(object.metadata_mut().shift_remove(field)),
    }
}

/// Takes everything from the live object but what a status may change: for custom resources the status alone, for
/// built-in kinds metadata too.
fn keep_all_but_status(scope: &Scope, object: &mut Value, live: &Value) {
    let mut kept = live.clone();
    let is_custom = scope.resource().origin != Origin::BuiltIn;
    if is_custom {
        for field in ["managedFields", "resourceVersion"] {
            set_or_remove(&mut kept, field, object.at(&["metadata", field]));
        }
    } else if let Some(metadata) = object.get_mut("metadata") {
        kept.set(&["metadata"], metadata.take());
    }
    match object.get_mut("status").map(Value::take) {
        Some(status) => kept.set(&["status"], status),
        None => drop(crate::controlplane::object::object_mut(&mut kept).shift_remove("status")),
    }
    *object = kept;
}

/// Counts changes of what is not metadata and, where the status has its own path, not status.
fn bump_generation(scope: &Scope, object: &mut Value, live: &Value) {
    if !scope.resource().strategy.tracks_generation() {
        return;
    }
    let has_status = scope.resource().subresource("status").is_some();
    let counted = |field: &str| field != "metadata" && !(has_status && field == "status");
    let fields = |value: &Value| -> Vec<(String, Value)> {
        let map = value.as_object().into_iter().flatten();
        map.filter(|(field, _)| counted(field)).map(|(field, value)| (field.clone(), value.clone())).collect()
    };
    let same = object.as_object().is_some_and(|map| {
        let there = map.iter().filter(|(field, _)| counted(field));
        there.clone().count() == fields(live).len()
            && there.into_iter().all(|(field, value)| live.get(field) == Some(value))
    });
    if !same {
        object.set(&["metadata", "generation"], live.generation() + 1);
    }
}

fn validate(scope: &Scope, object: &Value, live: &Value) -> Result<(), Status> {
    let resource = scope.resource();
    let mut found = object_meta::validate_update(resource, object, live);
    found.extend(match scope.subresource.as_str() {
        "status" => resource.strategy.validate_status_update(object, live),
        // These change what the rules of the main endpoint keep as it is.
        "finalize" | "approval" | "ephemeralcontainers" | "binding" => Vec::new(),
        _ => resource.strategy.validate_update(object, live),
    });
    if !found.is_empty() {
        return Err(Status::invalid(&resource.gvk, object.name(), &found));
    }
    resource.strategy.warnings(object).into_iter().for_each(|warning| scope.warn(warning));
    Ok(())
}

/// Commits: nothing when nothing changed, a deletion when the last finalizer is gone, an update otherwise.
fn write(scope: &Scope, stored: &Arc<Stored>, live: &Value, mut object: Value) -> Result<Response, Failure> {
    let resource = scope.resource();
    let respond = |object| Ok(Response::object(200, &scope.served, object));
    if delete::is_finished(resource, &object, live) {
        if !scope.dry_run {
            delete::remove(scope, &scope.name, stored).map_err(|error| race(error, scope))?;
        }
        return respond(ObjectRef::Value(Arc::new(object)));
    }
    if storage_gvk(resource) == resource.gvk && object == stored.value {
        return respond(ObjectRef::Stored(stored.clone()));
    }
    if scope.dry_run {
        return respond(ObjectRef::Value(Arc::new(object)));
    }
    scope.to_storage(&mut object)?;
    if object == stored.value {
        return respond(scope.present(stored)?);
    }
    let written = scope.server.store().update(&resource.storage, scope.key(&scope.name), stored.revision, object);
    let written = written.map_err(|error| race(error, scope))?;
    scope.server.committed(resource, &written.value);
    respond(scope.present(&written)?)
}

fn race(error: StoreError, scope: &Scope) -> Failure {
    match error {
        StoreError::Conflict(_) | StoreError::Exists => Failure::Race,
        StoreError::NotFound => Failure::Status(Status::not_found(&scope.group_resource(), &scope.name)),
        StoreError::NotKept(_) => Failure::Status(Status::internal(error)),
    }
}
