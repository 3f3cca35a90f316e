//! Rows and strategies of custom resources.

use serde_json::json;

use super::*;
use crate::controlplane::env::Env;
use crate::controlplane::schema;

fn crd() -> Value {
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["s"], "properties": {
            "s": {"type": "string", "maxLength": 3}, "d": {"type": "integer", "default": 1}}},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    let version = |name: &str| json!({"name": name, "served": true, "schema": {"openAPIV3Schema": schema}});
    let mut versions = [version("v1"), version("v2"), version("v1beta1"), version("v1alpha1"), version("v1beta2")];
    versions[0]["storage"] = true.into();
    versions[0]["subresources"] = json!({"status": {}, "scale": {"specReplicasPath": ".spec.r",
        "statusReplicasPath": ".status.r"}});
    versions[0]["selectableFields"] = json!([{"jsonPath": ".spec.s"}]);
    versions[2]["deprecated"] = true.into();
    versions[3]["served"] = false.into();
    versions[4]["deprecated"] = true.into();
    versions[4]["deprecationWarning"] = "use v1, please".into();
    json!({"metadata": {"name": "deps.example.com"}, "spec": {"group": "example.com", "scope": "Namespaced",
        "names": {"kind": "Dep", "plural": "deps", "singular": "dep", "listKind": "DepList", "shortNames": ["d"]},
        "versions": versions}})
}

#[test]
fn every_served_version_is_a_row() {
    let rows = rows(&crd());
    let versions: Vec<_> = rows.iter().map(|row| row.gvk.version.as_str()).collect();
    assert_eq!(versions, ["v1", "v2", "v1beta1", "v1beta2"]);
    assert!(rows.iter().all(|row| row.storage_version == "v1" && row.storage.resource == "deps" && row.namespaced));
    assert_eq!(rows[0].selectable_fields, ["spec.s"]);
    assert_eq!(rows[0].subresources.iter().map(|sub| sub.name).collect::<Vec<_>>(), ["status", "scale"]);
    assert_eq!(rows[1].columns[0].name, "Age");
}

#[test]
fn deprecated_versions_say_so() {
    let warnings: Vec<_> =
        rows(&crd()).iter().map(|row| row.strategy.deprecation_warning().map(str::to_owned)).collect();
    let default = "example.com/v1beta1 Dep is deprecated; use example.com/v2 Dep";
    assert_eq!(warnings, [None, None, Some(default.to_owned()), Some("use v1, please".to_owned())]);
}

#[test]
fn objects_are_defaulted_and_checked_by_the_schema_of_their_version() {
    let row = &rows(&crd())[0];
    let mut object = json!({"apiVersion": "example.com/v1", "kind": "Dep", "metadata": {"name": "a", "labels": null},
        "spec": {"s": "long", "x": 1, "r": -1}, "status": {"r": 1}});
    assert_eq!(schema::prune(&mut object, &row.schema), ["spec.r", "spec.x"]);
    row.strategy.default(&Env::system(), &mut object);
    row.strategy.prepare_for_create(&Env::system(), &mut object);
    assert_eq!(object["spec"], json!({"s": "long", "d": 1}));
    assert_eq!((object.get("status"), object["metadata"].get("labels")), (None, None));
    let errors: Vec<_> = row.strategy.validate(&object).iter().map(ToString::to_string).collect();
    assert_eq!(errors, ["spec.s: Too long: may not be more than 3 bytes"]);
    assert!(row.strategy.validate_update(&object, &object).is_empty());
    object["kind"] = "Other".into();
    let errors: Vec<_> = row.strategy.validate(&object).iter().map(ToString::to_string).collect();
    assert_eq!(errors, ["kind: Invalid value: \"Other\": must be Dep"]);
}

#[test]
fn a_conversion_webhook_is_refused_where_it_is_needed() {
    let mut crd = crd();
    let target = Gvk::new("example.com", "v2", "Dep");
    let mut object = json!({"apiVersion": "example.com/v1", "kind": "Dep"});
    assert!(rows(&crd)[0].strategy.convert(&mut object, &target).is_ok());
    assert_eq!(object["apiVersion"], "example.com/v2");
    crd["spec"]["conversion"] = json!({"strategy": "Webhook"});
    assert!(rows(&crd)[0].strategy.convert(&mut object, &target).is_ok());
    object["apiVersion"] = "example.com/v1".into();
    assert_eq!(rows(&crd)[0].strategy.convert(&mut object, &target).map_err(|status| status.code), Err(501));
}
