//! Changes to objects: the four kinds of patches, and who owns which field.
//!
//! Pure functions over JSON values and schemas, so that a handler may run them as often as a conflict asks for. Nothing
//! here knows the store, a request or the time; the handlers pass in what they need.

pub mod json_patch;
pub mod managed_fields;
pub mod merge_patch;
pub mod strategic;

mod field_set;
mod fields_v1;
mod go_format;
mod typed;

use super::status::{Details, Status};

/// 422 with the text that upstream gives to patches that cannot be carried out.
///
/// Source: `errors.NewGenericServerResponse` in `k8s.io/apimachinery/pkg/api/errors/errors.go`.
fn unprocessable() -> Status {
    Status::new(422, "Invalid", "the server rejected our request due to an error in our request")
        .with_details(Details::default())
}

/// An error that upstream returns bare: it reaches the client as a 500 without a reason.
fn bare(message: impl Into<String>) -> Status {
    Status::new(500, "", message)
}
