//! `watch`: what happens to the objects of a resource, from a revision on.
//!
//! A watch is a cursor over the store's log: nothing waits for a client that reads slowly; when the log has moved past
//! its cursor, it is told to start over. Source: `k8s.io/apiserver/pkg/storage/cacher/cacher.go`,
//! `.../endpoints/handlers/watch.go`, Kubernetes 1.36.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::scope::present;
use super::{Scope, list};
use crate::controlplane::apiserver::options::ListOptions;
use crate::controlplane::apiserver::registry::Served;
use crate::controlplane::apiserver::selector::Selector;
use crate::controlplane::apiserver::{ApiServer, ObjectRef, Response};
use crate::controlplane::env::Env;
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;
use crate::controlplane::storage::{Change, ChangeType, Compacted, Cursor};

/// How many changes are taken from the log at once.
const BATCH: usize = 256;
/// How long a watch lasts at least when the client does not say.
const MIN_TIMEOUT: u64 = 1800;
/// How long a watch lasts at most: a year.
const MAX_TIMEOUT: u64 = 365 * 24 * 3600;
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// How long before its end a watch sends a last bookmark.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

/// What a client is told.
#[derive(Debug)]
pub(crate) enum WatchEvent {
    /// Something happened to an object.
    Object {
        /// What happened, from the client's point of view.
        change_type: ChangeType,
        /// The object after it.
        object: ObjectRef,
    },
    /// Everything up to a revision has been told.
    Bookmark {
        /// The revision.
        revision: u64,
        /// Whether this closes the initial events.
        ends_initial_events: bool,
    },
    /// The watch cannot go on.
    Error(Status),
}

/// A watch that is under way.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The row whose objects are watched.
    pub served: Arc<Served>,
    server: ApiServer,
    namespace: String,
    /// The one object that the URL names; empty for all.
    name: String,
    selector: Selector,
    /// `None` once the watch has failed.
    cursor: Option<Cursor>,
    /// What the client is told before anything happens.
    first: Vec<WatchEvent>,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    ended: tokio::sync::watch::Receiver<bool>,
    shutdown: tokio::sync::watch::Receiver<bool>,
}

/// Why a watch goes on.
enum Wake {
    Changes(Result<Vec<Arc<Change>>, Compacted>),
    Bookmark,
}

/// Starts a watch.
///
/// # Errors
/// Bad options.
pub(crate) async fn watch(scope: &Scope, selector: Selector, options: &ListOptions) -> Result<Response, Status> {
    let revision = list::parse_revision(&options.resource_version).map_err(|text| Status::new(500, "", text))?;
    if options.send_initial_events == Some(true) && revision > 0 {
        list::wait_for_revision(scope, revision).await?;
    }
    let now = Instant::now();
    let timeout =
        options.timeout_seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    let timeout = timeout.unwrap_or_else(|| MIN_TIMEOUT + scope.server.env().random() % MIN_TIMEOUT).min(MAX_TIMEOUT);
    let mut watch = Watch {
        served: scope.served.clone(),
        server: scope.server.clone(),
        namespace: scope.storage_namespace().to_owned(),
        name: scope.name.clone(),
        selector,
        cursor: None,
        first: Vec::new(),
        bookmarks: options.allow_watch_bookmarks,
        next_bookmark: now + BOOKMARK_INTERVAL,
        deadline: now + Duration::from_secs(timeout),
        ended: scope.served.ended(),
        shutdown: scope.server.shutdown(),
    };
    watch.start(revision, options.send_initial_events)?;
    Ok(Response::Watch(Box::new(watch)))
}

impl Watch {
    fn start(&mut self, revision: u64, send_initial_events: Option<bool>) -> Result<(), Status> {
        let storage = &self.served.resource.storage;
        let store = self.server.store();
        if send_initial_events.unwrap_or(revision == 0) {
            let (snapshot, cursor) = store.list_and_watch(storage);
            let namespace = Some(self.namespace.as_str()).filter(|namespace| !namespace.is_empty());
            for stored in snapshot.in_namespace(namespace) {
                let object = present(&self.served, stored, self.server.env())?;
                let named = self.name.is_empty() || object.value().name() == self.name;
                if named && self.selector.matches(&self.served.resource, object.value()) {
                    self.first.push(WatchEvent::Object { change_type: ChangeType::Added, object });
                }
            }
            if send_initial_events == Some(true) && self.bookmarks {
                self.first.push(WatchEvent::Bookmark { revision: snapshot.revision, ends_initial_events: true });
            }
            self.cursor = Some(cursor);
            return Ok(());
        }
        let after = if revision == 0 { store.revision() } else { revision };
        match store.watch(storage, after) {
            Ok(cursor) => self.cursor = Some(cursor),
            Err(_) => {
                let text = format!("too old resource version: {after} ({})", store.revision());
                self.first.push(WatchEvent::Error(Status::expired(text)));
            }
        }
        Ok(())
    }

    /// Returns time and randomness.
    pub(crate) fn env(&self) -> &Env {
        self.server.env()
    }

    /// Waits for what comes next; `None` is the end. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Vec<WatchEvent>> {
        if !self.first.is_empty() {
            return Some(std::mem::take(&mut self.first));
        }
        loop {
            match self.wait().await? {
                Wake::Changes(Err(_)) => return Some(self.fail()),
                Wake::Changes(Ok(changes)) => {
                    let events = self.events(&changes);
                    if !events.is_empty() {
                        return Some(events);
                    }
                }
                Wake::Bookmark => {
                    self.next_bookmark = Instant::now() + BOOKMARK_INTERVAL;
                    return self.caught_up();
                }
            }
        }
    }

    /// Waits for changes, the time of a bookmark, or (`None`) the end.
    async fn wait(&mut self) -> Option<Wake> {
        let last_bookmark = self.deadline.checked_sub(LAST_BOOKMARK).filter(|at| *at > Instant::now());
        let bookmark_at = last_bookmark.map_or(self.next_bookmark, |last| last.min(self.next_bookmark));
        let Self { cursor, ended, shutdown, deadline, bookmarks, .. } = self;
        let cursor = cursor.as_mut()?;
        let stopped = async {
            tokio::select! {
                _ = ended.wait_for(|ended| *ended) => {}
                _ = shutdown.wait_for(|shutdown| *shutdown) => {}
                () = tokio::time::sleep_until(*deadline) => {}
            }
        };
        tokio::select! {
            biased;
            changes = cursor.next(BATCH) => Some(Wake::Changes(changes)),
            () = stopped => None,
            () = tokio::time::sleep_until(bookmark_at), if *bookmarks => Some(Wake::Bookmark),
        }
    }

    /// Tells what is left up to a revision, then that this was all.
    fn caught_up(&mut self) -> Option<Vec<WatchEvent>> {
        // Changes up to here may not be told yet; later ones come after the bookmark.
        let revision = self.server.store().revision();
        let mut events = Vec::new();
        loop {
            let changes = match self.cursor.as_mut()?.try_next(BATCH) {
                Ok(changes) => changes,
                Err(_) => return Some(self.fail()),
            };
            if changes.is_empty() {
                break;
            }
            events.extend(self.events(&changes));
        }
        let revision = revision.max(self.cursor.as_ref()?.position());
        events.push(WatchEvent::Bookmark { revision, ends_initial_events: false });
        Some(events)
    }

    fn fail(&mut self) -> Vec<WatchEvent> {
        let position = self.cursor.take().map_or(0, |cursor| cursor.position());
        let text = format!("too old resource version: {position} ({})", self.server.store().revision());
        vec![WatchEvent::Error(Status::expired(text))]
    }

    fn events(&mut self, changes: &[Arc<Change>]) -> Vec<WatchEvent> {
        let mut events = Vec::with_capacity(changes.len());
        for change in changes {
            let elsewhere = !self.namespace.is_empty() && change.key.namespace != self.namespace;
            if elsewhere || (!self.name.is_empty() && change.key.name != self.name) {
                continue;
            }
            match self.event(change) {
                Ok(event) => events.extend(event),
                Err(status) => {
                    self.cursor = None;
                    events.push(WatchEvent::Error(status));
                    break;
                }
            }
        }
        events
    }

    /// Returns what a change is to this client: objects enter and leave what its selector shows.
    fn event(&self, change: &Change) -> Result<Option<WatchEvent>, Status> {
        let (resource, env) = (&self.served.resource, self.server.env());
        let matches = |object: &Value| self.selector.matches(resource, object);
        let object = present(&self.served, &change.object, env)?;
        let everything = self.selector.is_everything();
        let is = change.change_type != ChangeType::Deleted && (everything || matches(object.value()));
        let was = match &change.previous {
            None => false,
            Some(_) if everything => true,
            Some(previous) => matches(present(&self.served, previous, env)?.value()),
        };
        let (change_type, object) = match (was, is, &change.previous) {
            (false, false, _) => return Ok(None),
            (false, true, _) => (ChangeType::Added, object),
            (true, true, _) => (ChangeType::Modified, object),
            (true, false, Some(previous)) if change.change_type == ChangeType::Modified => {
                let mut last = Value::clone(present(&self.served, previous, env)?.value());
                last.set(&["metadata", "resourceVersion"], change.object.revision.to_string());
                (ChangeType::Deleted, ObjectRef::Value(Arc::new(last)))
            }
            (true, false, _) => (ChangeType::Deleted, object),
        };
        Ok(Some(WatchEvent::Object { change_type, object }))
    }
}
