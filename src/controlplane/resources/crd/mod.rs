//! CustomResourceDefinitions as a kind: defaults, preparation and validation.
//!
//! Whether names are free and when a CRD is established is the CRD controller's business; what a CRD becomes once it is
//! served stands in [`custom`](super::custom).
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition/strategy.go` and
//! `.../pkg/apis/apiextensions/v1/defaults.go`, Kubernetes 1.36.

mod conversion;
mod defaults;
mod dump;
mod fields;
mod hoist;
mod json_schema;
mod rules;
mod spec;
mod structural;

use serde_json::{Value, json};

use super::Strategy;
use super::custom::storage_version;
use crate::controlplane::env::Env;
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::schema::validate::is_known_format;

/// The finalizer by which a CRD outlives its custom resources.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// The strategy of CustomResourceDefinitions.
#[derive(Debug, Clone, Copy, Default)]
pub struct CrdStrategy;

impl Strategy for CrdStrategy {
    fn default(&self, _env: &Env, object: &mut Value) {
        default_names(object);
        default_conversion(object);
        default_versions(object);
        if stored_versions(object).is_empty() {
            let storage = storage_version(object).to_owned();
            if object.get("status").is_some_and(Value::is_object) && !storage.is_empty() {
                object.set(&["status", "storedVersions"], json!([storage]));
            }
        }
    }

    fn prepare_for_create(&self, _env: &Env, object: &mut Value) {
        let names = json!({"plural": "", "kind": ""});
        let status = json!({"conditions": null, "acceptedNames": names, "storedVersions": []});
        object.set(&["status"], status);
        add_stored_version(object);
    }

    fn prepare_for_update(&self, _env: &Env, object: &mut Value, old: &Value) {
        if let Some(status) = old.get("status") {
            object.set(&["status"], status.clone());
        }
        add_stored_version(object);
    }

    fn begin_deletion(&self, env: &Env, object: &mut Value) -> bool {
        if object.deletion_timestamp().is_some() {
            return false;
        }
        object.set(&["metadata", "deletionTimestamp"], env.now_text());
        if !object.finalizers().contains(&CLEANUP) {
            let finalizers: Vec<Value> = object.finalizers().into_iter().chain([CLEANUP]).map(Value::from).collect();
            object.set(&["metadata", "finalizers"], finalizers);
        }
        set_terminating(env, object);
        true
    }

    fn validate(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::from_iter(name_findings(object));
        errors.extend(spec::validate(object, None));
        errors.extend(status_findings(object));
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = spec::validate(object, Some(old));
        errors.extend(spec::immutable_fields(object, old));
        errors.extend(status_findings(object));
        errors
    }

    fn validate_status_update(&self, object: &Value, _old: &Value) -> Vec<FieldError> {
        let names = object.at(&["status", "acceptedNames"]).unwrap_or(&Value::Null);
        spec::name_formats("status.acceptedNames", names)
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        let mut formats = Vec::new();
        for schema in versions(object).iter().filter_map(|version| version.at(&["schema", "openAPIV3Schema"])) {
            unrecognized_formats(schema, &mut formats);
        }
        formats.sort_unstable();
        formats.dedup();
        formats.into_iter().map(|format| format!("unrecognized format {format:?}")).collect()
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }
}

/// Returns `spec.versions`.
/// Source: `Delete` of `.../pkg/registry/customresourcedefinition/etcd.go`.
fn set_terminating(env: &Env, crd: &mut Value) {
    let condition = json!({
        "type": "Terminating", "status": "True", "lastTransitionTime": env.now_text(),
        "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    });
    let conditions = crd.at(&["status", "conditions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let others = conditions.into_iter().filter(|other| other.text_at(&["type"]) != "Terminating");
    let conditions: Vec<Value> = others.chain([condition]).collect();
    crd.set(&["status", "conditions"], conditions);
}

fn versions(crd: &Value) -> &[Value] {
    crd.at(&["spec", "versions"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn stored_versions(crd: &Value) -> &[Value] {
    crd.at(&["status", "storedVersions"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn default_names(object: &mut Value) {
    let names = ["spec", "names"];
    let kind = object.at(&["spec", "names", "kind"]).and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind.is_empty() || !object.at(&names).is_some_and(Value::is_object) {
        return;
    }
    if object.text_at(&["spec", "names", "singular"]).is_empty() {
        object.set(&["spec", "names", "singular"], kind.to_lowercase());
    }
    if object.text_at(&["spec", "names", "listKind"]).is_empty() {
        object.set(&["spec", "names", "listKind"], format!("{kind}List"));
    }
}

fn default_conversion(object: &mut Value) {
    if !object.get("spec").is_some_and(Value::is_object) {
        return;
    }
    if object.at(&["spec", "conversion"]).is_none_or(Value::is_null) {
        object.set(&["spec", "conversion"], json!({"strategy": "None"}));
    }
    let service = ["spec", "conversion", "webhook", "clientConfig", "service"];
    let has_service = object.at(&service).is_some_and(Value::is_object);
    if has_service && object.at(&service).is_some_and(|service| service.get("port").is_none()) {
        object.set(&["spec", "conversion", "webhook", "clientConfig", "service", "port"], 443);
    }
}

/// `served` and `storage` have no default but Go's zero value, which is written out; nulls in schemas count as absent.
fn default_versions(object: &mut Value) {
    let versions = object.get_mut("spec").and_then(|spec| spec.get_mut("versions")).and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten().filter(|version| version.is_object()) {
        for field in ["served", "storage"] {
            if !version.get(field).is_some_and(Value::is_boolean) {
                version.set(&[field], false);
            }
        }
    }
}

fn add_stored_version(object: &mut Value) {
    let storage = storage_version(object).to_owned();
    if storage.is_empty() || stored_versions(object).iter().any(|version| version == storage.as_str()) {
        return;
    }
    let mut stored = stored_versions(object).to_vec();
    stored.push(storage.into());
    object.set(&["status", "storedVersions"], stored);
}

fn name_findings(object: &Value) -> Option<FieldError> {
    let required = format!("{}.{}", object.text_at(&["spec", "names", "plural"]), object.text_at(&["spec", "group"]));
    let detail = "must be spec.names.plural+\".\"+spec.group";
    (object.name() != required).then(|| FieldError::invalid("metadata.name", &object.name().into(), detail))
}

fn status_findings(object: &Value) -> Vec<FieldError> {
    let names = object.at(&["status", "acceptedNames"]).unwrap_or(&Value::Null);
    let mut errors = spec::name_formats("status.acceptedNames", names);
    errors.extend(stored_version_findings(object));
    errors
}

fn stored_version_findings(object: &Value) -> Vec<FieldError> {
    let field = "status.storedVersions";
    let stored = stored_versions(object);
    let mut errors = Vec::new();
    if stored.is_empty() {
        errors.push(FieldError::invalid(field, &json!(stored), "must have at least one stored version"));
    }
    let names: Vec<&str> = versions(object).iter().map(|version| version.text_at(&["name"])).collect();
    for (index, version) in stored.iter().enumerate() {
        let name = version.as_str().unwrap_or_default();
        if !names.contains(&name) {
            let detail = format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions \
                 until a storage migration ensures no data remains persisted in {name} and removes {name} from \
                 status.storedVersions"
            );
            errors.push(FieldError::invalid(format!("{field}[{index}]"), version, detail));
        }
    }
    let storage = storage_version(object);
    if !storage.is_empty() && !stored.iter().any(|version| version == storage) {
        errors.push(FieldError::invalid(field, &json!(stored), format!("must have the storage version {storage}")));
    }
    errors
}

/// Source: `GetUnrecognizedFormats` of `k8s.io/apiextensions-apiserver/pkg/apiserver/validation/formats.go`.
fn unrecognized_formats<'a>(schema: &'a Value, formats: &mut Vec<&'a str>) {
    match schema {
        Value::Object(map) => {
            let format = schema.text_at(&["format"]);
            if schema.text_at(&["type"]) == "string" && !format.is_empty() && !is_known_format(format) {
                formats.push(format);
            }
            let data = ["default", "example", "enum"];
            map.iter().filter(|(key, _)| !data.contains(&key.as_str())).for_each(|(_, child)| {
                unrecognized_formats(child, formats);
            });
        }
        Value::Array(list) => list.iter().for_each(|child| unrecognized_formats(child, formats)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
