//! Tokens: whose they are (TokenReview), and new ones of ServiceAccounts (TokenRequest).
//!
//! Source: `pkg/registry/authentication/tokenreview/storage.go`, `pkg/registry/core/serviceaccount/storage/token.go`.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{AUTHENTICATION, Question, Reviewer};
use crate::controlplane::gvk::{GroupResource, GroupVersion, Gvk};
use crate::controlplane::identity::authn::Authenticator;
use crate::controlplane::identity::tokens::{BoundObject, ISSUER, TokenSpec};
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::status::Status;
use crate::controlplane::storage::{ObjectKey, Stored};

const MIN_SECONDS: i64 = 10 * 60;
const MAX_SECONDS: i64 = 1 << 32;

/// Answers a TokenReview.
pub(super) fn review(authenticator: &Authenticator, mut object: Value) -> Result<Value, Status> {
    let token = object.text_at(&["spec", "token"]);
    if token.is_empty() {
        return Err(Status::bad_request("token is required for TokenReview in authentication"));
    }
    let status = match authenticator.token_user(token, &audiences(&object)) {
        Some(verified) => json!({
            "authenticated": true, "user": verified.user.to_value(), "audiences": verified.audiences,
        }),
        None => json!({"user": {}, "error": "invalid bearer token"}),
    };
    object.set(&["status"], status);
    Ok(object)
}

/// Returns the audiences that a request names, or else the API server itself.
fn audiences(object: &Value) -> Vec<String> {
    let named = object.at(&["spec", "audiences"]).and_then(Value::as_array).into_iter().flatten();
    let named: Vec<String> = named.filter_map(Value::as_str).map(str::to_owned).collect();
    if named.is_empty() { vec![ISSUER.to_owned()] } else { named }
}

/// Answers a TokenRequest.
pub(super) fn request(reviewer: &Reviewer<'_>, question: &Question<'_>, mut object: Value) -> Result<Value, Status> {
    let account = find(reviewer, "serviceaccounts", question.namespace, question.name)?;
    validate(question, &object)?;
    let seconds = object.at(&["spec", "expirationSeconds"]).and_then(Value::as_i64).unwrap_or(3600);
    let bound = bound_object(reviewer, question, &object)?;
    let now = reviewer.env.now();
    let spec = TokenSpec {
        namespace: question.namespace,
        name: question.name,
        uid: account.value.uid(),
        audiences: &audiences(&object),
        expiration_seconds: seconds,
        bound,
    };
    let signer = &reviewer.authenticator.signer;
    let token = signer.sign(&spec).ok_or_else(|| Status::internal("failed to generate token"))?;
    object.set(&["metadata", "name"], question.name);
    object.set(&["metadata", "namespace"], question.namespace);
    object.set(&["metadata", "uid"], spec.uid);
    object.set(&["metadata", "creationTimestamp"], reviewer.env.now_text());
    object.set(&["spec", "audiences"], spec.audiences.to_vec());
    if object.at(&["spec", "boundObjectRef"]).is_none() {
        object.set(&["spec", "boundObjectRef"], Value::Null);
    }
    object.set(&["status"], json!({"token": token, "expirationTimestamp": later(now, seconds)}));
    Ok(object)
}

fn later(now: Timestamp, seconds: i64) -> String {
    let later = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    later.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn validate(question: &Question<'_>, object: &Value) -> Result<(), Status> {
    let mut errors = Vec::new();
    for (field, expected) in [("name", question.name), ("namespace", question.namespace)] {
        let given = object.text_at(&["metadata", field]);
        if !given.is_empty() && given != expected {
            let detail = format!("must match the service account {field} if specified");
            errors.push(FieldError::invalid(format!("metadata.{field}"), &json!(given), detail));
        }
    }
    if let Some(seconds) = object.at(&["spec", "expirationSeconds"]).and_then(Value::as_i64) {
        let detail = match seconds {
            ..MIN_SECONDS => Some("may not specify a duration less than 10 minutes"),
            MIN_SECONDS..=MAX_SECONDS => None,
            _ => Some("may not specify a duration larger than 2^32 seconds"),
        };
        errors.extend(detail.map(|detail| FieldError::invalid("spec.expirationSeconds", &json!(seconds), detail)));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(&Gvk::new(AUTHENTICATION, "v1", "TokenRequest"), "", &errors))
}

/// Returns what a token shall be bound to beside its account, if anything.
fn bound_object(
    reviewer: &Reviewer<'_>,
    question: &Question<'_>,
    object: &Value,
) -> Result<Option<BoundObject>, Status> {
    let Some(reference) = object.at(&["spec", "boundObjectRef"]).filter(|reference| !reference.is_null()) else {
        return Ok(None);
    };
    let api_version =
        GroupVersion::parse(reference.text_at(&["apiVersion"])).unwrap_or_else(|| GroupVersion::new("", ""));
    let gvk = api_version.kind(reference.text_at(&["kind"]));
    let name = reference.text_at(&["name"]);
    let (claim, resource, namespace) = match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => ("pod", "pods", question.namespace),
        ("", "Secret") => ("secret", "secrets", question.namespace),
        ("", "Node") => ("node", "nodes", ""),
        _ => return Err(Status::bad_request(format!("cannot bind token to object of type {gvk}"))),
    };
    let stored = find(reviewer, resource, namespace, name)?;
    if claim == "pod" && stored.value.text_at(&["spec", "serviceAccountName"]) != question.name {
        let message = format!(
            "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
            question.name
        );
        return Err(Status::bad_request(message));
    }
    let uid = reference.text_at(&["uid"]);
    if !uid.is_empty() && uid != stored.value.uid() {
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been \
             deleted and then recreated"
        );
        return Err(Status::conflict(&GroupResource::new(gvk.group, gvk.kind), name, &why));
    }
    Ok(Some(BoundObject { claim, name: name.to_owned(), uid: stored.value.uid().to_owned() }))
}

fn find(reviewer: &Reviewer<'_>, resource: &str, namespace: &str, name: &str) -> Result<Arc<Stored>, Status> {
    let resource = GroupResource::new("", resource);
    let found = reviewer.store.get(&resource, &ObjectKey::new(namespace, name));
    found.ok_or_else(|| Status::not_found(&resource, name))
}
