//! `create` of a review: a question that is answered and not stored.

use serde_json::Value;

use super::{Scope, managed, metadata};
use crate::controlplane::apiserver::Response;
use crate::controlplane::identity::reviews::{Question, Review, Reviewer};
use crate::controlplane::status::Status;

/// Answers a review.
///
/// # Errors
/// When the question is not well put.
pub(super) fn answer(scope: &Scope, review: Review, mut object: Value) -> Result<Response, Status> {
    review.default(&mut object);
    match scope.resource().subresource(&scope.subresource).and_then(|subresource| subresource.gvk.as_ref()) {
        Some(gvk) => managed::record_create_of(scope, gvk, &mut object),
        None => {
            metadata::match_namespace(scope, &mut object)?;
            managed::record_update(scope, None, &mut object);
        }
    }
    let server = &scope.server;
    let reviewer = Reviewer::new(server.authenticator(), server.authorizer(), server.store(), server.env());
    let question = Question { review, user: &scope.user, namespace: &scope.namespace, name: &scope.name };
    reviewer.answer(&question, object).map(|value| Response::Value { code: 201, value })
}
