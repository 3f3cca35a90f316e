//! Aggregated ClusterRoles: the rules of `admin`, `edit`, `view` and their like are those of the roles they select.
//!
//! That is how a CRD's author makes `view` include the new kind. What is not done here: a role without an
//! `aggregationRule` is never touched.
//!
//! Source: `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.

use serde_json::Value;

use super::{Actor, Controller, Step, View, WorkKey};
use crate::controlplane::apiserver::selector::LabelSelector;
use crate::controlplane::gvk::{GroupResource, Gvr};
use crate::controlplane::object::Object;
use crate::controlplane::storage::Change;

const GROUP: &str = "rbac.authorization.k8s.io";

/// The controller of aggregated ClusterRoles.
#[derive(Debug)]
pub struct ClusterRoleAggregation;

fn cluster_roles() -> GroupResource {
    GroupResource::new(GROUP, "clusterroles")
}

impl Controller for ClusterRoleAggregation {
    fn name(&self) -> &'static str {
        "clusterrole-aggregation-controller"
    }

    fn actor(&self) -> Actor {
        Actor {
            user: "system:serviceaccount:kube-system:clusterrole-aggregation-controller",
            field_manager: "clusterrole-aggregation-controller",
        }
    }

    fn keys(&self, view: &View, change: &Change) -> Vec<WorkKey> {
        if change.resource != cluster_roles() {
            return Vec::new();
        }
        // A change of labels can end a membership, so that every aggregated role is worth a look.
        let roles = view.list(&change.resource);
        let aggregated = roles.objects.iter().filter(|(_, stored)| aggregates(&stored.value));
        aggregated.map(|(key, _)| WorkKey::new(&change.resource, "", &key.name)).collect()
    }

    fn reconcile(&self, view: &View, key: &WorkKey) -> Step {
        let mut step = Step::default();
        let Some(stored) = view.get_key(key).filter(|stored| aggregates(&stored.value)) else { return step };
        let all = view.list(&key.resource);
        let all: Vec<&Value> = all.objects.values().map(|stored| &stored.value).collect();
        let rules = Value::Array(aggregated_rules(&stored.value, &all));
        if stored.value.get("rules").unwrap_or(&Value::Null) != &rules {
            let mut updated = stored.value.clone();
            updated.set(&["rules"], rules);
            step.update(&Gvr::new(GROUP, "v1", "clusterroles"), updated);
        }
        step
    }
}

fn aggregates(role: &Value) -> bool {
    role.get("aggregationRule").is_some_and(|rule| !rule.is_null())
}

/// Returns the rules of the roles that a role selects, in the order given, each rule once. The role itself and
/// selectors that cannot be read select nothing.
pub fn aggregated_rules(role: &Value, all: &[&Value]) -> Vec<Value> {
    let selectors = role.at(&["aggregationRule", "clusterRoleSelectors"]).and_then(Value::as_array);
    let mut rules: Vec<Value> = Vec::new();
    for selector in selectors.into_iter().flatten().filter_map(|selector| LabelSelector::from_object(selector).ok()) {
        for other in all.iter().filter(|other| other.name() != role.name() && selector.matches(other)) {
            for rule in other.get("rules").and_then(Value::as_array).into_iter().flatten() {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_rules_of_selected_roles_are_joined_and_said_once() {
        let rule = |resource: &str| json!({"verbs": ["get"], "apiGroups": [""], "resources": [resource]});
        let role = |name: &str, label: &str, rules: Vec<Value>| json!({"metadata": {"name": name, "labels": {"to": label}}, "rules": rules});
        let mut view = role("view", "view", vec![rule("old")]);
        view["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"to": "view"}}]});
        let all = [
            role("a", "view", vec![rule("pods")]),
            role("b", "view", vec![rule("pods"), rule("services")]),
            role("c", "edit", vec![rule("secrets")]),
            view.clone(),
        ];
        assert_eq!(aggregated_rules(&view, &all.iter().collect::<Vec<_>>()), [rule("pods"), rule("services")]);
        assert!(!aggregates(&all[0]) && aggregates(&view));
    }
}
