use serde_json::{Value, json};

use crate::controlplane::controllers::conditions;
use crate::controlplane::controllers::harness::World;
use crate::controlplane::controllers::kind::{DEPLOYMENT, POD, REPLICA_SET};
use crate::controlplane::object::Object;

fn web(replicas: i64) -> Value {
    let labels = json!({"app": "web"});
    json!({
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}},
        },
    })
}

fn new_image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
}

fn sizes(world: &World) -> Vec<i64> {
    let mut sizes: Vec<_> = world.list(REPLICA_SET).iter().filter_map(|set| set["spec"]["replicas"].as_i64()).collect();
    sizes.sort_unstable();
    sizes
}

#[track_caller]
fn check_condition(world: &World, condition_type: &str, expected: [&str; 2]) {
    let deployment = world.get(DEPLOYMENT, "web");
    let condition = conditions::find(&deployment, condition_type).expect("the condition is there");
    assert_eq!([condition.text_at(&["status"]), condition.text_at(&["reason"])], expected);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_becomes_available() {
    let mut world = World::with_node();
    world.create(DEPLOYMENT, web(3));
    world.settle(2).await;
    let deployment = world.get(DEPLOYMENT, "web");
    assert_eq!(deployment["status"]["availableReplicas"], 3);
    assert_eq!(deployment.annotation("deployment.kubernetes.io/revision"), Some("1"));
    check_condition(&world, "Available", ["True", "MinimumReplicasAvailable"]);
    check_condition(&world, "Progressing", ["True", "NewReplicaSetAvailable"]);
    let set = &world.list(REPLICA_SET)[0];
    assert_eq!(set.annotation("deployment.kubernetes.io/max-replicas"), Some("4"));
    assert_eq!(
        set["metadata"]["labels"]["pod-template-hash"],
        set["spec"]["selector"]["matchLabels"]["pod-template-hash"]
    );
    let pods = world.list(POD);
    assert!(pods.iter().all(|pod| pod.text_at(&["metadata", "generateName"]) == format!("{}-", set.name())));
    assert!(world.events().contains(&format!("ScalingReplicaSet Scaled up replica set {} from 0 to 3", set.name())));
}

#[tokio::test(start_paused = true)]
async fn without_a_node_nothing_becomes_available() {
    let mut world = World::without_node();
    world.create(DEPLOYMENT, web(1));
    world.settle(2).await;
    check_condition(&world, "Available", ["False", "MinimumReplicasUnavailable"]);
    check_condition(&world, "Progressing", ["True", "ReplicaSetUpdated"]);
    world.settle(700).await;
    check_condition(&world, "Progressing", ["False", "ProgressDeadlineExceeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_template_rolls_out_without_losing_availability() {
    let mut world = World::with_node();
    world.create(DEPLOYMENT, web(4));
    world.settle(2).await;
    world.patch(DEPLOYMENT, "web", new_image("nginx:2"));
    world.settle(5).await;
    assert_eq!(sizes(&world), [0, 4]);
    let deployment = world.get(DEPLOYMENT, "web");
    assert_eq!(deployment.annotation("deployment.kubernetes.io/revision"), Some("2"));
    assert_eq!(deployment["status"]["updatedReplicas"], 4);
    assert!(world.list(POD).iter().all(|pod| pod["spec"]["containers"][0]["image"] == "nginx:2"));
    world.patch(DEPLOYMENT, "web", new_image("nginx"));
    world.settle(5).await;
    let revived = world.list(REPLICA_SET).into_iter().find(|set| set["spec"]["replicas"] == 4).expect("one has pods");
    assert_eq!(revived.annotation("deployment.kubernetes.io/revision"), Some("3"));
    assert_eq!(revived.annotation("deployment.kubernetes.io/revision-history"), Some("1"));
    assert_eq!(world.list(REPLICA_SET).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_cannot_become_ready_keeps_the_old_pods() {
    let mut world = World::with_node();
    world.create(DEPLOYMENT, web(4));
    world.settle(2).await;
    let mut template = new_image("broken");
    template.set(&["spec", "template", "metadata", "annotations", "rop.dev/stage"], "image-pull-error");
    world.patch(DEPLOYMENT, "web", template);
    world.settle(5).await;
    assert_eq!(sizes(&world), [2, 3]);
    assert_eq!(world.get(DEPLOYMENT, "web")["status"]["availableReplicas"], 3);
    world.patch(DEPLOYMENT, "web", json!({"spec": {"replicas": 8}}));
    world.settle(5).await;
    assert_eq!(sizes(&world).iter().sum::<i64>(), 10, "8 and a surge of 2");
}

#[tokio::test(start_paused = true)]
async fn scaling_and_deleting_leave_nothing_behind() {
    let mut world = World::with_node();
    world.create(DEPLOYMENT, web(5));
    world.settle(2).await;
    world.patch(DEPLOYMENT, "web", json!({"spec": {"replicas": 2}}));
    world.settle(2).await;
    assert_eq!(world.list(POD).len(), 2);
    assert_eq!(world.get(DEPLOYMENT, "web")["status"]["replicas"], 2);
    world.delete(DEPLOYMENT, "web", "Foreground");
    world.settle(5).await;
    assert_eq!((world.list(DEPLOYMENT).len(), world.list(REPLICA_SET).len(), world.list(POD).len()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_does_not_roll_out_but_scales() {
    let mut world = World::with_node();
    world.create(DEPLOYMENT, web(2));
    world.settle(2).await;
    world.patch(DEPLOYMENT, "web", json!({"spec": {"paused": true}}));
    world.patch(DEPLOYMENT, "web", new_image("nginx:2"));
    world.patch(DEPLOYMENT, "web", json!({"spec": {"replicas": 3}}));
    world.settle(2).await;
    check_condition(&world, "Progressing", ["Unknown", "DeploymentPaused"]);
    assert_eq!(sizes(&world), [3]);
    world.patch(DEPLOYMENT, "web", json!({"spec": {"paused": false}}));
    world.settle(5).await;
    assert_eq!(sizes(&world), [0, 3]);
}

#[tokio::test(start_paused = true)]
async fn recreate_removes_all_old_pods_first() {
    let mut world = World::with_node();
    let mut deployment = web(2);
    deployment["spec"]["strategy"] = json!({"type": "Recreate"});
    world.create(DEPLOYMENT, deployment);
    world.settle(2).await;
    world.patch(DEPLOYMENT, "web", new_image("nginx:2"));
    world.settle(5).await;
    assert_eq!(sizes(&world), [0, 2]);
    assert_eq!(world.get(DEPLOYMENT, "web")["status"]["availableReplicas"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_settled_world_is_left_alone() {
    let mut world = World::with_node();
    world.create(DEPLOYMENT, web(3));
    world.settle(5).await;
    let revision = world.store.revision();
    world.settle(3600).await;
    assert_eq!(world.store.revision(), revision);
}

#[tokio::test(start_paused = true)]
async fn history_beyond_the_limit_is_deleted() {
    let mut world = World::with_node();
    let mut deployment = web(1);
    deployment["spec"]["progressDeadlineSeconds"] = 600.into();
    deployment["spec"]["revisionHistoryLimit"] = 1.into();
    world.create(DEPLOYMENT, deployment);
    for image in ["nginx:2", "nginx:3", "nginx:4"] {
        world.settle(5).await;
        world.patch(DEPLOYMENT, "web", new_image(image));
    }
    world.settle(5).await;
    assert_eq!(world.list(REPLICA_SET).len(), 2);
}
