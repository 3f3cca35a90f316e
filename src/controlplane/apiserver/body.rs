//! From the body of a write to an object or a patch: options first, then decoding, then what strict decoding found.

use serde_json::Value;

use super::chain::HttpRequest;
use super::decode::{self, PatchType};
use super::handlers::{Patch, Scope};
use super::options::{Write, WriteOptions};
use super::request_info::RequestInfo;
use crate::controlplane::gvk::Gvk;
use crate::controlplane::resources::Origin;
use crate::controlplane::schema;
use crate::controlplane::status::Status;

/// Reads the object of a create or an update; the scope learns the options.
///
/// # Errors
/// Bad options, and bodies that are no such object.
pub(super) fn object(
    scope: &mut Scope,
    info: &RequestInfo,
    write: Write,
    request: &HttpRequest,
) -> Result<Value, Status> {
    let options = WriteOptions::from_query(&info.query, write)?;
    let resource = scope.resource();
    let gvk = expected(scope);
    // What a custom resource shares with built-in kinds (`Scale`) is decoded as these are.
    let origin = if gvk == resource.gvk { &resource.origin } else { &Origin::BuiltIn };
    let mut decoded = decode::object(request.content_type(), &request.body, &gvk, origin)?;
    if resource.origin != Origin::BuiltIn && gvk == resource.gvk {
        let unknown = schema::prune(&mut decoded.value, &resource.schema);
        decoded.findings.extend(unknown.iter().map(|path| format!("unknown field {path:?}")));
    }
    let warnings = decode::settle_findings(decoded.findings, options.field_validation, &gvk)?;
    warnings.into_iter().for_each(|warning| scope.warn(warning));
    scope.set_options(&options, request.header("user-agent"));
    Ok(decoded.value)
}

/// Returns what the body must be: for some subresources not an object of the row.
fn expected(scope: &Scope) -> Gvk {
    let subresource = scope.resource().subresource(&scope.subresource);
    subresource.and_then(|subresource| subresource.gvk.clone()).unwrap_or_else(|| scope.resource().gvk.clone())
}

/// Reads a patch; the scope learns the options.
///
/// # Errors
/// Bad options, and bodies that are no such patch.
pub(super) fn patch(scope: &mut Scope, info: &RequestInfo, request: &HttpRequest) -> Result<Patch, Status> {
    let patch_type = PatchType::from_content_type(request.content_type(), &scope.resource().origin)?;
    let options = WriteOptions::from_query(&info.query, Write::Patch(patch_type))?;
    let document = match patch_type {
        PatchType::Apply => decode::from_yaml(&request.body)
            .map_err(|error| Status::bad_request(format!("error decoding YAML: {error}"))),
        _ => decode::from_json(&request.body)
            .map_err(|error| Status::bad_request(format!("error decoding patch: {error}"))),
    }?;
    scope.set_options(&options, request.header("user-agent"));
    let duplicates = document.duplicates.iter().map(|path| format!("duplicate field {path:?}")).collect();
    let (field_validation, force) = (options.field_validation, options.force);
    Ok(Patch { patch_type, body: document.value, duplicates, field_validation, force })
}
