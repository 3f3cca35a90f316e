//! Volumes, claims and their classes.
//!
//! Source: `k8s.io/kubernetes/pkg/apis/{core,storage}/validation/validation.go` and `v1/defaults.go`, Kubernetes 1.36.

use serde_json::{Value, json};

use super::edit::Edit;
use super::field::{Field, Findings};
use super::kind::Kind;
use super::{labels, pod};
use crate::controlplane::names::{dns1123_subdomain, qualified_name};
use crate::controlplane::object::Object;
use crate::controlplane::quantity::Quantity;

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const CLAIM_IS_FIXED: &str =
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

/// PersistentVolumeClaims.
pub(super) const CLAIM: Kind = Kind {
    returns_deleted: true,
    defaults: default_claim,
    create: |_, claim| claim.put("status", json!({"phase": "Pending"})),
    validate: |claim, found| validate_claim_spec(&claim.get("spec"), found),
    validate_update: validate_claim_update,
    ..Kind::PLAIN
};

/// PersistentVolumes.
pub(super) const VOLUME: Kind = Kind {
    returns_deleted: true,
    defaults: default_persistent_volume,
    create: |_, volume| volume.put("status", json!({"phase": "Pending"})),
    validate: validate_volume,
    validate_update: validate_volume_update,
    ..Kind::PLAIN
};

/// StorageClasses.
pub(super) const STORAGE_CLASS: Kind = Kind {
    defaults: |class| {
        class.default("reclaimPolicy", "Delete");
        class.default("volumeBindingMode", "Immediate");
    },
    validate: validate_storage_class,
    validate_update: |new, old, found| {
        for name in ["parameters", "provisioner", "reclaimPolicy"] {
            if new.get(name).value != old.get(name).value {
                found.forbidden(&new.get(name), format!("updates to {name} are forbidden."));
            }
        }
        found.immutable(&new.get("volumeBindingMode"), &old.get("volumeBindingMode"));
    },
    ..Kind::PLAIN
};

/// CSIDrivers.
pub(super) const CSI_DRIVER: Kind = Kind {
    generation: true,
    unconditional_update: false,
    defaults: |driver| {
        let spec = driver.make("spec");
        spec.default("attachRequired", true);
        spec.default("podInfoOnMount", false);
        spec.default("storageCapacity", false);
        spec.default("fsGroupPolicy", "ReadWriteOnceWithFSType");
        spec.default("volumeLifecycleModes", json!(["Persistent"]));
        spec.default("requiresRepublish", false);
        spec.default("seLinuxMount", false);
    },
    ..Kind::PLAIN
};

/// VolumeAttachments.
pub(super) const VOLUME_ATTACHMENT: Kind = Kind {
    unconditional_update: false,
    defaults: |_| (),
    validate: |attachment, found| {
        let spec = attachment.get("spec");
        for name in ["attacher", "nodeName"] {
            if spec.get(name).is_empty() {
                found.required(&spec.get(name), "");
            }
        }
        if spec.at(&["source", "persistentVolumeName"]).is_empty() && !spec.at(&["source", "inlineVolumeSpec"]).is_set()
        {
            found
                .required(&spec.get("source"), "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
        }
    },
    validate_update: |new, old, found| {
        if new.get("spec").value != old.get("spec").value {
            found.invalid(&new.get("spec"), "field is immutable");
        }
    },
    ..Kind::PLAIN
};

/// Fills in a claim, also one in a template.
pub(super) fn default_claim(claim: &mut Value) {
    if claim.text_at(&["status", "phase"]).is_empty() {
        claim.make("status").put("phase", "Pending");
    }
    default_claim_spec(claim.make("spec"));
}

/// Fills in the spec of a claim.
pub(super) fn default_claim_spec(spec: &mut Value) {
    spec.default("volumeMode", "Filesystem");
}

fn default_persistent_volume(volume: &mut Value) {
    if volume.text_at(&["status", "phase"]).is_empty() {
        volume.make("status").put("phase", "Pending");
    }
    let spec = volume.make("spec");
    spec.default("persistentVolumeReclaimPolicy", "Retain");
    spec.default("volumeMode", "Filesystem");
    default_volume_source(spec);
}

/// Fills in the source of a volume: of a pod's as of a persistent one.
pub(super) fn default_volume_source(holder: &mut Value) {
    if let Some(path) = holder.child("hostPath") {
        path.default("type", "");
    }
    if let Some(iscsi) = holder.child("iscsi") {
        iscsi.default("iscsiInterface", "default");
    }
    if let Some(rbd) = holder.child("rbd") {
        rbd.default("pool", "rbd");
        rbd.default("user", "admin");
        rbd.default("keyring", "/etc/ceph/keyring");
    }
    if let Some(disk) = holder.child("azureDisk") {
        disk.default("cachingMode", "ReadWrite");
        disk.default("kind", "Shared");
        disk.default("fsType", "ext4");
        disk.default("readOnly", false);
    }
    if let Some(scale) = holder.child("scaleIO") {
        scale.default("storageMode", "ThinProvisioned");
        scale.default("fsType", "xfs");
    }
}

/// Checks the spec of a claim.
pub(super) fn validate_claim_spec(spec: &Field<'_>, found: &mut Findings) {
    let modes = spec.get("accessModes");
    if modes.is_empty() {
        found.required(&modes, "at least 1 access mode is required");
    }
    labels::validate_selector(&spec.get("selector"), found);
    validate_access_modes(&modes, found);
    let requests = spec.at(&["resources", "requests"]);
    let storage = requests.entries().find(|(name, _)| *name == "storage");
    match storage {
        None => {
            let path = format!("{}[storage]", spec.at(&["resources"]).path());
            found.0.push(crate::controlplane::schema::field_error::FieldError::required(path, ""));
        }
        Some((_, amount)) => validate_positive(&amount, found),
    }
    let class = spec.get("storageClassName");
    if !class.is_empty() {
        found.invalid_each(&class, dns1123_subdomain(class.text()));
    }
    found.one_of_if_set(&spec.get("volumeMode"), &["Block", "Filesystem"]);
}

fn validate_access_modes(modes: &Field<'_>, found: &mut Findings) {
    modes.items().for_each(|mode| found.one_of(&mode, &ACCESS_MODES));
    if modes.holds("ReadWriteOncePod") && modes.len() > 1 {
        found.forbidden(modes, "may not use ReadWriteOncePod with other access modes");
    }
}

fn validate_positive(amount: &Field<'_>, found: &mut Findings) {
    match Quantity::parse(amount.text()) {
        Some(quantity) if quantity.nano() <= 0 => found.invalid(amount, "must be greater than zero"),
        _ => pod::validate_quantity(amount, found),
    }
}

fn validate_claim_update(new: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    let (new_spec, old_spec) = (new.get("spec"), old.get("spec"));
    let bound = old.at(&["status", "phase"]).text() == "Bound";
    let rest = |spec: &Field<'_>| {
        let mut rest = spec.value.clone();
        // The controller binds a claim by naming the volume, once.
        if old_spec.get("volumeName").is_empty() {
            rest.drop_field("volumeName");
        }
        // A claim that was made before there was a default class gets it later.
        if !old_spec.get("storageClassName").is_set() {
            rest.drop_field("storageClassName");
        }
        if bound {
            rest.drop_field("volumeAttributesClassName");
            if let Some(resources) = rest.child("resources") {
                resources.drop_field("requests");
            }
        }
        rest
    };
    if rest(&new_spec) != rest(&old_spec) {
        found.forbidden(&new_spec, CLAIM_IS_FIXED);
    }
    let size = |spec: &Field<'_>| Quantity::parse(spec.at(&["resources", "requests", "storage"]).text());
    let capacity = Quantity::parse(new.at(&["status", "capacity", "storage"]).text());
    if let (Some(wanted), Some(had)) = (size(&new_spec), size(&old_spec))
        && wanted < had
        && capacity.is_none_or(|capacity| wanted <= capacity)
    {
        let field = new_spec.at(&["resources", "requests", "storage"]);
        found.forbidden(&field, "field can not be less than status.capacity");
    }
}

fn validate_volume(volume: &Field<'_>, found: &mut Findings) {
    let spec = volume.get("spec");
    let (modes, capacity) = (spec.get("accessModes"), spec.get("capacity"));
    if modes.is_empty() {
        found.required(&modes, "");
    }
    validate_access_modes(&modes, found);
    if capacity.is_empty() {
        found.required(&capacity, "");
    } else if !capacity.get("storage").is_set() || capacity.len() > 1 {
        found.not_supported(&capacity, &["storage"]);
    }
    for (_, amount) in capacity.entries() {
        validate_positive(&amount, found);
    }
    found.one_of_if_set(&spec.get("persistentVolumeReclaimPolicy"), &["Delete", "Recycle", "Retain"]);
    found.one_of_if_set(&spec.get("volumeMode"), &["Block", "Filesystem"]);
    match sources(spec.value).count() {
        0 => found.required(&spec, "must specify a volume type"),
        1 => {}
        _ => sources(spec.value)
            .skip(1)
            .for_each(|name| found.forbidden(&spec.get(name), "may not specify more than 1 volume type")),
    }
}

/// Returns the names of the fields of a spec that say where a volume is.
fn sources(spec: &Value) -> impl Iterator<Item = &str> {
    const OTHERS: [&str; 9] = [
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
        "volumeAttributesClassName",
    ];
    let names = spec.as_object().into_iter().flat_map(serde_json::Map::keys).map(String::as_str);
    names.filter(|name| !OTHERS.contains(name))
}

fn validate_volume_update(new: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    let (new, old) = (new.get("spec"), old.get("spec"));
    let source = |spec: &Field<'_>| -> Vec<(String, Value)> {
        sources(spec.value).map(|name| (name.to_owned(), spec.get(name).value.clone())).collect()
    };
    if source(&new) != source(&old) {
        found.forbidden(&new.get("persistentvolumesource"), "spec.persistentvolumesource is immutable after creation");
    }
    found.immutable(&new.get("volumeMode"), &old.get("volumeMode"));
}

fn validate_storage_class(class: &Field<'_>, found: &mut Findings) {
    let provisioner = class.get("provisioner");
    if provisioner.is_empty() {
        found.required(&provisioner, "");
    } else {
        found.invalid_each(&provisioner, qualified_name(&provisioner.text().to_lowercase()));
    }
    for (key, value) in class.get("parameters").entries() {
        if key.is_empty() {
            found.invalid(&value, "field can not be empty.");
        }
    }
    found.one_of_if_set(&class.get("reclaimPolicy"), &["Delete", "Retain"]);
    found.one_of_if_set(&class.get("volumeBindingMode"), &["Immediate", "WaitForFirstConsumer"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_change(old: &Value, new: &Value, allowed: bool) {
        let claim = |spec: &Value| json!({"spec": spec, "status": {"phase": "Pending"}});
        let (old, new) = (claim(old), claim(new));
        let mut found = Findings::default();
        validate_claim_update(&Field::root(&new), &Field::root(&old), &mut found);
        assert_eq!(found.0.is_empty(), allowed, "{new}");
    }

    #[test]
    fn a_claim_gets_volume_and_class_once() {
        let open = json!({"accessModes": ["ReadWriteOnce"]});
        check_change(&open, &json!({"accessModes": ["ReadWriteOnce"], "volumeName": "v"}), true);
        check_change(&open, &json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "s"}), true);
        check_change(&open, &json!({"accessModes": ["ReadWriteMany"]}), false);
        check_change(&json!({"storageClassName": "s"}), &json!({"storageClassName": "t"}), false);
        check_change(&json!({"volumeName": "v"}), &json!({"volumeName": "w"}), false);
    }
}
