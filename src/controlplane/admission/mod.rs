//! Admission: what may be changed about, and said against, a write that its author is allowed to make.
//!
//! Plug-ins run in upstream's order, first all that mutate, then, after validation, all that only judge. They see the
//! write and read other objects through [`Objects`]; they never see the store itself, and write nothing.
//!
//! Source: `k8s.io/apiserver/pkg/admission`, order from `pkg/kubeapiserver/options/plugins.go`.

mod default_storage_class;
mod default_toleration_seconds;
mod namespace_lifecycle;
mod priority;
mod service_account;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::env::Env;
use super::gvk::GroupResource;
use super::identity::users::UserInfo;
use super::resources::Resource;
use super::status::Status;
use super::storage::Stored;

/// What a write does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A new object, or a subresource that is created.
    Create,
    /// A changed object.
    Update,
    /// An object to be removed.
    Delete,
}

/// What a plug-in is told about a write, beside the object.
#[derive(Clone, Copy)]
pub struct Attributes<'a> {
    /// What the write does.
    pub operation: Operation,
    /// The row that serves it.
    pub resource: &'a Resource,
    /// The namespace; empty for none.
    pub namespace: &'a str,
    /// The name; empty while it is to be generated.
    pub name: &'a str,
    /// The subresource; empty for none.
    pub subresource: &'a str,
    /// Who writes.
    pub user: &'a UserInfo,
    /// The object before the write, if there is one.
    pub old: Option<&'a Value>,
    /// Whether nothing will be written.
    pub dry_run: bool,
    /// The other objects.
    pub objects: &'a dyn Objects,
}

impl fmt::Debug for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, resource, namespace, name, subresource, .. } = self;
        write!(f, "{operation:?} {} {namespace}/{name} {subresource}", resource.group_resource())
    }
}

/// Reads objects for plug-ins.
pub trait Objects: Send + Sync {
    /// Returns one object as it is stored.
    fn get(&self, resource: &GroupResource, namespace: &str, name: &str) -> Option<Arc<Stored>>;
    /// Returns the objects of a resource, in a namespace or (empty) everywhere.
    fn list(&self, resource: &GroupResource, namespace: &str) -> Vec<Arc<Stored>>;
    /// Returns time and randomness.
    fn env(&self) -> &Env;
}

type Admit = fn(&Attributes<'_>, &mut Value) -> Result<(), Status>;
type Validate = fn(&Attributes<'_>, Option<&Value>) -> Result<(), Status>;

/// Plug-ins that may change the object.
const MUTATING: &[Admit] = &[
    namespace_lifecycle::admit,
    service_account::admit,
    priority::admit,
    default_toleration_seconds::admit,
    default_storage_class::admit,
];
/// Plug-ins that only judge; a deletion has no object but `Attributes::old`.
const VALIDATING: &[Validate] = &[namespace_lifecycle::validate];

/// Lets every mutating plug-in see and change the object.
///
/// # Errors
/// The first refusal.
pub fn mutate(attributes: &Attributes<'_>, object: &mut Value) -> Result<(), Status> {
    MUTATING.iter().try_for_each(|admit| admit(attributes, object))
}

/// Lets every validating plug-in see the object as it will be stored.
///
/// # Errors
/// The first refusal.
pub fn validate(attributes: &Attributes<'_>, object: Option<&Value>) -> Result<(), Status> {
    VALIDATING.iter().try_for_each(|validate| validate(attributes, object))
}

/// Whether the write creates a pod.
fn is_new_pod(attributes: &Attributes<'_>) -> bool {
    let Attributes { operation, resource, subresource, .. } = attributes;
    let is_pod = resource.gvk.group.is_empty() && resource.plural == "pods";
    is_pod && *operation == Operation::Create && subresource.is_empty()
}

/// Returns a 403 about the object of a write.
///
/// Source: `NewForbidden` of `k8s.io/apiserver/pkg/admission/errors.go`.
pub fn forbidden(attributes: &Attributes<'_>, object: Option<&Value>, why: &str) -> Status {
    use super::object::Object;
    let generated = object.map_or("", |object| object.text_at(&["metadata", "generateName"]));
    let named = object.map_or("", Object::name);
    let name = [attributes.name, named, generated, "Unknown"].into_iter().find(|name| !name.is_empty());
    Status::forbidden(&attributes.resource.group_resource(), name.unwrap_or_default(), why)
}
