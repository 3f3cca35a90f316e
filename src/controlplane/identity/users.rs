//! The caller of a request: name, groups and what else the authenticator knows.
//!
//! Source: `k8s.io/apiserver/pkg/authentication/user/user.go`, `.../serviceaccount/util.go`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The group of those who may do anything, whatever the roles say.
pub const MASTERS: &str = "system:masters";
/// The group of everybody who showed valid credentials.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody who showed none.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The name of everybody who showed no credentials.
pub const ANONYMOUS: &str = "system:anonymous";
/// The key under which a user's extra data names the credential that was used.
pub const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";
const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserInfo {
    /// The name, by which roles are bound.
    pub name: String,
    /// What tells users of one name apart over time; may be empty.
    pub uid: String,
    /// The groups, by which roles are bound too.
    pub groups: Vec<String>,
    /// What the authenticator adds.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// Returns a user with a name and groups.
    pub fn new<G: Into<String>>(name: impl Into<String>, groups: impl IntoIterator<Item = G>) -> Self {
        Self { name: name.into(), groups: groups.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Returns the user of those who showed no credentials.
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS, [UNAUTHENTICATED])
    }

    /// Returns the administrator, who may do everything.
    pub fn admin() -> Self {
        Self::new("kubernetes-admin", [MASTERS, AUTHENTICATED])
    }

    /// Returns the user of a ServiceAccount.
    pub fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        let mut user = Self::new(service_account_user(namespace, name), service_account_groups(namespace));
        user.groups.push(AUTHENTICATED.to_owned());
        user.uid = uid.to_owned();
        user
    }

    /// Returns the user of one of the control plane's own controllers.
    pub fn controller(name: &str) -> Self {
        Self::service_account("kube-system", name, "")
    }

    /// Whether the user may do anything, whatever the roles say.
    pub fn is_master(&self) -> bool {
        self.in_group(MASTERS)
    }

    /// Whether the user is in a group.
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    /// Returns the user as `authentication.k8s.io/v1` `UserInfo`, without empty fields.
    pub fn to_value(&self) -> Value {
        let mut value = json!({});
        for (key, text) in [("username", &self.name), ("uid", &self.uid)] {
            if !text.is_empty() {
                value[key] = text.as_str().into();
            }
        }
        if !self.groups.is_empty() {
            value["groups"] = self.groups.clone().into();
        }
        if !self.extra.is_empty() {
            value["extra"] =
                self.extra.iter().map(|(key, values)| (key.clone(), Value::from(values.clone()))).collect();
        }
        value
    }
}

/// Returns the user name of a ServiceAccount.
pub fn service_account_user(namespace: &str, name: &str) -> String {
    format!("{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}")
}

/// Returns the groups that a ServiceAccount has beside `system:authenticated`.
pub fn service_account_groups(namespace: &str) -> [String; 2] {
    [SERVICE_ACCOUNTS.to_owned(), format!("{SERVICE_ACCOUNTS}:{namespace}")]
}

/// Returns namespace and name, if a user name is that of a ServiceAccount.
pub fn split_service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT_PREFIX)?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_is_in_the_groups_of_all_and_of_its_namespace() {
        let user = UserInfo::service_account("ns", "bot", "u1");
        assert_eq!(
            user.to_value(),
            json!({
                "username": "system:serviceaccount:ns:bot", "uid": "u1",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
            })
        );
        assert_eq!(split_service_account(&user.name), Some(("ns", "bot")));
    }

    #[test]
    fn other_names_are_no_service_accounts() {
        for name in ["bob", "system:serviceaccount:ns", "system:serviceaccount::x", "system:serviceaccount:a:b:c"] {
            assert_eq!(split_service_account(name), None, "{name}");
        }
    }
}
