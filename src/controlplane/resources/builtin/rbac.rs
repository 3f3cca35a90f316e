//! Roles and bindings.
//!
//! Source: `k8s.io/kubernetes/pkg/apis/rbac/validation/validation.go` and `v1/defaults.go`, Kubernetes 1.36. Whether a user
//! may grant what a role grants is decided elsewhere.

use serde_json::{Value, json};

use super::edit::Edit;
use super::field::{Field, Findings};
use super::kind::Kind;
use super::labels;
use crate::controlplane::names::{dns1123_label, dns1123_subdomain};
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::validation::NameFormat;

const GROUP: &str = "rbac.authorization.k8s.io";

const PLAIN: Kind = Kind { names: NameFormat::PathSegment, create_on_update: true, ..Kind::PLAIN };

/// Roles.
pub(super) const ROLE: Kind = Kind { validate: |role, found| validate_rules(role, true, found), ..PLAIN };

/// ClusterRoles.
pub(super) const CLUSTER_ROLE: Kind = Kind {
    validate: |role, found| {
        validate_rules(role, false, found);
        let aggregation = role.get("aggregationRule");
        let selectors = aggregation.get("clusterRoleSelectors");
        if aggregation.is_set() && selectors.is_empty() {
            found.required(&selectors, "at least one clusterRoleSelector required if aggregationRule is non-nil");
        }
        selectors.items().for_each(|selector| labels::validate_selector(&selector, found));
    },
    ..PLAIN
};

/// RoleBindings.
pub(super) const ROLE_BINDING: Kind = Kind {
    defaults: default_binding,
    validate: |binding, found| validate_binding(binding, &["ClusterRole", "Role"], found),
    validate_update: validate_binding_update,
    ..PLAIN
};

/// ClusterRoleBindings.
pub(super) const CLUSTER_ROLE_BINDING: Kind =
    Kind { validate: |binding, found| validate_binding(binding, &["ClusterRole"], found), ..ROLE_BINDING };

fn default_binding(binding: &mut Value) {
    let reference = binding.make("roleRef");
    if reference.text_at(&["apiGroup"]).is_empty() {
        reference.put("apiGroup", GROUP);
    }
    binding.each("subjects", |subject| {
        let of_rbac = matches!(subject.text_at(&["kind"]), "User" | "Group");
        if of_rbac && subject.text_at(&["apiGroup"]).is_empty() {
            subject.put("apiGroup", GROUP);
        }
    });
}

fn validate_rules(role: &Field<'_>, namespaced: bool, found: &mut Findings) {
    for rule in role.get("rules").items() {
        validate_rule(&rule, namespaced, found);
    }
}

fn validate_rule(rule: &Field<'_>, namespaced: bool, found: &mut Findings) {
    let (verbs, urls) = (rule.get("verbs"), rule.get("nonResourceURLs"));
    if verbs.is_empty() {
        found.required(&verbs, "verbs must contain at least one value");
    }
    if !urls.is_empty() {
        if namespaced {
            found.invalid(&urls, "namespaced rules cannot apply to non-resource URLs");
        }
        if ["apiGroups", "resources", "resourceNames"].iter().any(|name| !rule.get(name).is_empty()) {
            found.invalid(&urls, "rules cannot apply to both regular resources and non-resource URLs");
        }
        return;
    }
    if rule.get("apiGroups").is_empty() {
        found.required(&rule.get("apiGroups"), "resource rules must supply at least one api group");
    }
    if rule.get("resources").is_empty() {
        found.required(&rule.get("resources"), "resource rules must supply at least one resource");
    }
}

fn validate_binding(binding: &Field<'_>, kinds: &[&str], found: &mut Findings) {
    let reference = binding.get("roleRef");
    if reference.get("apiGroup").text() != GROUP {
        found.not_supported(&reference.get("apiGroup"), &[GROUP]);
    }
    found.one_of(&reference.get("kind"), kinds);
    let name = reference.get("name");
    if name.is_empty() {
        found.required(&name, "");
    } else {
        found.invalid_each(&name, NameFormat::PathSegment.check(name.text(), false));
    }
    let namespaced = !binding.value.namespace().is_empty();
    for subject in binding.get("subjects").items() {
        validate_subject(&subject, namespaced, found);
    }
}

fn validate_subject(subject: &Field<'_>, namespaced: bool, found: &mut Findings) {
    let (name, group) = (subject.get("name"), subject.get("apiGroup"));
    if name.is_empty() {
        found.required(&name, "");
    }
    match subject.get("kind").text() {
        "ServiceAccount" => {
            if !name.is_empty() {
                found.invalid_each(&name, dns1123_subdomain(name.text()));
            }
            if !group.is_empty() {
                found.not_supported(&group, &[""]);
            }
            let namespace = subject.get("namespace");
            if !namespaced && namespace.is_empty() {
                found.required(&namespace, "");
            } else if !namespace.is_empty() {
                found.invalid_each(&namespace, dns1123_label(namespace.text()));
            }
        }
        "User" | "Group" if group.text() != GROUP => found.not_supported(&group, &[GROUP]),
        "User" | "Group" => {}
        _ => found.not_supported(&subject.get("kind"), &["ServiceAccount", "User", "Group"]),
    }
}

fn validate_binding_update(new: &Field<'_>, old: &Field<'_>, found: &mut Findings) {
    let (new, old) = (new.get("roleRef"), old.get("roleRef"));
    if new.value != old.value {
        let text = |name: &str| new.get(name).text();
        let shown = json!({"APIGroup": text("apiGroup"), "Kind": text("kind"), "Name": text("name")});
        found.0.push(FieldError::invalid(new.path(), &shown, "cannot change roleRef"));
    }
}
