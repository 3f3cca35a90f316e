use serde_json::json;

use super::{Apply, Force, Merge, Written};

#[test]
fn several_managers_share_an_object() {
    let mut object = Written::new();
    object.step("m1", Apply, json!({"s": "ab", "arr": [{"k": "1", "v": 1}], "set": ["a"], "m": {"x": 1}, "atom": ["1"]}), json!({"arr": [{"k": "1", "v": 1}], "atom": ["1"], "m": {"x": 1}, "s": "ab", "set": ["a"]}), json!({"m1": {"f:arr": {"k:{\"k\":\"1\"}": {".": {}, "f:k": {}, "f:v": {}}}, "f:atom": {}, "f:m": {"f:x": {}}, "f:s": {}, "f:set": {"v:\"a\"": {}}}}));
    object.step("m2", Apply, json!({"s": "ab", "arr": [{"k": "2", "v": 2}], "set": ["b"], "m": {"y": 2}}), json!({"arr": [{"k": "1", "v": 1}, {"k": "2", "v": 2}], "atom": ["1"], "m": {"x": 1, "y": 2}, "s": "ab", "set": ["a", "b"]}), json!({"m2": {"f:arr": {"k:{\"k\":\"2\"}": {".": {}, "f:k": {}, "f:v": {}}}, "f:m": {"f:y": {}}, "f:s": {}, "f:set": {"v:\"b\"": {}}}}));
    object.refused("m2", json!({"s": "cd"}), "Apply failed with 1 conflict: conflict with \"m1\": .spec.s");
    object.step("m2", Force, json!({"s": "cd"}), json!({"arr": [{"k": "1", "v": 1}], "atom": ["1"], "m": {"x": 1}, "s": "cd", "set": ["a"]}), json!({"m1": {"f:arr": {"k:{\"k\":\"1\"}": {".": {}, "f:k": {}, "f:v": {}}}, "f:atom": {}, "f:m": {"f:x": {}}, "f:set": {"v:\"a\"": {}}}, "m2": {"f:s": {}}}));
    object.step(
        "m1",
        Apply,
        json!({"set": ["a"], "m": {}}),
        json!({"m": {}, "s": "cd", "set": ["a"]}),
        json!({"m1": {"f:m": {}, "f:set": {"v:\"a\"": {}}}}),
    );
    object.step(
        "m1",
        Apply,
        json!({"s": "cd", "set": ["a"], "m": {}}),
        json!({"m": {}, "s": "cd", "set": ["a"]}),
        json!({"m1": {"f:m": {}, "f:s": {}, "f:set": {"v:\"a\"": {}}}}),
    );
    object.step(
        "upd",
        Merge,
        json!({"set": ["c"], "i": 2}),
        json!({"i": 2, "m": {}, "s": "cd", "set": ["c"]}),
        json!({"m1": {"f:m": {}, "f:s": {}}, "upd": {"f:i": {}, "f:set": {"v:\"c\"": {}}}}),
    );
    object.step(
        "m3",
        Apply,
        json!({"s": "cd", "atom": ["2"]}),
        json!({"atom": ["2"], "i": 2, "m": {}, "s": "cd", "set": ["c"]}),
        json!({"m3": {"f:atom": {}, "f:s": {}}}),
    );
    object.refused("m4", json!({"atom": ["3"]}), "Apply failed with 1 conflict: conflict with \"m3\": .spec.atom");
    object.step(
        "a1",
        Apply,
        json!({"am": {"p": "1"}}),
        json!({"am": {"p": "1"}, "atom": ["2"], "i": 2, "m": {}, "s": "cd", "set": ["c"]}),
        json!({"a1": {"f:am": {}}}),
    );
    object.refused("a2", json!({"am": {"q": "2"}}), "Apply failed with 1 conflict: conflict with \"a1\": .spec.am");
    object.step(
        "a2",
        Force,
        json!({"am": {"q": "2"}}),
        json!({"am": {"q": "2"}, "atom": ["2"], "i": 2, "m": {}, "s": "cd", "set": ["c"]}),
        json!({"a2": {"f:am": {}}, "a1": null}),
    );
    object.step("n1", Apply, json!({"nest": {"a": "x", "b": {"c": 1}}}), json!({"am": {"q": "2"}, "atom": ["2"], "i": 2, "m": {}, "nest": {"a": "x", "b": {"c": 1}}, "s": "cd", "set": ["c"]}), json!({"n1": {"f:nest": {"f:a": {}, "f:b": {"f:c": {}}}}}));
    object.step(
        "n1",
        Apply,
        json!({"nest": {"a": "x"}}),
        json!({"am": {"q": "2"}, "atom": ["2"], "i": 2, "m": {}, "nest": {"a": "x"}, "s": "cd", "set": ["c"]}),
        json!({"n1": {"f:nest": {"f:a": {}}}}),
    );
    object.step(
        "n1",
        Apply,
        json!({}),
        json!({"am": {"q": "2"}, "atom": ["2"], "i": 2, "m": {}, "s": "cd", "set": ["c"]}),
        json!({"n1": {}}),
    );
}
