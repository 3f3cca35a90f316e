//! `patch`: the four kinds, over whatever object is there when the patch gets its turn.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/handlers/patch.go`, Kubernetes 1.36.

use serde_json::{Map, Value};

use super::update::{Change, guaranteed_update};
use super::{Scope, managed, metadata};
use crate::controlplane::apiserver::decode::{self, PatchType};
use crate::controlplane::apiserver::options::FieldValidation;
use crate::controlplane::apiserver::{Response, fit};
use crate::controlplane::gvk::Gvk;
use crate::controlplane::object::Object;
use crate::controlplane::resources::{Origin, Resource, builtin};
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::schema::{Schema, data};
use crate::controlplane::status::Status;
use crate::controlplane::{patch, schema};

/// A patch, read but not applied.
#[derive(Debug)]
pub(crate) struct Patch {
    /// Which kind.
    pub patch_type: PatchType,
    /// The patch itself.
    pub body: Value,
    /// What strict decoding of the patch found.
    pub duplicates: Vec<String>,
    /// What becomes of unknown fields.
    pub field_validation: FieldValidation,
    /// Whether an apply takes fields from others.
    pub force: bool,
}

impl Patch {
    /// Returns a merge patch whose unknown fields are dropped.
    pub(crate) fn merge(body: Value) -> Self {
        let field_validation = FieldValidation::Ignore;
        Self { patch_type: PatchType::Merge, body, duplicates: Vec::new(), field_validation, force: false }
    }

    /// Returns the patched object.
    ///
    /// # Errors
    /// Whatever keeps the patch from being carried out.
    pub(super) fn apply(&self, live: &Value, schema: &Schema) -> Result<Value, Status> {
        match self.patch_type {
            PatchType::Json => patch::json_patch::apply(live, &self.body),
            PatchType::Merge => patch::merge_patch::apply(live, &self.body),
            PatchType::StrategicMerge => patch::strategic::apply(live, &self.body, schema),
            PatchType::Apply => Err(Status::not_implemented("server-side apply")),
        }
    }

    /// Settles what strict decoding finds about the patch and the patched object.
    fn settle(&self, scope: &Scope, patched: &mut Value) -> Result<(), Status> {
        let resource = scope.resource();
        let unknown = match resource.origin {
            Origin::BuiltIn => {
                check_identity(resource, patched)?;
                decode::check_types(&resource.gvk, patched).map_err(|error| invalid_patch(patched, &error))?
            }
            Origin::Custom { .. } => schema::prune(patched, &resource.schema),
        };
        let unknown = unknown.iter().map(|path| format!("unknown field {path:?}"));
        let findings: Vec<String> = self.duplicates.iter().cloned().chain(unknown).collect();
        match self.field_validation {
            FieldValidation::Ignore => {}
            FieldValidation::Warn => findings.into_iter().for_each(|finding| scope.warn(finding)),
            FieldValidation::Strict if findings.is_empty() => {}
            FieldValidation::Strict => {
                let error = format!("strict decoding error: {}", findings.join(", "));
                return Err(invalid_patch(patched, &error));
            }
        }
        Ok(())
    }
}

impl Patch {
    /// What is not there has no status to apply to, and no UID.
    fn check_new(&self, scope: &Scope) -> Result<(), Status> {
        let uid = self.body.uid();
        if !scope.subresource.is_empty() {
            return Err(Status::not_found(&scope.group_resource(), &scope.name));
        }
        if uid.is_empty() {
            return Ok(());
        }
        let why = format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
        Err(Status::conflict(&scope.group_resource(), &scope.name, &why))
    }

    /// An applied configuration may not say anything twice; what is not declared is found when it is merged.
    fn settle_duplicates(&self, scope: &Scope) -> Result<(), Status> {
        match self.field_validation {
            FieldValidation::Ignore => {}
            FieldValidation::Warn => self.duplicates.iter().for_each(|finding| scope.warn(finding.as_str())),
            FieldValidation::Strict if self.duplicates.is_empty() => {}
            FieldValidation::Strict => {
                let error = format!("error strict decoding YAML: {}", self.duplicates.join(", "));
                return Err(Status::bad_request(error));
            }
        }
        Ok(())
    }
}

/// A patch may not make another kind of an object: upstream decodes what comes out by what it says it is.
fn check_identity(resource: &Resource, patched: &Value) -> Result<(), Status> {
    let found = patched.gvk().unwrap_or_else(|| resource.gvk.clone());
    if found == resource.gvk {
        return Ok(());
    }
    if data::definition(&builtin::definition_name(&found)).is_none() {
        let (kind, version) = (&found.kind, found.group_version().to_string());
        let scheme = "pkg/api/legacyscheme/scheme.go:30";
        let error = format!("no kind {kind:?} is registered for version {version:?} in scheme {scheme:?}");
        return Err(invalid_patch(patched, &error));
    }
    decode::check_types(&found, patched).map_err(|error| invalid_patch(patched, &error))?;
    let Gvk { version, kind, .. } = &found;
    let error = format!("converting ({version}.{kind}) to ({}): unknown conversion", resource.gvk.kind);
    Err(invalid_patch(patched, &error))
}

/// Source: `applyPatchToCurrentObject` of `k8s.io/apiserver/pkg/endpoints/handlers/patch.go`: the finding is about no
/// kind, and shows the whole patched object.
fn invalid_patch(patched: &Value, error: &str) -> Status {
    // The library that patches writes the fields of the root in order, and those below as they stood.
    let mut fields: Vec<_> = patched.as_object().into_iter().flatten().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    let fields: Map<String, Value> = fields.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let found = FieldError::invalid("patch", &Value::from(Value::Object(fields).to_string()), error);
    Status::invalid(&Gvk::new("", "", ""), "", &[found])
}

impl Change for Patch {
    fn change(&self, scope: &Scope, live: Option<&Value>) -> Result<Value, Status> {
        let resource = scope.resource();
        let mut object = match live {
            _ if self.manages_fields() => {
                if live.is_none() {
                    self.check_new(scope)?;
                }
                self.settle_duplicates(scope)?;
                managed::apply(scope, live, &self.body, self.force)?
            }
            None => return Err(Status::not_found(&scope.group_resource(), &scope.name)),
            Some(live) => {
                let mut object = self.apply(live, &resource.schema)?;
                self.settle(scope, &mut object)?;
                object
            }
        };
        fit::to_row(resource, scope.server.env(), &mut object);
        metadata::match_namespace(scope, &mut object)?;
        metadata::match_name(scope, &object)?;
        Ok(object)
    }

    fn manages_fields(&self) -> bool {
        self.patch_type == PatchType::Apply
    }
}

/// Patches the object that the URL names.
///
/// # Errors
/// Whatever is said against it.
pub(crate) async fn patch(scope: &Scope, patch: Patch) -> Result<Response, Status> {
    guaranteed_update(scope, &patch).await
}
