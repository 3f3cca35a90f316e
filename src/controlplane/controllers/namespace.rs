//! The namespace controller: empties a namespace that is being deleted, says what still holds it, and lets it go.
//!
//! Pods go first, then everything else. Source: `pkg/controller/namespace/deletion/namespaced_resources_deleter.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::kind::{NAMESPACE, POD, controller_manager};
use super::{Actor, Controller, Step, View, WorkKey, Write, conditions};
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::storage::{Change, Stored};

const FINALIZER: &str = "kubernetes";

/// The namespace controller.
#[derive(Debug)]
pub(super) struct NamespaceController;

impl Controller for NamespaceController {
    fn name(&self) -> &'static str {
        "namespace-controller"
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:namespace-controller")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        let name = match change.key.namespace.as_str() {
            "" if NAMESPACE.changed(change) => &change.key.name,
            "" => return Vec::new(),
            namespace => namespace,
        };
        let namespace = view.get(&NAMESPACE.resource(), "", name);
        let is_deleted = namespace.is_some_and(|namespace| namespace.value.deletion_timestamp().is_some());
        if is_deleted { vec![NAMESPACE.key("", name)] } else { Vec::new() }
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        let namespace = &stored.value;
        if namespace.deletion_timestamp().is_none() || !has_finalizer(namespace) {
            return step;
        }
        let content = content_of(view, namespace.name());
        delete_content(view, &content, &mut step);
        if !step.is_empty() {
            return step;
        }
        match conditions_of(view, namespace, &content) {
            Some(updated) => step.update_status(&NAMESPACE.gvr(), updated),
            None if content.is_empty() => finalize(namespace, &mut step),
            None => {}
        }
        step
    }
}

fn has_finalizer(namespace: &Value) -> bool {
    let finalizers = namespace.at(&["spec", "finalizers"]).and_then(Value::as_array);
    finalizers.is_some_and(|finalizers| finalizers.iter().any(|finalizer| finalizer == FINALIZER))
}

/// Returns everything that is in a namespace.
fn content_of(view: &View, namespace: &str) -> BTreeMap<GroupResource, Vec<Arc<Stored>>> {
    let mut content = BTreeMap::new();
    for resource in view.resources() {
        let objects: Vec<_> = view.list(&resource).in_namespace(Some(namespace)).cloned().collect();
        if !objects.is_empty() {
            content.insert(resource, objects);
        }
    }
    content
}

/// Deletes what is not being deleted yet; as long as there are pods, only them.
fn delete_content(view: &View, content: &BTreeMap<GroupResource, Vec<Arc<Stored>>>, step: &mut Step) {
    let pods = POD.resource();
    let has_pods = content.contains_key(&pods);
    for (resource, objects) in content.iter().filter(|(resource, _)| !has_pods || **resource == pods) {
        for stored in objects.iter().filter(|stored| stored.value.deletion_timestamp().is_none()) {
            if let Some(gvr) = view.gvr_of(resource, &stored.value) {
                step.delete(&gvr, &stored.value, Some("Background"));
            }
        }
    }
}

/// Returns the namespace with conditions that say how far the deletion is, if they differ from those it has.
fn conditions_of(view: &View, namespace: &Value, content: &BTreeMap<GroupResource, Vec<Arc<Stored>>>) -> Option<Value> {
    let now = view.env.now_text();
    let mut list = conditions::of(namespace);
    for [condition_type, reason, message] in [
        ["NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"],
        [
            "NamespaceDeletionGroupVersionParsingFailure",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ],
        [
            "NamespaceDeletionContentFailure",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ],
    ] {
        conditions::set(&mut list, conditions::new(condition_type, "False", reason, message, &now));
    }
    conditions::set(&mut list, content_condition(content, &now));
    conditions::set(&mut list, finalizers_condition(content, &now));
    if list == conditions::of(namespace) {
        return None;
    }
    let mut updated = namespace.clone();
    updated.set(&["status", "phase"], "Terminating");
    updated.set(&["status", "conditions"], list);
    Some(updated)
}

fn content_condition(content: &BTreeMap<GroupResource, Vec<Arc<Stored>>>, now: &str) -> Value {
    let remaining: Vec<_> = content
        .iter()
        .map(|(resource, objects)| {
            format!("{}.{} has {} resource instances", resource.resource, resource.group, objects.len())
        })
        .collect();
    let condition_type = "NamespaceContentRemaining";
    if remaining.is_empty() {
        return conditions::new(condition_type, "False", "ContentRemoved", "All content successfully removed", now);
    }
    let message = format!("Some resources are remaining: {}", remaining.join(", "));
    conditions::new(condition_type, "True", "SomeResourcesRemain", &message, now)
}

fn finalizers_condition(content: &BTreeMap<GroupResource, Vec<Arc<Stored>>>, now: &str) -> Value {
    let mut counts = BTreeMap::<&str, usize>::new();
    for stored in content.values().flatten() {
        for finalizer in stored.value.finalizers() {
            *counts.entry(finalizer).or_default() += 1;
        }
    }
    let condition_type = "NamespaceFinalizersRemaining";
    if counts.is_empty() {
        let message = "All content-preserving finalizers finished";
        return conditions::new(condition_type, "False", "ContentHasNoFinalizers", message, now);
    }
    let counts: Vec<_> = counts.iter().map(|(name, count)| format!("{name} in {count} resource instances")).collect();
    let message = format!("Some content in the namespace has finalizers remaining: {}", counts.join(", "));
    conditions::new(condition_type, "True", "SomeFinalizersRemain", &message, now)
}

/// Takes the finalizer out, after which the API server removes the namespace.
fn finalize(namespace: &Value, step: &mut Step) {
    let finalizers = namespace.at(&["spec", "finalizers"]).and_then(Value::as_array).into_iter().flatten();
    let left: Vec<_> = finalizers.filter(|finalizer| *finalizer != FINALIZER).cloned().collect();
    let mut object = namespace.clone();
    object["spec"] = if left.is_empty() { json!({}) } else { json!({"finalizers": left}) };
    step.write(Write::Update { gvr: NAMESPACE.gvr(), object, subresource: Some("finalize") });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::controllers::harness::World;
    use crate::controlplane::controllers::kind::{CONFIG_MAP, SERVICE_ACCOUNT};

    #[tokio::test(start_paused = true)]
    async fn a_namespace_gets_its_content_and_loses_it_again() {
        let mut world = World::with_node();
        world.create(NAMESPACE, json!({"metadata": {"name": "default"}}));
        world.settle(1).await;
        assert_eq!(world.get(CONFIG_MAP, "kube-root-ca.crt")["data"], json!({"ca.crt": "CA"}));
        assert_eq!(world.list(SERVICE_ACCOUNT).len(), 1);
        let pod = json!({
            "metadata": {"name": "p", "namespace": "default"},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        });
        world.create(POD, pod);
        let held = json!({"metadata": {"name": "held", "namespace": "default", "finalizers": ["x.io/f"]}});
        world.create(CONFIG_MAP, held);
        world.settle(1).await;
        world.delete(NAMESPACE, "default", "Background");
        world.settle(5).await;
        let namespace = world.get(NAMESPACE, "default");
        let message = |condition| {
            conditions::find(&namespace, condition).map(|found| found.text_at(&["message"])).unwrap_or_default()
        };
        assert_eq!(
            message("NamespaceContentRemaining"),
            "Some resources are remaining: configmaps. has 1 resource instances"
        );
        assert_eq!(
            message("NamespaceFinalizersRemaining"),
            "Some content in the namespace has finalizers remaining: x.io/f in 1 resource instances"
        );
        world.patch(CONFIG_MAP, "held", json!({"metadata": {"finalizers": null}}));
        world.settle(1).await;
        assert_eq!(world.find(NAMESPACE, "default"), None);
    }
}
