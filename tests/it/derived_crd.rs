//! A CRD as kube's derive makes it, and objects of its type, against the embedded control plane.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::{conditions, wait};
use kube::{Api, Client, CustomResource, CustomResourceExt, ResourceExt};
use rop::controlplane::Handle;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(CustomResource, Serialize, Deserialize, Debug, Clone, PartialEq, JsonSchema)]
#[kube(group = "example.com", version = "v1alpha1", kind = "Tank", namespaced, status = "TankStatus", shortname = "tk")]
#[kube(scale(spec_replicas_path = ".spec.replicas", status_replicas_path = ".status.replicas"))]
#[kube(printcolumn(name = "Liquid", type_ = "string", json_path = ".spec.liquid"))]
#[kube(validation = Rule::new("self.spec.replicas <= 9").message("at most nine"))]
#[serde(rename_all = "camelCase")]
struct TankSpec {
    /// How many there are.
    #[schemars(range(min = 0))]
    replicas: i32,
    #[serde(default)]
    liquid: Liquid,
    label: Option<String>,
    #[serde(default)]
    valves: BTreeMap<String, Valve>,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Default, JsonSchema)]
enum Liquid {
    #[default]
    Water,
    Oil,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, JsonSchema)]
struct Valve {
    #[schemars(length(max = 8))]
    name: String,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, JsonSchema)]
struct TankStatus {
    replicas: i32,
}

fn spec(replicas: i32) -> TankSpec {
    let valves = BTreeMap::from([("top".to_owned(), Valve { name: "a".to_owned() })]);
    TankSpec { replicas, liquid: Liquid::Oil, label: None, valves }
}

async fn install(client: &Client) -> Api<Tank> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply("installer").force();
    crds.patch("tanks.example.com", &params, &Patch::Apply(Tank::crd())).await.expect("the derived CRD is accepted");
    let established = wait::await_condition(crds, "tanks.example.com", conditions::is_crd_established());
    let limit = tokio::time::timeout(Duration::from_secs(30), established).await;
    limit.expect("CRDs are established soon").expect("the watch works");
    Api::default_namespaced(client.clone())
}

#[tokio::test(start_paused = true)]
async fn a_derived_crd_serves_objects_of_its_type() {
    let handle = Handle::builder().nodes(false).start_in_process().await.expect("keys can be made");
    let tanks = install(&Client::new(handle.service(), "default")).await;
    let created = tanks.create(&PostParams::default(), &Tank::new("a", spec(2))).await.expect("it is valid");
    assert_eq!(created.spec, spec(2));
    let status = Patch::Merge(json!({"status": {"replicas": 2}}));
    let changed = tanks.patch_status("a", &PatchParams::default(), &status).await.expect("it is there");
    assert_eq!(changed.status, Some(TankStatus { replicas: 2 }));
    let scaled = Patch::Merge(json!({"spec": {"replicas": 3}}));
    tanks.patch_scale("a", &PatchParams::default(), &scaled).await.expect("it scales");
    let tank = tanks.get("a").await.expect("it is there");
    assert_eq!((tank.spec.replicas, tank.metadata.generation), (3, Some(2)));
}

#[tokio::test(start_paused = true)]
async fn what_a_derived_crd_forbids_is_refused() {
    let handle = Handle::builder().nodes(false).start_in_process().await.expect("keys can be made");
    let tanks = install(&Client::new(handle.service(), "default")).await;
    for (replicas, why) in [(-1, "spec.replicas in body should be greater than or equal to 0"), (10, "at most nine")] {
        let refused = tanks.create(&PostParams::default(), &Tank::new("b", spec(replicas))).await;
        let kube::Error::Api(status) = refused.expect_err("it is invalid") else { panic!("the server answers") };
        assert!(status.reason == "Invalid" && status.message.contains(why), "{}", status.message);
    }
    let tank = tanks.create(&PostParams::default(), &Tank::new("b", spec(9))).await.expect("nine are allowed");
    assert_eq!(tank.name_any(), "b");
}
