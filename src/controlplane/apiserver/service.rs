//! The API server as a `tower_service::Service`: for the sockets, and for clients in the same process.
//!
//! `kube::Client::new(service, "default")` works with it. Requests in process are made by the administrator unless the
//! service was made for another user; they go through the same chain as everybody's.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use tower_service::Service;

use super::ApiServer;
use super::chain::{self, HttpRequest};
use super::render::{self, ResponseBody};
use crate::controlplane::identity::users::UserInfo;
use crate::controlplane::status::Status;

/// The most that a body may hold.
pub const MAX_BODY_LEN: usize = 3 * 1024 * 1024;

/// The API server, callable in process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiService {
    server: ApiServer,
    user: Option<Arc<UserInfo>>,
}

impl ApiService {
    /// Returns the service for requests of a user; without one they must show credentials, or are anonymous.
    pub(crate) fn new(server: ApiServer, user: Option<UserInfo>) -> Self {
        Self { server, user: user.map(Arc::new) }
    }
}

type ResponseFuture = Pin<Box<dyn Future<Output = Result<http::Response<ResponseBody>, Infallible>> + Send>>;

impl<B> Service<http::Request<B>> for ApiService
where
    B: Body + Send + 'static,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = http::Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> ResponseFuture {
        let Self { server, user } = self.clone();
        Box::pin(async move { Ok(answer(&server, user, request).await) })
    }
}

async fn answer<B>(
    server: &ApiServer,
    user: Option<Arc<UserInfo>>,
    request: http::Request<B>,
) -> http::Response<ResponseBody>
where
    B: Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(status) => return render::status(&status, None),
    };
    let request = HttpRequest {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        certificate_user: user,
    };
    chain::answer(server, request).await
}

async fn read<B>(body: B) -> Result<Bytes, Status>
where
    B: Body + Send,
    B::Data: Buf + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match Limited::new(body, MAX_BODY_LEN).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Status::too_large(format!("Request entity too large: limit is {MAX_BODY_LEN}")))
        }
        Err(error) => Err(Status::bad_request(format!("unable to read the body: {error}"))),
    }
}
