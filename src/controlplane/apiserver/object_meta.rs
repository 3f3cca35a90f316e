//! What `metadata` may say, and how it may change.
//!
//! Every kind has the same metadata, so the rules stand here once; kinds differ in the form of their names only.
//! Source: `k8s.io/apimachinery/pkg/api/validation/objectmeta.go`, Kubernetes 1.36.

use serde_json::Value;

use crate::controlplane::names::{dns1123_label, label_value, qualified_name};
use crate::controlplane::object::Object;
use crate::controlplane::resources::{Origin, Resource};
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::validation::NameFormat;

/// The most that all annotations of an object may take, keys and values together.
const MAX_ANNOTATIONS_LEN: usize = 256 * 1024;
/// The finalizers that need no domain.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];
const IMMUTABLE: &str = "field is immutable";

/// Returns the findings about the metadata of a new object.
pub(crate) fn validate_create(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let mut found = validate(resource, object, resource.strategy.name_format());
    if resource.origin == Origin::BuiltIn {
        found.extend(unqualified_finalizers(resource, object));
    }
    found
}

/// Returns the findings about changed metadata. Upstream checks in a common layer and again in the strategy of the
/// kind, so that causes come in pairs; clients that count causes see the same here.
pub(crate) fn validate_update(resource: &Resource, object: &Value, old: &Value) -> Vec<FieldError> {
    let mut found = validate(resource, object, NameFormat::PathSegment);
    let changed = validate_change(object, old);
    found.extend(changed.iter().cloned());
    found.extend(changed);
    if resource.origin == Origin::BuiltIn {
        found.extend(validate(resource, object, resource.strategy.name_format()));
        found.extend(unqualified_finalizers(resource, object));
    }
    found
}

fn validate(resource: &Resource, object: &Value, names: NameFormat) -> Vec<FieldError> {
    let mut found = validate_names(resource, object, names);
    if object.generation() < 0 {
        found.push(invalid("generation", object, "must be greater than or equal to 0"));
    }
    validate_labels(object, &mut found);
    validate_annotations(object, &mut found);
    validate_owner_references(object, &mut found);
    validate_finalizers(object, &mut found);
    found
}

fn validate_names(resource: &Resource, object: &Value, names: NameFormat) -> Vec<FieldError> {
    let mut found = Vec::new();
    let generate_name = object.text_at(&["metadata", "generateName"]);
    if !generate_name.is_empty() {
        found.extend(names.check(generate_name, true).iter().map(|detail| invalid("generateName", object, detail)));
    }
    match object.name() {
        "" => found.push(FieldError::required("metadata.name", "name or generateName is required")),
        name => found.extend(names.check(name, false).iter().map(|detail| invalid("name", object, detail))),
    }
    match (resource.namespaced, object.namespace()) {
        (true, "") => found.push(FieldError::required("metadata.namespace", "")),
        (true, namespace) => {
            found.extend(dns1123_label(namespace).iter().map(|detail| invalid("namespace", object, detail)));
        }
        (false, "") => {}
        (false, _) => found.push(FieldError::forbidden("metadata.namespace", "not allowed on this type")),
    }
    found
}

/// A finding about a field of metadata that shows the field's value.
fn invalid(field: &str, object: &Value, detail: &str) -> FieldError {
    let value = object.at(&["metadata", field]).unwrap_or(&Value::Null);
    FieldError::invalid(format!("metadata.{field}"), value, detail)
}

fn sorted_texts<'a>(object: &'a Value, field: &str) -> Vec<(&'a String, &'a str)> {
    let map = object.at(&["metadata", field]).and_then(Value::as_object);
    let mut texts: Vec<_> =
        map.into_iter().flatten().map(|(key, value)| (key, value.as_str().unwrap_or_default())).collect();
    texts.sort_unstable();
    texts
}

fn validate_labels(object: &Value, found: &mut Vec<FieldError>) {
    let field = "metadata.labels";
    for (key, value) in sorted_texts(object, "labels") {
        let of_key =
            qualified_name(key).into_iter().map(|detail| FieldError::invalid(field, &key.as_str().into(), detail));
        let of_value = label_value(value).into_iter().map(|detail| FieldError::invalid(field, &value.into(), detail));
        found.extend(of_key.chain(of_value));
    }
}

fn validate_annotations(object: &Value, found: &mut Vec<FieldError>) {
    let field = "metadata.annotations";
    let annotations = sorted_texts(object, "annotations");
    for (key, _) in &annotations {
        let details = qualified_name(&key.to_lowercase()).into_iter();
        found.extend(details.map(|detail| FieldError::invalid(field, &key.as_str().into(), detail)));
    }
    if annotations.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_ANNOTATIONS_LEN {
        found.push(FieldError::too_long(field, MAX_ANNOTATIONS_LEN as u64));
    }
}

fn validate_owner_references(object: &Value, found: &mut Vec<FieldError>) {
    let field = "metadata.ownerReferences";
    let mut first_controller: Option<String> = None;
    for owner in object.owner_references() {
        validate_owner_reference(owner, found);
        if owner.get("controller") != Some(&Value::Bool(true)) {
            continue;
        }
        let owner = format!("{}/{}", owner.text_at(&["kind"]), owner.text_at(&["name"]));
        match &first_controller {
            None => first_controller = Some(owner),
            Some(first) => {
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {owner}"
                );
                let all = object.at(&["metadata", "ownerReferences"]).unwrap_or(&Value::Null);
                found.push(FieldError::invalid(field, all, detail));
            }
        }
    }
}

fn validate_owner_reference(owner: &Value, found: &mut Vec<FieldError>) {
    let field = |name: &str| format!("metadata.ownerReferences.{name}");
    let api_version = owner.text_at(&["apiVersion"]);
    if api_version.is_empty() || api_version.ends_with('/') {
        found.push(FieldError::invalid(field("apiVersion"), &api_version.into(), "version must not be empty"));
    }
    for name in ["kind", "name", "uid"] {
        if owner.text_at(&[name]).is_empty() {
            found.push(FieldError::invalid(field(name), &"".into(), "must not be empty"));
        }
    }
    if api_version == "v1" && owner.text_at(&["kind"]) == "Event" {
        let detail = "/v1, Kind=Event is disallowed from being an owner";
        found.push(FieldError::invalid("metadata.ownerReferences", owner, detail));
    }
}

fn validate_finalizers(object: &Value, found: &mut Vec<FieldError>) {
    let field = "metadata.finalizers";
    let finalizers = object.finalizers();
    for finalizer in &finalizers {
        let details = qualified_name(finalizer).into_iter();
        found.extend(details.map(|detail| FieldError::invalid(field, &(*finalizer).into(), detail)));
    }
    if finalizers.contains(&"orphan") && finalizers.contains(&"foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        found.push(FieldError::invalid(field, &Value::from(finalizers), detail));
    }
}

/// Source: `ValidateFinalizerName` of `pkg/apis/core/validation`, which built-in kinds use on top, but for those that
/// are served by other servers upstream.
fn unqualified_finalizers(resource: &Resource, object: &Value) -> Vec<FieldError> {
    if ["apiextensions.k8s.io", "apiregistration.k8s.io"].contains(&resource.gvk.group.as_str()) {
        return Vec::new();
    }
    let detail = "name is neither a standard finalizer name nor is it fully qualified";
    let finalizers = object.finalizers().into_iter().enumerate();
    finalizers
        .filter(|(_, name)| !name.contains('/') && !STANDARD_FINALIZERS.contains(name))
        .map(|(index, name)| FieldError::invalid(format!("metadata.finalizers[{index}]"), &name.into(), detail))
        .collect()
}

/// Source: `ValidateObjectMetaAccessorUpdate`.
fn validate_change(object: &Value, old: &Value) -> Vec<FieldError> {
    let mut found = Vec::new();
    if old.deletion_timestamp().is_some() {
        no_new_finalizers(object, old, &mut found);
    }
    if object.text_at(&["metadata", "resourceVersion"]).is_empty() {
        found.push(FieldError::invalid("metadata.resourceVersion", &"".into(), "must be specified for an update"));
    }
    if object.generation() < old.generation() {
        found.push(invalid("generation", object, "must not be decremented"));
    }
    for field in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let path = ["metadata", field];
        if object.at(&path).filter(|value| !value.is_null()) != old.at(&path).filter(|value| !value.is_null()) {
            found.push(invalid(field, object, IMMUTABLE));
        }
    }
    validate_labels(object, &mut found);
    validate_annotations(object, &mut found);
    validate_owner_references(object, &mut found);
    found
}

fn no_new_finalizers(object: &Value, old: &Value, found: &mut Vec<FieldError>) {
    let before = old.finalizers();
    let mut extra: Vec<_> = object.finalizers().into_iter().filter(|name| !before.contains(name)).collect();
    extra.sort_unstable();
    extra.dedup();
    if !extra.is_empty() {
        let list: Vec<_> = extra.iter().map(|name| format!("{name:?}")).collect();
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            list.join(", ")
        );
        found.push(FieldError::forbidden("metadata.finalizers", detail));
    }
}
