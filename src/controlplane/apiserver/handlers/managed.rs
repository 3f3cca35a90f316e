//! Who owns which field: what the managed-fields writer must know of a request.

use std::sync::Arc;

use serde_json::Value;

use super::Scope;
use crate::controlplane::apiserver::fit;
use crate::controlplane::gvk::{GroupVersion, Gvk, Gvr};
use crate::controlplane::patch::managed_fields::{ResetFields, Versions, Writer};
use crate::controlplane::resources::Origin;
use crate::controlplane::resources::builtin::{self, go_types};
use crate::controlplane::schema::{self, Schema};
use crate::controlplane::status::Status;

/// Records in `managedFields` what an ordinary writer changed.
pub(super) fn record_update(scope: &Scope, live: Option<&Value>, object: &mut Value) {
    let new = object.take();
    *object = with_writer(scope, |writer| writer.update(live, new));
}

/// Returns the live object with a configuration applied.
///
/// # Errors
/// Conflicts with other owners, and configurations that cannot be read.
pub(super) fn apply(scope: &Scope, live: Option<&Value>, config: &Value, force: bool) -> Result<Value, Status> {
    with_writer(scope, |writer| writer.apply(live, config, force))
}

/// Records in `managedFields` of an object that is not of the row's kind, as subresources take them, what its author sent.
pub(super) fn record_create_of(scope: &Scope, gvk: &Gvk, object: &mut Value) {
    let (now, zero) = (scope.server.env().now_text(), go_types::zero(&builtin::go_type_name(gvk)));
    let writer = Writer {
        manager: &scope.field_manager,
        gvk,
        subresource: Some(scope.subresource.as_str()),
        now: &now,
        schema: &schema::builtin(&builtin::definition_name(gvk)),
        zero: &zero,
        reset_fields: ResetFields::Nothing,
        versions: &Served(scope),
    };
    *object = writer.update(None, object.take());
}

fn with_writer<T>(scope: &Scope, act: impl FnOnce(Writer<'_>) -> T) -> T {
    let resource = scope.resource();
    let (now, zero) = (scope.server.env().now_text(), resource.strategy.zero());
    act(Writer {
        manager: &scope.field_manager,
        gvk: &resource.gvk,
        subresource: Some(scope.subresource.as_str()).filter(|subresource| !subresource.is_empty()),
        now: &now,
        schema: &resource.schema,
        zero: &zero,
        reset_fields: reset_fields(scope),
        versions: &Served(scope),
    })
}

/// Returns what the endpoint takes back from every writer.
fn reset_fields(scope: &Scope) -> ResetFields {
    let resource = scope.resource();
    match scope.subresource.as_str() {
        "status" if resource.origin == Origin::BuiltIn => ResetFields::Spec,
        "status" => ResetFields::SpecAndMetadata,
        "" if resource.subresource("status").is_some() => ResetFields::Status,
        _ => ResetFields::Nothing,
    }
}

/// The other versions in which the resource of a request is served.
struct Served<'a>(&'a Scope);

impl Versions for Served<'_> {
    fn convert(&self, object: &Value, api_version: &str) -> Result<Option<(Value, Arc<Schema>)>, Status> {
        let resource = self.0.resource();
        let Some(gv) = GroupVersion::parse(api_version) else { return Ok(None) };
        let gvr = Gvr::new(gv.group, gv.version, &resource.plural);
        let rows = self.0.server.registry().rows();
        let Some(row) = rows.get(&gvr).filter(|row| row.resource.storage == resource.storage) else { return Ok(None) };
        let mut converted = object.clone();
        resource.strategy.convert(&mut converted, &row.resource.gvk)?;
        fit::to_row(&row.resource, self.0.server.env(), &mut converted);
        Ok(Some((converted, Arc::clone(&row.resource.schema))))
    }
}
