//! `create`: a new object.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/handlers/create.go`, `.../registry/rest/create.go`,
//! `.../registry/generic/registry/store.go`, Kubernetes 1.36.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Scope, managed, metadata, subresource};
use crate::controlplane::admission::{self, Operation};
use crate::controlplane::apiserver::{ObjectRef, Response, fit, object_meta};
use crate::controlplane::object::Object;
use crate::controlplane::resources::Origin;
use crate::controlplane::status::Status;
use crate::controlplane::storage::StoreError;

/// How often a generated name is tried.
const NAME_TRIES: usize = 8;

/// Creates the object.
///
/// # Errors
/// Whatever admission, validation and the store say against it.
pub(crate) async fn create(scope: &Scope, object: Value) -> Result<Response, Status> {
    let mut object = match subresource::create(scope, object).await? {
        Ok(response) => return Ok(response),
        Err(object) => object,
    };
    warn_of_what_is_not_done(scope);
    wipe_system_fields(&mut object);
    metadata::match_namespace(scope, &mut object)?;
    fit::to_row(scope.resource(), scope.server.env(), &mut object);
    metadata::dedup_owner_references(scope, &mut object);
    managed::record_update(scope, None, &mut object);
    let created = create_defaulted(scope, object).await?;
    Ok(Response::object(201, &scope.served, created))
}

/// Creates an object that is decoded, defaulted and has its managed fields.
///
/// # Errors
/// Whatever admission, validation and the store say against it.
pub(super) async fn create_defaulted(scope: &Scope, mut object: Value) -> Result<ObjectRef, Status> {
    let name = object.name().to_owned();
    let attributes = scope.attributes(Operation::Create, &name, None);
    admission::mutate(&attributes, &mut object)?;
    scope.check_grants(&object, None)?;
    fit::to_row(scope.resource(), scope.server.env(), &mut object);
    let generates = object.name().is_empty() && !object.text_at(&["metadata", "generateName"]).is_empty();
    let mut tries = if generates { NAME_TRIES } else { 1 };
    loop {
        tries -= 1;
        let candidate = if tries == 0 { std::mem::take(&mut object) } else { object.clone() };
        match commit(scope, candidate) {
            Err(status) if status.reason == "AlreadyExists" && tries > 0 => {}
            other => return other,
        }
    }
}

/// Prepares, checks and stores; a name that must be generated gets another one with each call.
fn commit(scope: &Scope, mut object: Value) -> Result<ObjectRef, Status> {
    let (resource, env) = (scope.resource(), scope.server.env());
    let sent_revision = object.resource_version();
    fill_system_fields(scope, &mut object);
    resource.strategy.prepare_for_create(env, &mut object);
    if resource.strategy.tracks_generation() {
        object.set(&["metadata", "generation"], 1);
    }
    let mut found = object_meta::validate_create(resource, &object);
    found.extend(resource.strategy.validate(&object));
    if !found.is_empty() {
        let gvk = object.gvk().unwrap_or_else(|| resource.gvk.clone());
        return Err(Status::invalid(&gvk, object.name(), &found));
    }
    resource.strategy.warnings(&object).into_iter().for_each(|warning| scope.warn(warning));
    let name = object.name().to_owned();
    scope.allocate(&mut object, None)?;
    admission::validate(&scope.attributes(Operation::Create, &name, None), Some(&object))?;
    if sent_revision != 0 {
        return Err(Status::new(500, "", "resourceVersion should not be set on objects to be created"));
    }
    let key = scope.key(&name);
    if scope.dry_run {
        return match scope.server.store().get(&resource.storage, &key) {
            Some(existing) => Err(already_exists(scope, &name, &existing.value)),
            None => Ok(ObjectRef::Value(Arc::new(without_resource_version(object)))),
        };
    }
    scope.to_storage(&mut object)?;
    match scope.server.store().create(&resource.storage, key.clone(), object) {
        Ok(stored) => {
            scope.server.committed(resource, &stored.value);
            scope.present(&stored)
        }
        Err(StoreError::Exists) => {
            let existing = scope.server.store().get(&resource.storage, &key);
            Err(already_exists(scope, &name, existing.as_deref().map_or(&Value::Null, |stored| &stored.value)))
        }
        Err(error) => Err(Status::internal(error)),
    }
}

fn already_exists(scope: &Scope, name: &str, existing: &Value) -> Status {
    let mut status = Status::already_exists(&scope.group_resource(), name);
    if existing.deletion_timestamp().is_some() {
        status.message = format!("object is being deleted: {}", status.message);
    }
    status
}

fn without_resource_version(mut object: Value) -> Value {
    object.metadata_mut().shift_remove("resourceVersion");
    object
}

/// Resources that are kept and served, but on which this control plane does not act.
const NOT_ACTED_ON: [&str; 8] = [
    "limitranges",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "mutatingwebhookconfigurations",
    "resourcequotas",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "validatingwebhookconfigurations",
];

fn warn_of_what_is_not_done(scope: &Scope) {
    let resource = scope.resource();
    if resource.origin == Origin::BuiltIn && NOT_ACTED_ON.contains(&resource.plural.as_str()) {
        scope.warn(format!("rop's control plane keeps {} but does not act on them", resource.plural));
    }
}

/// Drops what only the server says.
///
/// Source: `WipeObjectMetaSystemFields` of `k8s.io/apiserver/pkg/registry/rest/meta.go`.
fn wipe_system_fields(object: &mut Value) {
    let Some(Value::Object(metadata)) = object.get_mut("metadata") else { return };
    for field in ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "uid", "selfLink"] {
        metadata.shift_remove(field);
    }
}

/// The fields of metadata in upstream's order.
const METADATA_ORDER: [&str; 15] = [
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
];

/// Sets name, UID and creation time, and drops what only the server says; metadata gets upstream's order.
fn fill_system_fields(scope: &Scope, object: &mut Value) {
    let env = scope.server.env();
    let gvk = &scope.resource().gvk;
    let mut sent = std::mem::take(object.metadata_mut());
    let generate_name = sent.get("generateName").and_then(Value::as_str).unwrap_or_default();
    if !generate_name.is_empty() && sent.get("name").and_then(Value::as_str).unwrap_or_default().is_empty() {
        let name = generated_name(generate_name, &env.suffix(5));
        sent.insert("name".to_owned(), name.into());
    }
    sent.insert("uid".to_owned(), env.uid().into());
    sent.insert("creationTimestamp".to_owned(), env.now_text().into());
    sent.insert("resourceVersion".to_owned(), Value::String(String::new()));
    for field in ["selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        sent.remove(field);
    }
    let known =
        METADATA_ORDER.iter().filter_map(|field| sent.remove_entry(*field)).filter(|(_, value)| !value.is_null());
    let metadata: Map<String, Value> = known.collect();
    let mut ordered = Map::new();
    // The kind of a built-in object follows from where it was sent; that of a custom resource is checked.
    let kind = match scope.resource().origin {
        Origin::BuiltIn => gvk.kind.as_str(),
        Origin::Custom { .. } => object.text_at(&["kind"]),
    };
    ordered.insert("kind".to_owned(), kind.into());
    ordered.insert("apiVersion".to_owned(), gvk.group_version().to_string().into());
    ordered.insert("metadata".to_owned(), Value::Object(metadata));
    for (field, value) in crate::controlplane::object::object_mut(object) {
        if !ordered.contains_key(field) {
            ordered.insert(field.clone(), value.take());
        }
    }
    *object = Value::Object(ordered);
}

/// Source: `k8s.io/apiserver/pkg/storage/names/generate.go`: the prefix is cut so that name and suffix fit in 63.
fn generated_name(prefix: &str, suffix: &str) -> String {
    const MAX_PREFIX: usize = 58;
    let cut = prefix.char_indices().map(|(index, _)| index).take_while(|index| *index <= MAX_PREFIX).last();
    let end = if prefix.len() <= MAX_PREFIX { prefix.len() } else { cut.unwrap_or(0) };
    format!("{}{suffix}", &prefix[..end])
}
