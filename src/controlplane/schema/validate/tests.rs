//! Findings, as a recorded API server words them.

use serde_json::{Value, json};

use super::super::structural::parse;
use super::*;

fn schema() -> Schema {
    parse(&json!({"type": "object", "required": ["spec"], "properties": {"spec": {"type": "object", "required": ["s"],
    "properties": {
        "s": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
        "e": {"type": "string", "enum": ["x", "y"]},
        "i": {"type": "integer", "minimum": 1, "maximum": 5, "multipleOf": 2},
        "n": {"type": "number", "exclusiveMinimum": true, "minimum": 0},
        "b": {"type": "boolean"},
        "arr": {"type": "array", "minItems": 1, "maxItems": 3, "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k"], "items": {"type": "object", "required": ["k"],
            "properties": {"k": {"type": "string"}, "v": {"type": "integer", "maximum": 9}}}},
        "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "m": {"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 2},
        "ios": {"x-kubernetes-int-or-string": true},
        "emb": {"type": "object", "x-kubernetes-embedded-resource": true,
            "x-kubernetes-preserve-unknown-fields": true},
        "dt": {"type": "string", "format": "date-time"},
        "i32": {"type": "integer", "format": "int32"},
        "any": {"type": "string", "anyOf": [{"minLength": 3}, {"pattern": "^z"}]},
        "one": {"type": "integer", "oneOf": [{"minimum": 10}, {"maximum": 5}, {"enum": [3]}]},
        "not": {"type": "string", "not": {"enum": ["bad"]}},
        "all": {"type": "string", "allOf": [{"minLength": 2}, {"maxLength": 3}]},
    }}}}))
}

fn findings(value: &Value) -> Vec<String> {
    let schema = schema();
    let mut errors = validate(value, None, &schema);
    errors.extend(embedded_resources(value, &schema));
    errors.extend(list_sets_and_maps(value, &schema));
    errors.iter().map(FieldError::to_string).collect()
}

#[track_caller]
fn check(spec: Value, expected: &[&str]) {
    let mut object = json!({"spec": {"s": "ab"}});
    for (name, value) in spec.as_object().into_iter().flatten() {
        object["spec"][name] = value.clone();
    }
    assert_eq!(findings(&object), expected);
}

#[test]
fn scalars() {
    check(json!({"s": "a"}), &["spec.s: Invalid value: \"a\": spec.s in body should be at least 2 chars long"]);
    check(json!({"s": "abcde"}), &["spec.s: Too long: may not be more than 4 bytes"]);
    check(json!({"s": "AB"}), &["spec.s: Invalid value: \"AB\": spec.s in body should match '^[a-z]+$'"]);
    check(json!({"s": 5}), &["spec.s: Invalid value: \"integer\": spec.s in body must be of type string: \"integer\""]);
    check(json!({"e": "z"}), &["spec.e: Unsupported value: \"z\": supported values: \"x\", \"y\""]);
    check(json!({"i": 0}), &["spec.i: Invalid value: 0: spec.i in body should be greater than or equal to 1"]);
    check(json!({"i": 4}), &[]);
    check(json!({"i": 2.0}), &[]);
    check(json!({"n": 0}), &["spec.n: Invalid value: 0: spec.n in body should be greater than 0"]);
    check(
        json!({"b": "x"}),
        &["spec.b: Invalid value: \"string\": spec.b in body must be of type boolean: \"string\""],
    );
    check(json!({"dt": "x"}), &["spec.dt: Invalid value: \"x\": spec.dt in body must be of type date-time: \"x\""]);
    check(
        json!({"i": 2.5}),
        &[
            "spec.i: Invalid value: \"number\": spec.i in body must be of type integer: \"number\"",
            "<nil>: Invalid value: \"\": Checked value must be of type integer (default format) in spec.i",
            "spec.i: Invalid value: 2.5: spec.i in body should be a multiple of 2",
        ],
    );
    check(
        json!({"i": 7}),
        &[
            "spec.i: Invalid value: 7: spec.i in body should be a multiple of 2",
            "spec.i: Invalid value: 7: spec.i in body should be less than or equal to 5",
        ],
    );
    check(
        json!({"i32": 3_000_000_000_i64}),
        &["<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in spec.i32"],
    );
}

#[test]
fn int_or_string() {
    check(json!({"ios": 1}), &[]);
    check(json!({"ios": "1"}), &[]);
    check(
        json!({"ios": true}),
        &["spec.ios: Invalid value: \"boolean\": spec.ios in body must be of type integer,string: \"boolean\""],
    );
}

#[test]
fn lists_and_maps() {
    check(json!({"arr": []}), &["spec.arr: Invalid value: 0: spec.arr in body should have at least 1 items"]);
    check(json!({"arr": [{"k": "1"}, {"k": "1"}]}), &["spec.arr[1]: Duplicate value: {\"k\":\"1\"}"]);
    check(json!({"arr": [{}]}), &["spec.arr[0].k: Required value"]);
    check(
        json!({"arr": [{"k": "0"}, {"k": "1"}, {"k": "2"}, {"k": "3"}]}),
        &["spec.arr: Too many: 4: must have at most 3 items"],
    );
    check(json!({"set": ["a", "b", "a"]}), &["spec.set[2]: Duplicate value: \"a\""]);
    check(
        json!({"m": {"x": "y"}}),
        &["spec.m.x: Invalid value: \"string\": spec.m.x in body must be of type integer: \"string\""],
    );
    check(json!({"m": {"a": 1, "b": 2, "c": 3}}), &["spec.m: Too many: 3: must have at most 2 items"]);
}

#[test]
fn compositions() {
    check(
        json!({"any": "ab"}),
        &[
            "<nil>: Invalid value: \"\": \"spec.any\" must validate at least one schema (anyOf)",
            "spec.any: Invalid value: \"ab\": spec.any in body should be at least 3 chars long",
        ],
    );
    check(json!({"any": "zz"}), &[]);
    check(
        json!({"one": 3}),
        &[
            "<nil>: Invalid value: \"\": \"spec.one\" must validate one and only one schema (oneOf). Found 2 valid alternatives",
        ],
    );
    check(json!({"one": 12}), &[]);
    check(json!({"not": "bad"}), &["<nil>: Invalid value: \"\": \"spec.not\" must not validate the schema (not)"]);
    check(
        json!({"all": "abcd"}),
        &[
            "spec.all: Too long: may not be more than 3 bytes",
            "<nil>: Invalid value: \"\": \"spec.all\" must validate all the schemas (allOf)",
        ],
    );
}

#[test]
fn missing_parts() {
    assert_eq!(findings(&json!({})), ["spec: Required value"]);
    assert_eq!(findings(&json!({"spec": {}})), ["spec.s: Required value"]);
    check(
        json!({"emb": {"kind": "a b"}}),
        &[
            "spec.emb.apiVersion: Required value: must not be empty",
            "spec.emb.kind: Invalid value: \"a b\": may have mixed case, but should otherwise match: a DNS-1035 label must \
             consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an \
             alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is \
             '[a-z]([-a-z0-9]*[a-z0-9])?')",
        ],
    );
}

#[test]
fn what_did_not_change_is_not_found_again() {
    let old = json!({"spec": {"s": "TOOLONG", "arr": [{"k": "a", "v": 10}, {"k": "b"}]}});
    let check = |new: Value, expected: &[&str]| {
        let errors = validate(&new, Some(&old), &schema());
        assert_eq!(errors.iter().map(FieldError::to_string).collect::<Vec<_>>(), expected);
    };
    check(json!({"spec": {"s": "TOOLONG", "arr": [{"k": "b", "v": 1}, {"k": "a", "v": 10}]}}), &[]);
    check(
        json!({"spec": {"s": "ab", "arr": [{"k": "b", "v": 10}, {"k": "a", "v": 10}]}}),
        &["spec.arr[0].v: Invalid value: 10: spec.arr[0].v in body should be less than or equal to 9"],
    );
}

#[test]
fn some_findings_keep_rules_from_being_checked() {
    assert!(blocking_error(&validate(&json!({"spec": {"s": 5}}), None, &schema())).is_some());
    assert!(blocking_error(&validate(&json!({"spec": {"s": "AB"}}), None, &schema())).is_none());
}
