//! What is served: the built-in rows, and those of the CRDs that are established.
//!
//! Readers take an immutable table in constant time. A write to a CRD swaps the table, synchronously after its commit,
//! so that the answer to that write is already true of the next request. Nothing else changes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::Value;
use tokio::sync::watch;

use crate::controlplane::gvk::{GroupResource, Gvr};
use crate::controlplane::object::Object;
use crate::controlplane::resources::{Origin, Resource};
use crate::controlplane::storage::{Store, Stored};

/// A row that is served, and since when.
#[derive(Debug)]
pub(crate) struct Served {
    /// The row.
    pub resource: Resource,
    /// Objects that were written before this revision may not fit the row's schema.
    pub since: u64,
    /// True when the row is no longer served as it was; watches end then.
    ended: watch::Sender<bool>,
}

impl Served {
    fn new(resource: Resource, since: u64) -> Arc<Self> {
        Arc::new(Self { resource, since, ended: watch::Sender::new(false) })
    }

    /// Returns a receiver that turns true when the row is replaced or removed.
    pub(crate) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }
}

/// The table at one time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    by_gvr: BTreeMap<Gvr, Arc<Served>>,
    /// Counts the swaps, for those who derive something from the table.
    pub generation: u64,
}

impl Rows {
    /// Returns the row of an endpoint.
    pub(crate) fn get(&self, gvr: &Gvr) -> Option<&Arc<Served>> {
        self.by_gvr.get(gvr)
    }

    /// Returns all rows in order of group, version and plural name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.by_gvr.values()
    }

    fn of_crd<'a>(&'a self, crd: &'a str) -> impl Iterator<Item = &'a Arc<Served>> {
        self.by_gvr
            .values()
            .filter(move |row| matches!(&row.resource.origin, Origin::Custom { crd: name } if name == crd))
    }
}

/// How a CRD object becomes rows; injected, so that the registry needs no schema.
pub(crate) type RowsOfCrd = fn(&Value) -> Vec<Resource>;

/// The table that is served.
#[derive(Debug)]
pub(crate) struct Registry {
    rows: RwLock<Arc<Rows>>,
    /// The spec and names from which the rows of a CRD were made. Also the lock of writers.
    sources: Mutex<BTreeMap<String, Value>>,
    rows_of_crd: RowsOfCrd,
}

impl Registry {
    /// Returns a registry of built-in rows.
    pub(crate) fn new(built_in: Vec<Resource>, rows_of_crd: RowsOfCrd) -> Self {
        let by_gvr = built_in.into_iter().map(|resource| (resource.gvr(), Served::new(resource, 0))).collect();
        let rows = RwLock::new(Arc::new(Rows { by_gvr, generation: 0 }));
        Self { rows, sources: Mutex::default(), rows_of_crd }
    }

    /// Returns the table as it is now.
    pub(crate) fn rows(&self) -> Arc<Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Brings the rows of one CRD in line with the store.
    pub(crate) fn refresh(&self, store: &Store, crd: &str) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = store.get(&crds(), &crate::controlplane::storage::ObjectKey::new("", crd));
        let source = stored.as_deref().filter(|stored| is_established(&stored.value)).map(source_of);
        if sources.get(crd) == source.as_ref() {
            return;
        }
        let resources = match (&stored, &source) {
            (Some(stored), Some(_)) => (self.rows_of_crd)(&stored.value),
            _ => Vec::new(),
        };
        self.replace(crd, resources, stored.map_or(0, |stored| stored.revision));
        match source {
            Some(source) => sources.insert(crd.to_owned(), source),
            None => sources.remove(crd),
        };
    }

    fn replace(&self, crd: &str, resources: Vec<Resource>, since: u64) {
        let old = self.rows();
        let mut new = Rows { by_gvr: old.by_gvr.clone(), generation: old.generation + 1 };
        for row in old.of_crd(crd) {
            new.by_gvr.remove(&row.resource.gvr());
        }
        new.by_gvr.extend(resources.into_iter().map(|resource| (resource.gvr(), Served::new(resource, since))));
        *self.rows.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        for row in old.of_crd(crd) {
            row.ended.send_replace(true);
        }
    }
}

/// Returns where CRDs are stored.
pub(crate) fn crds() -> GroupResource {
    GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions")
}

fn is_established(crd: &Value) -> bool {
    let conditions = crd.at(&["status", "conditions"]).and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.text_at(&["type"]) == "Established" && condition.text_at(&["status"]) == "True")
}

/// Returns what the rows of a CRD depend on; status updates change nothing of it.
fn source_of(crd: &Stored) -> Value {
    let names = crd.value.at(&["status", "acceptedNames"]).cloned().unwrap_or_default();
    Value::Array(vec![crd.value.get("spec").cloned().unwrap_or_default(), names])
}
