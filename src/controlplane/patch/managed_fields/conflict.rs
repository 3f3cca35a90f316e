//! Conflicts: fields that a configuration would change under somebody else's hands.
//!
//! Source: `k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go`.

use std::collections::BTreeMap;

use super::entries::{Operation, Owner};
use crate::controlplane::patch::field_set::FieldSet;
use crate::controlplane::status::{Cause, Details, Status};

/// The fields in question, by their owner.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Conflicts(pub(super) BTreeMap<Owner, FieldSet>);

impl Conflicts {
    /// Returns all fields in question.
    pub(super) fn fields(&self) -> FieldSet {
        self.0.values().fold(FieldSet::default(), |all, fields| all.union(fields))
    }

    /// Returns the conflicts about other fields than these.
    pub(super) fn without(&self, fields: &FieldSet) -> Self {
        let rest = self.0.iter().map(|(owner, mine)| (owner.clone(), mine.difference(fields)));
        Self(rest.filter(|(_, fields)| !fields.is_empty()).collect())
    }

    /// Returns the 409 that names each field and its owner.
    pub(super) fn to_status(&self) -> Status {
        let all: Vec<(String, String)> = self
            .0
            .iter()
            .flat_map(|(owner, fields)| fields.paths().into_iter().map(|path| (describe(owner), path)))
            .collect();
        let message = match all.as_slice() {
            [(owner, path)] => format!("Apply failed with 1 conflict: conflict with {owner}: {path}"),
            many => {
                let mut lines = Vec::with_capacity(many.len() + self.0.len());
                for (owner, fields) in &self.0 {
                    lines.push(format!("conflicts with {}:", describe(owner)));
                    lines.extend(fields.paths().into_iter().map(|path| format!("- {path}")));
                }
                format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
            }
        };
        let causes = all.into_iter().map(|(owner, field)| Cause {
            reason: "FieldManagerConflict".to_owned(),
            message: format!("conflict with {owner}"),
            field,
        });
        Status::new(409, "Conflict", message).with_details(Details { causes: causes.collect(), ..Details::default() })
    }
}

fn describe(owner: &Owner) -> String {
    let mut text = format!("{:?}", owner.manager);
    if !owner.subresource.is_empty() {
        text.push_str(&format!(" with subresource {:?}", owner.subresource));
    }
    if owner.operation == Operation::Update {
        text.push_str(&format!(" using {}", owner.api_version));
    }
    text
}
