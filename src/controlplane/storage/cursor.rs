//! A watcher's place in the log of one resource.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Change, Store};
use crate::controlplane::gvk::GroupResource;

/// The log no longer holds all changes since the revision that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the requested changes are no longer in the log")]
pub struct Compacted;

/// Gives every change of one resource after a revision, once and in order.
#[derive(Debug)]
pub struct Cursor {
    store: Store,
    resource: GroupResource,
    position: u64,
    wake: watch::Receiver<u64>,
}

impl Cursor {
    pub(super) fn new(store: Store, resource: GroupResource, position: u64, wake: watch::Receiver<u64>) -> Self {
        Self { store, resource, position, wake }
    }

    /// Returns the revision up to which changes have been given.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns what has happened since, at most `max` changes, without waiting.
    ///
    /// # Errors
    /// [`Compacted`] when the log has moved past this cursor.
    pub fn try_next(&mut self, max: usize) -> Result<Vec<Arc<Change>>, Compacted> {
        self.wake.borrow_and_update();
        let changes = self.store.changes_after(&self.resource, self.position, max)?;
        if let Some(last) = changes.last() {
            self.position = last.object.revision;
        }
        Ok(changes)
    }

    /// Waits until something has happened, then returns at most `max` changes. Cancel-safe.
    ///
    /// # Errors
    /// [`Compacted`] when the log has moved past this cursor.
    pub async fn next(&mut self, max: usize) -> Result<Vec<Arc<Change>>, Compacted> {
        loop {
            let changes = self.try_next(max)?;
            if !changes.is_empty() || self.wake.changed().await.is_err() {
                return Ok(changes);
            }
        }
    }
}
