//! Validation of CRDs, as a recorded API server words it.

use serde_json::json;

use super::*;

fn crd(schema: Value) -> Value {
    let version = json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
    let mut crd = json!({"metadata": {"name": "as.example.com"}, "spec": {"group": "example.com", "scope": "Namespaced",
        "names": {"kind": "A", "plural": "as"}, "versions": [version]}});
    CrdStrategy.default(&Env::system(), &mut crd);
    CrdStrategy.prepare_for_create(&Env::system(), &mut crd);
    crd
}

fn findings(crd: &Value) -> Vec<String> {
    CrdStrategy.validate(crd).iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check_spec(spec: Value, expected: &[&str]) {
    let schema = json!({"type": "object", "properties": {"spec": spec}});
    let start = "spec.validation.openAPIV3Schema.properties[spec]";
    let expected: Vec<_> = expected.iter().map(|text| format!("{start}{text}")).collect();
    assert_eq!(findings(&crd(schema)), expected);
}

#[track_caller]
fn check_field(field: Value, expected: &[&str]) {
    let expected: Vec<_> = expected.iter().map(|text| format!(".properties[a]{text}")).collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    check_spec(json!({"type": "object", "properties": {"a": field}}), &expected);
}

#[test]
fn a_new_crd_gets_defaults_and_an_empty_status() {
    let crd = crd(json!({"type": "object"}));
    assert_eq!(crd["spec"]["names"], json!({"kind": "A", "plural": "as", "singular": "a", "listKind": "AList"}));
    assert_eq!(crd["spec"]["conversion"], json!({"strategy": "None"}));
    let names = json!({"plural": "", "kind": ""});
    assert_eq!(crd["status"], json!({"conditions": null, "acceptedNames": names, "storedVersions": ["v1"]}));
    assert!(findings(&crd).is_empty());
}

#[test]
fn schemas_must_be_structural() {
    check_field(json!({"type": "string"}), &[]);
    check_field(json!({"x-kubernetes-int-or-string": true}), &[]);
    check_field(json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}), &[]);
    check_spec(
        json!({"properties": {"a": {"type": "string"}}}),
        &[".type: Required value: must not be empty for specified object fields"],
    );
    check_field(json!({"type": "array"}), &[".items: Required value: must be specified"]);
    check_field(
        json!({"anyOf": [{"type": "string"}]}),
        &[
            ".anyOf[0].type: Forbidden: must be empty to be structural",
            ".type: Required value: must not be empty for specified object fields",
        ],
    );
    check_field(
        json!({"type": "object", "allOf": [{"properties": {"x": {"minLength": 1}}}]}),
        &[".properties[x]: Required value: because it is defined in \
             spec.validation.openAPIV3Schema.properties[spec].properties[a].allOf[0].properties[x]"],
    );
    check_field(
        json!({"x-kubernetes-embedded-resource": true}),
        &[
            ".type: Required value: must be object if x-kubernetes-embedded-resource is true",
            ".properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without \
             x-kubernetes-preserve-unknown-fields",
        ],
    );
    check_field(
        json!({"type": "string", "pattern": "["}),
        &[
            ".pattern: Invalid value: \"[\": must be a valid regular expression, but isn't: error parsing regexp: missing closing ]: `[`",
        ],
    );
}

#[test]
fn metadata_is_not_the_crds() {
    let schema =
        |labels: Value| json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": labels}}});
    let expected = "spec.validation.openAPIV3Schema.properties[metadata]: Forbidden: must not specify anything other than \
                    name and generateName, but metadata is implicitly specified";
    assert_eq!(findings(&crd(schema(json!({"labels": {"type": "object"}})))), [expected]);
    assert!(findings(&crd(schema(json!({"name": {"type": "string", "pattern": "^a"}})))).is_empty());
}

#[test]
fn defaults_must_be_valid() {
    check_field(
        json!({"type": "string", "default": 5}),
        &[".default: Invalid value: \"integer\":  in body must be of type string: \"integer\""],
    );
    check_field(
        json!({"type": "string", "maxLength": 2, "default": "abc"}),
        &[".default: Too long: may not be more than 2 bytes"],
    );
    check_field(
        json!({"type": "object", "properties": {"x": {"type": "string"}}, "default": {"y": 1}}),
        &[".default: Invalid value: {\"y\":1}: must not have unknown fields"],
    );
    check_field(json!({"type": "string", "nullable": true, "default": null}), &[]);
}

#[test]
fn lists_must_be_identifiable() {
    let item =
        |required: &[&str]| json!({"type": "object", "properties": {"k": {"type": "string"}}, "required": required});
    let list = |items: Value, list_type: &str, keys: Value| json!({"type": "array", "items": items, "x-kubernetes-list-type": list_type, "x-kubernetes-list-map-keys": keys});
    check_field(list(item(&["k"]), "map", json!(["k"])), &[]);
    check_field(
        list(item(&[]), "map", Value::Null),
        &[".x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"],
    );
    check_field(
        list(item(&[]), "map", json!(["k"])),
        &[
            ".items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a \
             default or be a required property",
        ],
    );
    check_field(
        list(item(&["k"]), "map", json!(["z"])),
        &[".x-kubernetes-list-map-keys: Invalid value: [\"z\"]: entries must all be names of item properties"],
    );
    check_field(
        list(item(&[]), "set", Value::Null),
        &[".items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with \
             x-kubernetes-list-type=set"],
    );
    check_field(
        list(json!({"type": "string"}), "bag", Value::Null),
        &[".x-kubernetes-list-type: Unsupported value: \"bag\": supported values: \"atomic\", \"set\", \"map\""],
    );
}

#[test]
fn what_is_not_supported_is_named() {
    check_field(
        json!({"type": "text"}),
        &[".type: Unsupported value: \"text\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \
             \"object\", \"string\""],
    );
    check_field(json!({"$ref": "#/x"}), &[".$ref: Forbidden: $ref is not supported"]);
    check_field(
        json!({"type": "array", "items": [{"type": "string"}]}),
        &[".items: Forbidden: items must be a schema object and not an array"],
    );
    check_field(
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": false}),
        &[".x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined"],
    );
    check_spec(
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
        &[".additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"],
    );
    check_spec(json!({"type": "object", "additionalProperties": false}), &[]);
}

#[test]
fn names_versions_and_group_have_forms() {
    #[track_caller]
    fn check(path: &[&str], value: impl Into<Value>, expected: &[&str]) {
        let mut crd = crd(json!({"type": "object"}));
        crd.set(path, value);
        crd["metadata"]["name"] =
            format!("{}.{}", crd.text_at(&["spec", "names", "plural"]), crd.text_at(&["spec", "group"])).into();
        assert_eq!(findings(&crd), expected);
    }
    check(
        &["spec", "group"],
        "dotless",
        &["spec.group: Invalid value: \"dotless\": should be a domain with at least one dot"],
    );
    check(
        &["spec", "scope"],
        "Both",
        &["spec.scope: Unsupported value: \"Both\": supported values: \"Cluster\", \"Namespaced\""],
    );
    check(
        &["spec", "names", "listKind"],
        "A",
        &["spec.names.listKind: Invalid value: \"A\": kind and listKind may not be the same"],
    );
    check(
        &["spec", "group"],
        "x.k8s.io",
        &[
            "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation \
             \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111",
        ],
    );
}

#[test]
fn a_stored_version_must_stay() {
    let mut crd = crd(json!({"type": "object"}));
    let old = crd.clone();
    crd["spec"]["versions"][0]["name"] = "v2".into();
    CrdStrategy.prepare_for_update(&Env::system(), &mut crd, &old);
    assert_eq!(crd["status"]["storedVersions"], json!(["v1", "v2"]));
    let errors: Vec<_> = CrdStrategy.validate_update(&crd, &old).iter().map(ToString::to_string).collect();
    let expected = "status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions; v1 was previously a storage \
                    version, and must remain in spec.versions until a storage migration ensures no data remains persisted in \
                    v1 and removes v1 from status.storedVersions";
    assert_eq!(errors, [expected]);
}

#[test]
fn unknown_formats_are_warned_of() {
    let field = json!({"type": "string", "format": "whatever"});
    let crd = crd(json!({"type": "object", "properties": {"a": field, "n": {"type": "integer", "format": "int32"}}}));
    assert_eq!(CrdStrategy.warnings(&crd), ["unrecognized format \"whatever\""]);
}

#[test]
fn rules_must_compile() {
    let check = |rule: Value, expected: &[&str]| {
        let fields = json!({"a": {"type": "string"}, "n": {"type": "integer"}});
        let expected: Vec<_> = expected.iter().map(|text| format!(".x-kubernetes-validations[0]{text}")).collect();
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        check_spec(json!({"type": "object", "properties": fields, "x-kubernetes-validations": [rule]}), &expected);
    };
    check(json!({"rule": "size(self.a) < 5"}), &[]);
    check(
        json!({"rule": "self.b == 1"}),
        &[
            ".rule: Invalid value: {\"Rule\":\"self.b == 1\",\"Message\":\"\",\"MessageExpression\":\"\",\"Reason\":null,\
             \"FieldPath\":\"\",\"OptionalOldSelf\":null}: compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | \
             self.b == 1\n | ....^",
        ],
    );
    check(json!({"rule": ""}), &[".rule: Required value: rule is not specified"]);
    check(
        json!({"rule": "true", "reason": "Nope"}),
        &[".reason: Unsupported value: \"Nope\": supported values: \"FieldValueDuplicate\", \"FieldValueForbidden\", \
             \"FieldValueInvalid\", \"FieldValueRequired\""],
    );
    check(json!({"rule": "true", "fieldPath": ".zz"}), &[".fieldPath: Invalid value: \".zz\": must be a valid path"]);
    check(
        json!({"rule": "true", "message": "a\nb"}),
        &[".message: Invalid value: \"a\\nb\": must not contain line breaks"],
    );
    check(
        json!({"rule": "true", "optionalOldSelf": true}),
        &[".optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"],
    );
    check(json!({"rule": "!oldSelf.hasValue() || true", "optionalOldSelf": true}), &[]);
}
