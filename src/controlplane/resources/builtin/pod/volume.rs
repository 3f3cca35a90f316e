//! The volumes of a pod.
//!
//! Source: `ValidateVolumes` of `k8s.io/kubernetes/pkg/apis/core/validation/validation.go`, Kubernetes 1.36.

use std::collections::BTreeSet;

use crate::controlplane::names::dns1123_label;
use crate::controlplane::resources::builtin::field::{Field, Findings};
use crate::controlplane::resources::builtin::storage::validate_claim_spec;

/// Checks the volumes and returns their names.
pub(super) fn validate<'a>(volumes: &Field<'a>, found: &mut Findings) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for volume in volumes.items() {
        validate_source(&volume, found);
        let name = volume.get("name");
        let details = dns1123_label(name.text());
        if name.is_empty() {
            found.required(&name, "");
        } else if !details.is_empty() {
            found.invalid_each(&name, details);
        } else if !names.insert(name.text()) {
            found.duplicate(&name);
        }
    }
    names
}

fn validate_source(volume: &Field<'_>, found: &mut Findings) {
    let Some(map) = volume.value.as_object() else { return };
    let sources: Vec<_> = map.keys().filter(|key| *key != "name").map(|key| (key.as_str(), volume.get(key))).collect();
    match sources.as_slice() {
        [] => found.required(volume, "must specify a volume type"),
        [(name, source), rest @ ..] => {
            validate_one(name, source, found);
            for (_, extra) in rest {
                found.forbidden(extra, "may not specify more than 1 volume type");
            }
        }
    }
}

fn validate_one(name: &str, source: &Field<'_>, found: &mut Findings) {
    let mut need = |field: &str| {
        if source.get(field).is_empty() {
            found.required(&source.get(field), "");
        }
    };
    match name {
        "secret" => need("secretName"),
        "configMap" => need("name"),
        "hostPath" => need("path"),
        "persistentVolumeClaim" => need("claimName"),
        "nfs" => {
            need("server");
            need("path");
        }
        "csi" => need("driver"),
        _ => {}
    }
    match name {
        "secret" | "configMap" => {
            validate_mode(&source.get("defaultMode"), found);
            source.get("items").items().for_each(|item| validate_item(&item, found));
        }
        "hostPath" => found.one_of_if_set(
            &source.get("type"),
            &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"],
        ),
        "nfs" if !source.get("path").text().starts_with('/') && !source.get("path").is_empty() => {
            found.invalid(&source.get("path"), "must be an absolute path");
        }
        "emptyDir" => validate_size_limit(&source.get("sizeLimit"), found),
        "ephemeral" => validate_claim_spec(&source.at(&["volumeClaimTemplate", "spec"]), found),
        "projected" => validate_mode(&source.get("defaultMode"), found),
        _ => {}
    }
}

fn validate_size_limit(limit: &Field<'_>, found: &mut Findings) {
    if limit.text().starts_with('-') {
        found.forbidden(limit, "SizeLimit field must be a valid resource quantity");
    }
}

fn validate_mode(mode: &Field<'_>, found: &mut Findings) {
    if mode.number().is_some_and(|mode| !(0..=0o777).contains(&mode)) {
        found.invalid(mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

fn validate_item(item: &Field<'_>, found: &mut Findings) {
    let (key, path) = (item.get("key"), item.get("path"));
    if key.is_empty() {
        found.required(&key, "");
    }
    if path.is_empty() {
        found.required(&path, "");
    }
    validate_local_path(&path, found);
    validate_mode(&item.get("mode"), found);
}

/// Refuses paths that lead out of the volume.
pub(super) fn validate_local_path(path: &Field<'_>, found: &mut Findings) {
    let text = path.text();
    if text.starts_with('/') {
        found.invalid(path, "must be a relative path");
    }
    if text.split('/').any(|part| part == "..") {
        found.invalid(path, "must not contain '..'");
    }
}
