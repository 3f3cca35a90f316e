//! Paths from a schema to a field below it: of selectable fields, and of what a rule's finding names.
//!
//! Source: `ValidFieldPath` of `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go`, Kubernetes 1.36.

use serde_json::Value;

use super::hoist::Part;
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::{ErrorType, FieldError};

const MAX_SELECTABLE: usize = 8;

/// Returns the findings about selectable fields.
pub(super) fn selectable(part: &Part<'_>, versions: &[Value]) -> Vec<FieldError> {
    let Some(fields) = part.value.and_then(Value::as_array).filter(|fields| !fields.is_empty()) else {
        return Vec::new();
    };
    let shared_schema = super::hoist::is_shared(versions, "schema");
    if part.path != "spec.selectableFields" && shared_schema {
        let detail =
            "selectableFields may only be set when version.schema.openAPIV3Schema is not included in version.schema";
        return vec![FieldError::invalid(&part.path, &"".into(), detail)];
    }
    let owner = versions.iter().find(|version| version.get("selectableFields") == part.value);
    let schema = owner.and_then(|version| version.at(&["schema", "openAPIV3Schema"])).unwrap_or(&Value::Null);
    let mut errors = Vec::new();
    let mut seen = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let path = format!("{}[{index}].jsonPath", part.path);
        let text = field.text_at(&["jsonPath"]);
        if text.is_empty() {
            errors.push(FieldError::required(path, ""));
            continue;
        }
        match selectable_problem(text, schema) {
            Some(detail) => errors.push(FieldError::invalid(path, &text.into(), detail)),
            None if seen.contains(&text) => errors.push(FieldError::duplicate(path, &text.into())),
            None => seen.push(text),
        }
    }
    if seen.len() > MAX_SELECTABLE {
        let detail = format!("must have at most {MAX_SELECTABLE} items");
        errors.push(FieldError::new(ErrorType::TooMany, &part.path, &seen.len().into(), detail));
    }
    errors
}

fn selectable_problem(text: &str, schema: &Value) -> Option<String> {
    let steps = match steps(text) {
        Ok(steps) if steps.iter().any(|step| matches!(step, Step::Index)) => {
            return Some("is an invalid path: array index notation is not supported".to_owned());
        }
        Ok(steps) => steps,
        Err(problem) => return Some(format!("is an invalid path: {problem}")),
    };
    let target = match follow(schema, &steps) {
        Ok(target) => target,
        Err(problem) => return Some(format!("is an invalid path: {problem}")),
    };
    if matches!(steps.first(), Some(Step::Name(name)) if *name == "metadata") {
        return Some("must not point to fields in metadata".to_owned());
    }
    let selectable = matches!(target.text_at(&["type"]), "string" | "boolean" | "integer");
    let detail = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats \
                  are allowed.";
    (!selectable).then(|| detail.to_owned())
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A property, or the key of a map.
    Name(&'a str),
    /// An item of a list.
    Index,
}

/// Whether a path leads to something that the schema describes.
pub(super) fn is_valid(schema: &Value, path: &str) -> bool {
    steps(path).is_ok_and(|steps| follow(schema, &steps).is_ok())
}

fn steps(path: &str) -> Result<Vec<Step<'_>>, String> {
    let mut steps = Vec::new();
    let mut rest = path.trim();
    if rest.is_empty() {
        return Err("unexpected end of path".to_owned());
    }
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            if end == 0 {
                return Err("unexpected end of path".to_owned());
            }
            steps.push(Step::Name(&tail[..end]));
            rest = &tail[end..];
        } else if let Some(tail) = rest.strip_prefix("['") {
            let end = tail.find("']").ok_or_else(|| "unexpected end of path".to_owned())?;
            steps.push(Step::Name(&tail[..end]));
            rest = &tail[end + 2..];
        } else if let Some((index, tail)) = rest.strip_prefix('[').and_then(|tail| tail.split_once(']')) {
            index.parse::<u32>().map_err(|_| format!("expected integer but got {index}"))?;
            steps.push(Step::Index);
            rest = tail;
        } else {
            return Err(format!("expected [ or . but got: {rest}"));
        }
    }
    Ok(steps)
}

fn follow<'a>(schema: &'a Value, steps: &[Step<'_>]) -> Result<&'a Value, String> {
    steps.iter().try_fold(schema, |schema, step| match step {
        Step::Index => schema.get("items").ok_or_else(|| "does not refer to a valid field".to_owned()),
        Step::Name(name) => schema
            .at(&["properties", name])
            .or_else(|| schema.get("additionalProperties").filter(|values| values.is_object()))
            .ok_or_else(|| "does not refer to a valid field".to_owned()),
    })
}
