//! What an ordinary write (create, update, patch) does to the owners.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/merge/update.go`, and the chain of managers in
//! `k8s.io/apimachinery/pkg/util/managedfields/internal`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::Writer;
use super::conflict::Conflicts;
use super::entries::{Entries, Operation, Owned, Owner, is_reset, remove_from};
use crate::controlplane::object::Object;
use crate::controlplane::patch::field_set::FieldSet;
use crate::controlplane::patch::typed::{Comparison, compare, reconcile};
use crate::controlplane::status::Status;

/// How many owners by update there may be before the oldest are put together.
const MAX_UPDATERS: usize = 10;
/// The name under which they are put together.
const ANCIENT: &str = "ancient-changes";
/// The name of who wrote before owners were tracked.
pub(super) const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Fields that nobody owns.
///
/// Source: `stripmeta.go`.
static UNOWNED: LazyLock<FieldSet> = LazyLock::new(|| {
    FieldSet::of(&[
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ])
});

impl Writer<'_> {
    /// Returns `new` with its owners: those of the live object, less what the write took from them, and the writer with
    /// what it changed. To be called when `new` is decoded and defaulted, and before admission. A client may set the
    /// owners itself, or make everybody forget them (`managedFields: []`), but not through a subresource.
    ///
    /// An object whose owners were never tracked, or forgotten, stays without; only a create and an apply begin.
    pub fn update(&self, live: Option<&Value>, mut new: Value) -> Value {
        let entries = self.entries_before(live, &new);
        remove_from(&mut new);
        let untracked = entries.0.is_empty() && live.is_some_and(|live| !live.uid().is_empty());
        if untracked {
            return new;
        }
        // Upstream too forgets the owners rather than to fail an ordinary write.
        if let Ok(entries) = self.note_update(live.unwrap_or(self.zero), &new, entries, self.manager) {
            entries.write_to(&mut new);
        }
        new
    }

    /// Returns the owners from which a write starts. Those in the request count only when they can be read.
    fn entries_before(&self, live: Option<&Value>, new: &Value) -> Entries {
        let of_live = || live.and_then(|live| Entries::of(live).ok()).unwrap_or_default();
        if self.subresource.is_some() {
            return of_live();
        }
        if is_reset(new) {
            return Entries::default();
        }
        let theirs = new.at(&["metadata", "managedFields"]);
        if theirs.is_some() && theirs == live.and_then(|live| live.at(&["metadata", "managedFields"])) {
            return of_live();
        }
        Entries::of(new).ok().filter(|entries| !entries.0.is_empty()).unwrap_or_else(of_live)
    }

    /// Returns the owners after `manager` has turned `live` into `new`.
    pub(super) fn note_update(
        &self,
        live: &Value,
        new: &Value,
        entries: Entries,
        manager: &str,
    ) -> Result<Entries, Status> {
        let own = self.api_version();
        let mut entries = self.reconciled(live, entries)?;
        let comparison = self.compare_owners(live, new, &own, &mut entries, None)?;
        if comparison.by_version.values().chain([&comparison.all]).all(Comparison::is_empty) {
            return Ok(entries);
        }
        comparison.conflicts.0.iter().for_each(|(owner, fields)| entries.take(owner, fields));
        entries.settle(&comparison.by_version);

        let changes = &comparison.all;
        let taken = changes.modified.union(&changes.added);
        let taken = taken.recursive_difference(self.reset_fields.set()).difference(&UNOWNED);
        if !taken.is_empty() {
            let owner = Owner::new(manager, Operation::Update, &own, self.subresource);
            let fields = entries.0.get(&owner).map_or_else(|| taken.clone(), |owned| owned.fields.union(&taken));
            entries.0.insert(owner, Owned { fields, api_version: own, time: self.now.to_owned() });
        }
        entries.cap();
        Ok(entries)
    }

    /// Returns the entries as the present schemas would have them, without those in versions that are gone.
    pub(super) fn reconciled(&self, live: &Value, entries: Entries) -> Result<Entries, Status> {
        let own = self.api_version();
        let mut reconciled = BTreeMap::new();
        for (owner, mut owned) in entries.0 {
            let Some(view) = self.view(live, &owned.api_version, &own)? else { continue };
            owned.fields = reconcile(&owned.fields, view.schema());
            reconciled.insert(owner, owned);
        }
        Ok(Entries(reconciled))
    }

    /// Finds what differs between two states, and whose fields are concerned. `applying` is not in conflict with itself.
    pub(super) fn compare_owners(
        &self,
        old: &Value,
        new: &Value,
        own: &str,
        entries: &mut Entries,
        applying: Option<&Owner>,
    ) -> Result<Differences, Status> {
        let reset = self.reset_fields.set();
        let Some(view) = self.view(old, own, own)? else { return Err(Status::internal("the version is not served")) };
        let all = compare(old, new, view.schema());
        let mut by_version = BTreeMap::from([(own.to_owned(), all.without(reset))]);
        let mut conflicts = Conflicts::default();
        for (owner, owned) in &entries.0 {
            if Some(owner) == applying {
                continue;
            }
            if !by_version.contains_key(&owned.api_version) {
                let views = (self.view(old, &owned.api_version, own)?, self.view(new, &owned.api_version, own)?);
                let (Some(old), Some(new)) = views else { continue };
                let comparison = compare(&old.value, &new.value, new.schema()).without(reset);
                by_version.insert(owned.api_version.clone(), comparison);
            }
            let comparison = &by_version[&owned.api_version];
            let changed = owned.fields.intersection(&comparison.modified.union(&comparison.added));
            if !changed.is_empty() {
                conflicts.0.insert(owner.clone(), changed);
            }
        }
        entries.0.retain(|owner, owned| Some(owner) == applying || by_version.contains_key(&owned.api_version));
        Ok(Differences { all, by_version, conflicts })
    }
}

/// What differs between two states of an object.
pub(super) struct Differences {
    /// In the version of the request, with what the endpoint will reset.
    pub(super) all: Comparison,
    /// In each version that an owner uses, without it.
    pub(super) by_version: BTreeMap<String, Comparison>,
    /// The fields that were changed, by their owner.
    pub(super) conflicts: Conflicts,
}

impl Entries {
    /// Takes fields from an owner.
    pub(super) fn take(&mut self, owner: &Owner, fields: &FieldSet) {
        if let Some(owned) = self.0.get_mut(owner) {
            owned.fields = owned.fields.difference(fields);
        }
    }

    /// Takes from all owners the fields that are gone, and drops owners that have nothing left.
    pub(super) fn settle(&mut self, by_version: &BTreeMap<String, Comparison>) {
        self.0.retain(|_, owned| {
            if let Some(comparison) = by_version.get(&owned.api_version) {
                owned.fields = owned.fields.difference(&comparison.removed);
            }
            !owned.fields.is_empty()
        });
    }

    /// Takes from an owner what nobody can own, and drops it when nothing is left.
    pub(super) fn strip(&mut self, owner: &Owner) {
        self.take(owner, &UNOWNED);
        if self.0.get(owner).is_some_and(|owned| owned.fields.is_empty()) {
            self.0.remove(owner);
        }
    }

    /// Puts the oldest owners by update together, a bucket for each version, when there are too many.
    ///
    /// Source: `capmanagers.go`.
    fn cap(&mut self) {
        let mut updaters: Vec<Owner> =
            self.0.keys().filter(|owner| owner.operation == Operation::Update).cloned().collect();
        if updaters.len() <= MAX_UPDATERS {
            return;
        }
        updaters.sort_by(|left, right| (&self.0[left].time, left).cmp(&(&self.0[right].time, right)));
        let mut count = updaters.len();
        let mut first_of_version: BTreeMap<String, Owner> = BTreeMap::new();
        for owner in updaters {
            if count <= MAX_UPDATERS {
                break;
            }
            let version = owner.api_version.clone();
            let Some(first) = first_of_version.get(&version) else {
                first_of_version.insert(version, owner);
                continue;
            };
            let bucket = Owner::new(ANCIENT, Operation::Update, &version, None);
            if !self.0.contains_key(&bucket)
                && let Some(owned) = self.0.remove(first)
            {
                self.0.insert(bucket.clone(), owned);
            }
            if owner != bucket
                && let Some(merged) = self.0.remove(&owner)
                && let Some(into) = self.0.get_mut(&bucket)
            {
                into.fields = into.fields.union(&merged.fields);
                into.time = merged.time;
            }
            count -= 1;
        }
    }
}
