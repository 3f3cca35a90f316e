//! The roles of a fresh cluster and who has them, read from a table that is compiled in.
//!
//! Source: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/{policy,controller_policy,namespace_policy}.go`.

use serde_json::{Value, json};

use crate::controlplane::controllers::clusterrole_aggregation::aggregated_rules;
use crate::controlplane::identity::rbac::GROUP;
use crate::controlplane::identity::rules::Rule;
use crate::controlplane::object::Object;

const CLUSTER_ROLES: &str = include_str!("cluster_roles.txt");
const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";
const CONTROLLER: &str = "system:controller:";

/// Who has the ClusterRoles that are not a controller's: role, kind of subject, names.
const CLUSTER_BINDINGS: [(&str, &str, &[&str]); 12] = [
    ("cluster-admin", "Group", &["system:masters"]),
    ("system:monitoring", "Group", &["system:monitoring"]),
    ("system:discovery", "Group", &["system:authenticated"]),
    ("system:basic-user", "Group", &["system:authenticated"]),
    ("system:public-info-viewer", "Group", &["system:authenticated", "system:unauthenticated"]),
    ("system:service-account-issuer-discovery", "Group", &["system:serviceaccounts"]),
    ("system:node-proxier", "User", &["system:kube-proxy"]),
    ("system:kube-controller-manager", "User", &["system:kube-controller-manager"]),
    ("system:kube-scheduler", "User", &["system:kube-scheduler"]),
    ("system:volume-scheduler", "User", &["system:kube-scheduler"]),
    ("system:kube-dns", "ServiceAccount", &["kube-dns"]),
    ("system:node", "Group", &[]),
];

/// Roles of single namespaces: namespace, name, rules, kind of subject, names.
const ROLES: [(&str, &str, &str, &str, &[&str]); 7] = [
    (
        "kube-system",
        "extension-apiserver-authentication-reader",
        "read core: configmaps names=extension-apiserver-authentication",
        "User",
        &["system:kube-controller-manager", "system:kube-scheduler"],
    ),
    (
        "kube-system",
        "system::leader-locking-kube-controller-manager",
        "watch core: configmaps\nget,update core: configmaps names=kube-controller-manager",
        "User",
        &["system:kube-controller-manager"],
    ),
    (
        "kube-system",
        "system::leader-locking-kube-scheduler",
        "watch core: configmaps\nget,update core: configmaps names=kube-scheduler",
        "User",
        &["system:kube-scheduler"],
    ),
    (
        "kube-system",
        "system:controller:bootstrap-signer",
        "read core: secrets",
        "ServiceAccount",
        &["bootstrap-signer"],
    ),
    (
        "kube-system",
        "system:controller:cloud-provider",
        "create,get,list,watch core: configmaps",
        "ServiceAccount",
        &["cloud-provider"],
    ),
    (
        "kube-system",
        "system:controller:token-cleaner",
        "get,list,watch,delete core: secrets\ncreate,update,patch core events.k8s.io: events",
        "ServiceAccount",
        &["token-cleaner"],
    ),
    (
        "kube-public",
        "system:controller:bootstrap-signer",
        "read core: configmaps\nupdate core: configmaps names=cluster-info\ncreate,update,patch core events.k8s.io: events",
        "ServiceAccount",
        &["bootstrap-signer"],
    ),
];

/// Returns all roles and bindings, each with its plural.
pub(super) fn objects() -> Vec<(&'static str, Value)> {
    let cluster_roles = cluster_roles();
    let controllers: Vec<String> = cluster_roles.iter().map(|role| role.name().to_owned()).collect();
    let mut objects: Vec<(&'static str, Value)> =
        cluster_roles.into_iter().map(|role| ("clusterroles", role)).collect();
    for (role, kind, names) in CLUSTER_BINDINGS {
        objects.push(("clusterrolebindings", binding("ClusterRole", "", role, kind, names)));
    }
    for role in &controllers {
        if let Some(name) = role.strip_prefix(CONTROLLER) {
            objects.push(("clusterrolebindings", binding("ClusterRole", "", role, "ServiceAccount", &[name])));
        }
    }
    for (namespace, name, rules, kind, names) in ROLES {
        let mut role = role("Role", namespace, name);
        role.set(&["rules"], rules.lines().filter_map(rule).map(|rule| rule.to_value()).collect::<Vec<_>>());
        objects.push(("roles", role));
        objects.push(("rolebindings", binding("Role", namespace, name, kind, names)));
    }
    objects
}

/// Returns the ClusterRoles, the aggregated ones with the rules that they collect.
fn cluster_roles() -> Vec<Value> {
    let mut roles: Vec<Value> = Vec::new();
    for line in CLUSTER_ROLES.lines() {
        if let Some(header) = line.strip_prefix("role ") {
            roles.push(cluster_role(header));
        } else if let (Some(role), Some(rule)) = (roles.last_mut(), rule(line))
            && let Some(rules) = role["rules"].as_array_mut()
        {
            rules.push(rule.to_value());
        }
    }
    // `admin` collects from `edit`, and `edit` from `view`: the smallest comes first.
    for name in ["view", "edit", "admin"] {
        if let Some(place) = roles.iter().position(|role| role.name() == name) {
            roles[place]["rules"] = aggregated_rules(&roles[place], &roles.iter().collect::<Vec<_>>()).into();
        }
    }
    roles
}

fn cluster_role(header: &str) -> Value {
    let (name, kind) = header.split_once(' ').unwrap_or((header, ""));
    let mut cluster_role = role("ClusterRole", "", name);
    cluster_role.set(&["rules"], Value::Array(Vec::new()));
    if let Some(target) = kind.strip_prefix("aggregate-to=") {
        cluster_role["metadata"]["labels"][format!("{AGGREGATE}{target}")] = "true".into();
    }
    if kind == "aggregated" {
        let selector = json!({"matchLabels": {format!("{AGGREGATE}{name}"): "true"}});
        cluster_role["aggregationRule"] = json!({"clusterRoleSelectors": [selector]});
        // Who may edit may view, and so on: the smaller role is itself part of the larger.
        if let Some(larger) = [("view", "edit"), ("edit", "admin")].iter().find(|(own, _)| *own == name) {
            cluster_role["metadata"]["labels"][format!("{AGGREGATE}{}", larger.1)] = "true".into();
        }
    }
    cluster_role
}

fn role(kind: &str, namespace: &str, name: &str) -> Value {
    let mut metadata = json!({
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    });
    if !namespace.is_empty() {
        metadata["namespace"] = namespace.into();
    }
    json!({"kind": kind, "apiVersion": format!("{GROUP}/v1"), "metadata": metadata})
}

fn binding(role_kind: &str, namespace: &str, name: &str, kind: &str, names: &[&str]) -> Value {
    let subject = |name: &&str| match kind {
        "ServiceAccount" => {
            let namespace = if namespace.is_empty() { "kube-system" } else { namespace };
            json!({"kind": kind, "name": name, "namespace": namespace})
        }
        _ => json!({"kind": kind, "apiGroup": GROUP, "name": name}),
    };
    let mut binding = role(&format!("{role_kind}Binding"), namespace, name);
    if !names.is_empty() {
        binding["subjects"] = names.iter().map(subject).collect();
    }
    binding["roleRef"] = json!({"apiGroup": GROUP, "kind": role_kind, "name": name});
    binding
}

/// Reads one line of the table: `get,list core apps: pods deployments names=a,b` or `url get: /healthz`. Verbs and
/// resources are sorted, as upstream does.
fn rule(line: &str) -> Option<Rule> {
    let line = line.trim();
    let (head, tail) = line.split_once(": ").filter(|_| !line.starts_with('#'))?;
    let mut head = head.split(' ');
    let first = head.next()?;
    let (verbs, is_url) = if first == "url" { (head.next()?, true) } else { (first, false) };
    let mut rule = Rule { verbs: sorted(verbs.split(',').flat_map(expand)), ..Rule::default() };
    if is_url {
        rule.non_resource_urls = sorted(tail.split(' '));
        return Some(rule);
    }
    let (names, resources): (Vec<&str>, Vec<&str>) = tail.split(' ').partition(|word| word.starts_with("names="));
    rule.api_groups = sorted(head.map(|group| if group == "core" { "" } else { group }));
    rule.resources = sorted(resources.into_iter());
    rule.resource_names = sorted(names.iter().flat_map(|names| names.trim_start_matches("names=").split(',')));
    Some(rule)
}

fn expand(verb: &str) -> impl Iterator<Item = &str> {
    let verbs = match verb {
        "read" => "get list watch",
        "write" => "create update patch delete deletecollection",
        "readwrite" => "get list watch create update patch delete deletecollection",
        other => other,
    };
    verbs.split(' ')
}

fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    words.sort_unstable();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_role_or_a_rule() {
        let lines = CLUSTER_ROLES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            assert!(line.starts_with("role ") || line.starts_with("  ") && rule(line).is_some(), "{line}");
        }
        let roles = cluster_roles();
        assert!(roles.iter().all(|role| role["rules"].as_array().is_some_and(|rules| !rules.is_empty())));
    }

    #[test]
    fn every_binding_names_a_role_that_is_there() {
        let objects = objects();
        for (plural, binding) in objects.iter().filter(|(plural, _)| plural.ends_with("bindings")) {
            let wanted = (plural.replace("bindings", "s"), binding.namespace(), binding.text_at(&["roleRef", "name"]));
            let found =
                objects.iter().any(|(plural, role)| (plural.to_string(), role.namespace(), role.name()) == wanted);
            assert!(found, "{wanted:?}");
        }
    }

    #[test]
    fn edit_holds_what_view_holds_but_view_reads_no_secrets() {
        let roles = cluster_roles();
        let rules =
            |name: &str| Rule::of_role(roles.iter().find(|role| role.name() == name).expect("it is in the table"));
        assert!(rules("view").iter().all(|rule| rules("edit").contains(rule)));
        assert!(rules("edit").iter().all(|rule| rules("admin").contains(rule)));
        assert!(!rules("view").iter().any(|rule| rule.resources.iter().any(|resource| resource == "secrets")));
        let secrets = rule("write core: secrets").expect("it is a rule");
        assert_eq!(secrets.verbs, ["create", "delete", "deletecollection", "patch", "update"]);
    }
}
