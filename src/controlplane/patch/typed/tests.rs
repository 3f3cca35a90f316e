use serde_json::json;

use super::*;
use crate::controlplane::patch::field_set::FieldSet;
use crate::controlplane::schema::structural;

fn schema() -> Schema {
    structural::parse(&json!({"type": "object", "properties": {
        "s": {"type": "string"},
        "list": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k", "p"],
            "items": {"type": "object", "properties": {
                "k": {"type": "string"}, "p": {"type": "string", "default": "TCP"}, "v": {"type": "integer"},
            }},
        },
        "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "atom": {"type": "array", "items": {"type": "string"}},
        "m": {"type": "object", "additionalProperties": {"type": "integer"}},
        "any": {"x-kubernetes-preserve-unknown-fields": true},
        "obj": {"type": "object", "properties": {"a": {"type": "string"}}},
    }}))
}

fn paths(set: &FieldSet) -> Vec<String> {
    set.paths()
}

#[track_caller]
fn differences(old: Value, new: Value, added: &[&str], modified: &[&str], removed: &[&str]) {
    let comparison = compare(&old, &new, Type::of(&schema()));
    assert_eq!(paths(&comparison.added), added, "added");
    assert_eq!(paths(&comparison.modified), modified, "modified");
    assert_eq!(paths(&comparison.removed), removed, "removed");
}

#[test]
fn objects_are_compared_by_what_is_owned_apart() {
    differences(json!({"s": "a"}), json!({"s": "b"}), &[], &[".s"], &[]);
    differences(json!({}), json!({"m": {"a": 1}}), &[".m.a", ".m"], &[], &[]);
    differences(json!({"m": {"a": 1}}), json!({"m": {}}), &[], &[], &[".m.a"]);
    differences(json!({"m": {}}), json!({"m": null}), &[], &[".m"], &[]);
    differences(json!({"atom": ["a"]}), json!({"atom": ["b"]}), &[], &[".atom"], &[]);
    differences(json!({"set": ["a", "b"]}), json!({"set": ["b", "c"]}), &[".set[=\"c\"]"], &[], &[".set[=\"a\"]"]);
    differences(
        json!({"list": [{"k": "1", "v": 1}]}),
        json!({"list": [{"k": "1", "p": "TCP", "v": 2}]}),
        &[".list[k=\"1\",p=\"TCP\"].p"],
        &[".list[k=\"1\",p=\"TCP\"].v"],
        &[],
    );
    differences(json!({"any": {"x": [1]}}), json!({"any": {"x": [2], "y": 1}}), &[".any.y"], &[".any.x"], &[]);
    differences(json!({"any": 1}), json!({"any": {"x": 1}}), &[".any.x"], &[".any"], &[]);
    differences(json!({"m": {"a": 1.0}}), json!({"m": {"a": 1}}), &[], &[], &[]);
}

#[test]
fn items_that_share_an_identity_are_compared_as_one() {
    differences(json!({"set": ["a", "a"]}), json!({"set": ["a", "a"]}), &[], &[], &[]);
    differences(json!({"set": ["a", "a"]}), json!({"set": ["a", "a", "a"]}), &[], &[".set[=\"a\"]"], &[]);
    differences(json!({"set": ["a"]}), json!({"set": ["a", "a"]}), &[".set[=\"a\"]"], &[], &[".set[=\"a\"]"]);
}

#[test]
fn lists_merge_in_the_order_of_the_configuration() {
    #[track_caller]
    fn check(live: &[&str], config: &[&str], expected: &[&str]) {
        let merged = merge(&json!({"set": live}), &json!({"set": config}), Type::of(&schema()));
        assert_eq!(merged, Ok(json!({"set": expected})));
    }
    check(&["a", "b"], &["c"], &["a", "b", "c"]);
    check(&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]);
    check(&["a", "b", "c"], &["a", "x", "c"], &["a", "b", "x", "c"]);
    check(&["x", "a"], &["a", "b"], &["x", "a", "b"]);
    check(&[], &["b", "a"], &["b", "a"]);
    check(&["a"], &[], &["a"]);
}

#[test]
fn a_merge_takes_what_the_configuration_says() {
    #[track_caller]
    fn check(live: Value, config: Value, expected: Value) {
        assert_eq!(merge(&live, &config, Type::of(&schema())), Ok(expected));
    }
    check(json!({"s": "a", "atom": ["a"]}), json!({"atom": ["b"]}), json!({"s": "a", "atom": ["b"]}));
    check(json!({"m": {"a": 1}}), json!({"m": {"b": 2}}), json!({"m": {"a": 1, "b": 2}}));
    check(json!({"m": {"a": 1}}), json!({"m": null}), json!({"m": {"a": 1}}));
    check(json!({"any": {"a": [1]}}), json!({"any": {"a": [2]}}), json!({"any": {"a": [2]}}));
    check(
        json!({"list": [{"k": "1", "p": "TCP", "v": 1}]}),
        json!({"list": [{"k": "1", "v": 2}]}),
        json!({"list": [{"k": "1", "p": "TCP", "v": 2}]}),
    );
}

#[test]
fn removed_fields_leave_empty_containers() {
    #[track_caller]
    fn check(value: Value, gone: Value, expected: Value) {
        let schema = schema();
        let gone = to_field_set(&gone, Type::of(&schema));
        assert_eq!(remove(value, &gone, Type::of(&schema)), expected);
    }
    check(json!({"s": "a", "m": {"a": 1}}), json!({"m": {"a": 1}}), json!({"s": "a", "m": {}}));
    check(json!({"set": ["a", "b"]}), json!({"set": ["a"]}), json!({"set": ["b"]}));
    check(json!({"set": ["a"]}), json!({"set": ["a"]}), json!({"set": []}));
    check(
        json!({"list": [{"k": "1", "p": "TCP"}, {"k": "2"}]}),
        json!({"list": [{"k": "1"}]}),
        json!({"list": [{"k": "2"}]}),
    );
}

#[test]
fn named_fields_on_the_way_become_members() {
    let schema = schema();
    let set = to_field_set(&json!({"obj": {"a": "x"}, "m": {"k": 1}, "list": [{"k": "1"}]}), Type::of(&schema));
    assert_eq!(
        paths(&ensure_named_fields(&set, Some(Type::of(&schema)))),
        [".list[k=\"1\",p=\"TCP\"].k", ".list[k=\"1\",p=\"TCP\"]", ".list", ".m.k", ".m", ".obj.a", ".obj"]
    );
}
