//! PodDisruptionBudgets: how many of their pods may go.
//!
//! Evicting is the API server's; here only `status` is kept. Scales of custom resources are not looked up: their pods
//! count as they are. Source: `pkg/controller/disruption/disruption.go`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::deployment::resolve;
use super::kind::{POD, POD_DISRUPTION_BUDGET, controller_manager};
use super::pods::number_at;
use super::{Actor, Controller, Step, View, WorkKey, conditions, pods, selector};
use crate::controlplane::object::Object;
use crate::controlplane::storage::Change;

/// The controller of PodDisruptionBudgets.
#[derive(Debug)]
pub(super) struct DisruptionController;

impl Controller for DisruptionController {
    fn name(&self) -> &'static str {
        "disruption-controller"
    }

    fn actor(&self) -> Actor {
        controller_manager("system:serviceaccount:kube-system:disruption-controller")
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if POD_DISRUPTION_BUDGET.changed(change) {
            return vec![WorkKey::of(change)];
        }
        if !POD.changed(change) {
            return Vec::new();
        }
        let budgets = view.list(&POD_DISRUPTION_BUDGET.resource());
        let selecting = budgets
            .in_namespace(Some(&change.key.namespace))
            .filter(|budget| selector::matches(budget.value.at(&["spec", "selector"]), &change.object.value));
        selecting.map(|budget| POD_DISRUPTION_BUDGET.key(&change.key.namespace, budget.value.name())).collect()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key) else { return step };
        let budget = &stored.value;
        let all = view.list(&POD.resource());
        let label_selector = budget.at(&["spec", "selector"]);
        let selected = all.in_namespace(Some(budget.namespace())).map(|pod| &pod.value);
        let selected: Vec<&Value> =
            selected.filter(|pod| selector::matches(label_selector, pod) && !pods::is_finished(pod)).collect();
        let status = status_of(view, budget, &selected);
        if budget.get("status") != Some(&status) {
            let mut updated = budget.clone();
            updated["status"] = status;
            step.update_status(&POD_DISRUPTION_BUDGET.gvr(), updated);
        }
        step
    }
}

/// Returns how many pods are expected and how many of them must be healthy.
fn expectation(view: &View, budget: &Value, selected: &[&Value]) -> (i64, i64) {
    let count = i64::try_from(selected.len()).unwrap_or(i64::MAX);
    if let Some(bound) = budget.at(&["spec", "maxUnavailable"]) {
        let expected = scale_of_owners(view, selected);
        return (expected, (expected - resolve(Some(bound), expected, true)).max(0));
    }
    match budget.at(&["spec", "minAvailable"]) {
        Some(bound @ Value::String(_)) => {
            let expected = scale_of_owners(view, selected);
            (expected, resolve(Some(bound), expected, true))
        }
        bound => (count, resolve(bound, count, true)),
    }
}

/// Returns how many pods the controllers of the pods want; a pod without a known one counts for itself.
fn scale_of_owners(view: &View, selected: &[&Value]) -> i64 {
    let mut owners = BTreeSet::new();
    let mut total = 0;
    for pod in selected {
        match pod.controller_reference().and_then(|owner| view.by_uid(owner.text_at(&["uid"]))) {
            Some(owner) if owners.insert(owner.clone()) => {
                total += view.get_key(owner).map_or(0, |owner| number_at(&owner.value, &["spec", "replicas"], 1));
            }
            Some(_) => {}
            None => total += 1,
        }
    }
    total
}

fn status_of(view: &View, budget: &Value, selected: &[&Value]) -> Value {
    let (expected, desired) = expectation(view, budget, selected);
    let healthy = selected.iter().filter(|pod| pods::is_ready(pod) && pod.deletion_timestamp().is_none()).count();
    let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
    let allowed = if expected == 0 { 0 } else { (healthy - desired).max(0) };
    let (status, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let mut condition = conditions::new("DisruptionAllowed", status, reason, "", &view.env.now_text());
    condition["observedGeneration"] = budget.generation().into();
    let mut list = conditions::of(budget);
    conditions::set(&mut list, condition);
    let mut result = json!({"observedGeneration": budget.generation()});
    if let Some(disrupted) = budget.at(&["status", "disruptedPods"]) {
        result["disruptedPods"] = disrupted.clone();
    }
    result["disruptionsAllowed"] = allowed.into();
    result["currentHealthy"] = healthy.into();
    result["desiredHealthy"] = desired.into();
    result["expectedPods"] = expected.into();
    result["conditions"] = list.into();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::controllers::harness::World;
    use crate::controlplane::controllers::kind::REPLICA_SET;

    #[track_caller]
    fn check(budget: &Value, expected: [i64; 4]) {
        let numbers = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
        assert_eq!(numbers.map(|field| number_at(budget, &["status", field], -1)), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_counts_healthy_pods() {
        let mut world = World::with_node();
        let label_selector = json!({"matchLabels": {"app": "web"}});
        let template = json!({
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]},
        });
        let set = json!({"replicas": 4, "selector": label_selector, "template": template});
        world.create(REPLICA_SET, json!({"metadata": {"name": "web", "namespace": "default"}, "spec": set}));
        for (name, bound, value) in [
            ("a", "minAvailable", json!(3)),
            ("b", "maxUnavailable", json!("50%")),
            ("c", "minAvailable", json!("100%")),
        ] {
            let spec = json!({"selector": label_selector, bound: value});
            world.create(
                POD_DISRUPTION_BUDGET,
                json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec}),
            );
        }
        world.settle(2).await;
        check(&world.get(POD_DISRUPTION_BUDGET, "a"), [1, 4, 3, 4]);
        check(&world.get(POD_DISRUPTION_BUDGET, "b"), [2, 4, 2, 4]);
        check(&world.get(POD_DISRUPTION_BUDGET, "c"), [0, 4, 4, 4]);
    }
}
