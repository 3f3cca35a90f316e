//! What makes a pod of a StatefulSet itself: name, labels, host name and claims.

use serde_json::{Value, json};

use super::super::kind::{PERSISTENT_VOLUME_CLAIM, STATEFUL_SET};
use super::super::pods::{named_from_template, number_at};
use super::super::revisions::template_of;
use super::super::{Step, View};
use super::{COMPONENT, Note};
use crate::controlplane::object::{Object, object_mut};

pub(super) const REVISION: &str = "controller-revision-hash";
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// Returns the name of the revision that a pod was made from.
pub(super) fn revision_of(pod: &Value) -> &str {
    pod.label(REVISION).unwrap_or_default()
}

/// Returns the first ordinal.
pub(super) fn start(set: &Value) -> i64 {
    number_at(set, &["spec", "ordinals", "start"], 0)
}

/// Returns the ordinal of a pod, if its name is that of a pod of the set.
pub(super) fn ordinal_of(set: &Value, pod: &Value) -> Option<i64> {
    pod.name().strip_prefix(set.name())?.strip_prefix('-')?.parse().ok().filter(|ordinal| *ordinal >= 0)
}

/// Returns a pod of the set.
pub(super) fn new_pod(set: &Value, revision: &Value, ordinal: i64) -> Value {
    let name = format!("{}-{ordinal}", set.name());
    let mut pod = named_from_template(STATEFUL_SET, set, &template_of(revision), &name);
    for (label, value) in [(REVISION, revision.name()), (POD_NAME, &name), (POD_INDEX, &ordinal.to_string())] {
        pod.set(&["metadata", "labels", label], value);
    }
    pod.set(&["spec", "hostname"], name);
    if !set.text_at(&["spec", "serviceName"]).is_empty() {
        pod.set(&["spec", "subdomain"], set.text_at(&["spec", "serviceName"]));
    }
    add_volumes(set, ordinal, &mut pod);
    pod
}

fn claim_templates(set: &Value) -> impl Iterator<Item = &Value> {
    set.at(&["spec", "volumeClaimTemplates"]).and_then(Value::as_array).into_iter().flatten()
}

fn claim_name(set: &Value, template: &Value, ordinal: i64) -> String {
    format!("{}-{}-{ordinal}", template.name(), set.name())
}

/// Puts the claims among the pod's volumes; a volume of the same name in the template gives way.
fn add_volumes(set: &Value, ordinal: i64, pod: &mut Value) {
    let claims: Vec<_> = claim_templates(set)
        .map(|template| {
            let claim = json!({"claimName": claim_name(set, template, ordinal)});
            json!({"name": template.name(), "persistentVolumeClaim": claim})
        })
        .collect();
    if claims.is_empty() {
        return;
    }
    let templated = pod.at(&["spec", "volumes"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let kept = templated.into_iter().filter(|volume| !claims.iter().any(|claim| claim["name"] == volume["name"]));
    let volumes: Vec<_> = claims.iter().cloned().chain(kept).collect();
    pod.set(&["spec", "volumes"], volumes);
}

/// Asks for the claims of a pod that are not there.
pub(super) fn ensure_claims(view: &View, set: &Value, ordinal: i64, step: &mut Step) {
    for template in claim_templates(set) {
        let name = claim_name(set, template, ordinal);
        if view.get(&PERSISTENT_VOLUME_CLAIM.resource(), set.namespace(), &name).is_some() {
            continue;
        }
        let mut claim = template.clone();
        object_mut(&mut claim).shift_remove("status");
        claim["apiVersion"] = "v1".into();
        claim["kind"] = "PersistentVolumeClaim".into();
        claim.set(&["metadata", "name"], name.as_str());
        claim.set(&["metadata", "namespace"], set.namespace());
        for (key, value) in
            set.at(&["spec", "selector", "matchLabels"]).and_then(Value::as_object).into_iter().flatten()
        {
            claim.set(&["metadata", "labels", key], value.clone());
        }
        if set.text_at(&["spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted"]) == "Delete" {
            let owner = json!({
                "apiVersion": "apps/v1", "kind": "StatefulSet", "name": set.name(), "uid": set.uid(),
            });
            claim.set(&["metadata", "ownerReferences"], json!([owner]));
        }
        step.create(&PERSISTENT_VOLUME_CLAIM.gvr(), claim);
        let pod = format!("{}-{ordinal}", set.name());
        let message = format!("create Claim {name} Pod {pod} in StatefulSet {} success", set.name());
        step.event(Note::normal(COMPONENT, set, "SuccessfulCreate", message));
    }
}
