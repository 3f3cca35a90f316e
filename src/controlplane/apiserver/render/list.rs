//! Lists: the texts of the items, joined.

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderValue;
use serde_json::{Value, json};

use super::{Form, HttpResponse, full};
use crate::controlplane::apiserver::handlers::Scope;
use crate::controlplane::apiserver::negotiate::{MediaType, Representation};
use crate::controlplane::apiserver::registry::Served;
use crate::controlplane::apiserver::{List, ObjectRef, partial};
use crate::controlplane::resources::Origin;
use crate::controlplane::status::Status;

/// Returns a list in the accepted form.
///
/// # Errors
/// 406 for the metadata of one object.
pub(super) fn respond(scope: &Scope, form: Form, served: &Served, list: &List) -> Result<HttpResponse, Status> {
    let resource = &served.resource;
    let items = || list.items.iter().map(ObjectRef::value);
    let metadata = metadata(list, &resource.origin, form.accepted.representation);
    match form.accepted.representation {
        Representation::Object => {
            let text = text(served, list, &metadata);
            if form.accepted.media_type == MediaType::Json && !form.accepted.pretty {
                return Ok(full(200, HeaderValue::from_static("application/json"), text));
            }
            let value: Value = serde_json::from_slice(&text).map_err(Status::internal)?;
            Ok(form.document(200, &value))
        }
        Representation::Table => {
            Ok(form.document(200, &form.printer(resource, scope.server.env()).list(&metadata, items())))
        }
        Representation::PartialObjectMetadataList => {
            Ok(form.document(200, &partial::list(&metadata, items(), form.accepted.meta_api_version())))
        }
        Representation::PartialObjectMetadata => Err(partial::is_a_list(resource)),
    }
}

/// Lists of custom resources always have a `continue`, since upstream encodes them without types.
fn metadata(list: &List, origin: &Origin, representation: Representation) -> Value {
    let mut metadata = json!({"resourceVersion": list.revision.to_string()});
    let untyped = *origin != Origin::BuiltIn && representation == Representation::Object;
    if untyped || !list.continue_token.is_empty() {
        metadata["continue"] = list.continue_token.as_str().into();
    }
    if let Some(remaining) = list.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    metadata
}

fn text(served: &Served, list: &List, metadata: &Value) -> Bytes {
    let resource = &served.resource;
    let api_version = resource.gvk.group_version().to_string();
    let head = json!({"kind": resource.list_kind, "apiVersion": api_version, "metadata": metadata}).to_string();
    let texts: Vec<Bytes> = list.items.iter().map(ObjectRef::json).collect();
    let len = head.len() + 16 + texts.iter().map(|text| text.len() + 1).sum::<usize>();
    let mut text = BytesMut::with_capacity(len);
    text.put_slice(&head.as_bytes()[..head.len() - 1]);
    text.put_slice(b",\"items\":[");
    // Items of built-in lists do not repeat kind and apiVersion, which stand first in the stored text.
    let repeated = match resource.origin {
        Origin::BuiltIn => format!("{{\"kind\":\"{}\",\"apiVersion\":\"{api_version}\",", resource.gvk.kind),
        Origin::Custom { .. } => String::new(),
    };
    for (index, item) in texts.iter().enumerate() {
        if index > 0 {
            text.put_u8(b',');
        }
        match item.strip_prefix(repeated.as_bytes()) {
            Some(rest) if !repeated.is_empty() => {
                text.put_u8(b'{');
                text.put_slice(rest);
            }
            _ => text.put_slice(item),
        }
    }
    text.put_slice(b"]}");
    text.freeze()
}
