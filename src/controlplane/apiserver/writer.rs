//! The writes of the control plane's own controllers, through the same chain as everybody's.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::handlers::{self, Patch, Scope};
use super::options::DeleteOptions;
use super::{ApiServer, Response};
use crate::controlplane::controllers::{Actor, Write, Writer};
use crate::controlplane::gvk::Gvr;
use crate::controlplane::identity::users::UserInfo;
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;

impl Writer for ApiServer {
    fn write(&self, actor: Actor, write: Write) -> BoxFuture<'_, Result<Arc<Value>, Status>> {
        async move {
            match perform(self, actor, write).await? {
                Response::Object(answer) => Ok(answer.object.into_arc()),
                Response::Value { value, .. } => Ok(Arc::new(value)),
                Response::List { .. } | Response::Watch(_) => Err(Status::internal("a write answers with an object")),
            }
        }
        .boxed()
    }
}

async fn perform(server: &ApiServer, actor: Actor, write: Write) -> Result<Response, Status> {
    match write {
        Write::Create { gvr, object, subresource } => {
            let name = if subresource.is_some() { object.name() } else { "" };
            let scope = scope(server, actor, &gvr, Place::new(object.namespace(), name, subresource))?;
            handlers::create(&scope, object).await
        }
        Write::Update { gvr, object, subresource } => {
            let scope = scope(server, actor, &gvr, Place::new(object.namespace(), object.name(), subresource))?;
            handlers::update(&scope, object).await
        }
        Write::Patch { gvr, key, patch, subresource } => {
            let scope = scope(server, actor, &gvr, Place::new(&key.namespace, &key.name, subresource))?;
            handlers::patch(&scope, Patch::merge(patch)).await
        }
        Write::Delete { gvr, key, options } => {
            let scope = scope(server, actor, &gvr, Place::new(&key.namespace, &key.name, None))?;
            handlers::delete(&scope, &DeleteOptions::from_object(&options)?).await
        }
    }
}

/// What a write is about.
struct Place<'a> {
    namespace: &'a str,
    name: &'a str,
    subresource: &'a str,
}

impl<'a> Place<'a> {
    fn new(namespace: &'a str, name: &'a str, subresource: Option<&'a str>) -> Self {
        Self { namespace, name, subresource: subresource.unwrap_or_default() }
    }
}

fn scope(server: &ApiServer, actor: Actor, gvr: &Gvr, place: Place<'_>) -> Result<Scope, Status> {
    let served = server.registry().rows().get(gvr).cloned().ok_or_else(Status::no_such_resource)?;
    Ok(Scope {
        server: server.clone(),
        served,
        namespace: place.namespace.to_owned(),
        name: place.name.to_owned(),
        subresource: place.subresource.to_owned(),
        user: UserInfo::new(actor.user, ["system:authenticated"]),
        field_manager: actor.field_manager.to_owned(),
        dry_run: false,
        warnings: Mutex::default(),
    })
}
