//! ControllerRevisions: the templates that a StatefulSet or DaemonSet has had.
//!
//! Source: `pkg/controller/history/controller_history.go`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::deployment::template_hash;
use super::kind::{CONTROLLER_REVISION, Kind};
use super::pods::{claim_objects, controller_reference, number_at};
use super::{Step, View};
use crate::controlplane::object::Object;
use crate::controlplane::storage::Stored;

const HASH: &str = "controller.kubernetes.io/hash";

/// The revisions of an object, oldest first.
#[derive(Debug)]
pub(super) struct Revisions {
    pub(super) all: Vec<Arc<Stored>>,
    /// The place in `all` of the one with the present template.
    current: usize,
}

impl Revisions {
    /// Returns the revisions of an object, or `None` when the one of its present template has to be written first.
    pub(super) fn sync(view: &View, kind: Kind, owner: &Value, step: &mut Step) -> Option<Self> {
        let mut all = claim_objects(view, kind, owner, CONTROLLER_REVISION, step);
        if !step.is_empty() {
            return None;
        }
        all.sort_by_key(|revision| (number(&revision.value), revision.value.name().to_owned()));
        let data = data_of(owner);
        let newest = all.last().map_or(0, |revision| number(&revision.value));
        match all.iter().position(|revision| revision.value.get("data") == Some(&data)) {
            Some(current) if number(&all[current].value) == newest => Some(Self { all, current }),
            Some(current) => {
                let mut updated = all[current].value.clone();
                updated["revision"] = (newest + 1).into();
                step.update(&CONTROLLER_REVISION.gvr(), updated);
                None
            }
            None => {
                step.create(&CONTROLLER_REVISION.gvr(), new_revision(view, kind, owner, data, newest + 1));
                None
            }
        }
    }

    /// Returns the revision of the present template.
    pub(super) fn current(&self) -> &Value {
        &self.all[self.current].value
    }

    /// Returns a revision by name.
    pub(super) fn find(&self, name: &str) -> Option<&Value> {
        self.all.iter().map(|revision| &revision.value).find(|revision| revision.name() == name)
    }

    /// Deletes the oldest revisions beyond `spec.revisionHistoryLimit` that no one uses.
    pub(super) fn truncate(&self, owner: &Value, is_used: impl Fn(&Value) -> bool, step: &mut Step) {
        let limit = usize::try_from(number_at(owner, &["spec", "revisionHistoryLimit"], 10)).unwrap_or(0);
        let unused = self.all.iter().map(|revision| &revision.value);
        let unused: Vec<_> = unused.filter(|revision| *revision != self.current() && !is_used(revision)).collect();
        let excess = unused.len().saturating_sub(limit);
        unused.into_iter().take(excess).for_each(|revision| step.delete(&CONTROLLER_REVISION.gvr(), revision, None));
    }
}

fn number(revision: &Value) -> i64 {
    number_at(revision, &["revision"], 0)
}

/// Returns the hash label of a revision.
pub(super) fn hash_of(revision: &Value) -> &str {
    revision.label(HASH).unwrap_or_default()
}

/// Returns the template that a revision holds.
pub(super) fn template_of(revision: &Value) -> Value {
    let mut template = revision.at(&["data", "spec", "template"]).cloned().unwrap_or_else(|| json!({}));
    template.as_object_mut().map(|template| template.shift_remove("$patch"));
    template
}

fn data_of(owner: &Value) -> Value {
    let mut template = owner.at(&["spec", "template"]).cloned().unwrap_or_else(|| json!({}));
    template.set(&["$patch"], "replace");
    json!({"spec": {"template": template}})
}

fn new_revision(view: &View, kind: Kind, owner: &Value, data: Value, number: i64) -> Value {
    let free = |collisions: &i64| {
        let hash = template_hash(&data, (*collisions > 0).then_some(*collisions));
        let name = format!("{}-{hash}", owner.name());
        view.get(&CONTROLLER_REVISION.resource(), owner.namespace(), &name).is_none()
    };
    let collisions = (0..1000).find(free).unwrap_or(0);
    let hash = template_hash(&data, (collisions > 0).then_some(collisions));
    let labels = owner.at(&["spec", "template", "metadata", "labels"]).cloned();
    let mut revision = json!({
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": format!("{}-{hash}", owner.name()),
            "namespace": owner.namespace(),
            "labels": labels.unwrap_or_else(|| json!({})),
            "ownerReferences": [controller_reference(kind, owner)],
        },
        "data": data,
        "revision": number,
    });
    revision.set(&["metadata", "labels", HASH], hash);
    revision
}
