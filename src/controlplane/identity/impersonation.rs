//! Impersonation: a user who may do so acts as somebody else, named by `Impersonate-*` headers.
//!
//! Each part (name, each group, UID, each extra value) is authorised by the verb `impersonate`.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/filters/impersonation/impersonation.go`.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::rbac::{Attributes, Authorizer, forbidden};
use super::users::{
    ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo, service_account_groups, split_service_account,
};
use crate::controlplane::status::Status;

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";

/// Returns the user that the headers name, or `user` itself when there are none.
///
/// # Errors
/// 403 when the user may not, 500 when headers add to a user that they do not name.
pub fn impersonate(user: UserInfo, headers: &HeaderMap, authorizer: &Authorizer) -> Result<UserInfo, Status> {
    let wanted = requested(headers);
    if wanted == UserInfo::default() {
        return Ok(user);
    }
    if wanted.name.is_empty() {
        return Err(Status::internal("requested impersonation of groups, UID or extra data without a user"));
    }
    authorize_name(&user, &wanted.name, authorizer)?;
    authorize_rest(&user, &wanted, authorizer)?;
    Ok(complete(wanted))
}

fn requested(headers: &HeaderMap) -> UserInfo {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let groups = headers.get_all(GROUP).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(EXTRA), value.to_str()) {
            extra.entry(unescape(key)).or_default().push(value.to_owned());
        }
    }
    UserInfo { name: text(USER), uid: text(UID), groups, extra }
}

/// Undoes percent encoding; a key that is not well encoded stays as it is.
fn unescape(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = match (first, tail) {
            (b'%', [high, low, ..]) => char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)),
            _ => None,
        };
        match decoded {
            Some((high, low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| key.to_owned())
}

fn authorize_name(user: &UserInfo, name: &str, authorizer: &Authorizer) -> Result<(), Status> {
    match split_service_account(name) {
        Some((namespace, name)) => check(authorizer, part(user, "", "serviceaccounts", name).in_namespace(namespace)),
        None => check(authorizer, part(user, "", "users", name)),
    }
}

fn authorize_rest(user: &UserInfo, wanted: &UserInfo, authorizer: &Authorizer) -> Result<(), Status> {
    for group in &wanted.groups {
        check(authorizer, part(user, "", "groups", group))?;
    }
    for (key, values) in &wanted.extra {
        for value in values {
            check(authorizer, Attributes { subresource: key, ..part(user, AUTHENTICATION, "userextras", value) })?;
        }
    }
    if !wanted.uid.is_empty() {
        check(authorizer, part(user, AUTHENTICATION, "uids", &wanted.uid))?;
    }
    Ok(())
}

const AUTHENTICATION: &str = "authentication.k8s.io";

fn part<'a>(user: &'a UserInfo, group: &'a str, resource: &'a str, name: &'a str) -> Attributes<'a> {
    Attributes { name, ..Attributes::resource(user, "impersonate", group, resource) }
}

fn check(authorizer: &Authorizer, attributes: Attributes<'_>) -> Result<(), Status> {
    let decision = authorizer.authorize(&attributes);
    if decision.allowed { Ok(()) } else { Err(forbidden(&attributes, &decision.reason)) }
}

/// Adds the groups that the authenticator would have given.
fn complete(mut wanted: UserInfo) -> UserInfo {
    if wanted.groups.is_empty()
        && let Some((namespace, _)) = split_service_account(&wanted.name)
    {
        wanted.groups = service_account_groups(namespace).to_vec();
    }
    if wanted.name == ANONYMOUS {
        if !wanted.in_group(UNAUTHENTICATED) {
            wanted.groups.push(UNAUTHENTICATED.to_owned());
        }
    } else if !wanted.in_group(AUTHENTICATED) && !wanted.in_group(UNAUTHENTICATED) {
        wanted.groups.push(AUTHENTICATED.to_owned());
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::storage::Store;
    use http::{HeaderName, HeaderValue};

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = list.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    fn as_admin(list: &[(&'static str, &'static str)]) -> Result<UserInfo, Status> {
        impersonate(UserInfo::admin(), &headers(list), &Authorizer::new(Store::default()))
    }

    #[test]
    fn without_headers_nobody_is_impersonated() {
        assert_eq!(as_admin(&[("accept", "x")]), Ok(UserInfo::admin()));
    }

    #[test]
    fn the_groups_that_authentication_gives_are_added() {
        let bob = as_admin(&[(USER, "bob"), (GROUP, "devs"), ("impersonate-extra-a%2fb", "c")]).expect("admin may");
        assert_eq!(bob.groups, ["devs", "system:authenticated"]);
        assert_eq!(bob.extra["a/b"], ["c"]);
        let bot = as_admin(&[(USER, "system:serviceaccount:ns:bot")]).expect("admin may");
        assert_eq!(bot.groups, ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"]);
        let nobody = as_admin(&[(USER, "system:anonymous")]).expect("admin may");
        assert_eq!(nobody.groups, ["system:unauthenticated"]);
    }

    #[test]
    fn who_may_not_is_told_so() {
        let ann = UserInfo::new("ann", ["system:authenticated"]);
        let refused = impersonate(ann, &headers(&[(USER, "bob")]), &Authorizer::new(Store::default()));
        let message = refused.expect_err("ann has no roles").message;
        let expected = "users \"bob\" is forbidden: User \"ann\" cannot impersonate resource \"users\" in API group \"\" \
                        at the cluster scope";
        assert_eq!(message, expected);
        assert_eq!(as_admin(&[(GROUP, "devs")]).expect_err("no user is named").code, 500);
    }
}
