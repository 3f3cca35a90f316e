//! Answers as bytes: objects, lists, statuses and streams of watch events, in the form that the client accepts.
//!
//! Text that is there already is used again: a stored object is serialised once, whoever reads it.

mod list;
mod stream;

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::PoisonError;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::BoxStream;
use http::{HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::{Either, Full, StreamBody};
use serde_json::Value;

use super::chain::HttpRequest;
use super::handlers::Scope;
use super::negotiate::{self, Accepted, Endpoint, MediaType, Representation};
use super::request_info::RequestInfo;
use super::response::ResponseObject;
use super::table::{IncludeObject, Printer};
use super::{Response, partial, yaml};
use crate::controlplane::resources::Resource;
use crate::controlplane::status::Status;

/// The body of an answer: there at once, or coming as things happen.
pub(crate) type ResponseBody = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;
/// An answer.
pub(crate) type HttpResponse = http::Response<ResponseBody>;

/// Bodies below this length are not worth compressing; upstream's threshold.
const MIN_GZIP_LEN: usize = 128 * 1024;

/// The form of an answer about a resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    accepted: Accepted,
    include: IncludeObject,
}

impl Form {
    /// Returns the form that the client of a request accepts.
    ///
    /// # Errors
    /// 406, and 400 for tables that cannot be made.
    pub(crate) fn of(request: &HttpRequest, info: &RequestInfo, resource: &Resource) -> Result<Self, Status> {
        let endpoint = match info.verb.as_ref() {
            "list" | "deletecollection" => Endpoint::Collection,
            "watch" => Endpoint::Watch,
            _ => Endpoint::Object,
        };
        let accepted = negotiate::negotiate(request.accept(), endpoint, &resource.origin)?;
        let include = match accepted.representation {
            Representation::Table => IncludeObject::from_query(&info.query)?,
            _ => IncludeObject::Metadata,
        };
        Ok(Self { accepted, include })
    }

    fn printer<'a>(&self, scope_resource: &'a Resource, env: &'a crate::controlplane::env::Env) -> Printer<'a> {
        Printer::new(scope_resource, env, self.include, self.accepted.meta_api_version())
    }

    /// Returns a document in the accepted media type.
    fn document(&self, code: u16, value: &Value) -> HttpResponse {
        encoded(code, value, self.accepted.media_type, self.accepted.pretty)
    }
}

/// Returns a failure, in a media type that the client accepts.
pub(crate) fn status(status: &Status, accept: Option<&str>) -> HttpResponse {
    let mut response = encoded(status.code, &status.to_value(), negotiate::for_failure(accept), false);
    let retry = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    if retry > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry));
    }
    response
}

/// Returns the answer to a path that nobody knows.
pub(crate) fn not_found() -> HttpResponse {
    text(404, "404 page not found\n")
}

/// Returns plain text.
pub(crate) fn text(code: u16, text: impl Into<Bytes>) -> HttpResponse {
    full(code, HeaderValue::from_static("text/plain; charset=utf-8"), text.into())
}

/// Returns a document of its own media type.
pub(crate) fn document(content_type: &'static str, value: &Value) -> HttpResponse {
    full(200, HeaderValue::from_static(content_type), Bytes::from(value.to_string()))
}

/// Returns a document in a media type.
pub(crate) fn encoded(code: u16, value: &Value, media_type: MediaType, pretty: bool) -> HttpResponse {
    let text = match media_type {
        MediaType::Yaml => yaml::to_string(value),
        MediaType::Json if pretty => format!("{value:#}\n"),
        MediaType::Json => value.to_string(),
    };
    full(code, HeaderValue::from_static(media_type.as_str()), Bytes::from(text))
}

/// Returns bytes of a media type.
pub(crate) fn full(code: u16, content_type: HeaderValue, body: Bytes) -> HttpResponse {
    let mut response = http::Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Returns the answer of a handler.
///
/// # Errors
/// 406 when it cannot take the accepted form.
pub(crate) fn response(scope: &Scope, form: Form, response: Response) -> Result<HttpResponse, Status> {
    match response {
        Response::Object(answer) => object(scope, form, &answer),
        Response::List { served, list } => list::respond(scope, form, &served, &list),
        Response::Value { code, value } => Ok(form.document(code, &value)),
        Response::Watch(watch) => Ok(stream::respond(form, *watch)),
    }
}

fn object(scope: &Scope, form: Form, answer: &ResponseObject) -> Result<HttpResponse, Status> {
    let (resource, object) = (&answer.served.resource, &answer.object);
    let plain = form.accepted.media_type == MediaType::Json && !form.accepted.pretty;
    Ok(match form.accepted.representation {
        Representation::Object if plain => {
            full(answer.code, HeaderValue::from_static("application/json"), object.json())
        }
        Representation::Object => form.document(answer.code, object.value()),
        Representation::Table => {
            form.document(answer.code, &form.printer(resource, scope.server.env()).object(object.value()))
        }
        Representation::PartialObjectMetadata => {
            form.document(answer.code, &partial::object(object.value(), form.accepted.meta_api_version()))
        }
        Representation::PartialObjectMetadataList => return Err(partial::is_no_list(resource)),
    })
}

/// Adds the warnings that came up on the way.
pub(crate) fn add_warnings(scope: &Scope, response: &mut HttpResponse) {
    let warnings = scope.warnings.lock().unwrap_or_else(PoisonError::into_inner);
    for warning in warnings.iter() {
        let text = format!("299 - \"{}\"", warning.replace('\\', "\\\\").replace('"', "\\\""));
        if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

/// Compresses a long body for a client that can read that.
pub(crate) fn compress(request: &HttpRequest, response: HttpResponse) -> HttpResponse {
    let wanted = request.header("accept-encoding").split(',').any(|encoding| encoding.trim() == "gzip");
    let (mut parts, body) = response.into_parts();
    let Either::Left(full) = body else { return http::Response::from_parts(parts, body) };
    let text = full.into_inner().unwrap_or_default();
    let compressed = if wanted && text.len() >= MIN_GZIP_LEN { gzip(&text) } else { None };
    let Some(compressed) = compressed else { return http::Response::from_parts(parts, Either::Left(Full::new(text))) };
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    http::Response::from_parts(parts, Either::Left(Full::new(compressed)))
}

fn gzip(text: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    encoder.write_all(text).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
