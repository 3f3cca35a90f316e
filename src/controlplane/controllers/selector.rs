//! `LabelSelector` objects as they stand in specs.
//!
//! Source: `k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go` (`LabelSelectorAsSelector`).

use serde_json::Value;

use crate::controlplane::object::Object;

/// Whether the labels of an object match a `LabelSelector`. No selector matches nothing, an empty one everything.
pub(super) fn matches(selector: Option<&Value>, object: &Value) -> bool {
    selector.is_some_and(|selector| matches_labels(selector, object.at(&["metadata", "labels"])))
}

/// Whether a `LabelSelector` selects everything.
pub(super) fn is_empty(selector: Option<&Value>) -> bool {
    selector.is_none_or(|selector| pairs(selector).next().is_none() && requirements(selector).is_empty())
}

/// Whether labels hold all pairs of a plain map, as a Service's selector.
pub(super) fn matches_map(map: &Value, object: &Value) -> bool {
    map.as_object().is_some_and(|map| {
        !map.is_empty()
            && map.iter().all(|(key, value)| object.label(key).is_some_and(|label| Some(label) == value.as_str()))
    })
}

fn matches_labels(selector: &Value, labels: Option<&Value>) -> bool {
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    pairs(selector).all(|(key, value)| label(key).is_some_and(|label| Some(label) == value.as_str()))
        && requirements(selector).iter().all(|requirement| satisfies(requirement, label(requirement.text_at(&["key"]))))
}

fn pairs(selector: &Value) -> impl Iterator<Item = (&String, &Value)> {
    selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten()
}

fn requirements(selector: &Value) -> &[Value] {
    selector.get("matchExpressions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether a label satisfies a requirement; also used for node selector terms.
pub(super) fn satisfies(requirement: &Value, label: Option<&str>) -> bool {
    let values = requirement.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let among = |label: &str| values.iter().any(|value| value.as_str() == Some(label));
    match requirement.text_at(&["operator"]) {
        "In" => label.is_some_and(among),
        "NotIn" => !label.is_some_and(among),
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        operator @ ("Gt" | "Lt") => compares(operator, label, values),
        _ => false,
    }
}

fn compares(operator: &str, label: Option<&str>, values: &[Value]) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    match (number(label), number(values.first().and_then(Value::as_str))) {
        (Some(label), Some(bound)) if operator == "Gt" => label > bound,
        (Some(label), Some(bound)) => label < bound,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(selector: Value, expected: bool) {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "1"}}});
        assert_eq!(matches(Some(&selector), &object), expected, "{selector}");
    }

    #[test]
    fn all_parts_of_a_selector_must_match() {
        check(json!({}), true);
        check(json!({"matchLabels": {"app": "web"}}), true);
        check(json!({"matchLabels": {"app": "web", "x": "y"}}), false);
        check(json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}), true);
        check(json!({"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["y"]}]}), true);
        check(json!({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}), false);
        check(json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}), false);
        assert!(!matches(None, &json!({})));
    }
}
