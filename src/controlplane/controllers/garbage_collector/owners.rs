//! What has become of an object's owners.

use serde_json::Value;

use super::is_deleting_dependents;
use crate::controlplane::controllers::View;
use crate::controlplane::gvk::GroupVersion;
use crate::controlplane::object::Object;

/// The UIDs of an object's owners by what has become of them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Owners {
    /// They are there.
    pub(super) solid: Vec<String>,
    /// They are gone.
    pub(super) dangling: Vec<String>,
    /// They are in foreground deletion.
    pub(super) waiting: Vec<String>,
    /// The kind of one is not known (now).
    pub(super) unknown: bool,
}

/// Sorts the owners of an object. `None` when one can never be resolved: a cluster-scoped object that names a
/// namespaced owner is left alone for ever.
///
/// An owner is looked for in the dependent's own namespace only, so an owner in another namespace counts as gone.
pub(super) fn classify(view: &View, object: &Value) -> Option<Owners> {
    let mut owners = Owners::default();
    for reference in object.owner_references() {
        let uid = reference.text_at(&["uid"]);
        let gvk =
            GroupVersion::parse(reference.text_at(&["apiVersion"])).map(|gv| gv.kind(reference.text_at(&["kind"])));
        let Some(served) = gvk.and_then(|gvk| view.served(&gvk)) else {
            owners.unknown = true;
            continue;
        };
        if served.namespaced && object.namespace().is_empty() {
            return None;
        }
        let namespace = if served.namespaced { object.namespace() } else { "" };
        let found = view
            .get(&served.gvr.group_resource(), namespace, reference.text_at(&["name"]))
            .filter(|owner| owner.value.uid() == uid);
        match found {
            None => owners.dangling.push(uid.to_owned()),
            Some(owner) if is_deleting_dependents(&owner.value) => owners.waiting.push(uid.to_owned()),
            Some(_) => owners.solid.push(uid.to_owned()),
        }
    }
    Some(owners)
}
