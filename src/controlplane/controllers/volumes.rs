//! Volumes: a claim gets a made-up volume at once, and takes it along when it goes.
//!
//! There is one StorageClass, `standard`, the default one. Nothing is ever stored. Claims that name a class which is not
//! there stay pending, as they do elsewhere. Source: `pkg/controller/volume/{persistentvolume,pvcprotection,pvprotection}`.

use serde_json::{Value, json};

use super::kind::{PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, POD, STORAGE_CLASS, controller_manager};
use super::{Actor, Controller, Note, Step, View, WorkKey, pods};
use crate::controlplane::object::Object;
use crate::controlplane::storage::Change;

const COMPONENT: &str = "persistentvolume-controller";
const PROVISIONER: &str = "rop.dev/made-up";
const DEFAULT_CLASS: &str = "standard";
const IS_DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";

/// The controller of claims and volumes.
#[derive(Debug)]
pub(super) struct VolumeController;

impl Controller for VolumeController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:persistent-volume-binder")
    }

    fn start(&self, _view: &View) -> Vec<WorkKey> {
        vec![STORAGE_CLASS.key("", DEFAULT_CLASS)]
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        let object = &change.object.value;
        if PERSISTENT_VOLUME_CLAIM.changed(change) {
            let volume = object.text_at(&["spec", "volumeName"]);
            let volume = (!volume.is_empty()).then(|| PERSISTENT_VOLUME.key("", volume));
            return std::iter::once(WorkKey::of(change)).chain(volume).collect();
        }
        if PERSISTENT_VOLUME.changed(change) {
            let claim = object.at(&["spec", "claimRef"]);
            let claim =
                claim.map(|claim| PERSISTENT_VOLUME_CLAIM.key(claim.text_at(&["namespace"]), claim.text_at(&["name"])));
            return std::iter::once(WorkKey::of(change)).chain(claim).collect();
        }
        if POD.changed(change) {
            return claims_of(object).map(|name| PERSISTENT_VOLUME_CLAIM.key(object.namespace(), name)).collect();
        }
        if STORAGE_CLASS.changed(change) {
            let claims = view.list(&PERSISTENT_VOLUME_CLAIM.resource());
            return claims.objects.keys().map(|key| PERSISTENT_VOLUME_CLAIM.key(&key.namespace, &key.name)).collect();
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let stored = view.get_key(key);
        if STORAGE_CLASS.is(&key.resource) {
            if stored.is_none() {
                step.create(&STORAGE_CLASS.gvr(), default_class());
            }
        } else if let Some(stored) = stored {
            match PERSISTENT_VOLUME.is(&key.resource) {
                true => sync_volume(view, &stored.value, &mut step),
                false => sync_claim(view, &stored.value, &mut step),
            }
        }
        step
    }
}

fn default_class() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": DEFAULT_CLASS, "annotations": {IS_DEFAULT: "true"}},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": true,
    })
}

fn claims_of(pod: &Value) -> impl Iterator<Item = &str> {
    let volumes = pod.at(&["spec", "volumes"]).and_then(Value::as_array).into_iter().flatten();
    volumes.map(|volume| volume.text_at(&["persistentVolumeClaim", "claimName"])).filter(|name| !name.is_empty())
}

fn sync_claim(view: &View, claim: &Value, step: &mut Step) {
    if claim.deletion_timestamp().is_some() {
        if claim.finalizers().contains(&CLAIM_PROTECTION) && !is_used(view, claim) {
            remove_finalizer(&PERSISTENT_VOLUME_CLAIM.gvr(), claim, CLAIM_PROTECTION, step);
        }
        return;
    }
    match claim.text_at(&["spec", "volumeName"]) {
        "" => provision(view, claim, step),
        volume => complete(view, claim, volume, step),
    }
}

fn is_used(view: &View, claim: &Value) -> bool {
    let all = view.list(&POD.resource());
    let mut pods = all.in_namespace(Some(claim.namespace())).filter(|pod| !pods::is_finished(&pod.value));
    pods.any(|pod| claims_of(&pod.value).any(|name| name == claim.name()))
}

fn remove_finalizer(gvr: &crate::controlplane::gvk::Gvr, object: &Value, finalizer: &str, step: &mut Step) {
    let left: Vec<_> = object.finalizers().into_iter().filter(|other| *other != finalizer).collect();
    let left = if left.is_empty() { Value::Null } else { json!(left) };
    step.patch(gvr, object, json!({"metadata": {"finalizers": left}}));
}

/// Gives a claim a volume, if its class is ours.
fn provision(view: &View, claim: &Value, step: &mut Step) {
    let classes = view.list(&STORAGE_CLASS.resource());
    let Some(class) = claim.at(&["spec", "storageClassName"]).and_then(Value::as_str) else {
        let mut all = classes.objects.values().map(|class| &class.value);
        if let Some(class) = all.find(|class| class.annotation(IS_DEFAULT) == Some("true")) {
            let patch = json!({"spec": {"storageClassName": class.name()}});
            step.patch(&PERSISTENT_VOLUME_CLAIM.gvr(), claim, patch);
        }
        return;
    };
    let class = classes.objects.values().map(|other| &other.value).find(|other| other.name() == class);
    let Some(class) = class.filter(|class| class.text_at(&["provisioner"]) == PROVISIONER) else { return };
    let name = format!("pvc-{}", claim.uid());
    if view.get(&PERSISTENT_VOLUME.resource(), "", &name).is_none() {
        step.create(&PERSISTENT_VOLUME.gvr(), volume_for(claim, class, &name));
        let message = format!("Successfully provisioned volume {name}");
        step.event(Note::normal(COMPONENT, claim, "ProvisioningSucceeded", message));
    }
    let annotations = json!({
        "pv.kubernetes.io/bind-completed": "yes",
        "pv.kubernetes.io/bound-by-controller": "yes",
        "volume.kubernetes.io/storage-provisioner": PROVISIONER,
    });
    let patch = json!({"metadata": {"annotations": annotations}, "spec": {"volumeName": name}});
    step.patch(&PERSISTENT_VOLUME_CLAIM.gvr(), claim, patch);
}

fn volume_for(claim: &Value, class: &Value, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": {"storage": capacity(claim)},
            "hostPath": {"path": format!("/made-up/{name}"), "type": ""},
            "accessModes": claim.at(&["spec", "accessModes"]),
            "claimRef": {
                "kind": "PersistentVolumeClaim", "namespace": claim.namespace(), "name": claim.name(),
                "uid": claim.uid(), "apiVersion": "v1",
            },
            "persistentVolumeReclaimPolicy": class.get("reclaimPolicy"),
            "storageClassName": class.name(),
            "volumeMode": claim.at(&["spec", "volumeMode"]).cloned().unwrap_or_else(|| "Filesystem".into()),
        },
    })
}

fn capacity(claim: &Value) -> Value {
    claim.at(&["spec", "resources", "requests", "storage"]).cloned().unwrap_or_else(|| "1Gi".into())
}

/// Says in the status that a claim is bound, and grows with what it asks for.
fn complete(view: &View, claim: &Value, volume: &str, step: &mut Step) {
    let Some(volume) = view.get(&PERSISTENT_VOLUME.resource(), "", volume) else { return };
    let volume = &volume.value;
    if volume.text_at(&["spec", "claimRef", "uid"]) != claim.uid() {
        return;
    }
    let is_made_up = volume.annotation("pv.kubernetes.io/provisioned-by") == Some(PROVISIONER);
    let size = if is_made_up { capacity(claim) } else { volume["spec"]["capacity"]["storage"].clone() };
    let mut status = claim.get("status").cloned().unwrap_or_else(|| json!({}));
    status["phase"] = "Bound".into();
    status["accessModes"] = volume["spec"]["accessModes"].clone();
    status["capacity"] = json!({"storage": size});
    if claim.get("status") != Some(&status) {
        let mut updated = claim.clone();
        updated["status"] = status;
        step.update_status(&PERSISTENT_VOLUME_CLAIM.gvr(), updated);
    }
}

fn sync_volume(view: &View, volume: &Value, step: &mut Step) {
    let claim_ref = volume.at(&["spec", "claimRef"]);
    let claim = claim_ref.and_then(|claim_ref| {
        let (namespace, name) = (claim_ref.text_at(&["namespace"]), claim_ref.text_at(&["name"]));
        let claim = view.get(&PERSISTENT_VOLUME_CLAIM.resource(), namespace, name)?;
        (claim.value.uid() == claim_ref.text_at(&["uid"])).then_some(claim)
    });
    let phase = match (claim_ref, &claim) {
        (None, _) => "Available",
        (Some(_), Some(_)) => "Bound",
        (Some(_), None) => "Released",
    };
    if volume.deletion_timestamp().is_some() {
        if phase != "Bound" && volume.finalizers().contains(&VOLUME_PROTECTION) {
            remove_finalizer(&PERSISTENT_VOLUME.gvr(), volume, VOLUME_PROTECTION, step);
        }
    } else if phase == "Released" && volume.text_at(&["spec", "persistentVolumeReclaimPolicy"]) == "Delete" {
        step.delete(&PERSISTENT_VOLUME.gvr(), volume, None);
    } else if volume.text_at(&["status", "phase"]) != phase {
        let mut updated = volume.clone();
        updated["status"] = json!({"phase": phase, "lastPhaseTransitionTime": view.env.now_text()});
        step.update_status(&PERSISTENT_VOLUME.gvr(), updated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::controllers::harness::World;

    #[tokio::test(start_paused = true)]
    async fn a_claim_is_bound_at_once_and_takes_its_volume_along() {
        let mut world = World::with_node();
        world.settle(1).await;
        let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}});
        let metadata = json!({"name": "data", "namespace": "default", "finalizers": [CLAIM_PROTECTION]});
        world.create(PERSISTENT_VOLUME_CLAIM, json!({"metadata": metadata, "spec": spec}));
        let volumes = json!([{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]);
        let pod = json!({"containers": [{"name": "c", "image": "i"}], "volumes": volumes});
        world.create(POD, json!({"metadata": {"name": "p", "namespace": "default"}, "spec": pod}));
        world.settle(1).await;
        let claim = world.get(PERSISTENT_VOLUME_CLAIM, "data");
        assert_eq!(
            (claim.text_at(&["status", "phase"]), &claim["status"]["capacity"]["storage"]),
            ("Bound", &json!("5Gi"))
        );
        assert_eq!(claim["spec"]["storageClassName"], "standard");
        assert_eq!(world.list(PERSISTENT_VOLUME)[0]["status"]["phase"], "Bound");
        world.delete(PERSISTENT_VOLUME_CLAIM, "data", "Background");
        world.settle(1).await;
        assert_eq!(world.list(PERSISTENT_VOLUME).len(), 1, "a pod uses the claim");
        world.delete(POD, "p", "Background");
        world.settle(1).await;
        assert_eq!((world.list(PERSISTENT_VOLUME_CLAIM).len(), world.list(PERSISTENT_VOLUME).len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_of_an_unknown_class_waits() {
        let mut world = World::with_node();
        let claim = json!({"metadata": {"name": "x", "namespace": "default"}, "spec": {"storageClassName": "fast"}});
        world.create(PERSISTENT_VOLUME_CLAIM, claim);
        world.settle(1).await;
        assert_eq!(world.list(PERSISTENT_VOLUME).len(), 0);
    }
}
