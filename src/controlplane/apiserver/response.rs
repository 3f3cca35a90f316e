//! What a handler answers, before anything is serialised.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::handlers::Watch;
use super::registry::Served;
use crate::controlplane::storage::Stored;

/// An object of an answer: as it is stored, or made for this answer.
#[derive(Debug, Clone)]
pub(crate) enum ObjectRef {
    /// As it is stored; its JSON text may be there already.
    Stored(Arc<Stored>),
    /// Made for this answer.
    Value(Arc<Value>),
}

impl ObjectRef {
    /// Returns the object.
    pub(crate) fn value(&self) -> &Value {
        match self {
            Self::Stored(stored) => &stored.value,
            Self::Value(value) => value,
        }
    }

    /// Returns the object, shared.
    pub(crate) fn into_arc(self) -> Arc<Value> {
        match self {
            Self::Stored(stored) => Arc::new(stored.value.clone()),
            Self::Value(value) => value,
        }
    }

    /// Returns the object as JSON text.
    pub(crate) fn json(&self) -> Bytes {
        match self {
            Self::Stored(stored) => stored.json().clone(),
            Self::Value(value) => Bytes::from(value.to_string()),
        }
    }
}

/// One object as an answer.
#[derive(Debug)]
pub(crate) struct ResponseObject {
    /// The HTTP status code.
    pub code: u16,
    /// The row whose version the object has.
    pub served: Arc<Served>,
    /// The object.
    pub object: ObjectRef,
}

/// A page of objects.
#[derive(Debug)]
pub(crate) struct List {
    /// The revision at which they were so.
    pub revision: u64,
    /// Where the next page starts; empty for none.
    pub continue_token: String,
    /// How many objects come after this page, if that is known.
    pub remaining: Option<usize>,
    /// The objects.
    pub items: Vec<ObjectRef>,
}

/// What a handler answers.
#[derive(Debug)]
pub(crate) enum Response {
    /// An object of a resource.
    Object(ResponseObject),
    /// Objects of a resource.
    List {
        /// The row whose version the objects have.
        served: Arc<Served>,
        /// The page.
        list: List,
    },
    /// Something else: a `Status`, a `Scale`, a review.
    Value {
        /// The HTTP status code.
        code: u16,
        /// The answer.
        value: Value,
    },
    /// Events, until the watch ends.
    Watch(Box<Watch>),
}

impl Response {
    /// Returns an object as an answer.
    pub(crate) fn object(code: u16, served: &Arc<Served>, object: ObjectRef) -> Self {
        Self::Object(ResponseObject { code, served: served.clone(), object })
    }
}
