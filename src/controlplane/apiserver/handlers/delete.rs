//! `delete`: at once, after a grace period, or when the last finalizer is gone.
//!
//! Source: `Delete` of `k8s.io/apiserver/pkg/registry/generic/registry/store.go` and `.../registry/rest/delete.go`,
//! Kubernetes 1.36.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Scope;
use crate::controlplane::admission::{self, Operation};
use crate::controlplane::apiserver::options::{DeleteOptions, PropagationPolicy};
use crate::controlplane::apiserver::{ObjectRef, Response};
use crate::controlplane::env::Env;
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::resources::Resource;
use crate::controlplane::status::{Details, Status};
use crate::controlplane::storage::{StoreError, Stored};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";
const GRACE: [&str; 2] = ["metadata", "deletionGracePeriodSeconds"];

/// Deletes the object that the URL names.
///
/// # Errors
/// 404, preconditions that do not hold, and what admission says against it.
pub(crate) async fn delete(scope: &Scope, options: &DeleteOptions) -> Result<Response, Status> {
    delete_named(scope, &scope.name, options).await
}

/// Deletes one object of the request's resource and namespace.
///
/// # Errors
/// 404, preconditions that do not hold, and what admission says against it.
pub(super) async fn delete_named(scope: &Scope, name: &str, options: &DeleteOptions) -> Result<Response, Status> {
    if let Some(warning) = scope.resource().strategy.orphans_by_default()
        && options.propagation_policy.is_none()
        && options.orphan_dependents.is_none()
    {
        scope.warn(warning);
    }
    loop {
        let stored = scope.find(name)?;
        let live = scope.present(&stored)?;
        admission::validate(&scope.attributes(Operation::Delete, name, Some(live.value())), None)?;
        match try_delete(scope, name, options, &stored, live) {
            Err(StoreError::NotFound) => return Err(Status::not_found(&scope.group_resource(), name)),
            Err(StoreError::Conflict(_) | StoreError::Exists) => {}
            Err(error @ StoreError::NotKept(_)) => return Err(Status::internal(error)),
            Ok(result) => return result,
        }
    }
}

/// What is to become of an object.
#[derive(Debug, PartialEq)]
enum Fate {
    /// It goes now.
    Remove,
    /// It stays, marked like this.
    Mark(Value),
    /// It is marked like this, and goes: watchers and the client see the mark.
    MarkAndRemove(Value),
    /// It is on its way out already.
    Pending,
}

fn try_delete(
    scope: &Scope,
    name: &str,
    options: &DeleteOptions,
    stored: &Arc<Stored>,
    live: ObjectRef,
) -> Result<Result<Response, Status>, StoreError> {
    if let Err(status) = check_preconditions(scope.resource(), live.value(), options) {
        return Ok(Err(status));
    }
    match fate(scope.resource(), scope.server.env(), live.value(), options) {
        Fate::Pending => Ok(Ok(Response::object(200, &scope.served, live))),
        Fate::Mark(object) if object == *live.value() => Ok(Ok(Response::object(200, &scope.served, live))),
        Fate::Mark(object) => mark(scope, name, stored, object),
        Fate::MarkAndRemove(object) => mark_and_remove(scope, name, stored, object),
        Fate::Remove if scope.dry_run => Ok(Ok(deleted(scope, name, live))),
        Fate::Remove => Ok(Ok(deleted(scope, name, ObjectRef::Stored(remove(scope, name, stored)?)))),
    }
}

fn mark(
    scope: &Scope,
    name: &str,
    stored: &Arc<Stored>,
    mut object: Value,
) -> Result<Result<Response, Status>, StoreError> {
    if scope.dry_run {
        return Ok(Ok(Response::object(200, &scope.served, ObjectRef::Value(Arc::new(object)))));
    }
    if let Err(status) = scope.to_storage(&mut object) {
        return Ok(Err(status));
    }
    let written = scope.server.store().update(&scope.resource().storage, scope.key(name), stored.revision, object)?;
    scope.server.committed(scope.resource(), &written.value);
    Ok(scope.present(&written).map(|object| Response::object(200, &scope.served, object)))
}

/// Source: a grace period of nothing is written down before the object goes.
fn mark_and_remove(
    scope: &Scope,
    name: &str,
    stored: &Arc<Stored>,
    mut object: Value,
) -> Result<Result<Response, Status>, StoreError> {
    if scope.dry_run {
        return Ok(Ok(deleted(scope, name, ObjectRef::Value(Arc::new(object)))));
    }
    if let Err(status) = scope.to_storage(&mut object) {
        return Ok(Err(status));
    }
    let written = scope.server.store().update(&scope.resource().storage, scope.key(name), stored.revision, object)?;
    scope.server.committed(scope.resource(), &written.value);
    Ok(Ok(deleted(scope, name, ObjectRef::Stored(remove(scope, name, &written)?))))
}

/// Takes an object out of the store. Watchers see the last stored state, as upstream's do, finalizers included.
///
/// # Errors
/// Another writer was faster.
pub(super) fn remove(scope: &Scope, name: &str, stored: &Arc<Stored>) -> Result<Arc<Stored>, StoreError> {
    let resource = scope.resource();
    let last = stored.value.clone();
    let removed = scope.server.store().delete(&resource.storage, scope.key(name), stored.revision, last)?;
    scope.server.committed(resource, &removed.value);
    Ok(removed)
}

fn deleted(scope: &Scope, name: &str, last: ObjectRef) -> Response {
    if scope.resource().strategy.returns_deleted_object() {
        return Response::object(200, &scope.served, last);
    }
    let resource = scope.group_resource();
    let details = Details {
        name: name.to_owned(),
        group: resource.group,
        kind: resource.resource,
        uid: last.value().uid().to_owned(),
        ..Details::default()
    };
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    status["details"] = details.to_value();
    Response::Value { code: 200, value: status }
}

/// Checks what the client said the object must be.
fn check_preconditions(resource: &Resource, live: &Value, options: &DeleteOptions) -> Result<(), Status> {
    let about = GroupResource::new(&resource.gvk.group, &resource.gvk.kind);
    let conflict = |why: String| Err(Status::conflict(&about, live.name(), &why));
    let preconditions = &options.preconditions;
    if let Some(uid) = preconditions.uid.as_deref().filter(|uid| *uid != live.uid()) {
        return conflict(format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            live.uid()
        ));
    }
    let current = live.text_at(&["metadata", "resourceVersion"]);
    if let Some(wanted) = preconditions.resource_version.as_deref().filter(|wanted| *wanted != current) {
        return conflict(format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({current}). The object might have been modified"
        ));
    }
    Ok(())
}

/// Decides. Source: `BeforeDelete` and `updateForGracefulDeletionAndFinalizers`.
fn fate(resource: &Resource, env: &Env, live: &Value, options: &DeleteOptions) -> Fate {
    let mut object = live.clone();
    if resource.strategy.begin_deletion(env, &mut object) {
        set_dependents_finalizers(resource, &mut object, options);
        return Fate::Mark(object);
    }
    let requested = options.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
    let graceful = match begin_grace(resource, env, &mut object, requested) {
        Grace::Pending => return Fate::Pending,
        Grace::Begun => true,
        Grace::None => false,
    };
    set_dependents_finalizers(resource, &mut object, options);
    let finalizers = !object.finalizers().is_empty();
    if graceful && (finalizers || grace_of(&object).is_some_and(|seconds| seconds > 0)) {
        return Fate::Mark(object);
    }
    if finalizers || resource.strategy.holds_deletion(&object) {
        mark_as_deleting(env, &mut object);
        return Fate::Mark(object);
    }
    if graceful {
        return Fate::MarkAndRemove(object);
    }
    Fate::Remove
}

enum Grace {
    None,
    Begun,
    Pending,
}

fn grace_of(object: &Value) -> Option<i64> {
    object.at(&GRACE).and_then(Value::as_i64)
}

/// Starts or shortens the grace period of kinds that have one.
fn begin_grace(resource: &Resource, env: &Env, object: &mut Value, requested: Option<i64>) -> Grace {
    let Some(seconds) = resource.strategy.grace_period(object, requested) else { return Grace::None };
    if let Some(end) = object.deletion_timestamp().and_then(|time| time.parse::<Timestamp>().ok()) {
        let Some(current) = grace_of(object) else { return Grace::None };
        return match requested {
            Some(requested) if requested < current => {
                set_grace(object, end - SignedDuration::from_secs(current), requested);
                Grace::Begun
            }
            _ => Grace::Pending,
        };
    }
    set_grace(object, env.now(), seconds);
    if object.generation() > 0 {
        object.set(&["metadata", "generation"], object.generation() + 1);
    }
    Grace::Begun
}

fn set_grace(object: &mut Value, start: Timestamp, seconds: i64) {
    let end = start.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(start);
    object.set(&["metadata", "deletionTimestamp"], end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    object.set(&GRACE, seconds);
}

/// Marks an object that stays only until its finalizers are gone.
fn mark_as_deleting(env: &Env, object: &mut Value) {
    let now = env.now();
    let until = object.deletion_timestamp().and_then(|time| time.parse::<Timestamp>().ok());
    if object.deletion_timestamp().is_none() && object.generation() > 0 {
        object.set(&["metadata", "generation"], object.generation() + 1);
    }
    if until.is_none_or(|until| until > now) {
        object.set(&["metadata", "deletionTimestamp"], env.now_text());
    }
    object.set(&GRACE, 0);
}

/// Whether a change leaves an object that was only waiting for its last finalizer.
///
/// Source: `ShouldDeleteDuringUpdate`.
pub(super) fn is_finished(resource: &Resource, object: &Value, live: &Value) -> bool {
    live.deletion_timestamp().is_some()
        && object.finalizers().is_empty()
        && grace_of(object).is_none_or(|seconds| seconds == 0)
        && !resource.strategy.holds_deletion(object)
}

/// Sets the finalizers by which the garbage collector knows what to do with dependents.
///
/// Source: `deletionFinalizersForGarbageCollection`.
fn set_dependents_finalizers(resource: &Resource, object: &mut Value, options: &DeleteOptions) {
    let current = object.finalizers();
    let policy = match (options.orphan_dependents, options.propagation_policy) {
        (Some(true), _) => Some(ORPHAN),
        (Some(false), _) => None,
        (None, Some(PropagationPolicy::Orphan)) => Some(ORPHAN),
        (None, Some(PropagationPolicy::Foreground)) => Some(FOREGROUND),
        (None, Some(PropagationPolicy::Background)) => None,
        (None, None) if current.contains(&ORPHAN) => Some(ORPHAN),
        (None, None) if current.contains(&FOREGROUND) => Some(FOREGROUND),
        (None, None) => resource.strategy.orphans_by_default().map(|_| ORPHAN),
    };
    let kept = current.iter().copied().filter(|name| ![ORPHAN, FOREGROUND].contains(name));
    let wanted: Vec<&str> = kept.chain(policy).collect();
    let (mut before, mut after) = (current.clone(), wanted.clone());
    before.sort_unstable();
    after.sort_unstable();
    if before == after {
        return;
    }
    let wanted: Vec<Value> = wanted.into_iter().map(Value::from).collect();
    if wanted.is_empty() {
        object.metadata_mut().shift_remove("finalizers");
    } else {
        object.set(&["metadata", "finalizers"], wanted);
    }
}
