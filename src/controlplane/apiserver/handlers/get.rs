//! `get`: one object, as it is now.

use super::Scope;
use crate::controlplane::apiserver::Response;
use crate::controlplane::status::Status;

/// Returns the object that the URL names.
///
/// # Errors
/// 404, and conversions that fail.
pub(crate) fn get(scope: &Scope) -> Result<Response, Status> {
    let stored = scope.find(&scope.name)?;
    Ok(Response::object(200, &scope.served, scope.present(&stored)?))
}
