//! RBAC rules from Rust types: no typos, and the tests enforce them.

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

/// What it takes to watch the objects of a kind.
pub const READ: &[&str] = &["get", "list", "watch"];

/// What it takes to keep children of a kind. The garbage collector deletes them, so the operator need not be able to.
pub const OWN: &[&str] = &["get", "list", "watch", "create", "patch"];

/// Returns a rule for the objects of a kind.
pub fn rule<K: Resource<DynamicType = ()>>(verbs: &[&str]) -> PolicyRule {
    rule_for(&K::group(&()), &K::plural(&()), verbs)
}

/// Returns a rule for the status of the objects of a kind.
pub fn status_rule<K: Resource<DynamicType = ()>>(verbs: &[&str]) -> PolicyRule {
    rule_for(&K::group(&()), &format!("{}/status", K::plural(&())), verbs)
}

fn rule_for(group: &str, resource: &str, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..Default::default()
    }
}

/// Returns what every controller needs: to publish events.
pub fn base_rules() -> Vec<PolicyRule> {
    vec![rule_for("events.k8s.io", "events", &["create", "patch"])]
}

/// Returns the operator's role. A rule that two controllers share stands there once.
pub fn role(mut rules: Vec<PolicyRule>) -> ClusterRole {
    rules.extend(base_rules());
    let key = |rule: &PolicyRule| (rule.api_groups.clone(), rule.resources.clone(), rule.verbs.clone());
    rules.sort_by_key(key);
    rules.dedup();
    let metadata = ObjectMeta { name: Some("manager-role".to_owned()), ..Default::default() };
    ClusterRole { metadata, rules: Some(rules), ..Default::default() }
}
