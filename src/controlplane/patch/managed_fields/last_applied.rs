//! The annotation in which kubectl's client-side apply keeps its last configuration.
//!
//! Who moves from client-side to server-side apply must not be in conflict with himself.
//!
//! Source: `lastappliedmanager.go` and `lastappliedupdater.go` in
//! `k8s.io/apimachinery/pkg/util/managedfields/internal`.

use serde_json::{Map, Value};

use crate::controlplane::object::Object;
use crate::controlplane::patch::field_set::FieldSet;
use crate::controlplane::patch::typed::{Type, compare, to_field_set, validate};

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// How large all annotations together may be; a larger one is not written.
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Returns the fields that the last client-side apply wrote and that are still as it wrote them.
pub(super) fn fields(live: &Value, api_version: &str, schema: Type<'_>) -> Option<FieldSet> {
    let last: Value = serde_json::from_str(live.annotation(ANNOTATION)?).ok()?;
    if last.text_at(&["apiVersion"]) != api_version || validate(&last, schema).is_some() {
        return None;
    }
    let changed = compare(&last, live, schema);
    let fields = to_field_set(&last, schema);
    Some(fields.difference(&changed.modified).difference(&changed.added).difference(&changed.removed))
}

/// Writes the configuration into the annotation, where there is one.
pub(super) fn refresh(object: &mut Value, config: &Value) {
    if object.annotation(ANNOTATION).is_none_or(str::is_empty) {
        return;
    }
    let mut config = config.clone();
    if let Some(Value::Object(annotations)) = config.pointer_mut("/metadata/annotations") {
        annotations.shift_remove(ANNOTATION);
    }
    let text = format!("{}\n", sorted(config));
    let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") else { return };
    annotations.insert(ANNOTATION.to_owned(), text.into());
    let size: usize = annotations.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if size > MAX_ANNOTATIONS {
        annotations.shift_remove(ANNOTATION);
    }
}

/// Returns the value with all keys in order, as Go prints maps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|(left, _), (right, _)| left.cmp(right));
            Value::Object(entries.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}
