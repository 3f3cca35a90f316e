//! Talks to the DNS service, which keeps records outside the cluster.
//!
//! A record is kept under an id that we choose. So writing it again after an answer got lost is the same as writing it
//! once, and there is no moment in which a record exists whose id nobody has noted down.

pub mod fake;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::dns::v1alpha1::record::RecordType;

/// How long a request may take. Without a limit one that hangs would hold up its object for good.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much of an answer is read.
const MAX_ANSWER: usize = 64 * 1024;

/// A record as the service keeps it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The name in full.
    pub name: String,
    /// What the values are.
    #[serde(rename = "type")]
    pub type_: RecordType,
    /// The values; their order means nothing.
    pub values: BTreeSet<String>,
    /// For how many seconds resolvers may remember it.
    pub ttl_seconds: i32,
}

/// Why the service did not do what it was asked. The texts go into the status of objects: they do not change from one attempt to
/// the next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection.
    #[error("cannot reach the DNS service")]
    Unreachable(#[source] anyhow::Error),

    /// There is a connection and no answer. Whether the request was carried out is not known.
    #[error("the DNS service does not answer")]
    Timeout,

    /// The service has a problem, or enough to do.
    #[error("the DNS service is not available: {0}")]
    Unavailable(StatusCode),

    /// The service does not know us.
    #[error("the DNS service does not accept our credentials")]
    Unauthorized,

    /// The answer makes no sense.
    #[error("the DNS service sends answers that make no sense")]
    Nonsense,

    /// The service will not keep this record.
    #[error("the DNS service refuses the record: {0}")]
    Refused(String),
}

impl Error {
    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// Returns one CamelCase word for the condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::Timeout | Self::Unavailable(_) | Self::Nonsense => "ServiceUnavailable",
            Self::Unauthorized => "Unauthorized",
            Self::Refused(_) => "Refused",
        }
    }
}

/// A client of the DNS service.
#[derive(Clone)]
pub struct Dns {
    base: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Dns {
    /// Returns a client of the service at a URL.
    ///
    /// # Errors
    /// When the URL or the token cannot be used.
    pub fn new(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().with_context(|| format!("`{url}` is not a URL"))?;
        anyhow::ensure!(matches!(uri.scheme_str(), Some("http" | "https")), "`{url}` is neither http nor https");
        let authorization = token.map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).context("the token is not printable")?;
            value.set_sensitive(true);
            anyhow::Ok(value)
        });
        Ok(Self { base, authorization: authorization.transpose()?, timeout: TIMEOUT, client: client() })
    }

    /// Waits no longer than this for an answer.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Returns the record that is kept under an id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn get(&self, id: &str) -> Result<Option<Entry>, Error> {
        match self.send(Method::GET, id, Bytes::new()).await? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, body) if status.is_success() => serde_json::from_slice(&body).map_err(|_| Error::Nonsense),
            (status, body) => Err(refusal(status, &body)),
        }
    }

    /// Keeps a record under an id, in the place of what is there.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put(&self, id: &str, entry: &Entry) -> Result<(), Error> {
        let body = serde_json::to_vec(entry).map_err(|_| Error::Nonsense)?;
        match self.send(Method::PUT, id, body.into()).await? {
            (status, _) if status.is_success() => Ok(()),
            (status, body) => Err(refusal(status, &body)),
        }
    }

    /// Removes the record under an id. That there is none is as good.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete(&self, id: &str) -> Result<(), Error> {
        match self.send(Method::DELETE, id, Bytes::new()).await? {
            (StatusCode::NOT_FOUND, _) => Ok(()),
            (status, _) if status.is_success() => Ok(()),
            (status, body) => Err(refusal(status, &body)),
        }
    }

    async fn send(&self, method: Method, id: &str, body: Bytes) -> Result<(StatusCode, Bytes), Error> {
        let uri = format!("{}/records/{id}", self.base);
        let mut request = Request::builder().method(method).uri(uri).header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body)).map_err(|error| Error::Unreachable(error.into()))?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| Error::Unreachable(error.into()))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|_| Error::Nonsense)?;
            Ok((parts.status, body.to_bytes()))
        };
        tokio::time::timeout(self.timeout, exchange).await.map_err(|_| Error::Timeout)?
    }
}

fn client() -> Client<HttpsConnector<HttpConnector>, Full<Bytes>> {
    let tls = match ClientConfig::builder().with_native_roots() {
        Ok(tls) => tls,
        // A container without root certificates: http still works, and https says whom it does not trust.
        Err(_) => ClientConfig::builder().with_root_certificates(RootCertStore::empty()),
    };
    let tls = tls.with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    Client::builder(TokioExecutor::new()).build(connector)
}

fn refusal(status: StatusCode, body: &[u8]) -> Error {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Unauthorized,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Error::Unavailable(status),
        status if status.is_client_error() => {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let message = body["message"].as_str().unwrap_or("it does not say why");
            Error::Refused(message.chars().take(200).collect())
        }
        status => Error::Unavailable(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: u16, body: &str, transient: bool, text: &str) {
        let error = refusal(StatusCode::from_u16(code).expect("a status code"), body.as_bytes());
        assert_eq!((error.is_transient(), error.to_string().as_str()), (transient, text));
    }

    #[test]
    fn a_refusal_is_final_and_all_else_may_pass() {
        check(
            422,
            r#"{"message": "x is no IPv4 address"}"#,
            false,
            "the DNS service refuses the record: x is no IPv4 address",
        );
        check(400, "<html>", false, "the DNS service refuses the record: it does not say why");
        check(401, "", true, "the DNS service does not accept our credentials");
        check(429, "", true, "the DNS service is not available: 429 Too Many Requests");
        check(503, "", true, "the DNS service is not available: 503 Service Unavailable");
        check(302, "", true, "the DNS service is not available: 302 Found");
    }

    #[test]
    fn what_is_no_url_is_refused_at_the_start() {
        for url in ["", "dns.example.com", "ftp://dns.example.com", "http://"] {
            assert!(Dns::new(url, None).is_err(), "{url}");
        }
        assert!(Dns::new("http://localhost:8053/", Some("two\nlines")).is_err());
        assert!(Dns::new("https://dns.example.com/v2", Some("secret")).is_ok());
    }

    #[tokio::test]
    async fn a_service_that_never_answers_is_given_up() {
        let service = fake::FakeDns::start().await.expect("a port is free");
        service.set_mood(fake::Mood::Silent);
        let dns = Dns::new(&service.url(), None).expect("a URL").with_timeout(Duration::from_millis(20));
        assert!(matches!(dns.get("1").await, Err(Error::Timeout)));
    }

    #[tokio::test]
    async fn a_service_that_is_not_there_is_unreachable() {
        let service = fake::FakeDns::start().await.expect("a port is free");
        let dns = Dns::new(&service.url(), None).expect("a URL");
        service.stop().await;
        assert!(matches!(dns.get("1").await, Err(Error::Unreachable(_))));
    }
}
