//! Nobody grants what he does not hold: the checks on writes of roles and bindings.
//!
//! A role may be written by who holds its rules, or has the verb `escalate`; a binding by who holds the rules of its
//! role, or has the verb `bind`.
//!
//! Source: `pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased/storage.go`,
//! `pkg/registry/rbac/validation/rule.go`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rbac::{Attributes, Authorizer, GROUP};
use super::rules::{Rule, compact, go_quoted, not_covered};
use super::users::UserInfo;
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;

/// A write of an object of the group `rbac.authorization.k8s.io`.
#[derive(Debug, Clone, Copy)]
pub struct RbacWrite<'a> {
    /// Who writes.
    pub user: &'a UserInfo,
    /// `roles`, `clusterroles`, `rolebindings` or `clusterrolebindings`.
    pub resource: &'a str,
    /// The namespace; empty for cluster-scoped objects.
    pub namespace: &'a str,
    /// The object as it will be.
    pub object: &'a Value,
    /// The object as it is, for an update.
    pub old: Option<&'a Value>,
}

/// Checks a write of a role or binding; writes of anything else pass.
///
/// # Errors
/// 403 when the user would grant what he does not hold, 404 when the role of a binding is needed but not there.
pub fn check(authorizer: &Authorizer, write: &RbacWrite<'_>) -> Result<(), Status> {
    if write.user.is_master() {
        return Ok(());
    }
    match write.resource {
        "roles" | "clusterroles" => check_role(authorizer, write),
        "rolebindings" | "clusterrolebindings" => check_binding(authorizer, write),
        _ => Ok(()),
    }
}

fn check_role(authorizer: &Authorizer, write: &RbacWrite<'_>) -> Result<(), Status> {
    let unchanged = |field: &str| write.old.is_some_and(|old| old.get(field) == write.object.get(field));
    if unchanged("rules") && unchanged("aggregationRule") || allowed(authorizer, write, "escalate", write.resource) {
        return Ok(());
    }
    confirm_no_escalation(authorizer, write, &Rule::of_role(write.object))?;
    let aggregates = |role: &Value| role.get("aggregationRule").is_some_and(|rule| !rule.is_null());
    if aggregates(write.object) || write.old.is_some_and(aggregates) {
        let all = [
            json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}),
            json!({"verbs": ["*"], "nonResourceURLs": ["*"]}),
        ];
        let all = all.each_ref().map(Rule::from_value);
        let (owned, _) = authorizer.rules_for(write.user, write.namespace);
        if !not_covered(&owned, &all).is_empty() {
            return Err(refused(write, "must have cluster-admin privileges to use an aggregationRule"));
        }
    }
    Ok(())
}

fn check_binding(authorizer: &Authorizer, write: &RbacWrite<'_>) -> Result<(), Status> {
    let unchanged = |field: &str| write.old.is_some_and(|old| old.get(field) == write.object.get(field));
    if unchanged("roleRef") && unchanged("subjects") {
        return Ok(());
    }
    let name = write.object.text_at(&["roleRef", "name"]);
    let (resource, role_namespace) = match write.object.text_at(&["roleRef", "kind"]) {
        "Role" => ("roles", write.namespace),
        _ => ("clusterroles", ""),
    };
    let bind = Attributes { name, ..Attributes::resource(write.user, "bind", GROUP, resource) };
    if authorizer.authorize(&bind.in_namespace(write.namespace)).allowed {
        return Ok(());
    }
    let policy = authorizer.policy();
    let rules = policy
        .role(role_namespace, name)
        .ok_or_else(|| Status::not_found(&GroupResource::new(GROUP, resource), name))?;
    confirm_no_escalation(authorizer, write, rules)
}

fn allowed(authorizer: &Authorizer, write: &RbacWrite<'_>, verb: &str, resource: &str) -> bool {
    let attributes =
        Attributes { name: write.object.name(), ..Attributes::resource(write.user, verb, GROUP, resource) };
    authorizer.authorize(&attributes.in_namespace(write.namespace)).allowed
}

fn confirm_no_escalation(authorizer: &Authorizer, write: &RbacWrite<'_>, wanted: &[Rule]) -> Result<(), Status> {
    let (owned, errors) = authorizer.rules_for(write.user, write.namespace);
    let missing = not_covered(&owned, wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let lines: BTreeSet<String> = compact(&missing).iter().map(Rule::to_string).collect();
    let lines: Vec<String> = lines.into_iter().collect();
    let UserInfo { name, groups, .. } = write.user;
    let mut message = format!(
        "user {name:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        go_quoted(groups),
        lines.join("\n")
    );
    if !errors.is_empty() {
        message.push_str(&format!("; resolution errors: [{}]", errors.join(", ")));
    }
    Err(refused(write, &message))
}

fn refused(write: &RbacWrite<'_>, why: &str) -> Status {
    Status::forbidden(&GroupResource::new(GROUP, write.resource), write.object.name(), why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::storage::{ObjectKey, Store};

    fn authorizer() -> Authorizer {
        let store = Store::default();
        let put = |plural: &str, name: &str, value: Value| {
            let key = ObjectKey::new("", name);
            store.create(&GroupResource::new(GROUP, plural), key, value).expect("names differ");
        };
        put("clusterroles", "small", json!({"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}));
        put("clusterroles", "big", json!({"rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]}));
        let bind =
            json!({"verbs": ["bind"], "apiGroups": [GROUP], "resources": ["clusterroles"], "resourceNames": ["big"]});
        put("clusterroles", "binder", json!({"rules": [bind]}));
        let to = |user: &str, role: &str| json!({"subjects": [{"kind": "User", "name": user}], "roleRef": {"kind": "ClusterRole", "name": role}});
        put("clusterrolebindings", "a", to("ann", "small"));
        put("clusterrolebindings", "b", to("bob", "binder"));
        Authorizer::new(store)
    }

    #[track_caller]
    fn check_write(user: &str, resource: &str, object: Value, expected: Result<(), &str>) {
        let user = UserInfo::new(user, ["system:authenticated"]);
        let write = RbacWrite { user: &user, resource, namespace: "ns", object: &object, old: None };
        let result = check(&authorizer(), &write).map_err(|status| status.message);
        assert_eq!(result, expected.map_err(str::to_owned));
    }

    #[test]
    fn a_role_may_hold_what_its_writer_holds() {
        let role = |verbs: &[&str]| json!({"metadata": {"name": "x"}, "rules": [{"verbs": verbs, "apiGroups": [""], "resources": ["pods"]}]});
        check_write("ann", "roles", role(&["get"]), Ok(()));
        let message = "roles.rbac.authorization.k8s.io \"x\" is forbidden: user \"ann\" (groups=[\"system:authenticated\"]) \
                       is attempting to grant RBAC permissions not currently held:\n\
                       {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\" \"list\"]}";
        check_write("ann", "roles", role(&["get", "delete", "list"]), Err(message));
    }

    #[test]
    fn a_binding_needs_the_rules_of_its_role_or_the_verb_bind() {
        let to = |role: &str| json!({"metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": role}});
        check_write("ann", "rolebindings", to("small"), Ok(()));
        check_write("bob", "rolebindings", to("big"), Ok(()));
        let missing = "clusterroles.rbac.authorization.k8s.io \"nope\" not found";
        check_write("ann", "rolebindings", to("nope"), Err(missing));
        let message = "rolebindings.rbac.authorization.k8s.io \"b\" is forbidden: user \"ann\" \
                       (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n\
                       {APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}";
        check_write("ann", "rolebindings", to("big"), Err(message));
    }
}
