//! Rules against what a recorded API server says of them.

use serde_json::{Value as Json, json};

use super::super::field_error::FieldError;
use super::super::structural::parse;
use super::*;

fn spec_schema() -> Arc<Schema> {
    Arc::new(parse(&json!({"type": "object", "properties": {
        "a": {"type": "string"}, "n": {"type": "integer"}, "d": {"type": "number"},
        "l": {"type": "array", "items": {"type": "string"}},
        "m": {"type": "object", "additionalProperties": {"type": "string"}},
        "o": {"type": "object", "properties": {"x-y": {"type": "integer"}, "namespace": {"type": "string"}}},
        "t": {"type": "string", "format": "date-time"}, "u": {"type": "string", "format": "duration"},
        "ios": {"x-kubernetes-int-or-string": true},
    }})))
}

fn rule(source: &str) -> Rule {
    Rule { rule: source.to_owned(), ..Rule::default() }
}

#[track_caller]
fn check_type(source: &str, expected: &str) {
    let found = check(&rule(source), &Scope::new(&spec_schema(), false));
    assert_eq!(found.rule.unwrap_or_default(), expected, "{source}");
}

#[test]
fn wrong_rules_are_refused_with_their_place() {
    check_type("self.b == 1", "compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b == 1\n | ....^");
    check_type("self.a", "cel expression must evaluate to a bool");
    check_type(
        "self.a ==",
        "compilation failed: ERROR: <input>:1:10: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', \
         '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | self.a ==\n | .........^",
    );
    check_type(
        "self.a == 1",
        "compilation failed: ERROR: <input>:1:8: found no matching overload for '_==_' applied to '(string, int)'\n | self.a \
         == 1\n | .......^",
    );
    check_type(
        "self.a.matches(\"[\")",
        "compilation failed: ERROR: <input>:1:16: invalid matches argument\n | self.a.matches(\"[\")\n | ...............^",
    );
    check_type(
        "unknown(self.a)",
        "compilation failed: ERROR: <input>:1:8: undeclared reference to 'unknown' (in container '')\n | \
         unknown(self.a)\n | .......^",
    );
    check_type(
        "self.a.startsWith(self.n)",
        "compilation failed: ERROR: <input>:1:18: found no matching overload for 'startsWith' applied to 'string.(int)'\n | \
         self.a.startsWith(self.n)\n | .................^",
    );
    check_type(
        "self.a.format() == \"x\"",
        "compilation failed: ERROR: <input>:1:14: found no matching overload for 'format' applied to 'string.()'\n | \
         self.a.format() == \"x\"\n | .............^",
    );
    check_type(
        "self.a == \"x\" ? true : 1",
        "compilation failed: ERROR: <input>:1:15: found no matching overload for '_?_:_' applied to '(bool, bool, int)'\n | \
         self.a == \"x\" ? true : 1\n | ..............^",
    );
}

#[test]
fn right_rules_are_accepted() {
    for source in [
        "size(self.a) < 5",
        "self.l.all(x, x == self.a)",
        "self == oldSelf",
        "has(self.a) && self.n > 0",
        "self.a in self.l",
        "self.m.exists(k, k == \"x\")",
        "quantity(self.a).isLessThan(quantity(\"1\"))",
        "ip(self.a).family() == 4",
        "url(self.a).getHost() == \"x\"",
        "self.o.x__dash__y > 1 && self.o.__namespace__ == 'a'",
        "self.ios == 1 || self.ios == 'a'",
        "self.t < timestamp('2024-01-01T00:00:00Z')",
        "self.u < duration('1h')",
        "self.d > 1.0",
        "self.?a.orValue('') == 'x'",
        "self.l.map(x, size(x)).sum() > 3",
        "type(self.a) == string",
        "self.m['a'] == 'b'",
        "self.m.transformMap(k, v, k + v).size() > 0",
    ] {
        check_type(source, "");
    }
}

#[test]
fn what_the_environment_does_not_have_is_refused() {
    for source in [
        "math.greatest(1,2) == 2",
        "base64.encode(b'a') == ''",
        "cel.bind(x, 1, x == 1)",
        "jsonpatch.escapeKey('a') == 'a'",
        "1 == 1.0",
        "1u == 1",
    ] {
        let found = check(&rule(source), &Scope::new(&spec_schema(), false));
        assert!(found.rule.is_some_and(|why| why.starts_with("compilation failed: ERROR: ")), "{source}");
    }
    check_type(
        "quantity('-1').sign() == -1",
        "compilation failed: ERROR: <input>:1:20: found no matching overload for 'sign' applied to 'kubernetes.Quantity.()'\n | \
         quantity('-1').sign() == -1\n | ...................^",
    );
}

/// Expressions that a Kubernetes API server accepts and finds true.
const TRUE: &str = include_str!("true.cel");

#[test]
fn expressions_that_are_true_upstream_are_true() {
    for source in TRUE.lines().filter(|line| !line.is_empty()) {
        check_type(source, "");
        let schema = Arc::new(Schema { rules: vec![rule(source)], ..Schema::default() });
        let errors = Validator::new(&schema).expect("there is a rule").validate(&json!({}), None);
        assert_eq!(errors.iter().map(FieldError::to_string).collect::<Vec<_>>(), Vec::<String>::new(), "{source}");
    }
}

#[track_caller]
fn check_object(new: &Json, old: Option<&Json>, expected: &[&str]) {
    let schema = Arc::new(parse(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "i": {"type": "integer"}, "j": {"type": "integer"}, "q": {"type": "string"}, "once": {"type": "string"},
        "imm": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "imm is immutable"}]},
        "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {
            "type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v", "message": "v only grows"}]}},
    }, "x-kubernetes-validations": [
        {"rule": "!has(self.i) || self.i < 5", "messageExpression": "self.i > 8 ? 'i far too big' : 'i too big'",
            "reason": "FieldValueForbidden", "fieldPath": ".i"},
        {"rule": "!has(self.i) || !has(self.j) || self.i <= self.j"},
        {"rule": "!has(self.q) || quantity(self.q).compareTo(quantity(\"1Gi\")) <= 0", "message": "q over 1Gi"},
        {"rule": "!has(oldSelf.once) || has(self.once)", "message": "once set, once cannot be removed"},
        {"rule": "!oldSelf.hasValue() || self.?j.orValue(0) >= oldSelf.value().?j.orValue(0)", "optionalOldSelf": true,
            "message": "j only grows"},
    ]}}})));
    let validator = Validator::new(&schema).expect("there are rules");
    let errors = validator.validate(&json!({"spec": new}), old.map(|old| json!({"spec": old})).as_ref());
    assert_eq!(errors.iter().map(FieldError::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn findings_are_worded_as_upstreams() {
    check_object(&json!({"i": 1, "q": "512Mi"}), None, &[]);
    check_object(
        &json!({"i": 9, "j": 2}),
        None,
        &[
            "spec.i: Forbidden: i far too big",
            "spec: Invalid value: failed rule: !has(self.i) || !has(self.j) || self.i <= self.j",
        ],
    );
    check_object(&json!({"q": "2Gi"}), None, &["spec: Invalid value: q over 1Gi"]);
    check_object(
        &json!({"q": "bogus"}),
        None,
        &["spec: Invalid value: \"object\": quantities must match the regular expression \
             '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' evaluating rule: q over 1Gi"],
    );
}

#[test]
fn transition_rules_compare_with_what_was_there() {
    check_object(
        &json!({"imm": "2"}),
        Some(&json!({"imm": "1"})),
        &["spec.imm: Invalid value: \"2\": imm is immutable"],
    );
    check_object(&json!({"imm": "2"}), Some(&json!({})), &[]);
    check_object(&json!({}), Some(&json!({"once": "x"})), &["spec: Invalid value: once set, once cannot be removed"]);
    check_object(&json!({"j": 1}), Some(&json!({"j": 2})), &["spec: Invalid value: j only grows"]);
    check_object(
        &json!({"items": [{"k": "b", "v": 1}, {"k": "a", "v": 1}]}),
        Some(&json!({"items": [{"k": "a", "v": 2}]})),
        &["spec.items[1]: Invalid value: v only grows"],
    );
}

#[test]
fn what_did_not_change_is_not_held_against_an_update() {
    check_object(&json!({"i": 9}), Some(&json!({"i": 9})), &[]);
    check_object(&json!({"i": 9, "j": 10}), Some(&json!({"i": 9})), &["spec.i: Forbidden: i far too big"]);
}

#[test]
fn evaluation_is_bounded() {
    let numbers = "lists.range(1000)";
    let source = format!("{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, a + b + c >= 0)))");
    let schema = Arc::new(Schema { rules: vec![rule(&source)], ..Schema::default() });
    let errors = Validator::new(&schema).expect("there is a rule").validate(&json!({}), None);
    assert!(errors[0].to_string().contains("cost limit exceeded"));
}
