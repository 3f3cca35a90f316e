//! The RBAC authorizer: may this user do this?
//!
//! Roles and bindings are indexed once for each revision of theirs, so that a question costs microseconds; the index
//! is swapped whole under a lock that is held for the swap alone.
//!
//! Source: `plugin/pkg/auth/authorizer/rbac/rbac.go`, `pkg/registry/rbac/validation/rule.go`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::rules::Rule;
use super::users::{UserInfo, service_account_user};
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;
use crate::controlplane::storage::Store;

/// The API group of roles and bindings.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// What a request wants, as far as authorization looks.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    /// Who asks.
    pub user: &'a UserInfo,
    /// `get`, `list`, …; for other paths the lower-case method.
    pub verb: &'a str,
    /// The API group.
    pub group: &'a str,
    /// The plural resource name.
    pub resource: &'a str,
    /// The subresource; may be empty.
    pub subresource: &'a str,
    /// The namespace; empty for the cluster scope.
    pub namespace: &'a str,
    /// The object's name; may be empty.
    pub name: &'a str,
    /// The path of a request that is about no resource.
    pub path: Option<&'a str>,
}

impl<'a> Attributes<'a> {
    /// Returns the attributes of a request about a resource at the cluster scope.
    pub fn resource(user: &'a UserInfo, verb: &'a str, group: &'a str, resource: &'a str) -> Self {
        Self { user, verb, group, resource, subresource: "", namespace: "", name: "", path: None }
    }

    /// Returns the attributes of a request about a path.
    pub fn path(user: &'a UserInfo, verb: &'a str, path: &'a str) -> Self {
        Self { path: Some(path), ..Self::resource(user, verb, "", "") }
    }

    /// Returns the same in a namespace.
    pub fn in_namespace(self, namespace: &'a str) -> Self {
        Self { namespace, ..self }
    }
}

/// The answer of the authorizer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// Whether the request is allowed.
    pub allowed: bool,
    /// By which binding; or what went wrong; may be empty.
    pub reason: String,
}

/// Answers whether users may do things, by the roles and bindings in the store.
#[derive(Debug, Clone)]
pub struct Authorizer {
    store: Store,
    cache: Arc<Mutex<Option<Arc<Policy>>>>,
}

impl Authorizer {
    /// Returns an authorizer over the store's roles.
    pub fn new(store: Store) -> Self {
        Self { store, cache: Arc::default() }
    }

    /// Returns whether a request is allowed, and why.
    pub fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        if attributes.user.is_master() {
            return Decision { allowed: true, reason: String::new() };
        }
        self.policy().authorize(attributes)
    }

    /// Returns all rules that a user has in a namespace, and the roles that bindings name in vain.
    pub fn rules_for(&self, user: &UserInfo, namespace: &str) -> (Vec<Rule>, Vec<String>) {
        let policy = self.policy();
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        policy.visit(user, namespace, |grant| {
            match grant {
                Ok(grant) => rules.extend(grant.rules.iter().cloned()),
                Err(missing) => errors.push(missing),
            }
            true
        });
        (rules, errors)
    }

    /// Returns the index of the present roles.
    pub fn policy(&self) -> Arc<Policy> {
        let resources = resources();
        // The revisions are read before the objects: if a write comes between, the next question indexes once more.
        let revisions = resources.each_ref().map(|resource| self.store.resource_revision(resource));
        if let Some(policy) = &*self.cache.lock().unwrap_or_else(PoisonError::into_inner)
            && policy.revisions == revisions
        {
            return policy.clone();
        }
        let policy = Arc::new(Policy::index(&self.store, &resources, revisions));
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Some(policy.clone());
        policy
    }
}

fn resources() -> [GroupResource; 4] {
    ["clusterroles", "clusterrolebindings", "roles", "rolebindings"].map(|plural| GroupResource::new(GROUP, plural))
}

/// Roles and bindings, indexed by what a question knows.
#[derive(Debug, Default)]
pub struct Policy {
    revisions: [u64; 4],
    /// By namespace (empty for ClusterRoles) and name.
    roles: HashMap<(String, String), Arc<Vec<Rule>>>,
    /// In order of namespace and name.
    bindings: Vec<Binding>,
    /// By namespace (empty for ClusterRoleBindings) and subject: the places in `bindings`, with the subject's place.
    by_subject: HashMap<(String, SubjectKey), Vec<(usize, usize)>>,
}

/// A subject as the index knows it: a ServiceAccount is the user that it authenticates as.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum SubjectKey {
    User(String),
    Group(String),
}

#[derive(Debug)]
struct Binding {
    /// As the reason shows it: `RoleBinding "name/namespace"`.
    shown: String,
    role_kind: String,
    role_name: String,
    /// The namespace of the role; empty for a ClusterRole.
    role_namespace: String,
    /// As the reason shows them: `User "bob"`.
    subjects: Vec<String>,
}

/// A role that a user has by a binding.
struct Grant<'a> {
    rules: &'a [Rule],
    binding: &'a Binding,
    subject: usize,
}

impl Grant<'_> {
    fn reason(&self) -> String {
        let Binding { shown, role_kind, role_name, subjects, .. } = self.binding;
        format!("RBAC: allowed by {shown} of {role_kind} {role_name:?} to {}", subjects[self.subject])
    }
}

impl Policy {
    fn index(store: &Store, resources: &[GroupResource; 4], revisions: [u64; 4]) -> Self {
        let [cluster_roles, cluster_bindings, roles, bindings] =
            resources.each_ref().map(|resource| store.list(resource));
        let mut policy = Self { revisions, ..Self::default() };
        for (key, stored) in cluster_roles.objects.iter().chain(&roles.objects) {
            let key = (key.namespace.clone(), key.name.clone());
            policy.roles.insert(key, Arc::new(Rule::of_role(&stored.value)));
        }
        for (key, stored) in cluster_bindings.objects.iter().chain(&bindings.objects) {
            policy.add_binding(&key.namespace, &key.name, &stored.value);
        }
        policy
    }

    fn add_binding(&mut self, namespace: &str, name: &str, binding: &Value) {
        let place = self.bindings.len();
        let list = binding.at(&["subjects"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (index, subject) in list.iter().enumerate() {
            if let Some(key) = subject_key(subject, namespace) {
                self.by_subject.entry((namespace.to_owned(), key)).or_default().push((place, index));
            }
        }
        let role_kind = binding.text_at(&["roleRef", "kind"]).to_owned();
        self.bindings.push(Binding {
            shown: match namespace {
                "" => format!("ClusterRoleBinding {name:?}"),
                _ => format!("RoleBinding {:?}", format!("{name}/{namespace}")),
            },
            role_name: binding.text_at(&["roleRef", "name"]).to_owned(),
            role_namespace: if role_kind == "Role" { namespace.to_owned() } else { String::new() },
            role_kind,
            subjects: list.iter().map(|subject| shown_subject(subject, namespace)).collect(),
        });
    }

    /// Returns the rules of a role, by the namespace (empty for a ClusterRole) and name.
    pub fn role(&self, namespace: &str, name: &str) -> Option<&[Rule]> {
        self.roles.get(&(namespace.to_owned(), name.to_owned())).map(|rules| rules.as_slice())
    }

    fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        let mut decision = Decision::default();
        let mut errors = Vec::new();
        self.visit(attributes.user, attributes.namespace, |grant| {
            match grant {
                Ok(grant) if grant.rules.iter().any(|rule| rule.allows(attributes)) => {
                    decision = Decision { allowed: true, reason: grant.reason() };
                }
                Ok(_) => {}
                Err(missing) => errors.push(missing),
            }
            !decision.allowed
        });
        if !decision.allowed && !errors.is_empty() {
            decision.reason = format!("RBAC: {}", go_aggregate(&errors));
        }
        decision
    }

    /// Gives every role that a user has in a namespace, cluster-wide ones first, until `visit` says `false`.
    fn visit(&self, user: &UserInfo, namespace: &str, mut visit: impl FnMut(Result<Grant<'_>, String>) -> bool) {
        for scope in [Some(""), Some(namespace).filter(|namespace| !namespace.is_empty())].into_iter().flatten() {
            for (place, subject) in self.bound(user, scope) {
                let binding = &self.bindings[place];
                let grant = match self.role(&binding.role_namespace, &binding.role_name) {
                    Some(rules) => Ok(Grant { rules, binding, subject }),
                    None => Err(missing_role(binding)),
                };
                if !visit(grant) {
                    return;
                }
            }
        }
    }

    /// Returns the bindings of one scope whose subjects the user is, in order, each once, by its first fitting subject.
    fn bound(&self, user: &UserInfo, scope: &str) -> Vec<(usize, usize)> {
        let keys = std::iter::once(SubjectKey::User(user.name.clone()))
            .chain(user.groups.iter().cloned().map(SubjectKey::Group));
        let mut places: Vec<(usize, usize)> =
            keys.filter_map(|key| self.by_subject.get(&(scope.to_owned(), key))).flatten().copied().collect();
        places.sort_unstable();
        places.dedup_by_key(|(place, _)| *place);
        places
    }
}

fn subject_key(subject: &Value, namespace: &str) -> Option<SubjectKey> {
    let name = subject.text_at(&["name"]);
    match subject.text_at(&["kind"]) {
        "User" => Some(SubjectKey::User(name.to_owned())),
        "Group" => Some(SubjectKey::Group(name.to_owned())),
        "ServiceAccount" => match subject_namespace(subject, namespace) {
            "" => None,
            namespace => Some(SubjectKey::User(service_account_user(namespace, name))),
        },
        _ => None,
    }
}

/// A ServiceAccount of a RoleBinding lives in the binding's namespace, unless it says otherwise.
fn subject_namespace<'a>(subject: &'a Value, namespace: &'a str) -> &'a str {
    Some(subject.text_at(&["namespace"])).filter(|own| !own.is_empty()).unwrap_or(namespace)
}

fn shown_subject(subject: &Value, namespace: &str) -> String {
    let (kind, name) = (subject.text_at(&["kind"]), subject.text_at(&["name"]));
    match kind {
        "ServiceAccount" => format!("{kind} {:?}", format!("{name}/{}", subject_namespace(subject, namespace))),
        _ => format!("{kind} {name:?}"),
    }
}

/// Upstream's authorizer names the resource in the singular, since its lister does.
fn missing_role(binding: &Binding) -> String {
    Status::not_found(&GroupResource::new(GROUP, binding.role_kind.to_lowercase()), &binding.role_name).message
}

/// Joins texts as Go's aggregate error does.
fn go_aggregate(texts: &[String]) -> String {
    match texts {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

/// Returns the 403 of a request that was not allowed.
///
/// Source: `k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go`.
pub fn forbidden(attributes: &Attributes<'_>, reason: &str) -> Status {
    let user = &attributes.user.name;
    let Attributes { verb, group, resource, subresource, namespace, name, path, .. } = *attributes;
    let full = if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
    let what = match (path, namespace) {
        (Some(path), _) => format!("cannot {verb} path {path:?}"),
        (None, "") => format!("cannot {verb} resource {full:?} in API group {group:?} at the cluster scope"),
        (None, _) => format!("cannot {verb} resource {full:?} in API group {group:?} in the namespace {namespace:?}"),
    };
    let message = html_escaped(&format!("User {user:?} {what}"));
    let message = if reason.is_empty() { message } else { format!("{message}: {reason}") };
    Status::forbidden(&GroupResource::new(group, resource), name, &message)
}

/// Upstream escapes what a client could make a browser believe.
fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::storage::ObjectKey;
    use serde_json::json;

    fn put(store: &Store, plural: &str, namespace: &str, name: &str, value: Value) {
        let key = ObjectKey::new(namespace, name);
        store.create(&GroupResource::new(GROUP, plural), key, value).expect("names differ");
    }

    fn store() -> Store {
        let store = Store::default();
        let reader = json!({"rules": [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]});
        put(&store, "roles", "rb", "r", reader.clone());
        put(&store, "clusterroles", "", "reader", reader);
        let subjects = json!([{"kind": "User", "name": "bob"}, {"kind": "Group", "name": "devs"},
                              {"kind": "ServiceAccount", "name": "bot"}]);
        put(
            &store,
            "rolebindings",
            "rb",
            "rb",
            json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": subjects}),
        );
        put(
            &store,
            "rolebindings",
            "rb",
            "vain",
            json!({"roleRef": {"kind": "ClusterRole", "name": "nope"}, "subjects": [{"kind": "User", "name": "ann"}]}),
        );
        put(
            &store,
            "clusterrolebindings",
            "",
            "all",
            json!({"roleRef": {"kind": "ClusterRole", "name": "reader"}, "subjects": [{"kind": "User", "name": "eve"}]}),
        );
        store
    }

    #[track_caller]
    fn check(user: UserInfo, verb: &str, namespace: &str, allowed: bool, reason: &str) {
        let attributes = Attributes::resource(&user, verb, "", "pods").in_namespace(namespace);
        let decision = Authorizer::new(store()).authorize(&attributes);
        assert_eq!(decision, Decision { allowed, reason: reason.to_owned() });
    }

    #[test]
    fn a_binding_allows_its_subjects_what_its_role_says() {
        let user = |name: &str| UserInfo::new(name, ["system:authenticated"]);
        check(user("bob"), "get", "rb", true, r#"RBAC: allowed by RoleBinding "rb/rb" of Role "r" to User "bob""#);
        check(user("bob"), "delete", "rb", false, "");
        check(user("bob"), "get", "other", false, "");
        check(
            UserInfo::new("zoe", ["devs"]),
            "list",
            "rb",
            true,
            r#"RBAC: allowed by RoleBinding "rb/rb" of Role "r" to Group "devs""#,
        );
        check(
            UserInfo::service_account("rb", "bot", ""),
            "get",
            "rb",
            true,
            r#"RBAC: allowed by RoleBinding "rb/rb" of Role "r" to ServiceAccount "bot/rb""#,
        );
        check(
            user("eve"),
            "get",
            "",
            true,
            r#"RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to User "eve""#,
        );
        check(UserInfo::admin(), "delete", "rb", true, "");
    }

    #[test]
    fn a_role_that_a_binding_names_in_vain_is_the_reason() {
        let reason = r#"RBAC: clusterrole.rbac.authorization.k8s.io "nope" not found"#;
        check(UserInfo::new("ann", ["x"]), "get", "rb", false, reason);
    }

    #[test]
    fn a_change_of_roles_is_seen_at_once() {
        let store = store();
        let authorizer = Authorizer::new(store.clone());
        let zed = UserInfo::new("zed", ["x"]);
        let attributes = Attributes::resource(&zed, "get", "", "pods");
        assert!(!authorizer.authorize(&attributes).allowed);
        put(
            &store,
            "clusterrolebindings",
            "",
            "zed",
            json!({"roleRef": {"kind": "ClusterRole", "name": "reader"}, "subjects": [{"kind": "User", "name": "zed"}]}),
        );
        assert!(authorizer.authorize(&attributes).allowed);
        assert!(Arc::ptr_eq(&authorizer.policy(), &authorizer.policy()));
    }

    #[test]
    fn the_refusal_reads_as_upstreams() {
        let bob = UserInfo::new("bob", ["x"]);
        let list = Attributes::resource(&bob, "list", "", "pods").in_namespace("rb");
        let expected =
            "pods is forbidden: User \"bob\" cannot list resource \"pods\" in API group \"\" in the namespace \"rb\"";
        assert_eq!(forbidden(&list, "").message, expected);
        let scale =
            Attributes { subresource: "scale", name: "d", ..Attributes::resource(&bob, "get", "apps", "deployments") };
        let expected = "deployments.apps \"d\" is forbidden: User \"bob\" cannot get resource \"deployments/scale\" in API \
                        group \"apps\" at the cluster scope";
        assert_eq!(forbidden(&scale, "").message, expected);
        let path = forbidden(&Attributes::path(&bob, "get", "/metrics"), "");
        assert_eq!(path.message, "forbidden: User \"bob\" cannot get path \"/metrics\"");
    }
}
