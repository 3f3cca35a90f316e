//! Volumes, claims and their classes.

use serde_json::Value;

use super::cells::{self, UNSET, items, joined, text_or};
use super::{AGE, Field, NAME, Printed, Text, boolean, integer, text};
use crate::controlplane::object::Object;

pub(super) const CLAIM: &[Printed] = &[
    NAME,
    text("Status", Field("core.v1.PersistentVolumeClaimStatus", "phase"), |claim, _| phase(claim).into()),
    text("Volume", Field("core.v1.PersistentVolumeClaimSpec", "volumeName"), |claim, _| {
        claim.text_at(&["spec", "volumeName"]).into()
    }),
    text("Capacity", Field("core.v1.PersistentVolumeClaimStatus", "capacity"), |claim, _| {
        bound(claim, claim.text_at(&["status", "capacity", "storage"]).to_owned())
    }),
    text("Access Modes", Field("core.v1.PersistentVolumeClaimStatus", "accessModes"), |claim, _| {
        bound(claim, access_modes(claim.at(&["status", "accessModes"])))
    }),
    text("StorageClass", Text("StorageClass of the pvc"), |claim, _| storage_class(claim).into()),
    text("VolumeAttributesClass", Text("VolumeAttributesClass of the pvc"), |claim, _| attributes_class(claim)),
    AGE,
    text("VolumeMode", Field("core.v1.PersistentVolumeClaimSpec", "volumeMode"), |claim, _| volume_mode(claim)).wide(),
];

pub(super) const VOLUME: &[Printed] = &[
    NAME,
    text("Capacity", Field("core.v1.PersistentVolumeSpec", "capacity"), |volume, _| {
        volume.text_at(&["spec", "capacity", "storage"]).into()
    }),
    text("Access Modes", Field("core.v1.PersistentVolumeSpec", "accessModes"), |volume, _| {
        access_modes(volume.at(&["spec", "accessModes"])).into()
    }),
    text("Reclaim Policy", Field("core.v1.PersistentVolumeSpec", "persistentVolumeReclaimPolicy"), |volume, _| {
        volume.text_at(&["spec", "persistentVolumeReclaimPolicy"]).into()
    }),
    text("Status", Field("core.v1.PersistentVolumeStatus", "phase"), |volume, _| phase(volume).into()),
    text("Claim", Field("core.v1.PersistentVolumeSpec", "claimRef"), |volume, _| {
        match volume.at(&["spec", "claimRef"]) {
            Some(claim) => format!("{}/{}", claim.text_at(&["namespace"]), claim.text_at(&["name"])).into(),
            None => "".into(),
        }
    }),
    text("StorageClass", Text("StorageClass of the pv"), |volume, _| storage_class(volume).into()),
    text("VolumeAttributesClass", Text("VolumeAttributesClass of the pv"), |volume, _| attributes_class(volume)),
    text("Reason", Field("core.v1.PersistentVolumeStatus", "reason"), |volume, _| {
        volume.text_at(&["status", "reason"]).into()
    }),
    AGE,
    text("VolumeMode", Field("core.v1.PersistentVolumeSpec", "volumeMode"), |volume, _| volume_mode(volume)).wide(),
];

pub(super) const STORAGE_CLASS: &[Printed] = &[
    Printed { cell: class_name, ..NAME },
    text("Provisioner", Field("storage.v1.StorageClass", "provisioner"), |class, _| {
        class.text_at(&["provisioner"]).into()
    }),
    text("ReclaimPolicy", Field("storage.v1.StorageClass", "reclaimPolicy"), |class, _| {
        text_or(class, &["reclaimPolicy"], "Delete")
    }),
    text("VolumeBindingMode", Field("storage.v1.StorageClass", "volumeBindingMode"), |class, _| {
        text_or(class, &["volumeBindingMode"], "Immediate")
    }),
    boolean("AllowVolumeExpansion", Field("storage.v1.StorageClass", "allowVolumeExpansion"), |class, _| {
        (class.get("allowVolumeExpansion") == Some(&Value::Bool(true))).into()
    }),
    AGE,
];

pub(super) const VOLUME_ATTACHMENT: &[Printed] = &[
    NAME,
    text("Attacher", Field("storage.v1.VolumeAttachmentSpec", "attacher"), |object, _| {
        object.text_at(&["spec", "attacher"]).into()
    }),
    text("PV", Field("storage.v1.VolumeAttachmentSource", "persistentVolumeName"), |object, _| {
        object.text_at(&["spec", "source", "persistentVolumeName"]).into()
    }),
    text("Node", Field("storage.v1.VolumeAttachmentSpec", "nodeName"), |object, _| {
        object.text_at(&["spec", "nodeName"]).into()
    }),
    boolean("Attached", Field("storage.v1.VolumeAttachmentStatus", "attached"), |object, _| {
        (object.at(&["status", "attached"]) == Some(&Value::Bool(true))).into()
    }),
    AGE,
];

pub(super) const CSI_DRIVER: &[Printed] = &[
    NAME,
    boolean("AttachRequired", Field("storage.v1.CSIDriverSpec", "attachRequired"), |driver, _| {
        flag(driver, "attachRequired", true)
    }),
    boolean("PodInfoOnMount", Field("storage.v1.CSIDriverSpec", "podInfoOnMount"), |driver, _| {
        flag(driver, "podInfoOnMount", false)
    }),
    boolean("StorageCapacity", Field("storage.v1.CSIDriverSpec", "storageCapacity"), |driver, _| {
        flag(driver, "storageCapacity", false)
    }),
    text("TokenRequests", Field("storage.v1.CSIDriverSpec", "tokenRequests"), |driver, _| {
        let audiences: Vec<&str> =
            items(driver, &["spec", "tokenRequests"]).map(|request| request.text_at(&["audience"])).collect();
        if audiences.is_empty() { UNSET.into() } else { audiences.join(",").into() }
    }),
    boolean("RequiresRepublish", Field("storage.v1.CSIDriverSpec", "requiresRepublish"), |driver, _| {
        flag(driver, "requiresRepublish", false)
    }),
    text("Modes", Field("storage.v1.CSIDriverSpec", "volumeLifecycleModes"), |driver, _| {
        joined(items(driver, &["spec", "volumeLifecycleModes"]).filter_map(Value::as_str)).into()
    }),
    AGE,
];

pub(super) const CSI_NODE: &[Printed] = &[
    NAME,
    integer("Drivers", Text("Drivers indicates the number of CSI drivers registered on the node"), |node, _| {
        cells::len(node, &["spec", "drivers"]).into()
    }),
    AGE,
];

pub(super) const CSI_CAPACITY: &[Printed] = &[
    NAME,
    text("StorageClassName", Field("storage.v1.CSIStorageCapacity", "storageClassName"), |capacity, _| {
        capacity.text_at(&["storageClassName"]).into()
    }),
    text("Capacity", Field("storage.v1.CSIStorageCapacity", "capacity"), |capacity, _| {
        text_or(capacity, &["capacity"], UNSET)
    }),
];

fn phase(object: &Value) -> &str {
    if object.deletion_timestamp().is_some() { "Terminating" } else { object.text_at(&["status", "phase"]) }
}

/// What a claim has it has only when it is bound.
fn bound(claim: &Value, text: String) -> Value {
    if claim.text_at(&["spec", "volumeName"]).is_empty() { "".into() } else { text.into() }
}

fn access_modes(modes: Option<&Value>) -> String {
    let has = |mode: &str| modes.and_then(Value::as_array).is_some_and(|modes| modes.iter().any(|item| item == mode));
    let known =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let short: Vec<&str> = known.iter().filter(|(mode, _)| has(mode)).map(|(_, short)| *short).collect();
    short.join(",")
}

/// The annotation is how classes were named first, and still wins.
fn storage_class(object: &Value) -> &str {
    match object.annotation("volume.beta.kubernetes.io/storage-class") {
        Some(class) => class,
        None => object.text_at(&["spec", "storageClassName"]),
    }
}

fn attributes_class(object: &Value) -> Value {
    text_or(object, &["spec", "volumeAttributesClassName"], UNSET)
}

fn volume_mode(object: &Value) -> Value {
    text_or(object, &["spec", "volumeMode"], UNSET)
}

fn class_name(class: &Value, _env: &crate::controlplane::env::Env) -> Value {
    let is_default =
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"]
            .iter()
            .any(|annotation| class.annotation(annotation) == Some("true"));
    if is_default { format!("{} (default)", class.name()).into() } else { class.name().into() }
}

fn flag(driver: &Value, field: &str, otherwise: bool) -> Value {
    driver.at(&["spec", field]).and_then(Value::as_bool).unwrap_or(otherwise).into()
}
