//! Labels and label selectors.
//!
//! Source: `k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go`, Kubernetes 1.36.

use serde_json::Value;

use super::field::{Field, Findings};
use crate::controlplane::names::{label_value, qualified_name};

const MAX_ANNOTATIONS_LEN: usize = 256 * 1024;

/// Checks a map of labels. Findings name the map, not the entry.
pub(super) fn validate(labels: &Field<'_>, found: &mut Findings) {
    for (key, value) in labels.entries() {
        let details = qualified_name(key).into_iter();
        details.for_each(|detail| found.invalid_value(labels, &key.into(), detail));
        let details = label_value(value.text()).into_iter();
        details.for_each(|detail| found.invalid_value(labels, value.value, detail));
    }
}

/// Checks a map of annotations.
pub(super) fn validate_annotations(annotations: &Field<'_>, found: &mut Findings) {
    let mut len = 0;
    for (key, value) in annotations.entries() {
        let details = qualified_name(&key.to_lowercase()).into_iter();
        details.for_each(|detail| found.invalid_value(annotations, &key.into(), detail));
        len += key.len() + value.text().len();
    }
    if len > MAX_ANNOTATIONS_LEN {
        let error = crate::controlplane::schema::field_error::FieldError::too_long(
            annotations.path(),
            MAX_ANNOTATIONS_LEN as u64,
        );
        found.0.push(error);
    }
}

/// Checks a label selector.
pub(super) fn validate_selector(selector: &Field<'_>, found: &mut Findings) {
    validate(&selector.get("matchLabels"), found);
    for requirement in selector.get("matchExpressions").items() {
        validate_requirement(&requirement, found);
    }
}

fn validate_requirement(requirement: &Field<'_>, found: &mut Findings) {
    let (key, operator, values) = (requirement.get("key"), requirement.get("operator"), requirement.get("values"));
    match operator.text() {
        "In" | "NotIn" if values.is_empty() => {
            found.required(&values, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            found.forbidden(&values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => found.invalid(&operator, "not a valid selector operator"),
    }
    found.invalid_each(&key, qualified_name(key.text()));
    for value in values.items() {
        found.invalid_each(&value, label_value(value.text()));
    }
}

/// Whether a selector says nothing, and so selects everything.
pub(super) fn selects_everything(selector: &Value) -> bool {
    ["matchLabels", "matchExpressions"].iter().all(|field| Field::root(selector).get(field).is_empty())
}

/// Whether a selector that passed [`validate_selector`] selects an object with these labels.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = Field::root(selector);
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let exact = selector.get("matchLabels").entries().all(|(key, value)| label(key) == Some(value.text()));
    exact
        && selector.get("matchExpressions").items().all(|requirement| {
            let value = label(requirement.get("key").text());
            let listed = value.is_some_and(|value| requirement.get("values").holds(value));
            match requirement.get("operator").text() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                _ => value.is_none(),
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requirements_are_all_met_or_nothing_is_selected() {
        let selector = json!({
            "matchLabels": {"a": "1"},
            "matchExpressions": [
                {"key": "b", "operator": "In", "values": ["x", "y"]},
                {"key": "c", "operator": "DoesNotExist"},
            ],
        });
        assert!(selects(&selector, &json!({"a": "1", "b": "y"})));
        assert!(!selects(&selector, &json!({"a": "1", "b": "z"})));
        assert!(!selects(&selector, &json!({"a": "1", "b": "x", "c": ""})));
        assert!(selects_everything(&json!({})));
    }
}
