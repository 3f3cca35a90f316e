//! The documents by which others verify ServiceAccount tokens: the issuer's configuration, and its public keys.
//!
//! Source: `pkg/routes/openidmetadata.go`, Kubernetes 1.36.

use http::{HeaderValue, header};

use super::ApiServer;
use super::render::{self, HttpResponse};
use crate::controlplane::identity::tokens::openid_configuration;

/// Answers the paths of OpenID Connect discovery; `None` for other paths.
pub(super) fn answer(server: &ApiServer, path: &str) -> Option<HttpResponse> {
    let mut response = match path.trim_end_matches('/') {
        "/.well-known/openid-configuration" => render::document("application/json", &openid_configuration()),
        "/openid/v1/jwks" => render::document("application/jwk-set+json", &server.authenticator().signer.jwks()),
        _ => return None,
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    Some(response)
}
