//! Server-side apply: a configuration says all that its writer wants, and the server finds out what that changes.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/merge/update.go`, and `structuredmerge.go`, `skipnonapplied.go` and
//! `lastappliedmanager.go` in `k8s.io/apimachinery/pkg/util/managedfields/internal`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Writer;
use super::conflict::Conflicts;
use super::entries::{Entries, Operation, Owned, Owner, remove_from};
use super::last_applied;
use super::update::BEFORE_FIRST_APPLY;
use crate::controlplane::gvk::{GroupVersion, Gvk};
use crate::controlplane::object::Object;
use crate::controlplane::patch::bare;
use crate::controlplane::patch::field_set::{FieldSet, same};
use crate::controlplane::patch::typed::{Type, ensure_named_fields, merge, remove, to_field_set, validate};
use crate::controlplane::status::Status;

/// Why an apply did not happen.
enum Failure {
    /// Others own what it would change.
    Conflicts(Conflicts),
    /// Anything else.
    Status(Status),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl Writer<'_> {
    /// Returns the live object with a configuration applied, owners included; without a live object, the new one. What
    /// comes back is neither defaulted nor validated. With `force`, fields in conflict are taken from their owners.
    pub fn apply(&self, live: Option<&Value>, config: &Value, force: bool) -> Result<Value, Status> {
        let gvk = stated_gvk(config);
        if gvk != *self.gvk {
            return Err(Status::bad_request(format!("invalid object type: {gvk}")));
        }
        let decoded = live.map_or(Ok(Entries::default()), Entries::of);
        let entries = decoded.map_err(|error| bare(format!("failed to decode managed fields: {error}")))?;
        if config.at(&["metadata", "managedFields"]).is_some_and(|entries| !entries.is_null()) {
            return Err(Status::bad_request("metadata.managedFields must be nil"));
        }
        if let Some(finding) = validate(config, Type::of(self.schema)) {
            let (namespace, name) = (config.namespace(), config.name());
            let message = format!("failed to create typed patch object ({namespace}/{name}; {gvk}): {finding}");
            return Err(bare(message));
        }
        let mut live = live.cloned().unwrap_or_else(|| self.empty());
        remove_from(&mut live);
        let (mut applied, entries) = self.apply_as_kubectl(&live, config, entries, force)?;
        entries.write_to(&mut applied);
        Ok(applied)
    }

    fn empty(&self) -> Value {
        let mut map = Map::new();
        map.insert("apiVersion".to_owned(), self.api_version().into());
        map.insert("kind".to_owned(), self.gvk.kind.as_str().into());
        Value::Object(map)
    }

    /// Applies; for kubectl, conflicts about what its own client-side apply has written before do not count, and the
    /// annotation of client-side apply is kept up to date.
    fn apply_as_kubectl(
        &self,
        live: &Value,
        config: &Value,
        entries: Entries,
        force: bool,
    ) -> Result<(Value, Entries), Status> {
        if self.manager != "kubectl" {
            return self.apply_tracked(live, config, entries, force).map_err(into_status);
        }
        let applied = match self.apply_tracked(live, config, entries.clone(), force) {
            Err(Failure::Conflicts(conflicts)) => {
                let allowed = last_applied::fields(live, &self.api_version(), Type::of(self.schema));
                let rest = allowed.map_or_else(|| conflicts.clone(), |allowed| conflicts.without(&allowed));
                if !rest.fields().is_empty() {
                    return Err(rest.to_status());
                }
                self.apply_tracked(live, config, entries, true)
            }
            other => other,
        };
        let (mut applied, entries) = applied.map_err(into_status)?;
        last_applied::refresh(&mut applied, config);
        Ok((applied, entries))
    }

    /// Applies to an object; where owners were not tracked, all there is belongs to who was there before.
    fn apply_tracked(
        &self,
        live: &Value,
        config: &Value,
        mut entries: Entries,
        force: bool,
    ) -> Result<(Value, Entries), Failure> {
        if entries.0.is_empty() && !live.uid().is_empty() {
            entries = self.note_update(self.zero, live, entries, BEFORE_FIRST_APPLY)?;
        }
        let own = self.api_version();
        let owner = Owner::new(self.manager, Operation::Apply, &own, self.subresource);
        let times: BTreeMap<Owner, String> =
            entries.0.iter().map(|(owner, owned)| (owner.clone(), owned.time.clone())).collect();
        let (applied, mut entries) = self.merge_and_prune(live, config, &owner, entries, force)?;
        let changed = !same(live, &applied);
        entries.strip(&owner);
        if let Some(owned) = entries.0.get_mut(&owner) {
            let before = times.get(&owner).cloned().unwrap_or_default();
            owned.time = if changed { self.now.to_owned() } else { before };
        }
        Ok((applied, entries))
    }

    fn merge_and_prune(
        &self,
        live: &Value,
        config: &Value,
        owner: &Owner,
        entries: Entries,
        force: bool,
    ) -> Result<(Value, Entries), Failure> {
        let own = self.api_version();
        let schema = Type::of(self.schema);
        let mut entries = self.reconciled(live, entries)?;
        let merged =
            merge(live, config, schema).map_err(|finding| bare(format!("failed to merge config: {finding}")))?;
        let fields = to_field_set(config, schema).recursive_difference(self.reset_fields.set());
        let owned = Owned { fields, api_version: own.clone(), time: String::new() };
        let last = entries.0.insert(owner.clone(), owned);
        let applied = match last.filter(|last| !last.fields.is_empty()) {
            Some(last) => self.prune(merged, &own, &entries, &last)?,
            None => merged,
        };
        let differences = self.compare_owners(live, &applied, &own, &mut entries, Some(owner))?;
        if !force && !differences.conflicts.0.is_empty() {
            return Err(Failure::Conflicts(differences.conflicts));
        }
        differences.conflicts.0.iter().for_each(|(owner, fields)| entries.take(owner, fields));
        // What is gone is gone for all but the one who applies.
        let mine = entries.0.remove(owner);
        entries.settle(&differences.by_version);
        entries.0.extend(mine.filter(|mine| !mine.fields.is_empty()).map(|mine| (owner.clone(), mine)));
        Ok((applied, entries))
    }

    /// Takes out of the merged object what the writer applied last time and does not now, unless others own it.
    fn prune(&self, merged: Value, own: &str, entries: &Entries, last: &Owned) -> Result<Value, Status> {
        let Some(view) = self.view(&merged, &last.api_version, own)? else { return Ok(merged) };
        let last_fields = ensure_named_fields(&last.fields, Some(view.schema()));
        let mut pruned = remove(view.value.clone().into_owned(), &last_fields, view.schema());
        let mut version = last.api_version.clone();

        // Back with what others own, or the writer still does: in the version of the last apply first.
        let mut owned: BTreeMap<&str, FieldSet> = BTreeMap::new();
        for entry in entries.0.values() {
            let fields = owned.entry(&entry.api_version).or_default();
            *fields = fields.union(&entry.fields);
        }
        let mut versions: Vec<_> = owned.into_iter().collect();
        versions.sort_by_key(|(version, _)| (*version != last.api_version, *version));
        for (owned_version, fields) in versions {
            let Some(merged) = self.view(&merged, owned_version, own)? else { continue };
            let Some(converted) = self.in_version(&pruned, &version, owned_version, own)? else { continue };
            pruned = add_back_owned(&merged.value, &converted, &fields, merged.schema());
            owned_version.clone_into(&mut version);
        }

        // And with what nobody owns: only what the writer had is the writer's to remove.
        let Some(pruned) = self.in_version(&pruned, &version, &last.api_version, own)? else { return Ok(merged) };
        let schema = view.schema();
        let of = |value: &Value| ensure_named_fields(&to_field_set(value, schema), Some(schema));
        let gone = of(&view.value).difference(&of(&pruned)).intersection(&last_fields);
        let pruned = remove(view.value.clone().into_owned(), &gone, schema);
        match self.in_version(&pruned, &last.api_version, own, own)? {
            Some(pruned) => Ok(pruned),
            None => Err(Status::internal("failed to prune fields: the version of the request is not served")),
        }
    }

    /// Returns an object of one version in another; `None` when that is not served.
    fn in_version(&self, object: &Value, from: &str, to: &str, own: &str) -> Result<Option<Value>, Status> {
        if from == to {
            return Ok(Some(object.clone()));
        }
        if to == own {
            return Ok(self.versions.convert(object, own)?.map(|(object, _)| object));
        }
        Ok(self.view(object, to, own)?.map(|view| view.value.into_owned()))
    }
}

/// Returns the merged object without what is neither in the pruned one nor owned.
fn add_back_owned(merged: &Value, pruned: &Value, owned: &FieldSet, schema: Type<'_>) -> Value {
    let ensure = |fields: &FieldSet| ensure_named_fields(fields, Some(schema));
    let kept = ensure(&to_field_set(pruned, schema)).union(&ensure(owned));
    let gone = ensure(&to_field_set(merged, schema)).difference(&kept);
    remove(merged.clone(), &gone, schema)
}

fn into_status(failure: Failure) -> Status {
    match failure {
        Failure::Conflicts(conflicts) => conflicts.to_status(),
        Failure::Status(status) => status,
    }
}

/// Returns what a configuration says it is, as far as it says anything.
fn stated_gvk(config: &Value) -> Gvk {
    match GroupVersion::parse(config.text_at(&["apiVersion"])) {
        Some(group_version) => group_version.kind(config.text_at(&["kind"])),
        None => Gvk::new("", "", ""),
    }
}
