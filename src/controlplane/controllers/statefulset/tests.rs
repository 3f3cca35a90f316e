use serde_json::{Value, json};

use crate::controlplane::controllers::harness::World;
use crate::controlplane::controllers::kind::{CONTROLLER_REVISION, PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET};
use crate::controlplane::object::Object;

fn db(replicas: i64) -> Value {
    let labels = json!({"app": "db"});
    json!({
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "serviceName": "db",
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "pg"}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}],
        },
    })
}

fn names(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(Object::name).collect()
}

#[tokio::test(start_paused = true)]
async fn pods_come_in_order_with_their_claims() {
    let mut world = World::with_node();
    world.create(STATEFUL_SET, db(3));
    world.settle(5).await;
    let pods = world.list(POD);
    assert_eq!(names(&pods), ["db-0", "db-1", "db-2"]);
    assert_eq!(names(&world.list(PERSISTENT_VOLUME_CLAIM)), ["data-db-0", "data-db-1", "data-db-2"]);
    assert_eq!(pods[1].label("apps.kubernetes.io/pod-index"), Some("1"));
    assert_eq!(pods[1]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "data-db-1");
    let created: Vec<_> = world
        .events()
        .into_iter()
        .filter(|event| event.contains("create Pod"))
        .map(|event| event[28..32].to_owned())
        .collect();
    assert_eq!(created, ["db-0", "db-1", "db-2"]);
    let status = world.get(STATEFUL_SET, "db")["status"].clone();
    assert_eq!((&status["readyReplicas"], &status["availableReplicas"]), (&json!(3), &json!(3)));
    assert_eq!(status["currentRevision"], status["updateRevision"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_not_ready_holds_back_the_next() {
    let mut world = World::with_node();
    let mut set = db(3);
    set.set(&["spec", "template", "metadata", "annotations", "rop.dev/stage"], "never-ready");
    world.create(STATEFUL_SET, set);
    world.settle(5).await;
    assert_eq!(names(&world.list(POD)), ["db-0"]);
    world.patch(STATEFUL_SET, "db", json!({"spec": {"podManagementPolicy": "Parallel"}}));
    world.settle(5).await;
    assert_eq!(world.list(POD).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_update_goes_from_the_last_pod_down_to_the_partition() {
    let mut world = World::with_node();
    world.create(STATEFUL_SET, db(3));
    world.settle(5).await;
    let template = json!({"spec": {"containers": [{"name": "c", "image": "pg:2"}]}});
    let strategy = json!({"rollingUpdate": {"partition": 1}});
    world.patch(STATEFUL_SET, "db", json!({"spec": {"updateStrategy": strategy, "template": template}}));
    world.settle(10).await;
    let images = |world: &World| {
        world.list(POD).iter().map(|pod| pod["spec"]["containers"][0]["image"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(images(&world), ["pg", "pg:2", "pg:2"]);
    let status = world.get(STATEFUL_SET, "db")["status"].clone();
    assert_eq!((&status["currentReplicas"], &status["updatedReplicas"]), (&json!(1), &json!(2)));
    world.patch(STATEFUL_SET, "db", json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}));
    world.settle(10).await;
    assert_eq!(images(&world), ["pg:2", "pg:2", "pg:2"]);
    assert_eq!(world.list(CONTROLLER_REVISION).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn scaling_down_removes_the_last_and_keeps_the_claims() {
    let mut world = World::with_node();
    world.create(STATEFUL_SET, db(3));
    world.settle(5).await;
    world.patch(STATEFUL_SET, "db", json!({"spec": {"replicas": 1}}));
    world.settle(5).await;
    assert_eq!(names(&world.list(POD)), ["db-0"]);
    assert_eq!(world.list(PERSISTENT_VOLUME_CLAIM).len(), 3);
    let revision = world.store.revision();
    world.settle(600).await;
    assert_eq!(world.store.revision(), revision, "a settled world is left alone");
}

#[tokio::test(start_paused = true)]
async fn a_foreground_deletion_takes_pods_and_revisions_along() {
    let mut world = World::with_node();
    world.create(STATEFUL_SET, db(2));
    world.settle(5).await;
    world.delete(STATEFUL_SET, "db", "Foreground");
    world.settle(5).await;
    assert_eq!((world.list(STATEFUL_SET).len(), world.list(POD).len()), (0, 0));
    assert_eq!(world.list(CONTROLLER_REVISION).len(), 0);
}
