//! Authentication: from what a request shows to who sends it.
//!
//! Client certificates first, then bearer tokens (a static one for the administrator, ServiceAccount tokens), then
//! anonymous, who may do next to nothing. A token that is not known is refused rather than taken for anonymous.
//!
//! Source: `k8s.io/apiserver/pkg/authentication/request/{x509,bearertoken,anonymous,union}`.

use std::sync::Arc;

use super::tokens::{ISSUER, TokenSigner, VerifiedToken};
use super::users::UserInfo;
use crate::controlplane::status::Status;
use crate::controlplane::storage::Store;

/// What a request shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The user of the connection's client certificate, see [`super::ca::user_of_certificate`].
    pub certificate_user: Option<&'a UserInfo>,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
}

/// Finds out who sends a request.
#[derive(Debug, Clone)]
pub struct Authenticator {
    /// Checks ServiceAccount tokens.
    pub signer: Arc<TokenSigner>,
    /// A token that makes its bearer the administrator, if there is one.
    pub admin_token: Option<String>,
    store: Store,
}

impl Authenticator {
    /// Returns an authenticator without an administrator's token.
    pub fn new(signer: Arc<TokenSigner>, store: Store) -> Self {
        Self { signer, admin_token: None, store }
    }

    /// Returns who sends the request.
    ///
    /// # Errors
    /// 401 when a bearer token is shown that is not known.
    pub fn authenticate(&self, credentials: Credentials<'_>) -> Result<UserInfo, Status> {
        if let Some(user) = credentials.certificate_user {
            return Ok(user.clone());
        }
        match credentials.authorization.and_then(bearer_token) {
            Some(token) => self.token_user(token, &[ISSUER.to_owned()]).map(|verified| verified.user),
            None => Some(UserInfo::anonymous()),
        }
        .ok_or_else(Status::unauthorized)
    }

    /// Returns whose token it is, if it is known and meant for one of `audiences`.
    pub fn token_user(&self, token: &str, audiences: &[String]) -> Option<VerifiedToken> {
        let is_admin =
            self.admin_token.as_ref().is_some_and(|admin| constant_time_eq(admin.as_bytes(), token.as_bytes()));
        if is_admin {
            // A static token says nothing of audiences; upstream takes it for all that are asked for.
            return Some(VerifiedToken { user: UserInfo::admin(), audiences: audiences.to_vec() });
        }
        self.signer.verify(&self.store, token, audiences)
    }
}

/// Returns the token of an `Authorization` header, if the header is of that kind.
fn bearer_token(authorization: &str) -> Option<&str> {
    let mut parts = authorization.trim().split(' ');
    let is_bearer = parts.next()?.eq_ignore_ascii_case("bearer");
    parts.next().filter(|token| is_bearer && !token.is_empty())
}

/// Compares without telling by the time taken where the first difference is.
fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::env::Env;

    fn authenticator() -> Authenticator {
        let signer = TokenSigner::new(&Env::system()).expect("keys can be made");
        Authenticator {
            admin_token: Some("secret".to_owned()),
            ..Authenticator::new(Arc::new(signer), Store::default())
        }
    }

    #[track_caller]
    fn check(authorization: Option<&str>, expected: Result<&str, u16>) {
        let credentials = Credentials { authorization, ..Credentials::default() };
        let user = authenticator().authenticate(credentials);
        let user = user.as_ref().map(|user| user.name.as_str()).map_err(|status| status.code);
        assert_eq!(user, expected, "{authorization:?}");
    }

    #[test]
    fn the_header_says_who_it_is() {
        check(None, Ok("system:anonymous"));
        check(Some("Basic eDp5"), Ok("system:anonymous"));
        check(Some("Bearer "), Ok("system:anonymous"));
        check(Some("Bearer secret"), Ok("kubernetes-admin"));
        check(Some("bearer secret"), Ok("kubernetes-admin"));
        check(Some("Bearer secre"), Err(401));
        check(Some("Bearer nonsense"), Err(401));
    }

    #[test]
    fn a_certificate_comes_before_a_token() {
        let ann = UserInfo::new("ann", ["system:authenticated"]);
        let credentials = Credentials { certificate_user: Some(&ann), authorization: Some("Bearer nonsense") };
        assert_eq!(authenticator().authenticate(credentials), Ok(ann));
    }
}
