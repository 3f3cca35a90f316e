mod sharing;

use serde_json::json;

use super::*;
use crate::controlplane::gvk::GroupVersion;
use crate::controlplane::object::Object;
use crate::controlplane::patch::{fields_v1, merge_patch};
use crate::controlplane::schema::{openapi, structural};

const NOW: &str = "2026-01-02T03:04:05Z";

/// How a step of a test writes.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Apply,
    Force,
    Merge,
}
use How::{Apply, Force, Merge};

/// A custom resource that several managers write.
struct Written {
    gvk: Gvk,
    schema: Schema,
    zero: Value,
    live: Option<Value>,
    owners: Value,
}

impl Written {
    fn new() -> Self {
        let spec = json!({"type": "object", "properties": {
            "s": {"type": "string"},
            "i": {"type": "integer"},
            "b": {"type": "boolean"},
            "arr": {
                "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                "items": {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer"}}},
            },
            "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "atom": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
            "m": {"type": "object", "additionalProperties": {"type": "integer"}},
            "am": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"p": {"type": "string"}, "q": {"type": "string"}}},
            "puf": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "nest": {"type": "object", "properties": {
                "a": {"type": "string"}, "b": {"type": "object", "properties": {"c": {"type": "integer"}}},
            }},
        }});
        let status = json!({"type": "object", "properties": {"phase": {"type": "string"}}});
        let schema = structural::resource(&json!({"type": "object", "properties": {"spec": spec, "status": status}}));
        let zero = json!({"apiVersion": "example.com/v1", "kind": "Foo"});
        Self { gvk: Gvk::new("example.com", "v1", "Foo"), schema, zero, live: None, owners: json!({}) }
    }

    fn writer<'a>(&'a self, manager: &'a str) -> Writer<'a> {
        Writer {
            manager,
            gvk: &self.gvk,
            subresource: None,
            now: NOW,
            schema: &self.schema,
            zero: &self.zero,
            reset_fields: ResetFields::Status,
            versions: &OneVersion,
        }
    }

    fn config(&self, spec: Value) -> Value {
        json!({"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "s1"}, "spec": spec})
    }

    fn write(&self, manager: &str, how: How, spec: Value) -> Result<Value, Status> {
        let writer = self.writer(manager);
        let mut written = match (how, &self.live) {
            (Merge, Some(live)) => {
                let new = merge_patch::apply(live, &json!({"spec": spec})).expect("a merge patch");
                writer.update(Some(live), new)
            }
            (Merge, None) => writer.update(None, self.config(spec)),
            _ => writer.apply(self.live.as_ref(), &self.config(spec), how == Force)?,
        };
        written.set(&["metadata", "uid"], "1");
        Ok(written)
    }

    /// Writes, and checks the spec and those owners that changed (null for those that are no more).
    #[track_caller]
    fn step(&mut self, manager: &str, how: How, spec: Value, expected: Value, changed_owners: Value) {
        let written = self.write(manager, how, spec).expect("a write without conflict");
        for (manager, fields) in changed_owners.as_object().expect("owners") {
            match fields {
                Value::Null => self.owners.as_object_mut().expect("owners").shift_remove(manager),
                fields => self.owners.as_object_mut().expect("owners").insert(manager.clone(), fields.clone()),
            };
        }
        assert_eq!(written["spec"], expected);
        assert_eq!(spec_owners(&written), self.owners, "owners");
        self.live = Some(written);
    }

    #[track_caller]
    fn refused(&self, manager: &str, spec: Value, message: &str) {
        let status = self.write(manager, Apply, spec).expect_err("a conflict");
        assert_eq!((status.code, status.message.as_str()), (409, message));
    }
}

/// Returns what each manager owns below the spec.
fn spec_owners(object: &Value) -> Value {
    let entries = object["metadata"]["managedFields"].as_array().expect("entries");
    let owners =
        entries.iter().map(|entry| (entry.text_at(&["manager"]).to_owned(), entry["fieldsV1"]["f:spec"].clone()));
    Value::Object(owners.collect())
}

#[test]
fn ordinary_writers_are_in_conflict_too() {
    let mut object = Written::new();
    object.step(
        "u",
        Merge,
        json!({"s": "x", "m": {"a": 1}}),
        json!({"s": "x", "m": {"a": 1}}),
        json!({"u": {".": {}, "f:s": {}, "f:m": {".": {}, "f:a": {}}}}),
    );
    object.refused(
        "m1",
        json!({"s": "y"}),
        "Apply failed with 1 conflict: conflict with \"u\" using example.com/v1: .spec.s",
    );
    object.refused(
        "m1",
        json!({"s": "y", "m": {"a": 2}}),
        "Apply failed with 2 conflicts: conflicts with \"u\" using example.com/v1:\n- .spec.m.a\n- .spec.s",
    );
    let status = object.write("m1", Apply, json!({"s": "y"})).expect_err("a conflict");
    let cause = &status.details.expect("details").causes[0];
    assert_eq!(
        (cause.reason.as_str(), cause.message.as_str(), cause.field.as_str()),
        ("FieldManagerConflict", "conflict with \"u\" using example.com/v1", ".spec.s")
    );
}

#[test]
fn what_a_configuration_drops_goes_unless_others_own_it() {
    let mut object = Written::new();
    object.step("a", Apply, json!({"arr": [{"k": "1", "v": 1}, {"k": "2"}]}), json!({"arr": [{"k": "1", "v": 1}, {"k": "2"}]}),
        json!({"a": {"f:arr": {"k:{\"k\":\"1\"}": {".": {}, "f:k": {}, "f:v": {}}, "k:{\"k\":\"2\"}": {".": {}, "f:k": {}}}}}));
    // An item of somebody else stays, between those of the configuration.
    object.step(
        "u",
        Merge,
        json!({"arr": [{"k": "1", "v": 1}, {"k": "x"}, {"k": "2"}]}),
        json!({"arr": [{"k": "1", "v": 1}, {"k": "x"}, {"k": "2"}]}),
        json!({"u": {"f:arr": {"k:{\"k\":\"x\"}": {".": {}, "f:k": {}}}}}),
    );
    object.step(
        "a",
        Apply,
        json!({"arr": [{"k": "2", "v": 5}]}),
        json!({"arr": [{"k": "x"}, {"k": "2", "v": 5}]}),
        json!({"a": {"f:arr": {"k:{\"k\":\"2\"}": {".": {}, "f:k": {}, "f:v": {}}}}}),
    );
    // What an ordinary writer also wrote stays when the applier lets go.
    object.step("a", Apply, json!({}), json!({"arr": [{"k": "x"}]}), json!({"a": {}}));
}

#[test]
fn an_apply_that_changes_nothing_keeps_the_time() {
    let mut object = Written::new();
    object.live = Some(object.write("a", Apply, json!({"s": "x"})).expect("a create"));
    let before = object.live.clone().expect("an object");
    let mut writer = object.writer("a");
    writer.now = "2030-01-01T00:00:00Z";
    let config = object.config(json!({"s": "x"}));
    assert_eq!(writer.apply(Some(&before), &config, false), Ok(before.clone()));
    let config = object.config(json!({"s": "y"}));
    let after = writer.apply(Some(&before), &config, false).expect("no conflict");
    assert_eq!(after["metadata"]["managedFields"][0]["time"], "2030-01-01T00:00:00Z");
    assert_eq!(writer.update(Some(&before), before.clone()), before);
}

#[test]
fn an_unfit_configuration_is_refused_with_upstreams_words() {
    let object = Written::new();
    let check = |spec: Value, expected: &str| {
        let config = json!({"apiVersion": "example.com/v1", "kind": "Foo", "spec": spec});
        let status = object.writer("m").apply(None, &config, false).expect_err(expected);
        let message = format!("failed to create typed patch object (/; example.com/v1, Kind=Foo): {expected}");
        assert_eq!((status.code, status.reason, status.message), (500, "", message));
    };
    check(json!({"nope": 1}), ".spec.nope: field not declared in schema");
    check(json!({"i": "x"}), ".spec.i: expected numeric (int or float), got string");
    check(json!({"s": 1.5}), ".spec.s: expected string, got &value.valueUnstructured{Value:1.5}");
    check(json!({"b": "x"}), ".spec.b: expected boolean, got &{x}");
    check(json!({"arr": {}}), ".spec.arr: expected list, got &{map[]}");
    check(json!({"nest": "x"}), ".spec.nest: expected map, got &{x}");
    check(json!({"arr": [{"k": "1"}, {"k": "1"}]}), ".spec.arr: duplicate entries for key [k=\"1\"]");
    check(
        json!({"arr": [{"v": 1}]}),
        ".spec.arr: element 0: associative list with keys has an element that omits all key fields [\"k\"] (and doesn't have default values for any key fields)",
    );
    check(json!({"set": ["a", "a"]}), ".spec.set: duplicate entries for key [=\"a\"]");
    check(
        json!({"i": "x", "s": 1}),
        "errors:\n  .spec.i: expected numeric (int or float), got string\n  .spec.s: expected string, got &value.valueUnstructured{Value:1}",
    );
}

#[test]
fn a_configuration_must_say_what_it_is_and_no_owners() {
    let object = Written::new();
    let check = |config: Value, expected: &str| {
        let status = object.writer("m").apply(None, &config, false).expect_err(expected);
        assert_eq!((status.code, status.message.as_str()), (400, expected));
    };
    check(json!({"spec": {}}), "invalid object type: /, Kind=");
    check(Value::Null, "invalid object type: /, Kind=");
    check(json!({"apiVersion": "example.com/v2", "kind": "Foo"}), "invalid object type: example.com/v2, Kind=Foo");
    check(json!({"apiVersion": "example.com/v1", "kind": "Nope"}), "invalid object type: example.com/v1, Kind=Nope");
    let mut config = object.config(json!({}));
    config.set(&["metadata", "managedFields"], json!([]));
    check(config, "metadata.managedFields must be nil");
}

#[test]
fn preserved_fields_are_owned_one_by_one_and_lists_in_them_as_a_whole() {
    let mut object = Written::new();
    let puf = || json!({"puf": {"a": {"b": 1, "l": [1, {"x": 1}]}}});
    object.step("a", Apply, puf(), puf(), json!({"a": {"f:puf": {"f:a": {".": {}, "f:b": {}, "f:l": {}}}}}));
    object.refused(
        "b",
        json!({"puf": {"a": {"l": []}}}),
        "Apply failed with 1 conflict: conflict with \"a\": .spec.puf.a.l",
    );
}

#[test]
fn owners_may_be_forgotten_and_begin_again_with_an_apply() {
    let mut object = Written::new();
    object.live = Some(object.write("u", Merge, json!({"s": "x"})).expect("a create"));
    for reset in [json!([]), json!([{}])] {
        let mut new = object.live.clone().expect("an object");
        new.set(&["metadata", "managedFields"], reset);
        let new = object.writer("u").update(object.live.as_ref(), new);
        assert_eq!(new.at(&["metadata", "managedFields"]), None);
    }
    // Neither garbage nor silence makes the owners go.
    for kept in [json!([{"manager": "x"}]), json!([{"manager": "x", "operation": "Bogus"}]), Value::Null] {
        let mut new = object.live.clone().expect("an object");
        new.set(&["metadata", "managedFields"], kept);
        let new = object.writer("u").update(object.live.as_ref(), new);
        assert_eq!(spec_owners(&new), json!({"u": {".": {}, "f:s": {}}}));
    }
    let mut forgotten = object.live.clone().expect("an object");
    entries::remove_from(&mut forgotten);
    let mut changed = forgotten.clone();
    changed.set(&["spec", "i"], 1);
    assert_eq!(object.writer("u").update(Some(&forgotten), changed.clone()), changed);

    let applied =
        object.writer("a").apply(Some(&changed), &object.config(json!({"s": "x"})), false).expect("no conflict");
    assert_eq!(spec_owners(&applied), json!({"a": {"f:s": {}}, "before-first-apply": {".": {}, "f:i": {}, "f:s": {}}}));
}

#[test]
fn the_status_endpoint_has_owners_of_its_own() {
    let object = Written::new();
    let mut live = object.write("u", Merge, json!({"s": "x"})).expect("a create");
    let mut writer = object.writer("u");
    writer.subresource = Some("status");
    writer.reset_fields = ResetFields::SpecAndMetadata;
    let mut new = live.clone();
    new.set(&["status", "phase"], "p");
    new.set(&["spec", "s"], "ignored");
    new.set(&["metadata", "labels"], json!({"a": "b"}));
    live = writer.update(Some(&live), new);
    let entries = live["metadata"]["managedFields"].as_array().expect("entries");
    let owned: Vec<_> =
        entries.iter().map(|entry| (entry.text_at(&["subresource"]), entry["fieldsV1"].clone())).collect();
    assert_eq!(
        owned,
        [("", json!({"f:spec": {".": {}, "f:s": {}}})), ("status", json!({"f:status": {".": {}, "f:phase": {}}})),]
    );
    // The main endpoint neither takes the status from its owner nor owns it.
    let mut new = live.clone();
    new.set(&["status", "phase"], "q");
    let written = object.writer("v").update(Some(&live), new);
    assert_eq!(written["metadata"]["managedFields"], live["metadata"]["managedFields"]);
}

#[test]
fn kubectl_may_move_from_client_side_to_server_side_apply() {
    let object = Written::new();
    let last = object.config(json!({"s": "x", "i": 1})).to_string();
    let mut live = object.config(json!({"s": "x", "i": 2}));
    live.set(&["metadata", "annotations"], json!({"kubectl.kubernetes.io/last-applied-configuration": last}));
    live.set(&["metadata", "uid"], "1");
    let live = object.writer("kubectl-client-side-apply").update(None, live);
    let conflicts = |manager: &str, spec: Value| {
        let result = object.writer(manager).apply(Some(&live), &object.config(spec), false);
        result.err().map(|status| status.message)
    };
    let text = "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using example.com/v1: ";
    assert_eq!(conflicts("other", json!({"s": "y"})), Some(format!("{text}.spec.s")));
    assert_eq!(conflicts("kubectl", json!({"s": "y"})), None);
    // What has changed since is no longer kubectl's own.
    assert_eq!(conflicts("kubectl", json!({"s": "y", "i": 3})), Some(format!("{text}.spec.i")));

    let applied =
        object.writer("kubectl").apply(Some(&live), &object.config(json!({"s": "y"})), false).expect("no conflict");
    assert_eq!(
        applied.annotation("kubectl.kubernetes.io/last-applied-configuration"),
        Some(
            "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"s1\"},\"spec\":{\"s\":\"y\"}}\n"
        )
    );
}

#[test]
fn the_oldest_of_many_updaters_are_put_together() {
    let mut object = Written::new();
    for number in 0..12 {
        let manager = format!("u{number:02}");
        let written = object.write(&manager, Merge, json!({"m": {format!("k{number:02}"): number}}));
        object.live = written.ok();
    }
    let live = object.live.expect("an object");
    let entries = live["metadata"]["managedFields"].as_array().expect("entries");
    assert_eq!(entries.len(), 10);
    assert_eq!(spec_owners(&live)["ancient-changes"]["f:m"], json!({".": {}, "f:k00": {}, "f:k01": {}, "f:k02": {}}));
}

/// A kind whose versions are alike, but for the list, which is atomic in `v1` and a set in `v2`.
struct TwoVersions(Arc<Schema>);

impl Versions for TwoVersions {
    fn convert(&self, object: &Value, api_version: &str) -> Result<Option<(Value, Arc<Schema>)>, Status> {
        let mut object = object.clone();
        object.set(&["apiVersion"], api_version);
        Ok((api_version != "example.com/gone").then(|| (object, Arc::clone(&self.0))))
    }
}

#[test]
fn owners_of_another_version_keep_what_they_have_unless_the_version_is_gone() {
    let mut object = Written::new();
    object.live = Some(object.write("old", Apply, json!({"s": "x", "i": 1})).expect("a create"));
    let mut live = object.live.clone().expect("an object");
    let versions = TwoVersions(Arc::new(object.schema.clone()));
    let v2 = Gvk::new("example.com", "v2", "Foo");
    let mut writer = object.writer("new");
    (writer.gvk, writer.versions) = (&v2, &versions);
    let config = json!({"apiVersion": "example.com/v2", "kind": "Foo", "metadata": {"name": "s1"}, "spec": {"s": "y"}});
    live.set(&["apiVersion"], "example.com/v2");
    let status = writer.apply(Some(&live), &config, false).expect_err("a conflict");
    assert_eq!(status.message, "Apply failed with 1 conflict: conflict with \"old\": .spec.s");
    let forced = writer.apply(Some(&live), &config, true).expect("force");
    assert_eq!(spec_owners(&forced), json!({"new": {"f:s": {}}, "old": {"f:i": {}}}));
    // Who applied in one version lets go in another.
    writer.manager = "old";
    let dropped = writer.apply(Some(&live), &config, false).expect("no conflict");
    assert_eq!(dropped["spec"], json!({"s": "y"}));

    live["metadata"]["managedFields"][0]["apiVersion"] = "example.com/gone".into();
    writer.manager = "u";
    let mut new = live.clone();
    new.set(&["spec", "s"], "z");
    assert_eq!(spec_owners(&writer.update(Some(&live), new)), json!({"u": {"f:s": {}}}));
}

#[test]
fn what_has_become_atomic_is_owned_as_a_whole() {
    let mut object = Written::new();
    object.live = Some(object.write("a", Apply, json!({"m": {"x": 1}, "set": ["a"]})).expect("a create"));
    for name in ["m", "set"] {
        let spec = Arc::make_mut(object.schema.properties.get_mut("spec").expect("a spec"));
        let field = Arc::make_mut(spec.properties.get_mut(name).expect("a field"));
        (field.atomic, field.list_type) = (true, None);
    }
    let mut new = object.live.clone().expect("an object");
    new.set(&["spec", "s"], "x");
    let written = object.writer("u").update(object.live.as_ref(), new);
    assert_eq!(spec_owners(&written), json!({"a": {"f:m": {}, "f:set": {}}, "u": {"f:s": {}}}));
}

#[test]
fn a_create_of_a_built_in_kind_owns_what_go_would_not_have_written_anyway() {
    let gvk = GroupVersion::new("apps", "v1").kind("Deployment");
    let schema = openapi::builtin("io.k8s.api.apps.v1.Deployment");
    let zero = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "status": {},
        "spec": {"selector": null, "strategy": {}, "template": {"metadata": {}, "spec": {"containers": null}}},
    });
    let new = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n", "labels": {"app": "d"}},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "d"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {
                "containers": [{"name": "c", "image": "i", "resources": {}, "ports": [{"containerPort": 80, "protocol": "TCP"}]}],
                "securityContext": {},
            }},
        },
        "status": {},
    });
    let writer = Writer {
        manager: "m",
        gvk: &gvk,
        subresource: None,
        now: NOW,
        schema: &schema,
        zero: &zero,
        reset_fields: ResetFields::Status,
        versions: &OneVersion,
    };
    let created = writer.update(None, new);
    let expected = json!({
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {
            "f:replicas": {}, "f:selector": {},
            "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}, "f:type": {}},
            "f:template": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {
                "f:containers": {"k:{\"name\":\"c\"}": {
                    ".": {}, "f:image": {}, "f:name": {}, "f:resources": {},
                    "f:ports": {".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:protocol": {}}},
                }},
                "f:securityContext": {},
            }},
        },
    });
    assert_eq!(
        created["metadata"]["managedFields"],
        json!([{
            "manager": "m", "operation": "Update", "apiVersion": "apps/v1", "time": NOW, "fieldsType": "FieldsV1",
            "fieldsV1": expected,
        }])
    );
    // A port that leaves the protocol to its default is the same port.
    let config = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": {
        "containers": [{"name": "c", "ports": [{"containerPort": 80, "name": "http"}]}],
    }}}});
    let applied = writer.apply(Some(&created), &config, false).expect("no conflict");
    let ports = &applied["spec"]["template"]["spec"]["containers"][0]["ports"];
    assert_eq!(*ports, json!([{"containerPort": 80, "protocol": "TCP", "name": "http"}]));
}

#[test]
fn the_name_of_a_manager_comes_from_the_request_or_the_user_agent() {
    assert_eq!(manager_name("m", "kubectl/v1.36.2"), "m");
    assert_eq!(manager_name("", "kubectl/v1.36.2 (linux/amd64)"), "kubectl");
    assert_eq!(manager_name("", &"x".repeat(200)).len(), 128);
    assert_eq!(manager_name("", ""), "");
}

#[test]
fn fields_of_an_entry_are_read_as_they_were_written() {
    let object = Written::new();
    let written = object.write("m", Apply, json!({"arr": [{"k": "1", "v": 1}], "set": ["a"]})).expect("a create");
    let entry = &written["metadata"]["managedFields"][0];
    let fields = fields_v1::decode(&entry["fieldsV1"]).expect("fields");
    assert_eq!(
        fields.paths(),
        [".spec.arr[k=\"1\"].k", ".spec.arr[k=\"1\"].v", ".spec.arr[k=\"1\"]", ".spec.set[=\"a\"]"]
    );
}
