//! `deletecollection`: every object of a namespace that the selector matches, each like a deletion of its own.

use super::{Scope, delete, list};
use crate::controlplane::apiserver::Response;
use crate::controlplane::apiserver::options::{DeleteOptions, ListOptions};
use crate::controlplane::apiserver::selector::Selector;
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;

/// Deletes the objects, and returns them as they were listed.
///
/// # Errors
/// Those of a list, and the first of the deletions; objects that are gone by then are none.
pub(crate) async fn delete_collection(
    scope: &Scope,
    selector: &Selector,
    list_options: &ListOptions,
    options: &DeleteOptions,
) -> Result<Response, Status> {
    let Response::List { served, list } = list::list(scope, selector, list_options).await? else {
        return Err(Status::internal("a list is a list"));
    };
    for item in &list.items {
        match delete::delete_named(scope, item.value().name(), options).await {
            Err(status) if status.code != 404 => return Err(status),
            _ => {}
        }
    }
    Ok(Response::List { served, list })
}
