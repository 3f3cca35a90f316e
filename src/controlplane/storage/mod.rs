//! The store: one revision counter, one lock, a bounded log of changes a resource.
//!
//! A read is a snapshot (a persistent map, cloned in constant time). A watch is a [`Cursor`] over the log: writers
//! never wait, and a cursor that falls off the log is told so and its client relists. The lock is a std mutex because
//! nothing is awaited while it is held; watchers are woken after it is released. With a [`Journal`], a write is in the
//! journal before it is in the store, so that whoever saw it finds it again after a restart.
//!
//! The store knows no HTTP, admission, schema or patch: objects are JSON values, of which it only writes
//! `metadata.resourceVersion`.

mod cursor;
pub mod journal;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use imbl::OrdMap;
use serde_json::Value;
use tokio::sync::watch;

use super::gvk::GroupResource;
use super::object::Object;

pub use cursor::{Compacted, Cursor};
pub use journal::Journal;

use journal::{History, Record};

/// How many changes a resource's log keeps before it forgets the oldest.
pub const DEFAULT_LOG_LEN: usize = 16_384;

/// How much longer the log of all resources is than that of one.
const MERGED_LOG_FACTOR: usize = 4;

/// Where an object of a resource is: namespace (empty for cluster-scoped resources), then name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The namespace; empty for cluster-scoped resources.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectKey {
    /// Returns the pair.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

/// A committed object. It never changes; an update makes another.
#[derive(Debug)]
pub struct Stored {
    /// The object in its storage version, `metadata.resourceVersion` included.
    pub value: Value,
    /// The revision of the commit that wrote it.
    pub revision: u64,
    json: OnceLock<Bytes>,
}

impl Stored {
    fn new(mut value: Value, revision: u64) -> Arc<Self> {
        value.set(&["metadata", "resourceVersion"], revision.to_string());
        Arc::new(Self { value, revision, json: OnceLock::new() })
    }

    /// Returns the object as JSON text, serialised at most once.
    pub fn json(&self) -> &Bytes {
        self.json.get_or_init(|| Bytes::from(self.value.to_string()))
    }
}

/// What a commit did to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeType {
    /// It is new.
    Added,
    /// It was there before.
    Modified,
    /// It is gone; the change carries its last state with the revision of the deletion.
    Deleted,
}

/// One commit, as watchers see it.
#[derive(Debug, Clone)]
pub struct Change {
    /// What happened.
    pub change_type: ChangeType,
    /// The resource.
    pub resource: GroupResource,
    /// The place of the object.
    pub key: ObjectKey,
    /// The object after the change; for a deletion its last state.
    pub object: Arc<Stored>,
    /// The object before the change.
    pub previous: Option<Arc<Stored>>,
}

/// Why a write was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Create: an object is there already.
    #[error("the object exists")]
    Exists,
    /// Update or delete: no object is there.
    #[error("the object does not exist")]
    NotFound,
    /// Update or delete: the object's revision is not the expected one.
    #[error("the object is at revision {0}")]
    Conflict(u64),
    /// Any write: the journal did not take it, so it was not done.
    #[error("the write cannot be kept: {0}")]
    NotKept(String),
}

/// All objects of one resource at one revision.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The revision of the whole store at which it was taken.
    pub revision: u64,
    /// The objects, by namespace and name.
    pub objects: OrdMap<ObjectKey, Arc<Stored>>,
}

impl Snapshot {
    /// Returns the objects of one namespace, or of all, in order of namespace and name.
    pub fn in_namespace<'a>(&'a self, namespace: Option<&'a str>) -> Box<dyn Iterator<Item = &'a Arc<Stored>> + 'a> {
        match namespace {
            None => Box::new(self.objects.values()),
            Some(namespace) => Box::new(
                self.objects
                    .range(ObjectKey::new(namespace, "")..)
                    .take_while(move |(key, _)| key.namespace == namespace)
                    .map(|(_, stored)| stored),
            ),
        }
    }
}

/// The objects of all resources. A cheap handle: clones share the same data.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Mutex<Inner>>,
    /// The newest revision, for those who follow all resources.
    revision: Arc<watch::Sender<u64>>,
}

#[derive(Debug)]
struct Inner {
    revision: u64,
    log_len: usize,
    tables: BTreeMap<GroupResource, Table>,
    /// The changes of all resources, for those who follow them in order of revision.
    log: VecDeque<Arc<Change>>,
    /// The revision of the newest change that was dropped from `log`.
    compacted: u64,
    /// The revision before which nothing is known but what was there; 0 for a store that started empty.
    origin: u64,
    journal: Option<Box<dyn Journal>>,
}

#[derive(Debug)]
struct Table {
    objects: OrdMap<ObjectKey, Arc<Stored>>,
    log: VecDeque<Arc<Change>>,
    /// The revision of the newest change that was dropped from the log.
    compacted: u64,
    wake: watch::Sender<u64>,
}

impl Table {
    fn since(origin: u64) -> Self {
        Self { objects: OrdMap::new(), log: VecDeque::new(), compacted: origin, wake: watch::Sender::new(0) }
    }
}

impl Inner {
    fn table(&mut self, resource: &GroupResource) -> &mut Table {
        self.tables.entry(resource.clone()).or_insert_with(|| Table::since(self.origin))
    }

    /// Records a change that was decided, and kept if there is a journal; returns who wakes the watchers.
    fn apply(&mut self, change: Change) -> watch::Sender<u64> {
        let change = Arc::new(change);
        let log_len = self.log_len;
        self.revision = change.object.revision;
        let table = self.table(&change.resource);
        match change.change_type {
            ChangeType::Deleted => table.objects.remove(&change.key),
            ChangeType::Added | ChangeType::Modified => table.objects.insert(change.key.clone(), change.object.clone()),
        };
        record(&mut table.log, &mut table.compacted, change.clone(), log_len);
        let wake = table.wake.clone();
        record(&mut self.log, &mut self.compacted, change, log_len * MERGED_LOG_FACTOR);
        wake
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new(DEFAULT_LOG_LEN)
    }
}

impl Store {
    /// Returns an empty store whose logs keep `log_len` changes a resource. Its first commit has revision 2, as in a
    /// fresh etcd.
    pub fn new(log_len: usize) -> Self {
        let inner = Inner {
            revision: 1,
            log_len: log_len.max(1),
            tables: BTreeMap::new(),
            log: VecDeque::new(),
            compacted: 0,
            origin: 0,
            journal: None,
        };
        Self { inner: Arc::new(Mutex::new(inner)), revision: Arc::new(watch::Sender::new(1)) }
    }

    /// Returns the store that a journal tells of. Who watched the earlier one goes on where they were, as far back as
    /// the journal knows single changes.
    pub fn recover(log_len: usize, history: History) -> Self {
        let store = Self::new(log_len);
        let mut inner = store.lock();
        (inner.revision, inner.origin, inner.compacted) = (history.revision, history.revision, history.revision);
        for Record { revision, resource, key, value, .. } in history.objects {
            inner.table(&resource).objects.insert(key, Stored::new(value, revision));
        }
        for Record { revision, change_type, resource, key, value } in history.changes {
            let previous = inner.table(&resource).objects.get(&key).cloned();
            inner.apply(Change { change_type, resource, key, object: Stored::new(value, revision), previous });
        }
        store.revision.send_replace(inner.revision);
        drop(inner);
        store
    }

    /// Keeps every write from now on in a journal.
    pub fn keep_in(&self, journal: impl Journal + 'static) {
        self.lock().journal = Some(Box::new(journal));
    }

    /// Makes sure that what was kept survives a power cut too.
    ///
    /// # Errors
    /// [`StoreError::NotKept`].
    pub fn sync(&self) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let Some(journal) = &mut inner.journal else { return Ok(()) };
        journal.sync().map_err(|error| StoreError::NotKept(error.to_string()))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the revision of the newest commit.
    pub fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// Returns the revision of the newest commit that touched a resource; 0 when there was none.
    pub fn resource_revision(&self, resource: &GroupResource) -> u64 {
        let inner = self.lock();
        let Some(table) = inner.tables.get(resource) else { return 0 };
        table.log.back().map_or(table.compacted, |change| change.object.revision)
    }

    /// Returns a receiver that changes with every commit of any resource.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Returns one object.
    pub fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Stored>> {
        self.lock().tables.get(resource)?.objects.get(key).cloned()
    }

    /// Returns all objects of a resource as they are now.
    pub fn list(&self, resource: &GroupResource) -> Snapshot {
        let inner = self.lock();
        let objects = inner.tables.get(resource).map(|table| table.objects.clone()).unwrap_or_default();
        Snapshot { revision: inner.revision, objects }
    }

    /// Returns the resources that hold at least one object.
    pub fn resources(&self) -> Vec<GroupResource> {
        let inner = self.lock();
        inner.tables.iter().filter(|(_, table)| !table.objects.is_empty()).map(|(name, _)| name.clone()).collect()
    }

    /// Returns all objects of a resource as they were at a revision, by taking back what the log says came after.
    ///
    /// # Errors
    /// [`Compacted`] when the log no longer reaches back that far.
    pub fn list_at(&self, resource: &GroupResource, revision: u64) -> Result<Snapshot, Compacted> {
        let inner = self.lock();
        let table = inner.tables.get(resource);
        if revision < table.map_or(inner.origin, |table| table.compacted) {
            return Err(Compacted);
        }
        let Some(table) = table else { return Ok(Snapshot { revision, objects: OrdMap::new() }) };
        let mut objects = table.objects.clone();
        let later = table.log.iter().rev().take_while(|change| change.object.revision > revision);
        let later: Vec<Arc<Change>> = later.cloned().collect();
        drop(inner);
        for change in later {
            match &change.previous {
                Some(previous) => objects.insert(change.key.clone(), previous.clone()),
                None => objects.remove(&change.key),
            };
        }
        Ok(Snapshot { revision, objects })
    }

    /// Stores a new object.
    ///
    /// # Errors
    /// [`StoreError::Exists`].
    pub fn create(&self, resource: &GroupResource, key: ObjectKey, value: Value) -> Result<Arc<Stored>, StoreError> {
        self.commit(resource, key, |current| match current {
            Some(_) => Err(StoreError::Exists),
            None => Ok((ChangeType::Added, value)),
        })
    }

    /// Replaces the object that is at revision `expected`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`].
    pub fn update(
        &self,
        resource: &GroupResource,
        key: ObjectKey,
        expected: u64,
        value: Value,
    ) -> Result<Arc<Stored>, StoreError> {
        self.commit(resource, key, |current| {
            at_revision(current, expected)?;
            Ok((ChangeType::Modified, value))
        })
    }

    /// Removes the object that is at revision `expected`; `last` is the state that watchers are shown.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`].
    pub fn delete(
        &self,
        resource: &GroupResource,
        key: ObjectKey,
        expected: u64,
        last: Value,
    ) -> Result<Arc<Stored>, StoreError> {
        self.commit(resource, key, |current| {
            at_revision(current, expected)?;
            Ok((ChangeType::Deleted, last))
        })
    }

    /// The one write: decides, keeps and records under the lock, then wakes the watchers.
    fn commit(
        &self,
        resource: &GroupResource,
        key: ObjectKey,
        decide: impl FnOnce(Option<&Arc<Stored>>) -> Result<(ChangeType, Value), StoreError>,
    ) -> Result<Arc<Stored>, StoreError> {
        let mut inner = self.lock();
        let previous = inner.table(resource).objects.get(&key).cloned();
        let (change_type, value) = decide(previous.as_ref())?;
        let revision = inner.revision + 1;
        let object = Stored::new(value, revision);
        let change = Change { change_type, resource: resource.clone(), key, object: object.clone(), previous };
        if let Some(journal) = &mut inner.journal {
            journal.append(&change).map_err(|error| StoreError::NotKept(error.to_string()))?;
        }
        let wake = inner.apply(change);
        drop(inner);
        wake.send_replace(revision);
        self.revision.send_if_modified(|newest| std::mem::replace(newest, revision.max(*newest)) < revision);
        Ok(object)
    }

    /// Returns a cursor that gives every change of a resource after revision `after`.
    ///
    /// # Errors
    /// [`Compacted`] when the log no longer reaches back that far.
    pub fn watch(&self, resource: &GroupResource, after: u64) -> Result<Cursor, Compacted> {
        let mut inner = self.lock();
        let table = inner.table(resource);
        if after < table.compacted {
            return Err(Compacted);
        }
        Ok(Cursor::new(self.clone(), resource.clone(), after, table.wake.subscribe()))
    }

    /// Returns all objects of a resource, and a cursor that continues from exactly there.
    pub fn list_and_watch(&self, resource: &GroupResource) -> (Snapshot, Cursor) {
        let mut inner = self.lock();
        let revision = inner.revision;
        let table = inner.table(resource);
        let snapshot = Snapshot { revision, objects: table.objects.clone() };
        (snapshot, Cursor::new(self.clone(), resource.clone(), revision, table.wake.subscribe()))
    }

    /// Returns at most `max` changes of all resources after revision `after`, oldest first.
    ///
    /// # Errors
    /// [`Compacted`] when the log no longer reaches back that far: list everything and go on from there.
    pub fn merged_changes_after(&self, after: u64, max: usize) -> Result<Vec<Arc<Change>>, Compacted> {
        let inner = self.lock();
        if after < inner.compacted {
            return Err(Compacted);
        }
        let start = inner.log.partition_point(|change| change.object.revision <= after);
        Ok(inner.log.iter().skip(start).take(max).cloned().collect())
    }

    /// Returns all objects of all resources at one revision.
    pub fn list_all(&self) -> (u64, Vec<(GroupResource, Snapshot)>) {
        let inner = self.lock();
        let revision = inner.revision;
        let snapshot = |table: &Table| Snapshot { revision, objects: table.objects.clone() };
        (revision, inner.tables.iter().map(|(resource, table)| (resource.clone(), snapshot(table))).collect())
    }

    /// Returns at most `max` changes of a resource after revision `after`, oldest first.
    fn changes_after(&self, resource: &GroupResource, after: u64, max: usize) -> Result<Vec<Arc<Change>>, Compacted> {
        let inner = self.lock();
        let Some(table) = inner.tables.get(resource) else { return Ok(Vec::new()) };
        if after < table.compacted {
            return Err(Compacted);
        }
        let start = table.log.partition_point(|change| change.object.revision <= after);
        Ok(table.log.iter().skip(start).take(max).cloned().collect())
    }
}

/// Appends to a bounded log; what falls off moves `compacted` forward.
fn record(log: &mut VecDeque<Arc<Change>>, compacted: &mut u64, change: Arc<Change>, log_len: usize) {
    if log.len() == log_len
        && let Some(oldest) = log.pop_front()
    {
        *compacted = oldest.object.revision;
    }
    log.push_back(change);
}

fn at_revision(current: Option<&Arc<Stored>>, expected: u64) -> Result<(), StoreError> {
    match current {
        None => Err(StoreError::NotFound),
        Some(stored) if stored.revision != expected => Err(StoreError::Conflict(stored.revision)),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pods() -> GroupResource {
        GroupResource::new("", "pods")
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("default", name)
    }

    #[test]
    fn a_write_against_an_old_revision_is_refused() {
        let store = Store::default();
        let first = store.create(&pods(), key("a"), json!({})).expect("the store is empty");
        assert_eq!(first.value, json!({"metadata": {"resourceVersion": "2"}}));
        let second = store.update(&pods(), key("a"), first.revision, json!({"x": 1})).expect("nobody wrote between");
        let refused = store.update(&pods(), key("a"), first.revision, json!({})).expect_err("it has changed");
        assert_eq!(refused, StoreError::Conflict(second.revision));
        assert_eq!(store.create(&pods(), key("a"), json!({})).expect_err("it is there"), StoreError::Exists);
        assert_eq!(store.update(&pods(), key("b"), 2, json!({})).expect_err("it is not"), StoreError::NotFound);
    }

    #[test]
    fn a_snapshot_does_not_change() {
        let store = Store::default();
        store.create(&pods(), key("a"), json!({})).expect("the store is empty");
        let snapshot = store.list(&pods());
        store.create(&pods(), key("b"), json!({})).expect("no b yet");
        assert_eq!(snapshot.in_namespace(Some("default")).count(), 1);
        assert_eq!(store.list(&pods()).in_namespace(None).count(), 2);
        assert_eq!(store.list(&pods()).in_namespace(Some("defaul")).count(), 0);
    }

    #[tokio::test]
    async fn a_cursor_gives_every_change_once_and_in_order() {
        let store = Store::default();
        store.create(&pods(), key("a"), json!({})).expect("the store is empty");
        let (snapshot, mut cursor) = store.list_and_watch(&pods());
        assert_eq!(snapshot.objects.len(), 1);
        store.delete(&pods(), key("a"), 2, json!({})).expect("a is at 2");
        store.create(&pods(), key("b"), json!({})).expect("no b yet");
        let changes = cursor.next(10).await.expect("nothing was compacted");
        let seen: Vec<_> = changes.iter().map(|change| (change.change_type, change.object.revision)).collect();
        assert_eq!(seen, [(ChangeType::Deleted, 3), (ChangeType::Added, 4)]);
    }

    #[test]
    fn the_merged_log_orders_the_changes_of_all_resources() {
        let store = Store::new(1);
        let nodes = GroupResource::new("", "nodes");
        for (resource, name) in [(pods(), "a"), (nodes.clone(), "b"), (pods(), "c"), (nodes, "d")] {
            store.create(&resource, key(name), json!({})).expect("names differ");
        }
        let names = |after| {
            let changes = store.merged_changes_after(after, 10).expect("four changes fit");
            changes.iter().map(|change| change.key.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(0), ["a", "b", "c", "d"]);
        assert_eq!(names(3), ["c", "d"]);
        store.create(&pods(), key("e"), json!({})).expect("names differ");
        assert_eq!(store.merged_changes_after(0, 10).err(), Some(Compacted));
        assert_eq!(names(2).len(), 4);
        assert_eq!(store.list_all().1.iter().map(|(_, snapshot)| snapshot.objects.len()).sum::<usize>(), 5);
    }

    #[tokio::test]
    async fn a_cursor_that_falls_off_the_log_is_told() {
        let store = Store::new(2);
        let mut cursor = store.watch(&pods(), 1).expect("the log is empty");
        for name in ["a", "b", "c"] {
            store.create(&pods(), key(name), json!({})).expect("names differ");
        }
        assert!(cursor.next(10).await.is_err());
        assert!(store.watch(&pods(), 1).is_err());
        assert!(store.watch(&pods(), 2).is_ok());
    }
}
