//! CustomResourceDefinitions: are their names free, may they be served, and what must go when they do.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/controller/{status,establish,finalizer}`. Upstream waits five seconds
//! before it says `Established` on a cluster of several API servers; a single one does not have to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kind::CRD;
use super::{Actor, Controller, Step, View, WorkKey, conditions};
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::storage::Change;

const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// The controllers of CRDs.
#[derive(Debug)]
pub(super) struct CrdController;

impl Controller for CrdController {
    fn name(&self) -> &'static str {
        "crd-controller"
    }

    fn actor(&self) -> Actor {
        Actor { user: "system:apiserver", field_manager: "kube-apiserver" }
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if CRD.changed(change) {
            return same_group(view, &change.object.value, &change.key.name);
        }
        let resource = &change.resource;
        if resource.group.contains('.') && change.change_type == crate::controlplane::storage::ChangeType::Deleted {
            return vec![CRD.key("", &format!("{}.{}", resource.resource, resource.group))];
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        let crd = &stored.value;
        if let Some(updated) = accept_names(view, crd) {
            step.update_status(&CRD.gvr(), updated);
        } else if crd.deletion_timestamp().is_some() && crd.finalizers().contains(&CLEANUP) {
            finalize(view, crd, &mut step);
        }
        step
    }
}

/// Returns the changed CRD first, then the others of its group: names that it frees may be theirs.
fn same_group(view: &View, crd: &Value, name: &str) -> Vec<WorkKey> {
    let group = crd.text_at(&["spec", "group"]);
    let others = view.list(&CRD.resource());
    let others = others.objects.values().filter(|other| other.value.text_at(&["spec", "group"]) == group);
    let others = others.map(|other| other.value.name().to_owned()).filter(|other| other != name);
    std::iter::once(name.to_owned()).chain(others).map(|name| CRD.key("", &name)).collect()
}

/// The names that the other CRDs of the group have been given.
#[derive(Debug, Default)]
struct Taken {
    resources: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

fn taken(view: &View, crd: &Value) -> Taken {
    let mut taken = Taken::default();
    for other in view.list(&CRD.resource()).objects.values() {
        let other = &other.value;
        if other.uid() == crd.uid() || other.text_at(&["spec", "group"]) != crd.text_at(&["spec", "group"]) {
            continue;
        }
        let Some(names) = other.at(&["status", "acceptedNames"]) else { continue };
        let texts = [names.text_at(&["plural"]), names.text_at(&["singular"])];
        taken
            .resources
            .extend(texts.into_iter().chain(short_names(names)).filter(|t| !t.is_empty()).map(str::to_owned));
        let kinds = [names.text_at(&["kind"]), names.text_at(&["listKind"])];
        taken.kinds.extend(kinds.into_iter().filter(|kind| !kind.is_empty()).map(str::to_owned));
    }
    taken
}

fn short_names(names: &Value) -> impl Iterator<Item = &str> {
    names.get("shortNames").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Returns the CRD with the names that it may have and the conditions that follow, if they are not in its status yet.
fn accept_names(view: &View, crd: &Value) -> Option<Value> {
    let now = view.env.now_text();
    let (accepted, names_accepted) = calculate_names(&taken(view, crd), crd, &now);
    let mut list = conditions::of(crd);
    let is_established = conditions::is(crd, "Established", "True");
    let established = match (names_accepted["status"] == "True", is_established) {
        (_, true) => None,
        (true, false) => {
            let message = "the initial names have been accepted";
            Some(conditions::new("Established", "True", "InitialNamesAccepted", message, &now))
        }
        (false, false) => {
            Some(conditions::new("Established", "False", "NotAccepted", "not all names are accepted", &now))
        }
    };
    conditions::set(&mut list, names_accepted);
    if let Some(established) = established {
        conditions::set(&mut list, established);
    }
    if list == conditions::of(crd) && crd.at(&["status", "acceptedNames"]) == Some(&accepted) {
        return None;
    }
    let mut updated = crd.clone();
    let stored_versions = crd.at(&["status", "storedVersions"]).cloned();
    updated["status"] = json!({"conditions": list, "acceptedNames": accepted});
    updated["status"]["storedVersions"] = stored_versions.unwrap_or_else(|| json!([]));
    Some(updated)
}

/// Returns the names that are free (those that are not keep what was accepted before), and the condition.
fn calculate_names(taken: &Taken, crd: &Value, now: &str) -> (Value, Value) {
    let requested = crd.at(&["spec", "names"]).cloned().unwrap_or_else(|| json!({}));
    let mut accepted = crd.at(&["status", "acceptedNames"]).cloned().unwrap_or_else(|| json!({}));
    let mut findings: Vec<(&str, String)> = Vec::new();
    for (field, reason, used) in [
        ("plural", "PluralConflict", &taken.resources),
        ("singular", "SingularConflict", &taken.resources),
        ("kind", "KindConflict", &taken.kinds),
        ("listKind", "ListKindConflict", &taken.kinds),
    ] {
        let name = requested.text_at(&[field]);
        if used.contains(name) {
            findings.push((reason, format!("{name:?} is already in use")));
        } else {
            accepted[field] = name.into();
        }
    }
    let conflicts: Vec<_> = short_names(&requested).filter(|name| taken.resources.contains(*name)).collect();
    if conflicts.is_empty() {
        copy_field(&requested, &mut accepted, "shortNames");
    } else {
        let texts: Vec<_> = conflicts.iter().map(|name| format!("{name:?} is already in use")).collect();
        findings.push(("ShortNamesConflict", texts.join(", ")));
    }
    copy_field(&requested, &mut accepted, "categories");
    let condition = match findings.first() {
        None => conditions::new("NamesAccepted", "True", "NoConflicts", "no conflicts found", now),
        Some((reason, message)) => conditions::new("NamesAccepted", "False", reason, message, now),
    };
    (in_order(&accepted), condition)
}

fn copy_field(from: &Value, to: &mut Value, field: &str) {
    match from.get(field) {
        Some(value) => to[field] = value.clone(),
        None => drop(to.as_object_mut().and_then(|map| map.shift_remove(field))),
    }
}

/// Returns the names in the order of upstream's struct.
fn in_order(names: &Value) -> Value {
    let mut ordered = json!({});
    for field in ["plural", "singular", "shortNames", "kind", "listKind", "categories"] {
        if let Some(value) = names.get(field) {
            ordered[field] = value.clone();
        }
    }
    ordered
}

/// Deletes all custom objects, then lets the CRD go.
fn finalize(view: &View, crd: &Value, step: &mut Step) {
    let resource = GroupResource::new(crd.text_at(&["spec", "group"]), crd.text_at(&["spec", "names", "plural"]));
    let instances = view.list(&resource);
    let is_in_progress = conditions::find(crd, "Terminating")
        .is_some_and(|condition| condition.text_at(&["reason"]) == "InstanceDeletionInProgress");
    if !is_in_progress {
        let message = "CustomResource deletion is in progress";
        return set_terminating(view, crd, "True", "InstanceDeletionInProgress", message, step);
    }
    for stored in instances.objects.values().filter(|stored| stored.value.deletion_timestamp().is_none()) {
        if let Some(gvr) = view.gvr_of(&resource, &stored.value) {
            step.delete(&gvr, &stored.value, None);
        }
    }
    if instances.objects.is_empty() {
        let left: Vec<_> = crd.finalizers().into_iter().filter(|finalizer| *finalizer != CLEANUP).collect();
        let left = if left.is_empty() { Value::Null } else { json!(left) };
        step.patch(&CRD.gvr(), crd, json!({"metadata": {"finalizers": left}}));
    }
}

fn set_terminating(view: &View, crd: &Value, status: &str, reason: &str, message: &str, step: &mut Step) {
    let mut list = conditions::of(crd);
    conditions::set(&mut list, conditions::new("Terminating", status, reason, message, &view.env.now_text()));
    let mut updated = crd.clone();
    updated.set(&["status", "conditions"], list);
    step.update_status(&CRD.gvr(), updated);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::controllers::harness::World;
    use crate::controlplane::controllers::kind::Kind;

    const CRONTAB: Kind = Kind { group: "stable.example.com", version: "v1", plural: "crontabs", kind: "CronTab" };

    fn crd(plural: &str, kind: &str) -> Value {
        json!({
            "metadata": {"name": format!("{plural}.stable.example.com"), "finalizers": [CLEANUP]},
            "spec": {
                "group": "stable.example.com",
                "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": "CronTabList"},
            },
            "status": {"storedVersions": ["v1"]},
        })
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_accepted_refused_and_freed() {
        let mut world = World::without_node();
        world.create(CRD, crd("crontabs", "CronTab"));
        world.settle(1).await;
        let first = world.get(CRD, "crontabs.stable.example.com");
        assert!(conditions::is(&first, "Established", "True"));
        assert_eq!(first["status"]["acceptedNames"]["kind"], "CronTab");
        assert_eq!(first["status"]["storedVersions"], json!(["v1"]));
        world.create(CRD, crd("others", "Other"));
        world.settle(1).await;
        let second = world.get(CRD, "others.stable.example.com");
        let accepted = conditions::find(&second, "NamesAccepted").expect("it was looked at");
        assert_eq!(accepted["reason"], "ListKindConflict");
        assert_eq!(accepted["message"], "\"CronTabList\" is already in use");
        assert!(conditions::is(&second, "Established", "False"));
        world.delete(CRD, "crontabs.stable.example.com", "Background");
        world.settle(1).await;
        assert!(conditions::is(&world.get(CRD, "others.stable.example.com"), "Established", "True"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_crd_goes_after_its_objects() {
        let mut world = World::without_node();
        world.create(CRD, crd("crontabs", "CronTab"));
        let held = json!({"metadata": {"name": "held", "namespace": "default", "finalizers": ["x.io/f"]}});
        world.create(CRONTAB, held);
        world.create(CRONTAB, json!({"metadata": {"name": "free", "namespace": "default"}}));
        world.settle(1).await;
        world.delete(CRD, "crontabs.stable.example.com", "Background");
        world.settle(1).await;
        assert_eq!(world.list(CRONTAB).len(), 1);
        let terminating = world.get(CRD, "crontabs.stable.example.com");
        assert!(conditions::is(&terminating, "Terminating", "True"));
        world.patch(CRONTAB, "held", json!({"metadata": {"finalizers": null}}));
        world.settle(1).await;
        assert_eq!(world.list(CRD).len(), 0);
    }
}
