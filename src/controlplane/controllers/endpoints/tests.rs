use serde_json::{Value, json};

use crate::controlplane::controllers::harness::World;
use crate::controlplane::controllers::kind::{ENDPOINT_SLICE, ENDPOINTS, POD, SERVICE};
use crate::controlplane::object::Object;

fn pod(name: &str, stage: &str) -> Value {
    let container = json!({"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": 8080}]});
    json!({
        "metadata": {
            "name": name, "namespace": "default", "labels": {"app": "web"}, "annotations": {"rop.dev/stage": stage},
        },
        "spec": {"containers": [container]},
    })
}

fn service() -> Value {
    let ports = json!([{"name": "web", "port": 80, "targetPort": "http", "protocol": "TCP"}]);
    json!({
        "metadata": {"name": "web", "namespace": "default", "labels": {"a": "b"}},
        "spec": {"selector": {"app": "web"}, "ports": ports},
    })
}

#[tokio::test(start_paused = true)]
async fn a_service_knows_its_pods_and_whether_they_are_ready() {
    let mut world = World::with_node();
    world.create(SERVICE, service());
    world.settle(1).await;
    assert_eq!(world.list(ENDPOINT_SLICE)[0]["endpoints"], json!([]));
    world.create(POD, pod("a", ""));
    world.create(POD, pod("b", "never-ready"));
    world.settle(2).await;
    let slices = world.list(ENDPOINT_SLICE);
    assert_eq!(slices.len(), 1);
    let ready: Vec<_> = slices[0]["endpoints"].as_array().into_iter().flatten().collect();
    let ready: Vec<_> =
        ready.iter().map(|one| (one.text_at(&["targetRef", "name"]), &one["conditions"]["ready"])).collect();
    assert_eq!(ready, [("a", &json!(true)), ("b", &json!(false))]);
    assert_eq!(slices[0]["ports"], json!([{"name": "web", "protocol": "TCP", "port": 8080}]));
    assert_eq!(slices[0].label("kubernetes.io/service-name"), Some("web"));
    let subset = world.get(ENDPOINTS, "web")["subsets"][0].clone();
    assert_eq!(subset["addresses"][0]["targetRef"]["name"], "a");
    assert_eq!(subset["notReadyAddresses"][0]["targetRef"]["name"], "b");
    world.delete(POD, "a", "Background");
    world.delete(POD, "b", "Background");
    world.settle(2).await;
    assert_eq!(world.get(ENDPOINTS, "web")["subsets"], json!([]));
    world.delete(SERVICE, "web", "Background");
    world.settle(2).await;
    assert_eq!((world.list(ENDPOINT_SLICE).len(), world.list(ENDPOINTS).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_slice_holds_a_hundred_endpoints() {
    let mut world = World::with_node();
    world.create(SERVICE, service());
    for number in 0..205 {
        world.create(POD, pod(&format!("p{number:03}"), ""));
    }
    world.settle(2).await;
    let sizes: Vec<_> =
        world.list(ENDPOINT_SLICE).iter().map(|s| s["endpoints"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (3, 205));
    let revision = world.store.revision();
    world.settle(600).await;
    assert_eq!(world.store.revision(), revision, "a settled world is left alone");
}
