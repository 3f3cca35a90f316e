use serde_json::{Value, json};

use crate::controlplane::controllers::harness::World;
use crate::controlplane::controllers::kind::CONFIG_MAP;
use crate::controlplane::object::Object;

fn config_map(name: &str, owners: Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "default", "ownerReferences": owners}})
}

fn owner(object: &Value, blocks: bool) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": object.name(), "uid": object.uid(),
        "blockOwnerDeletion": blocks,
    })
}

fn names(world: &World) -> Vec<String> {
    world.list(CONFIG_MAP).iter().map(|object| object.name().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_owners_are_all_gone_is_deleted() {
    let mut world = World::without_node();
    let parent = world.create(CONFIG_MAP, config_map("p", json!([])));
    world.create(CONFIG_MAP, config_map("child", json!([owner(&parent, false)])));
    let absent = json!({"metadata": {"name": "gone", "uid": "no-such-uid"}});
    world.create(CONFIG_MAP, config_map("stray", json!([owner(&absent, false)])));
    let two = world.create(CONFIG_MAP, config_map("two", json!([owner(&absent, false), owner(&parent, true)])));
    world.settle(1).await;
    assert_eq!(names(&world), ["child", "p", "two"]);
    assert_eq!(two.owner_references().len(), 2);
    assert_eq!(world.get(CONFIG_MAP, "two").owner_references(), [owner(&parent, true)]);
    world.delete(CONFIG_MAP, "p", "Background");
    world.settle(1).await;
    assert_eq!(names(&world), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_foreground_deletion_waits_for_blocking_dependents() {
    let mut world = World::without_node();
    let parent = world.create(CONFIG_MAP, config_map("p", json!([])));
    let mut child = config_map("child", json!([owner(&parent, true)]));
    child["metadata"]["finalizers"] = json!(["x.io/f"]);
    world.create(CONFIG_MAP, child);
    world.settle(1).await;
    world.delete(CONFIG_MAP, "p", "Foreground");
    world.settle(1).await;
    assert!(world.get(CONFIG_MAP, "child").deletion_timestamp().is_some());
    assert_eq!(world.get(CONFIG_MAP, "p").finalizers(), ["foregroundDeletion"]);
    world.patch(CONFIG_MAP, "child", json!({"metadata": {"finalizers": null}}));
    world.settle(1).await;
    assert_eq!(names(&world), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_tree_is_deleted_from_its_leaves() {
    let mut world = World::without_node();
    let root = world.create(CONFIG_MAP, config_map("root", json!([])));
    let branch = world.create(CONFIG_MAP, config_map("branch", json!([owner(&root, true)])));
    world.create(CONFIG_MAP, config_map("leaf", json!([owner(&branch, true)])));
    world.settle(1).await;
    world.delete(CONFIG_MAP, "root", "Foreground");
    world.settle(1).await;
    assert_eq!(names(&world), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_orphaning_deletion_leaves_the_dependents_without_the_owner() {
    let mut world = World::without_node();
    let parent = world.create(CONFIG_MAP, config_map("p", json!([])));
    world.create(CONFIG_MAP, config_map("child", json!([owner(&parent, true)])));
    world.settle(1).await;
    world.delete(CONFIG_MAP, "p", "Orphan");
    world.settle(1).await;
    assert_eq!(names(&world), ["child"]);
    assert!(world.get(CONFIG_MAP, "child").at(&["metadata", "ownerReferences"]).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_owner_in_another_namespace_counts_as_gone_and_an_unknown_kind_does_not() {
    let mut world = World::without_node();
    let elsewhere = world.create(CONFIG_MAP, json!({"metadata": {"name": "p", "namespace": "other"}}));
    world.create(CONFIG_MAP, config_map("child", json!([owner(&elsewhere, false)])));
    let mut unknown = owner(&elsewhere, false);
    unknown["kind"] = "Unknown".into();
    world.create(CONFIG_MAP, config_map("kept", json!([unknown])));
    let global = json!({"metadata": {"name": "global", "ownerReferences": [owner(&elsewhere, false)]}});
    world.create(CONFIG_MAP, global);
    world.settle(1).await;
    assert_eq!(names(&world), ["global", "kept", "p"]);
}
