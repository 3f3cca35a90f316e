//! What a request does, a file a verb, over objects and without any transport.
//!
//! The transport, the in-process client and the controllers all come here with a [`Scope`] that says who asks for what;
//! authorization has happened. Nothing here knows bytes, headers or sockets.

mod create;
mod delete;
mod delete_collection;
mod get;
mod list;
mod managed;
mod metadata;
mod patch;
mod review;
pub(crate) mod scale;
mod scope;
mod subresource;
mod update;
mod watch;

pub(crate) use create::create;
pub(crate) use delete::delete;
pub(crate) use delete_collection::delete_collection;
pub(crate) use get::get;
pub(crate) use list::list;
pub(crate) use patch::{Patch, patch};
pub(crate) use scope::{Scope, storage_gvk};
pub(crate) use update::update;
pub(crate) use watch::{Watch, WatchEvent, watch};
