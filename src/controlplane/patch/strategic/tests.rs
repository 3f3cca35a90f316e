use super::*;
use serde_json::json;

/// A schema with the shapes of a pod template: keyed lists, a set, an atomic list, retained keys.
fn schema() -> Schema {
    fn object(properties: &[(&str, Schema)]) -> Schema {
        let properties =
            properties.iter().map(|(name, schema)| ((*name).to_owned(), Arc::new(schema.clone()))).collect();
        Schema { properties, ..Schema::default() }
    }
    fn keyed(key: &str, items: Schema) -> Schema {
        Schema {
            items: Some(Arc::new(items)),
            patch_strategy: vec![PatchStrategy::Merge],
            patch_merge_key: Some(key.to_owned()),
            ..Schema::default()
        }
    }
    let text = Schema::default;
    let env = keyed("name", object(&[("name", text()), ("value", text())]));
    let container = object(&[("name", text()), ("image", text()), ("env", env), ("command", Schema::default())]);
    let mut volumes = keyed("name", object(&[("name", text()), ("emptyDir", object(&[]))]));
    volumes.patch_strategy.push(PatchStrategy::RetainKeys);
    let finalizers = Schema { patch_strategy: vec![PatchStrategy::Merge], ..Schema::default() };
    let strategy = Schema { patch_strategy: vec![PatchStrategy::RetainKeys], ..object(&[("type", text())]) };
    object(&[
        ("containers", keyed("name", container)),
        ("volumes", volumes),
        ("finalizers", finalizers),
        ("strategy", strategy),
        ("tolerations", Schema::default()),
        ("nodeSelector", Schema::default()),
    ])
}

#[track_caller]
fn check(document: Value, patch: Value, expected: Value) {
    let patched = apply(&document, &patch, &schema()).expect("a patch that fits");
    assert_eq!(patched, expected);
}

#[track_caller]
fn refused(document: Value, patch: Value, code: u16, message: &str) {
    let status = apply(&document, &patch, &schema()).expect_err("a patch that does not fit");
    assert_eq!((status.code, status.message.as_str()), (code, message));
}

#[test]
fn keyed_lists_merge_and_new_items_come_first() {
    check(
        json!({"containers": [{"name": "c", "image": "nginx"}]}),
        json!({"containers": [{"name": "c2", "image": "j"}]}),
        json!({"containers": [{"name": "c2", "image": "j"}, {"name": "c", "image": "nginx"}]}),
    );
    check(
        json!({"containers": [{"name": "c", "image": "a", "env": [{"name": "A", "value": "1"}, {"name": "B"}]}]}),
        json!({"containers": [{"name": "c", "env": [{"name": "A", "value": "9"}]}]}),
        json!({"containers": [{"name": "c", "image": "a", "env": [{"name": "A", "value": "9"}, {"name": "B"}]}]}),
    );
    check(json!({}), json!({"containers": [{"name": "c", "image": null}]}), json!({"containers": [{"name": "c"}]}));
}

#[test]
fn directives_delete_and_replace() {
    let two = || json!({"containers": [{"name": "a"}, {"name": "b"}]});
    check(two(), json!({"containers": [{"name": "a", "$patch": "delete"}]}), json!({"containers": [{"name": "b"}]}));
    check(
        two(),
        json!({"containers": [{"$patch": "replace"}, {"name": "only"}]}),
        json!({"containers": [{"name": "only"}]}),
    );
    check(
        json!({"nodeSelector": {"a": "b"}}),
        json!({"nodeSelector": {"$patch": "replace", "c": "d"}}),
        json!({"nodeSelector": {"c": "d"}}),
    );
    check(json!({"strategy": {"type": "x"}}), json!({"strategy": {"$patch": "delete"}}), json!({"strategy": {}}));
    check(json!({}), json!({"strategy": {"$patch": "delete"}}), json!({}));
    check(json!({}), json!({"containers": [{"name": "a", "$patch": "delete"}]}), json!({"containers": []}));
}

#[test]
fn retained_keys_are_the_only_ones_that_stay() {
    check(
        json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}),
        json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}),
        json!({"strategy": {"type": "Recreate"}}),
    );
    refused(
        json!({"strategy": {}}),
        json!({"strategy": {"$retainKeys": ["type"], "other": 1}}),
        400,
        "invalid patch format of retainKeys",
    );
}

#[test]
fn the_stated_order_wins() {
    check(
        json!({"containers": [{"name": "c2", "image": "j"}]}),
        json!({"$setElementOrder/containers": [{"name": "c3"}, {"name": "c2"}], "containers": [{"name": "c3", "image": "k"}]}),
        json!({"containers": [{"name": "c3", "image": "k"}, {"name": "c2", "image": "j"}]}),
    );
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "s"}]}),
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
        json!({"containers": [{"name": "b"}, {"name": "a"}, {"name": "s"}]}),
    );
    check(
        json!({"finalizers": ["a", "b"]}),
        json!({"$setElementOrder/finalizers": ["b", "a"], "finalizers": ["b"]}),
        json!({"finalizers": ["b", "a"]}),
    );
    refused(
        json!({"finalizers": ["a"]}),
        json!({"$setElementOrder/finalizers": ["a"], "finalizers": ["b"]}),
        500,
        "The order in patch list:\n[b]\n doesn't match $setElementOrder list:\n[a]\n",
    );
}

#[test]
fn scalars_merge_as_a_set() {
    check(json!({"finalizers": ["c"]}), json!({"finalizers": ["d"]}), json!({"finalizers": ["d", "c"]}));
    check(json!({"finalizers": ["c", "d"]}), json!({"finalizers": ["d"]}), json!({"finalizers": ["c", "d"]}));
    check(
        json!({"finalizers": ["c", "d"]}),
        json!({"$deleteFromPrimitiveList/finalizers": ["c"]}),
        json!({"finalizers": ["d"]}),
    );
    check(json!({}), json!({"$deleteFromPrimitiveList/finalizers": ["c"]}), json!({}));
}

#[test]
fn everything_else_is_replaced() {
    check(
        json!({"tolerations": [{"key": "a"}]}),
        json!({"tolerations": [{"key": "b"}]}),
        json!({"tolerations": [{"key": "b"}]}),
    );
    check(
        json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
        json!({"volumes": [{"name": "v", "emptyDir": null, "configMap": {"name": "x"}}]}),
        json!({"volumes": [{"name": "v", "configMap": {"name": "x"}}]}),
    );
    check(json!({"nodeSelector": {"a": "b"}}), json!({"nodeSelector": null}), json!({}));
}

#[test]
fn errors_read_as_upstreams() {
    refused(
        json!({"containers": [{"name": "c"}]}),
        json!({"containers": [{"image": "noname"}]}),
        500,
        "map: map[image:noname] does not contain declared merge key: name",
    );
    refused(
        json!({"strategy": {"type": "x"}}),
        json!({"strategy": {"$patch": "bogus"}}),
        500,
        "unknown patch type: bogus in map: map[$patch:bogus]",
    );
    refused(
        json!({"finalizers": ["a"]}),
        json!({"finalizers": [{"a": 1}]}),
        500,
        "list element types are not identical: [[a] [map[a:1]]]",
    );
    refused(
        json!({}),
        json!([]),
        400,
        "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
    );
}
