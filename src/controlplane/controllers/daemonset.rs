//! DaemonSets: a pod on every node that fits.
//!
//! Not done: `maxSurge`; a rolling update deletes first. Source: `pkg/controller/daemon/{daemon_controller,update}.go`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::deployment::resolve;
use super::kind::{CONTROLLER_REVISION, DAEMON_SET, NODE, POD, controller_manager};
use super::pods::{self, Availability, number_at, set_nonzero};
use super::revisions::{Revisions, hash_of};
use super::{Actor, Controller, Note, Step, View, WorkKey, pod_scheduler};
use crate::controlplane::object::Object;
use crate::controlplane::storage::Change;

const COMPONENT: &str = "daemonset-controller";
const REVISION: &str = "controller-revision-hash";

/// The taints that pods of a DaemonSet tolerate.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// The DaemonSet controller.
#[derive(Debug)]
pub(super) struct DaemonSetController;

impl Controller for DaemonSetController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:daemon-set-controller")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if DAEMON_SET.changed(change) {
            return vec![WorkKey::of(change)];
        }
        if POD.changed(change) || CONTROLLER_REVISION.changed(change) {
            return pods::keys_of_owners(view, DAEMON_SET, change);
        }
        if NODE.changed(change) {
            let sets = view.list(&DAEMON_SET.resource());
            return sets.objects.keys().map(|key| DAEMON_SET.key(&key.namespace, &key.name)).collect();
        }
        Vec::new()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        let set = &stored.value;
        // A revision made now would hold up the foreground deletion that has just removed it.
        if set.deletion_timestamp().is_some() {
            return step;
        }
        let owned = pods::claim(view, DAEMON_SET, set, &mut step);
        if !step.is_empty() {
            return step;
        }
        let Some(revisions) = Revisions::sync(view, DAEMON_SET, set, &mut step) else { return step };
        let mut world =
            Daemons { set, hash: hash_of(revisions.current()), by_node: BTreeMap::new(), nodes: Vec::new() };
        for pod in owned.iter().map(|pod| &pod.value) {
            world.by_node.entry(node_of(pod)).or_default().push(pod);
        }
        let nodes = view.list(&NODE.resource());
        world.nodes =
            nodes.objects.values().map(|node| &node.value).filter(|node| world.fits(node)).map(Object::name).collect();
        world.place(view, &mut step);
        if step.is_empty() {
            world.sync_status(view, &mut step);
        }
        if step.is_empty() {
            let is_used = |revision: &Value| {
                owned.iter().any(|pod| pod.value.label(REVISION).unwrap_or_default() == hash_of(revision))
            };
            revisions.truncate(set, is_used, &mut step);
        }
        step
    }
}

/// Returns the node for which a pod was made, whether it is there already or not.
fn node_of(pod: &Value) -> String {
    let bound = pod.text_at(&["spec", "nodeName"]);
    if !bound.is_empty() {
        return bound.to_owned();
    }
    let path =
        ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];
    let field =
        pod.at(&path).and_then(|terms| terms.get(0)?.get("matchFields")?.get(0)?.get("values")?.get(0)?.as_str());
    field.unwrap_or_default().to_owned()
}

/// A DaemonSet, its pods and the nodes that fit.
struct Daemons<'a> {
    set: &'a Value,
    hash: &'a str,
    by_node: BTreeMap<String, Vec<&'a Value>>,
    nodes: Vec<&'a str>,
}

impl Daemons<'_> {
    fn fits(&self, node: &Value) -> bool {
        let probe = self.new_pod(node.name(), "probe");
        pod_scheduler::fits_for_daemon(node, &probe)
    }

    /// Makes missing pods, deletes those that are too many, finished, misplaced or out of date.
    fn place(&self, view: &View, step: &mut Step) {
        for node in &self.nodes {
            let pods = self.by_node.get(*node).map(Vec::as_slice).unwrap_or_default();
            let (finished, live): (Vec<&Value>, Vec<&Value>) = pods.iter().partition(|pod| pods::is_finished(pod));
            let active: Vec<&Value> = live.iter().copied().filter(|pod| pod.deletion_timestamp().is_none()).collect();
            finished.into_iter().chain(active.into_iter().skip(1)).for_each(|pod| self.delete(pod, step));
            if live.is_empty() {
                let base = format!("{}-", self.set.name());
                let mut pod = self.new_pod(node, &pods::generated_name(view, &base));
                pod.set(&["metadata", "generateName"], base);
                let message = format!("Created pod: {}", pod.name());
                step.create(&POD.gvr(), pod);
                step.event(Note::normal(COMPONENT, self.set, "SuccessfulCreate", message));
            }
        }
        let misplaced = self.by_node.iter().filter(|(node, _)| !self.nodes.contains(&node.as_str()));
        misplaced.flat_map(|(_, pods)| pods).for_each(|pod| self.delete(pod, step));
        if step.is_empty() && self.set.text_at(&["spec", "updateStrategy", "type"]) != "OnDelete" {
            self.update(view, step);
        }
    }

    fn delete(&self, pod: &Value, step: &mut Step) {
        if pod.deletion_timestamp().is_none() {
            step.delete(&POD.gvr(), pod, None);
            let message = format!("Deleted pod: {}", pod.name());
            step.event(Note::normal(COMPONENT, self.set, "SuccessfulDelete", message));
        }
    }

    /// Deletes outdated pods, as many as may be unavailable.
    fn update(&self, view: &View, step: &mut Step) {
        let bound = self.set.at(&["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"]);
        let nodes = i64::try_from(self.nodes.len()).unwrap_or(i64::MAX);
        let max_unavailable = bound.map_or(1, |bound| resolve(Some(bound), nodes, true)).max(1);
        let pods: Vec<_> = self.placed().collect();
        let unavailable = nodes - pods.iter().filter(|pod| self.is_available(view, pod)).count() as i64;
        let mut budget = max_unavailable - unavailable;
        for pod in pods.into_iter().filter(|pod| pod.deletion_timestamp().is_none() && !self.is_updated(pod)) {
            let is_available = self.is_available(view, pod);
            if !is_available || budget > 0 {
                self.delete(pod, step);
                budget -= i64::from(is_available);
            }
        }
    }

    /// Returns the live pods on nodes that fit.
    fn placed(&self) -> impl Iterator<Item = &Value> {
        let pods = self.nodes.iter().filter_map(|node| self.by_node.get(*node)).flatten().copied();
        pods.filter(|pod| !pods::is_finished(pod))
    }

    fn is_updated(&self, pod: &Value) -> bool {
        pod.label(REVISION) == Some(self.hash)
    }

    fn is_available(&self, view: &View, pod: &Value) -> bool {
        let min_ready_seconds = number_at(self.set, &["spec", "minReadySeconds"], 0);
        pod.deletion_timestamp().is_none()
            && pods::availability(pod, min_ready_seconds, view.now()) == Availability::Yes
    }

    fn new_pod(&self, node: &str, name: &str) -> Value {
        let template = self.set.at(&["spec", "template"]).unwrap_or(&Value::Null);
        let mut pod = pods::named_from_template(DAEMON_SET, self.set, template, name);
        pod.set(&["metadata", "labels", REVISION], self.hash);
        pod.set(&["metadata", "labels", "pod-template-generation"], self.set.generation().to_string());
        let term = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]});
        let path =
            ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];
        let mut terms = pod.at(&path).and_then(Value::as_array).cloned().unwrap_or_default();
        terms.iter_mut().for_each(|other| other["matchFields"] = term["matchFields"].clone());
        if terms.is_empty() {
            terms.push(term);
        }
        pod.set(&path, terms);
        let mut tolerations = pod.at(&["spec", "tolerations"]).and_then(Value::as_array).cloned().unwrap_or_default();
        tolerations.extend(TOLERATED.map(|(key, effect)| json!({"key": key, "operator": "Exists", "effect": effect})));
        pod.set(&["spec", "tolerations"], tolerations);
        pod
    }

    fn sync_status(&self, view: &View, step: &mut Step) {
        let min_ready_seconds = number_at(self.set, &["spec", "minReadySeconds"], 0);
        let placed: Vec<_> = self.placed().collect();
        let count = |judge: &dyn Fn(&Value) -> bool| placed.iter().filter(|pod| judge(pod)).count() as i64;
        let desired = i64::try_from(self.nodes.len()).unwrap_or(i64::MAX);
        let misscheduled = self.by_node.iter().filter(|(node, _)| !self.nodes.contains(&node.as_str())).count() as i64;
        let available = count(&|pod| self.is_available(view, pod));
        let mut status = json!({
            "currentNumberScheduled": count(&|_| true),
            "numberMisscheduled": misscheduled,
            "desiredNumberScheduled": desired,
            "numberReady": count(&|pod| pods::is_ready(pod) && pod.deletion_timestamp().is_none()),
        });
        set_nonzero(&mut status, "observedGeneration", self.set.generation());
        set_nonzero(&mut status, "updatedNumberScheduled", count(&|pod| self.is_updated(pod)));
        set_nonzero(&mut status, "numberAvailable", available);
        set_nonzero(&mut status, "numberUnavailable", desired - available);
        for pod in &placed {
            if let Availability::After(wait) = pods::availability(pod, min_ready_seconds, view.now()) {
                step.requeue(wait);
            }
        }
        if self.set.get("status") != Some(&status) {
            let mut updated = self.set.clone();
            updated["status"] = status;
            step.update_status(&DAEMON_SET.gvr(), updated);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::controllers::harness::World;

    fn agent() -> Value {
        let labels = json!({"app": "agent"});
        json!({
            "metadata": {"name": "agent", "namespace": "default"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "a"}]}},
            },
        })
    }

    #[tokio::test(start_paused = true)]
    async fn every_node_that_fits_gets_a_pod_and_updates_reach_it() {
        let mut world = World::with_node();
        world.create(DAEMON_SET, agent());
        world.settle(5).await;
        assert_eq!(world.get(DAEMON_SET, "agent")["status"]["numberAvailable"], 1);
        let template = json!({"spec": {"containers": [{"name": "c", "image": "b"}]}});
        world.patch(DAEMON_SET, "agent", json!({"spec": {"template": template}}));
        world.settle(5).await;
        assert_eq!(world.list(POD)[0]["spec"]["containers"][0]["image"], "b");
        assert_eq!(world.get(DAEMON_SET, "agent")["status"]["updatedNumberScheduled"], 1);
        let selector = json!({"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}});
        world.patch(DAEMON_SET, "agent", selector);
        world.settle(5).await;
        assert_eq!(world.list(POD).len(), 0);
        assert_eq!(world.get(DAEMON_SET, "agent")["status"]["desiredNumberScheduled"], 0);
        world.delete(DAEMON_SET, "agent", "Foreground");
        world.settle(5).await;
        assert_eq!((world.list(DAEMON_SET).len(), world.list(CONTROLLER_REVISION).len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn without_nodes_there_is_nothing_to_do() {
        let mut world = World::without_node();
        world.create(DAEMON_SET, agent());
        world.settle(5).await;
        assert_eq!(world.list(POD).len(), 0);
        assert_eq!(world.get(DAEMON_SET, "agent")["status"]["observedGeneration"], 1);
    }
}
