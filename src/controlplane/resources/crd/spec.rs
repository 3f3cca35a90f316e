//! The spec of a CRD but for its schemas: group, names, versions, subresources, columns.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go`, Kubernetes 1.36.

use serde_json::{Value, json};

use super::hoist::{Part, parts};
use super::{conversion, dump, fields, json_schema, versions};
use crate::controlplane::names::{dns1035_label, dns1123_subdomain};
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;

const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS: [&str; 8] = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const APPROVED: &str = "api-approved.kubernetes.io";
const APPROVAL_HELP: &str = "see https://github.com/kubernetes/enhancements/pull/1111";

/// Returns the findings about the spec of a CRD; what `old` had wrong already may stay where upstream allows it.
pub(super) fn validate(crd: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::from_iter(group(crd));
    errors.extend(scope(crd));
    let list = versions(crd);
    let schemas = parts(list, "schema", "spec.validation");
    errors.extend(missing_schemas(list));
    for (index, version) in list.iter().enumerate() {
        errors.extend(version_name(index, version));
        errors.extend(deprecation(index, version));
    }
    let old_schemas = old.map(|old| parts(versions(old), "schema", "spec.validation"));
    for part in &schemas {
        let unchanged = old_schemas.as_ref().is_some_and(|old| old.iter().any(|old| old.value == part.value));
        errors.extend(json_schema::validate(part, unchanged));
    }
    for part in parts(list, "subresources", "spec.subresources") {
        errors.extend(subresources(&part));
    }
    for part in parts(list, "additionalPrinterColumns", "spec.additionalPrinterColumns") {
        let columns = part.value.and_then(Value::as_array).into_iter().flatten().enumerate();
        errors.extend(columns.flat_map(|(index, value)| column(&format!("{}[{index}]", part.path), value)));
    }
    for part in parts(list, "selectableFields", "spec.selectableFields") {
        errors.extend(fields::selectable(&part, list));
    }
    errors.extend(version_set(list));
    errors.extend(required_names(crd));
    errors.extend(name_formats("spec.names", crd.at(&["spec", "names"]).unwrap_or(&Value::Null)));
    errors.extend(conversion::validate(crd));
    errors.extend(approval(crd, old));
    if crd.at(&["spec", "preserveUnknownFields"]) == Some(&Value::Bool(true)) {
        let detail =
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.push(FieldError::invalid("spec.preserveUnknownFields", &Value::Bool(true), detail));
    }
    errors
}

/// Returns a finding for every field that may not change.
pub(super) fn immutable_fields(crd: &Value, old: &Value) -> Vec<FieldError> {
    let mut paths = vec![vec!["spec", "group"], vec!["spec", "names", "plural"]];
    if is_established(old) {
        paths.splice(0..0, [vec!["spec", "scope"], vec!["spec", "names", "kind"]]);
    }
    let changed = paths.into_iter().filter(|path| crd.at(path) != old.at(path));
    let immutable = |path: Vec<&str>| {
        FieldError::invalid(path.join("."), crd.at(&path).unwrap_or(&Value::Null), "field is immutable")
    };
    changed.map(immutable).collect()
}

fn is_established(crd: &Value) -> bool {
    let conditions = crd.at(&["status", "conditions"]).and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
}

fn group(crd: &Value) -> Option<FieldError> {
    let group = crd.text_at(&["spec", "group"]);
    if group.is_empty() {
        return Some(FieldError::required("spec.group", ""));
    }
    let problems = dns1123_subdomain(group);
    if !problems.is_empty() {
        return Some(FieldError::invalid("spec.group", &group.into(), problems.join(",")));
    }
    let detail = "should be a domain with at least one dot";
    (!group.contains('.')).then(|| FieldError::invalid("spec.group", &group.into(), detail))
}

fn scope(crd: &Value) -> Option<FieldError> {
    match crd.text_at(&["spec", "scope"]) {
        "" => Some(FieldError::required("spec.scope", "")),
        "Cluster" | "Namespaced" => None,
        other => Some(FieldError::not_supported("spec.scope", &other.into(), &["Cluster", "Namespaced"])),
    }
}

fn missing_schemas(versions: &[Value]) -> Vec<FieldError> {
    let missing = versions
        .iter()
        .enumerate()
        .filter(|(_, version)| version.at(&["schema", "openAPIV3Schema"]).is_none_or(|schema| !schema.is_object()));
    let path = |index: usize| format!("spec.versions[{index}].schema.openAPIV3Schema");
    missing.map(|(index, _)| FieldError::required(path(index), "")).collect()
}

fn version_name(index: usize, version: &Value) -> Option<FieldError> {
    let name = version.text_at(&["name"]);
    let problems = dns1035_label(name);
    let field = format!("spec.versions[{index}].name");
    (!problems.is_empty()).then(|| FieldError::invalid(field, &name.into(), problems.join(",")))
}

fn deprecation(index: usize, version: &Value) -> Vec<FieldError> {
    let Some(warning) = version.get("deprecationWarning").and_then(Value::as_str) else { return Vec::new() };
    let mut problems = Vec::new();
    if version["deprecated"] != true {
        problems.push("can only be set for deprecated versions".to_owned());
    }
    if warning.len() > 256 {
        problems.push("must be <= 256 characters long".to_owned());
    }
    if warning.is_empty() {
        problems.push("must not be an empty string".to_owned());
    }
    if let Some((at, _)) = warning.char_indices().find(|(_, char)| char.is_control()) {
        let start = "must only contain printable UTF-8 characters; non-printable character found at index";
        problems.push(format!("{start} {at}"));
    }
    let field = format!("spec.versions[{index}].deprecationWarning");
    problems.into_iter().map(|detail| FieldError::invalid(&field, &warning.into(), detail)).collect()
}

fn version_set(list: &[Value]) -> Vec<FieldError> {
    let invalid = |detail: &str| FieldError::invalid("spec.versions", &dump::versions(list), detail);
    let mut errors = Vec::new();
    let mut names: Vec<&str> = list.iter().map(|version| version.text_at(&["name"])).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        errors.push(invalid("must contain unique version names"));
    }
    if list.iter().filter(|version| version["storage"] == true).count() != 1 {
        errors.push(invalid("must have exactly one version marked as storage version"));
    }
    errors
}

fn subresources(part: &Part<'_>) -> Vec<FieldError> {
    let Some(scale) = part.value.and_then(|value| value.get("scale")).filter(|scale| scale.is_object()) else {
        return Vec::new();
    };
    let path = |key: &str| format!("{}.scale.{key}", part.path);
    let mut errors = Vec::new();
    for (key, root) in [("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")] {
        let text = scale.text_at(&[key]);
        match text {
            "" => errors.push(FieldError::required(path(key), "")),
            _ => errors.extend(simple_json_path(
                path(key),
                text,
                &[root],
                &format!("should be a json path under {root}"),
            )),
        }
    }
    let selector = scale.text_at(&["labelSelectorPath"]);
    if !selector.is_empty() {
        let detail = "should be a json path under either .spec or .status";
        errors.extend(simple_json_path(path("labelSelectorPath"), selector, &[".spec", ".status"], detail));
    }
    errors
}

fn simple_json_path(field: String, path: &str, roots: &[&str], detail: &str) -> Option<FieldError> {
    if !path.starts_with('.') {
        return Some(FieldError::invalid(field, &path.into(), "must be a simple json path starting with ."));
    }
    let below = |root: &&str| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('.'));
    (!roots.iter().any(below)).then(|| FieldError::invalid(field, &path.into(), detail))
}

fn column(path: &str, column: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let text = |key: &str| column.text_at(&[key]);
    if text("name").is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    }
    let types = format!("must be one of {}", COLUMN_TYPES.join(","));
    match text("type") {
        "" => errors.push(FieldError::required(format!("{path}.type"), types)),
        known if COLUMN_TYPES.contains(&known) => {}
        other => errors.push(FieldError::invalid(format!("{path}.type"), &other.into(), types)),
    }
    let format = text("format");
    if !format.is_empty() && !COLUMN_FORMATS.contains(&format) {
        let detail = format!("must be one of {}", COLUMN_FORMATS.join(","));
        errors.push(FieldError::invalid(format!("{path}.format"), &format.into(), detail));
    }
    match text("jsonPath") {
        "" => errors.push(FieldError::required(format!("{path}.JSONPath"), "")),
        json_path if !json_path.starts_with('.') => {
            let detail = "must be a simple json path starting with .";
            errors.push(FieldError::invalid(format!("{path}.JSONPath"), &json_path.into(), detail));
        }
        _ => {}
    }
    errors
}

fn required_names(crd: &Value) -> Vec<FieldError> {
    let missing = ["plural", "singular", "kind", "listKind"];
    let missing = missing.into_iter().filter(|key| crd.text_at(&["spec", "names", key]).is_empty());
    missing.map(|key| FieldError::required(format!("spec.names.{key}"), "")).collect()
}

/// Returns the findings about the form of names, of the spec or of the status.
pub(super) fn name_formats(path: &str, names: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut label = |key: String, value: &Value, mixed_case: bool| {
        let text = value.as_str().unwrap_or_default();
        let problems = if mixed_case { dns1035_label(&text.to_lowercase()) } else { dns1035_label(text) };
        let start = if mixed_case { "may have mixed case, but should otherwise match: " } else { "" };
        if !problems.is_empty() {
            let detail = format!("{start}{}", problems.join(","));
            errors.push(FieldError::invalid(format!("{path}.{key}"), &text.into(), detail));
        }
    };
    for (key, mixed_case) in [("plural", false), ("singular", false), ("kind", true), ("listKind", true)] {
        let value = names.get(key).filter(|value| value.as_str().is_some_and(|text| !text.is_empty()));
        if let Some(value) = value {
            label(key.to_owned(), value, mixed_case);
        }
    }
    for key in ["shortNames", "categories"] {
        for (index, value) in names.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            label(format!("{key}[{index}]"), value, false);
        }
    }
    let kind = names.text_at(&["kind"]);
    if !kind.is_empty() && kind == names.text_at(&["listKind"]) {
        let detail = "kind and listKind may not be the same";
        errors.push(FieldError::invalid(format!("{path}.listKind"), &kind.into(), detail));
    }
    errors
}

/// Groups of Kubernetes itself need an annotation that says who approved the API.
///
/// Source: `validateAPIApproval`, and `k8s.io/apiextensions-apiserver/pkg/apihelpers/helpers.go`.
fn approval(crd: &Value, old: Option<&Value>) -> Option<FieldError> {
    let group = crd.text_at(&["spec", "group"]);
    let protects = |domain: &str| group == domain || group.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    if !protects("k8s.io") && !protects("kubernetes.io") {
        return None;
    }
    let state = |crd: &Value| match crd.annotation(APPROVED) {
        None | Some("") => {
            Some(format!("protected groups must have approval annotation {APPROVED:?}, {APPROVAL_HELP}"))
        }
        Some(text) if text.starts_with("unapproved") => None,
        Some(text) if text.starts_with("http://") || text.starts_with("https://") => None,
        Some(_) => Some(format!(
            "protected groups must have approval annotation {APPROVED:?} with either a URL or a reason starting with \
             \"unapproved\", {APPROVAL_HELP}"
        )),
    };
    let problem = state(crd)?;
    if old.and_then(state).as_ref() == Some(&problem) {
        return None;
    }
    let field = format!("metadata.annotations[{APPROVED}]");
    Some(match crd.annotation(APPROVED) {
        None | Some("") => FieldError::required(field, problem),
        Some(text) => FieldError::invalid(field, &json!(text), problem),
    })
}
