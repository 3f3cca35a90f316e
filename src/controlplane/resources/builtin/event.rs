//! Events: one storage, two API groups with different field names and different rules.
//!
//! Source: `k8s.io/kubernetes/pkg/apis/core/validation/events.go` and `pkg/apis/events/v1/conversion.go`, Kubernetes 1.36.

use serde_json::{Map, Value};

use super::edit::Edit;
use super::field::{Field, Findings};
use super::go_types;
use super::kind::Kind;
use crate::controlplane::gvk::GroupVersion;
use crate::controlplane::names::qualified_name;
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;

/// Events of the core group.
pub(super) const EVENT: Kind =
    Kind { create_on_update: true, validate: validate_legacy, validate_update: |_, _, _| (), ..Kind::PLAIN };

/// Events of `events.k8s.io`, which are held to more.
pub(super) const NEW_EVENT: Kind =
    Kind { create_on_update: true, validate: validate_new, validate_update: validate_new_update, ..Kind::PLAIN };

/// The names of a field in the core group and in `events.k8s.io`.
const NAMES: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// Turns an event into that of the other group.
pub(super) fn convert(event: &mut Value, target: &GroupVersion) {
    let target_is_core = target.group.is_empty();
    let old_name = |core: &'static str, new: &'static str| if target_is_core { (new, core) } else { (core, new) };
    if let Value::Object(map) = event {
        let renamed: Map<String, Value> = std::mem::take(map)
            .into_iter()
            .map(|(name, value)| {
                let renaming = NAMES.iter().map(|(core, new)| old_name(core, new)).find(|(from, _)| *from == name);
                (renaming.map_or(name, |(_, to)| to.to_owned()), value)
            })
            .collect();
        *map = renamed;
    }
    event.put("apiVersion", target.to_string());
    go_types::normalize(if target_is_core { "core/v1.Event" } else { "events/v1.Event" }, event);
}

fn validate_legacy(event: &Field<'_>, found: &mut Findings) {
    validate_namespace(event, &event.at(&["involvedObject", "namespace"]), found);
    if event.get("eventTime").is_set() {
        validate_reporter(event, "reportingComponent", "message", found);
    }
}

/// An event lives with the object that it is about; events about what has no namespace live in `default`.
fn validate_namespace(event: &Field<'_>, about: &Field<'_>, found: &mut Findings) {
    let namespace = event.value.namespace();
    let fine = match about.text() {
        "" => namespace.is_empty() || namespace == "default",
        about => about == namespace,
    };
    if !fine {
        found.0.push(FieldError::invalid(
            "involvedObject.namespace",
            &about.text().into(),
            "does not match event.namespace",
        ));
    }
}

fn validate_reporter(event: &Field<'_>, controller: &str, message: &str, found: &mut Findings) {
    let reporter = event.get(controller);
    if reporter.is_empty() {
        found.required(&reporter, "");
    } else {
        found.invalid_each(&reporter, qualified_name(reporter.text()));
    }
    for name in ["reportingInstance", "action", "reason"] {
        let field = event.get(name);
        if field.is_empty() {
            found.required(&field, "");
        }
        validate_len(&field, 128, found);
    }
    validate_len(&event.get(message), 1024, found);
}

fn validate_len(field: &Field<'_>, max: usize, found: &mut Findings) {
    if field.text().len() > max {
        found.invalid_value(field, &"".into(), format!("can have at most {max} characters"));
    }
}

fn validate_new(event: &Field<'_>, found: &mut Findings) {
    validate_namespace(event, &event.at(&["regarding", "namespace"]), found);
    let deprecated = ["deprecatedFirstTimestamp", "deprecatedLastTimestamp", "deprecatedCount", "deprecatedSource"];
    if !event.get("eventTime").is_set() {
        // An event of the core group that is read and written here keeps its old fields.
        if deprecated.iter().all(|name| event.get(name).is_empty()) {
            found.required(&event.get("eventTime"), "");
        }
        return;
    }
    if !["Normal", "Warning"].contains(&event.get("type").text()) {
        found.invalid_value(&event.get("type"), &"".into(), format!("has invalid value: {}", event.get("type").text()));
    }
    validate_reporter(event, "reportingController", "note", found);
    let series = event.get("series");
    if series.is_set() && series.get("count").number().is_none_or(|count| count < 2) {
        found.invalid(&series.get("count"), "should be at least 2");
    }
}

fn validate_new_update(new: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    for name in [
        "regarding",
        "reason",
        "action",
        "reportingController",
        "reportingInstance",
        "note",
        "type",
        "related",
        "eventTime",
    ] {
        found.immutable(&new.get(name), &old.get(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_goes_to_the_other_group_and_back() {
        let core = json!({
            "kind": "Event", "apiVersion": "v1", "metadata": {"name": "e", "namespace": "d"},
            "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "R", "message": "m", "source": {"component": "me"},
            "firstTimestamp": "2024-01-01T00:00:00Z", "lastTimestamp": "2024-01-01T00:00:00Z", "count": 1,
            "type": "Normal", "eventTime": null, "reportingComponent": "", "reportingInstance": "",
        });
        let mut event = core.clone();
        convert(&mut event, &GroupVersion::new("events.k8s.io", "v1"));
        assert_eq!((&event["note"], &event["deprecatedCount"]), (&json!("m"), &json!(1)));
        assert_eq!(event["regarding"]["name"], "p");
        convert(&mut event, &GroupVersion::new("", "v1"));
        assert_eq!(event, core);
    }

    #[test]
    fn events_about_the_cluster_live_in_the_default_namespace() {
        for (namespace, about, fine) in [("default", "", true), ("x", "", false), ("x", "x", true), ("x", "y", false)] {
            let mut found = Findings::default();
            let event = json!({"metadata": {"namespace": namespace}, "involvedObject": {"namespace": about}});
            validate_legacy(&Field::root(&event), &mut found);
            assert_eq!(found.0.is_empty(), fine, "{namespace} {about}");
        }
    }
}
