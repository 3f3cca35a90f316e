//! Who owns which field: `metadata.managedFields`, and server-side apply.
//!
//! A [`Writer`] is one request's identity. [`Writer::update`] notes what an ordinary write changed; [`Writer::apply`]
//! merges a configuration, finds conflicts with other owners, and takes away what the writer no longer mentions. Both
//! belong before mutating admission: what admission changes has no owner. The names of fields come from the schema, the
//! time and the live object from the caller.
//!
//! Source: `k8s.io/apimachinery/pkg/util/managedfields` and `sigs.k8s.io/structured-merge-diff/merge`.

mod apply;
mod conflict;
mod entries;
mod last_applied;
mod scale;
#[cfg(test)]
mod tests;
mod timestamps;
mod update;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::field_set::FieldSet;
use super::typed::Type;
use crate::controlplane::gvk::Gvk;
use crate::controlplane::schema::Schema;
use crate::controlplane::status::Status;

pub use scale::{ReplicasPath, scale_entries, with_scale_entries};
pub use timestamps::keep_timestamps;

/// How long the name of a field manager may be, in bytes.
pub const MAX_MANAGER_LEN: usize = 128;

/// Who writes, what kind of object, and when.
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    /// The name of the field manager; see [`manager_name`].
    pub manager: &'a str,
    /// The kind, in the version of the request.
    pub gvk: &'a Gvk,
    /// The subresource of the request, if any.
    pub subresource: Option<&'a str>,
    /// The present time, RFC 3339 in whole seconds.
    pub now: &'a str,
    /// The schema of the version of the request.
    pub schema: &'a Schema,
    /// The object of this kind with nothing set; a create owns what differs from it.
    pub zero: &'a Value,
    /// What the endpoint does not let its writers change.
    pub reset_fields: ResetFields,
    /// The other versions of the kind.
    pub versions: &'a dyn Versions,
}

/// What an endpoint takes back from every write, so that no writer can own it.
///
/// Source: `GetResetFields` of the strategies in `pkg/registry` and in `k8s.io/apiextensions-apiserver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetFields {
    /// Nothing.
    Nothing,
    /// The status: the main endpoint of a kind with a status subresource.
    Status,
    /// The spec: the status endpoint of a built-in kind.
    Spec,
    /// The spec and the metadata: the status endpoint of a custom resource.
    SpecAndMetadata,
}

impl ResetFields {
    fn set(self) -> &'static FieldSet {
        static SETS: LazyLock<[FieldSet; 4]> = LazyLock::new(|| {
            [
                FieldSet::default(),
                FieldSet::of(&[&["status"]]),
                FieldSet::of(&[&["spec"]]),
                FieldSet::of(&[&["spec"], &["metadata"]]),
            ]
        });
        let place = match self {
            Self::Nothing => 0,
            Self::Status => 1,
            Self::Spec => 2,
            Self::SpecAndMetadata => 3,
        };
        &SETS[place]
    }
}

/// The versions of a kind beside the one of the request: owners may have written in any of them.
pub trait Versions {
    /// Returns the object in another version, with that version's schema; `None` when the version is not served.
    fn convert(&self, object: &Value, api_version: &str) -> Result<Option<(Value, Arc<Schema>)>, Status>;
}

/// A kind that is served in one version.
#[derive(Debug, Clone, Copy, Default)]
pub struct OneVersion;

impl Versions for OneVersion {
    fn convert(&self, _object: &Value, _api_version: &str) -> Result<Option<(Value, Arc<Schema>)>, Status> {
        Ok(None)
    }
}

/// Returns the name of the field manager of a request: the one it states, or the start of its user agent.
///
/// Source: `managerOrUserAgent` in `k8s.io/apiserver/pkg/endpoints/handlers/create.go`.
pub fn manager_name(field_manager: &str, user_agent: &str) -> String {
    if !field_manager.is_empty() {
        return field_manager.to_owned();
    }
    let mut name = String::new();
    for letter in user_agent.split('/').next().unwrap_or_default().chars().filter(|letter| !letter.is_control()) {
        if name.len() + letter.len_utf8() > MAX_MANAGER_LEN {
            break;
        }
        name.push(letter);
    }
    name
}

/// An object with the schema of its version.
struct View<'a> {
    value: Cow<'a, Value>,
    schema: Cow<'a, Arc<Schema>>,
    known: Option<&'a Schema>,
}

impl View<'_> {
    fn schema(&self) -> Type<'_> {
        Type::of(self.known.unwrap_or_else(|| self.schema.as_ref()))
    }
}

impl<'a> Writer<'a> {
    fn api_version(&self) -> String {
        self.gvk.group_version().to_string()
    }

    /// Returns the object in a version; `None` when it is not served.
    fn view<'v>(&self, object: &'v Value, api_version: &str, own: &str) -> Result<Option<View<'v>>, Status>
    where
        'a: 'v,
    {
        static NONE: LazyLock<Arc<Schema>> = LazyLock::new(Arc::default);
        if api_version == own {
            let schema = Cow::Borrowed(&*NONE);
            return Ok(Some(View { value: Cow::Borrowed(object), schema, known: Some(self.schema) }));
        }
        let converted = self.versions.convert(object, api_version)?;
        Ok(converted.map(|(value, schema)| View { value: Cow::Owned(value), schema: Cow::Owned(schema), known: None }))
    }
}
