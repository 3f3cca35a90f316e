//! Waits until an object is as it should be, by watching it.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use kube::Api;
use kube::api::{DynamicObject, WatchEvent, WatchParams};

use super::Failure;
use super::error::refused;

/// How long anything may take that a loop waits for.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Watches an object until `is_done` says so; `None` is an object that is not there.
///
/// # Errors
/// When that does not happen in time; `what` is then named.
pub async fn until(
    api: &Api<DynamicObject>,
    name: &str,
    what: &str,
    is_done: impl Fn(Option<&DynamicObject>) -> bool,
) -> Result<(), Failure> {
    match tokio::time::timeout(PATIENCE, watched(api, name, is_done)).await {
        Ok(result) => result.map_err(|error| refused(&format!("failed to wait for {what}"), error)),
        Err(_) => Err(Failure::new(format!("waited {} s in vain for {what}", PATIENCE.as_secs()))),
    }
}

async fn watched(
    api: &Api<DynamicObject>,
    name: &str,
    is_done: impl Fn(Option<&DynamicObject>) -> bool,
) -> kube::Result<()> {
    loop {
        let object = api.get_opt(name).await?;
        if is_done(object.as_ref()) {
            return Ok(());
        }
        let version = object.and_then(|object| object.metadata.resource_version).unwrap_or_default();
        let fields = WatchParams::default().fields(&format!("metadata.name={name}"));
        let mut changes = api.watch(&fields, &version).await?.boxed();
        while let Some(change) = changes.try_next().await? {
            let done = match &change {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => is_done(Some(object)),
                WatchEvent::Deleted(_) => is_done(None),
                WatchEvent::Bookmark(_) => false,
                // The revision is too old by now, or the server wants a new start for another reason.
                WatchEvent::Error(_) => break,
            };
            if done {
                return Ok(());
            }
        }
    }
}
