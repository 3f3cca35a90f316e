//! Selectors: which objects of a resource a request is about.
//!
//! Lists, watches and deletions of collections share them, and controllers read `LabelSelector` objects. Selecting
//! looks at one object at a time; nothing here knows of lists or of the store.

mod fields;
mod labels;

use serde_json::Value;

use super::request_info::Query;
use crate::controlplane::resources::Resource;
use crate::controlplane::status::Status;

pub use fields::FieldSelector;
pub use labels::LabelSelector;

/// What `labelSelector` and `fieldSelector` of a request ask together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// The condition on labels.
    pub labels: LabelSelector,
    /// The condition on fields.
    pub fields: FieldSelector,
}

impl Selector {
    /// Reads the selectors of a query for a resource.
    ///
    /// # Errors
    /// 400 for what is not well formed, and for fields that the resource does not offer.
    pub fn from_query(query: &Query, resource: &Resource) -> Result<Self, Status> {
        let labels = LabelSelector::parse(query.get("labelSelector").unwrap_or_default())?;
        let fields = FieldSelector::parse(query.get("fieldSelector").unwrap_or_default())?;
        fields.check(resource)?;
        Ok(Self { labels, fields })
    }

    /// Whether every object is selected.
    pub fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// Whether the object is selected.
    pub fn matches(&self, resource: &Resource, object: &Value) -> bool {
        self.labels.matches(object) && self.fields.matches(resource, object)
    }
}
