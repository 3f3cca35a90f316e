//! Field selectors, `metadata.name=a,status.phase!=Running`.
//!
//! A resource offers few fields: name and namespace, and those of its row ([`Resource::selectable_fields`]).
//!
//! Source: `k8s.io/apimachinery/pkg/fields/selector.go`, `pkg/runtime/conversion.go`, Kubernetes 1.36.

use std::borrow::Cow;

use serde_json::Value;

use crate::controlplane::object::Object;
use crate::controlplane::resources::{Origin, Resource};
use crate::controlplane::status::Status;

/// A condition on fields: all terms hold. Without terms everything is selected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    field: String,
    comparison: Comparison,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equals,
    NotEquals,
}

impl FieldSelector {
    /// Reads a selector's text. The empty text selects everything.
    ///
    /// # Errors
    /// 400 with upstream's text.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut parts = split_terms(text);
        parts.sort_unstable();
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        let terms = parts.map(|part| {
            let (field, comparison, value) = split_term(part)
                .ok_or_else(|| Status::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'")))?;
            Ok(Term { field: field.to_owned(), comparison, value: unescape(value).map_err(Status::bad_request)? })
        });
        Ok(Self { terms: terms.collect::<Result<_, Status>>()? })
    }

    /// Refuses fields that the resource does not offer.
    ///
    /// # Errors
    /// 400 with upstream's text, which depends on the kind.
    pub fn check(&self, resource: &Resource) -> Result<(), Status> {
        match self.terms.iter().find(|term| !is_offered(&term.field, resource)) {
            None => Ok(()),
            Some(term) => Err(Status::bad_request(not_offered(&term.field, resource))),
        }
    }

    /// Whether every object is selected.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the object's fields fulfil all terms.
    pub fn matches(&self, resource: &Resource, object: &Value) -> bool {
        self.terms.iter().all(|term| {
            let equal = field_text(&term.field, resource, object) == term.value;
            equal == (term.comparison == Comparison::Equals)
        })
    }

    /// Returns the one value that a field may have, if the selector says so.
    pub fn required_value(&self, field: &str) -> Option<&str> {
        let mut terms = self.terms.iter();
        let term = terms.find(|term| term.field == field && term.comparison == Comparison::Equals)?;
        Some(&term.value)
    }
}

/// Splits at commas; a backslash takes the next character's meaning.
fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn split_term(term: &str) -> Option<(&str, Comparison, &str)> {
    let operators = [("!=", Comparison::NotEquals), ("==", Comparison::Equals), ("=", Comparison::Equals)];
    term.char_indices().find_map(|(index, _)| {
        let rest = &term[index..];
        operators.iter().find_map(|(text, comparison)| {
            let value = rest.strip_prefix(text)?;
            Some((&term[..index], *comparison, value))
        })
    })
}

fn unescape(value: &str) -> Result<String, String> {
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                Some(other) => return Err(format!("invalid field selector: invalid escape sequence: \\{other}")),
                None => return Err("invalid field selector: invalid escape sequence: \\".to_owned()),
            },
            // Upstream prints the character's number.
            ',' | '=' => {
                return Err(format!("invalid field selector: unescaped character in value: {}", u32::from(character)));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

fn is_offered(field: &str, resource: &Resource) -> bool {
    match field {
        "metadata.name" => true,
        "metadata.namespace" => resource.namespaced || resource.origin == Origin::BuiltIn,
        _ => resource.selectable_fields.iter().any(|path| plain(path) == field),
    }
}

/// Returns the text for a field that is not offered: kinds without fields of their own have the generic one.
fn not_offered(field: &str, resource: &Resource) -> String {
    let generic = resource.origin == Origin::BuiltIn && resource.selectable_fields.is_empty();
    match resource.gvk.kind.as_str() {
        _ if generic => {
            format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
        }
        "Job" if resource.gvk.group == "batch" => format!("field label {field:?} not supported for Job"),
        _ => format!("field label not supported: {field}"),
    }
}

/// Rows of custom resources write paths with a leading dot.
fn plain(path: &str) -> &str {
    path.strip_prefix('.').unwrap_or(path)
}

/// Returns a field as text; what is absent is empty, but false or zero for the flags and counters of built-in kinds.
fn field_text<'a>(field: &str, resource: &Resource, object: &'a Value) -> Cow<'a, str> {
    let text = |path: &[&str]| match object.at(path) {
        Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => Cow::Owned(value.to_string()),
        _ => Cow::Borrowed(""),
    };
    let first = |paths: [&[&str]; 2]| Some(text(paths[0])).filter(|text| !text.is_empty()).unwrap_or(text(paths[1]));
    let found = match (resource.gvk.kind.as_str(), field) {
        ("Pod", "spec.host") => text(&["spec", "nodeName"]),
        ("Pod", "spec.serviceAccountName") => first([&["spec", "serviceAccountName"], &["spec", "serviceAccount"]]),
        ("Job", "status.successful") => text(&["status", "succeeded"]),
        ("Event", "source") => first([&["source", "component"], &["reportingComponent"]]),
        _ => text(&field.split('.').collect::<Vec<_>>()),
    };
    match field {
        _ if !found.is_empty() || resource.origin != Origin::BuiltIn => found,
        "spec.unschedulable" | "spec.hostNetwork" => Cow::Borrowed("false"),
        "status.replicas" | "status.successful" => Cow::Borrowed("0"),
        _ => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(selector: &str, expected: &str) {
        let error = FieldSelector::parse(selector).expect_err("the selector is bad");
        assert_eq!((error.code, error.message.as_str()), (400, expected));
    }

    #[test]
    fn terms_compare_and_escape() {
        let parsed = FieldSelector::parse(r"b!=x,a==y\,z\=\\,,").expect("the selector is good");
        let terms: Vec<_> = parsed.terms.iter().map(|term| (term.field.as_str(), term.value.as_str())).collect();
        assert_eq!(terms, [("a", r"y,z=\"), ("b", "x")]);
        assert_eq!((parsed.required_value("a"), parsed.required_value("b")), (Some(r"y,z=\"), None));
        assert!(FieldSelector::parse("").expect("empty is good").is_everything());
    }

    #[test]
    fn bad_selectors_are_explained_as_upstream_does() {
        check_error("x", "invalid selector: 'x'; can't understand 'x'");
        check_error("a=b,x", "invalid selector: 'a=b,x'; can't understand 'x'");
        check_error("metadata.name=a=b", "invalid field selector: unescaped character in value: 61");
        check_error(r"a=\b", r"invalid field selector: invalid escape sequence: \b");
        check_error(r"a=b\", r"invalid field selector: invalid escape sequence: \");
    }
}
