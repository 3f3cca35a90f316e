//! Watches: a stream of events, a line each.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use http::{HeaderValue, header};
use http_body::Frame;
use http_body_util::{Either, StreamBody};
use serde_json::{Value, json};

use super::{Form, HttpResponse};
use crate::controlplane::apiserver::handlers::{Watch, WatchEvent};
use crate::controlplane::apiserver::negotiate::Representation;
use crate::controlplane::apiserver::partial;
use crate::controlplane::apiserver::registry::Served;
use crate::controlplane::apiserver::table::Printer;
use crate::controlplane::object::Object;
use crate::controlplane::storage::ChangeType;

/// Returns the events as they come; the next are asked for when the client has taken these.
pub(super) fn respond(form: Form, watch: Watch) -> HttpResponse {
    let state = Lines { form, watch, has_headings: false };
    let frames = stream::unfold(state, |mut lines| async move {
        let events = lines.watch.next().await?;
        let text = lines.text(&events);
        Some((Ok(Frame::data(text)), lines))
    });
    let mut response = http::Response::new(Either::Right(StreamBody::new(frames.boxed())));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

struct Lines {
    form: Form,
    watch: Watch,
    /// Whether a table has been sent that says what its columns are.
    has_headings: bool,
}

impl Lines {
    fn text(&mut self, events: &[WatchEvent]) -> Bytes {
        let mut text = BytesMut::new();
        for event in events {
            let (event_type, object) = self.event(event);
            text.put_slice(b"{\"type\":\"");
            text.put_slice(event_type.as_bytes());
            text.put_slice(b"\",\"object\":");
            text.put_slice(&object);
            text.put_slice(b"}\n");
        }
        text.freeze()
    }

    fn event(&mut self, event: &WatchEvent) -> (&'static str, Bytes) {
        match event {
            WatchEvent::Object { change_type, object } => {
                let text = match self.form.accepted.representation {
                    Representation::Object => object.json(),
                    _ => self.transformed(|printer| printer.object(object.value()), object.value()),
                };
                (type_text(*change_type), text)
            }
            WatchEvent::Bookmark { revision, ends_initial_events } => {
                let bookmark = bookmark(&self.watch.served, *revision, *ends_initial_events);
                let text = match self.form.accepted.representation {
                    Representation::Object => Bytes::from(bookmark.to_string()),
                    _ => self.transformed(|printer| printer.object(&bookmark), &bookmark),
                };
                ("BOOKMARK", text)
            }
            WatchEvent::Error(status) => ("ERROR", Bytes::from(status.to_value().to_string())),
        }
    }

    fn transformed(&mut self, table: impl FnOnce(&Printer<'_>) -> Value, object: &Value) -> Bytes {
        let value = match self.form.accepted.representation {
            Representation::Table => {
                let printer = self.form.printer(&self.watch.served.resource, self.watch.env());
                let table = table(&printer);
                if std::mem::replace(&mut self.has_headings, true) { Printer::without_headings(table) } else { table }
            }
            _ => partial::object(object, self.form.accepted.meta_api_version()),
        };
        Bytes::from(value.to_string())
    }
}

fn type_text(change_type: ChangeType) -> &'static str {
    match change_type {
        ChangeType::Added => "ADDED",
        ChangeType::Modified => "MODIFIED",
        ChangeType::Deleted => "DELETED",
    }
}

/// Returns the empty object that carries a revision.
fn bookmark(served: &Served, revision: u64, ends_initial_events: bool) -> Value {
    let gvk = &served.resource.gvk;
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if ends_initial_events {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    let mut bookmark = json!({"kind": gvk.kind, "apiVersion": gvk.group_version().to_string(), "metadata": metadata});
    if let Value::Object(zero) = served.resource.strategy.zero() {
        for (field, value) in
            zero.into_iter().filter(|(field, _)| !["kind", "apiVersion", "metadata"].contains(&field.as_str()))
        {
            bookmark.set(&[&field], value);
        }
    }
    bookmark
}
