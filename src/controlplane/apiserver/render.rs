//! Answers as bytes: objects, lists, statuses and streams of watch events.
//!
//! Text that is there already is used again: a stored object is serialised once, whoever reads it.

use std::convert::Infallible;
use std::sync::PoisonError;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::{Either, Full, StreamBody};
use serde_json::{Value, json};

use super::handlers::{Scope, Watch, WatchEvent};
use super::registry::Served;
use super::{List, ObjectRef, Response};
use crate::controlplane::resources::Origin;
use crate::controlplane::status::Status;
use crate::controlplane::storage::ChangeType;

/// The body of an answer: there at once, or coming as things happen.
pub(crate) type ResponseBody = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;
/// An answer.
pub(crate) type HttpResponse = http::Response<ResponseBody>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Returns a failure.
pub(crate) fn status(status: &Status) -> HttpResponse {
    full(status.code, JSON, Bytes::from(status.to_value().to_string()))
}

/// Returns the answer to a path that nobody knows.
pub(crate) fn not_found() -> HttpResponse {
    full(404, HeaderValue::from_static("text/plain; charset=utf-8"), Bytes::from_static(b"404 page not found\n"))
}

/// Returns the answer of a handler, with the warnings that came up on the way.
pub(crate) fn response(scope: &Scope, response: Response) -> HttpResponse {
    let mut response = match response {
        Response::Object(answer) => full(answer.code, JSON, answer.object.json()),
        Response::List { served, list } => full(200, JSON, list_text(&served, &list)),
        Response::Value { code, value } => full(code, JSON, Bytes::from(value.to_string())),
        Response::Watch(watch) => watch_stream(*watch),
    };
    let warnings = scope.warnings.lock().unwrap_or_else(PoisonError::into_inner);
    for warning in warnings.iter() {
        let text = format!("299 - \"{}\"", warning.replace('\\', "\\\\").replace('"', "\\\""));
        if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
    response
}

/// Returns a document of its own media type.
pub(crate) fn document(content_type: &'static str, value: &Value) -> HttpResponse {
    full(200, HeaderValue::from_static(content_type), Bytes::from(value.to_string()))
}

fn full(code: u16, content_type: HeaderValue, body: Bytes) -> HttpResponse {
    let mut response = http::Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

fn list_text(served: &Served, list: &List) -> Bytes {
    let resource = &served.resource;
    let mut metadata = json!({"resourceVersion": list.revision.to_string()});
    if !list.continue_token.is_empty() {
        metadata["continue"] = list.continue_token.as_str().into();
    }
    if let Some(remaining) = list.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    let head = json!({
        "kind": resource.list_kind, "apiVersion": resource.gvk.group_version().to_string(), "metadata": metadata,
    })
    .to_string();
    let texts: Vec<Bytes> = list.items.iter().map(ObjectRef::json).collect();
    let mut text = BytesMut::with_capacity(head.len() + 16 + texts.iter().map(|text| text.len() + 1).sum::<usize>());
    text.put_slice(&head.as_bytes()[..head.len() - 1]);
    text.put_slice(b",\"items\":[");
    for (index, item) in texts.iter().enumerate() {
        if index > 0 {
            text.put_u8(b',');
        }
        put_item(&mut text, served, item);
    }
    text.put_slice(b"]}");
    text.freeze()
}

/// Items of built-in lists do not repeat kind and apiVersion, which stand first in the stored text.
fn put_item(text: &mut BytesMut, served: &Served, item: &Bytes) {
    let gvk = &served.resource.gvk;
    let head = format!("{{\"kind\":\"{}\",\"apiVersion\":\"{}\",", gvk.kind, gvk.group_version());
    match item.strip_prefix(head.as_bytes()) {
        Some(rest) if served.resource.origin == Origin::BuiltIn => {
            text.put_u8(b'{');
            text.put_slice(rest);
        }
        _ => text.put_slice(item),
    }
}

fn watch_stream(watch: Watch) -> HttpResponse {
    let frames = stream::unfold(watch, |mut watch| async move {
        let events = watch.next().await?;
        let mut text = BytesMut::new();
        for event in &events {
            put_event(&mut text, &watch.served, event);
        }
        Some((Ok(Frame::data(text.freeze())), watch))
    });
    let mut response = http::Response::new(Either::Right(StreamBody::new(frames.boxed())));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

fn put_event(text: &mut BytesMut, served: &Served, event: &WatchEvent) {
    let (event_type, object) = match event {
        WatchEvent::Object { change_type, object } => (type_text(*change_type), object.json()),
        WatchEvent::Bookmark { revision, ends_initial_events } => {
            ("BOOKMARK", Bytes::from(bookmark(served, *revision, *ends_initial_events).to_string()))
        }
        WatchEvent::Error(status) => ("ERROR", Bytes::from(status.to_value().to_string())),
    };
    text.put_slice(b"{\"type\":\"");
    text.put_slice(event_type.as_bytes());
    text.put_slice(b"\",\"object\":");
    text.put_slice(&object);
    text.put_slice(b"}\n");
}

fn type_text(change_type: ChangeType) -> &'static str {
    match change_type {
        ChangeType::Added => "ADDED",
        ChangeType::Modified => "MODIFIED",
        ChangeType::Deleted => "DELETED",
    }
}

/// Returns the empty object that carries a revision.
pub(crate) fn bookmark(served: &Served, revision: u64, ends_initial_events: bool) -> Value {
    let gvk = &served.resource.gvk;
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if ends_initial_events {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    json!({"kind": gvk.kind, "apiVersion": gvk.group_version().to_string(), "metadata": metadata})
}
