//! Runs a reconciler: what it watches, how often, and what happens when it fails.

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::{FutureExt, StreamExt};
use kube::api::Api;
use kube::runtime::controller::{self, Action, Error as ControllerError};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::{Controller, Predicate, WatchStreamExt, predicates, watcher};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tracing::{Instrument, debug, info, info_span, warn};

use super::context::Context;
use super::error::Error;

/// How many objects of a kind are reconciled at the same time.
const CONCURRENCY: u16 = 10;

/// Returns how watches are made: the initial list may come from the API server's cache.
pub fn watch_config() -> watcher::Config {
    watcher::Config::default().any_semantic()
}

/// Returns a controller of a kind. It looks at an object when its spec, labels or finalizers change, not when its own
/// status does.
pub fn watching<K>(api: Api<K>) -> Controller<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (reader, writer) = reflector::store();
    let relevant = predicates::generation.combine(predicates::labels).combine(predicates::finalizers);
    let changes = watcher(api, watch_config())
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear())
        .reflect(writer)
        .applied_objects()
        .predicate_filter(relevant, Default::default());
    Controller::for_stream(changes, reader)
}

/// Runs a controller until the operator shuts down.
pub async fn run<K, F>(
    name: &'static str,
    controller: Controller<K>,
    reconcile: impl Fn(Arc<K>, Arc<Context>) -> F + Send + Sync + 'static,
    ctx: Arc<Context>,
) where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    F: Future<Output = Result<Action, Error>> + Send + 'static,
{
    let ready = ctx.health.controller(name);
    let store = controller.store();
    let synced = async move {
        if store.wait_until_ready().await.is_ok() {
            info!(controller = name, "watching");
            ready.set();
        }
        futures::future::pending::<()>().await;
    };
    let reconciled = controller
        .with_config(controller::Config::default().concurrency(CONCURRENCY))
        .graceful_shutdown_on(ctx.shutdown.clone().cancelled_owned())
        .run(
            move |object, ctx| observed(name, object.clone(), ctx.clone(), reconcile(object, ctx)),
            |object, error, ctx| retry(object.as_ref(), error, &ctx),
            ctx,
        )
        .for_each(move |result| async move {
            match result {
                // The object was deleted while it waited for its turn.
                Ok(_) | Err(ControllerError::ObjectNotFound(_)) | Err(ControllerError::ReconcilerFailed(..)) => {}
                Err(error) => warn!(controller = name, %error, "watching failed; trying again"),
            }
        });
    tokio::select! {
        () = reconciled => {}
        () = synced => {}
    }
}

/// Measures and logs one reconciliation, and turns a panic into an error.
async fn observed<K: Resource<DynamicType = ()>>(
    name: &'static str,
    object: Arc<K>,
    ctx: Arc<Context>,
    reconciliation: impl Future<Output = Result<Action, Error>>,
) -> Result<Action, Error> {
    let span = info_span!("reconcile", controller = name, name = object.name_any(), namespace = object.namespace());
    let start = Instant::now();
    let result = AssertUnwindSafe(reconciliation).catch_unwind().instrument(span.clone()).await;
    let result = result.unwrap_or(Err(Error::Panic));
    ctx.metrics.reconciled(name, result.is_ok(), start.elapsed());
    match &result {
        Ok(_) => {
            ctx.backoff.reset(&key(object.as_ref()));
            debug!(parent: &span, "done");
        }
        Err(error) => warn!(parent: &span, reason = error.reason(), %error, "failed"),
    }
    result
}

fn retry<K: Resource<DynamicType = ()>>(object: &K, _error: &Error, ctx: &Context) -> Action {
    Action::requeue(ctx.backoff.after_failure(&key(object)))
}

fn key<K: Resource<DynamicType = ()>>(object: &K) -> String {
    ObjectRef::from_obj(object).to_string()
}
