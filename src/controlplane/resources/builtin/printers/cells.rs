//! Cells that several kinds have.

use serde_json::Value;

use crate::controlplane::duration;
use crate::controlplane::env::Env;
use crate::controlplane::object::Object;

/// What stands in a cell that has nothing to show.
pub(super) const NONE: &str = "<none>";
/// What stands in a cell whose value is not known.
pub(super) const UNSET: &str = "<unset>";

/// Returns how long the object has been there.
pub(super) fn age(object: &Value, env: &Env) -> Value {
    duration::since(env, object.text_at(&["metadata", "creationTimestamp"])).into()
}

/// Returns the text at a path, or another when it is empty.
pub(super) fn text_or(object: &Value, path: &[&str], otherwise: &str) -> Value {
    match object.text_at(path) {
        "" => otherwise.into(),
        text => text.into(),
    }
}

/// Returns the number at a path; 0 when there is none.
pub(super) fn count(object: &Value, path: &[&str]) -> i64 {
    object.at(path).and_then(Value::as_i64).unwrap_or(0)
}

/// Returns the items of a list.
pub(super) fn items<'a>(object: &'a Value, path: &[&str]) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.at(path).and_then(Value::as_array).into_iter().flatten()
}

/// Returns how many items or entries there are.
pub(super) fn len(object: &Value, path: &[&str]) -> usize {
    match object.at(path) {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(map)) => map.len(),
        _ => 0,
    }
}

/// Returns texts joined by commas, `<none>` when there are none.
pub(super) fn joined(texts: impl IntoIterator<Item = impl Into<String>>) -> String {
    let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
    if texts.is_empty() { NONE.to_owned() } else { texts.join(",") }
}

fn of_containers(spec: Option<&Value>, field: &str) -> Value {
    let containers = spec.and_then(|spec| spec.get("containers")).and_then(Value::as_array).into_iter().flatten();
    let texts: Vec<&str> = containers.map(|container| container.text_at(&[field])).collect();
    texts.join(",").into()
}

/// Returns the names of the template's containers.
pub(super) fn template_containers(object: &Value, _env: &Env) -> Value {
    of_containers(template(object), "name")
}

/// Returns the images of the template's containers.
pub(super) fn template_images(object: &Value, _env: &Env) -> Value {
    of_containers(template(object), "image")
}

/// The pod template of a workload, of a cron job, or of a template itself.
fn template(object: &Value) -> Option<&Value> {
    let paths = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/template/spec"];
    paths.iter().find_map(|path| object.pointer(path))
}

/// Returns a map as `a=b,c=d`, sorted; `<none>` when it is empty.
pub(super) fn pairs(map: Option<&Value>) -> String {
    let mut pairs: Vec<String> = map
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.sort_unstable();
    joined(pairs)
}

/// Returns a label selector as the command line writes it.
pub(super) fn selector(selector: Option<&Value>) -> String {
    let Some(selector) = selector else { return NONE.to_owned() };
    let mut parts: Vec<(String, String)> = Vec::new();
    for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
        parts.push((key.clone(), format!("{key}={}", value.as_str().unwrap_or_default())));
    }
    for requirement in items(selector, &["matchExpressions"]) {
        let key = requirement.text_at(&["key"]);
        let mut values: Vec<&str> = items(requirement, &["values"]).filter_map(Value::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        let text = match requirement.text_at(&["operator"]) {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        };
        parts.push((key.to_owned(), text));
    }
    parts.sort();
    joined(parts.into_iter().map(|(_, text)| text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_read_as_on_the_command_line() {
        let object = json!({
            "matchLabels": {"b": "1"},
            "matchExpressions": [
                {"key": "a", "operator": "In", "values": ["y", "x"]}, {"key": "c", "operator": "DoesNotExist"},
            ],
        });
        assert_eq!(selector(Some(&object)), "a in (x,y),b=1,!c");
        assert_eq!(selector(Some(&json!({}))), "<none>");
    }
}
