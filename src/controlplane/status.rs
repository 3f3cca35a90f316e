//! `Status`: the answer of every request that has no object to give.
//!
//! Clients match on code, reason and wording, so the constructors here give upstream's texts to the letter.
//! Source: `k8s.io/apimachinery/pkg/api/errors/errors.go`, Kubernetes 1.36.

use std::fmt;

use serde_json::{Value, json};

use super::gvk::{GroupResource, Gvk};
use super::schema::field_error::{FieldError, aggregate};

/// A failure (or, rarely, a success) that leaves the API server instead of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The HTTP status code.
    pub code: u16,
    /// The machine-readable reason, such as `NotFound`; empty for none.
    pub reason: &'static str,
    /// The human-readable text.
    pub message: String,
    /// What the failure is about.
    pub details: Option<Details>,
    /// Where a list that cannot go on consistently may go on all the same.
    pub continue_token: Option<Box<str>>,
}

/// The `details` of a [`Status`]; empty fields are not sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Details {
    /// The name of the object.
    pub name: String,
    /// The group of the object.
    pub group: String,
    /// The kind or, as upstream does for most errors, the resource.
    pub kind: String,
    /// The UID of the object.
    pub uid: String,
    /// The single findings.
    pub causes: Vec<Cause>,
    /// After how many seconds a retry makes sense; 0 for not said.
    pub retry_after_seconds: u32,
}

/// One finding of a [`Status`].
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The machine-readable kind of finding, such as `FieldValueInvalid`.
    pub reason: String,
    /// The human-readable text.
    pub message: String,
    /// The field, such as `spec.replicas`; empty for none.
    pub field: String,
}

impl Status {
    /// Returns a failure without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, continue_token: None }
    }

    fn about(mut self, resource: &GroupResource, name: &str) -> Self {
        self.details = Some(Details {
            name: name.to_owned(),
            group: resource.group.clone(),
            kind: resource.resource.clone(),
            ..Details::default()
        });
        self
    }

    /// Returns the same failure with a token by which a list may go on.
    pub fn with_continue(mut self, token: impl Into<Box<str>>) -> Self {
        self.continue_token = Some(token.into());
        self
    }

    /// Returns the same failure with details.
    pub fn with_details(mut self, details: Details) -> Self {
        self.details = Some(details);
        self
    }

    /// 404: no such object.
    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{resource} \"{name}\" not found")).about(resource, name)
    }

    /// 404: the path names a resource that is not served.
    pub fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource").with_details(Details::default())
    }

    /// 409: an object of that name is there already.
    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{resource} \"{name}\" already exists")).about(resource, name)
    }

    /// 409: the object cannot be changed as asked in the state in which it is.
    pub fn conflict(resource: &GroupResource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Self::new(409, "Conflict", message).about(resource, name)
    }

    /// 409: the object has changed since the client read it.
    pub fn modified(resource: &GroupResource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// 403: refused by a policy, with the reason.
    pub fn forbidden(resource: &GroupResource, name: &str, why: &str) -> Self {
        let message = match (name, resource.resource.as_str()) {
            (_, "") => format!("forbidden: {why}"),
            ("", _) => format!("{resource} is forbidden: {why}"),
            _ => format!("{resource} \"{name}\" is forbidden: {why}"),
        };
        Self::new(403, "Forbidden", message).about(resource, name)
    }

    /// 400: the request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 401: the credentials are not known.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 405: the resource does not take this verb.
    pub fn method_not_supported(resource: &GroupResource, verb: &str) -> Self {
        let message = format!("{verb} is not supported on resources of kind \"{resource}\"");
        Self::new(405, "MethodNotAllowed", message).about(resource, "")
    }

    /// 410: the revision or the continue token is too old.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 413: the body is too large.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// 422: the object breaks its schema or its kind's rules. The errors keep their order.
    pub fn invalid(gvk: &Gvk, name: &str, errors: &[FieldError]) -> Self {
        let kind = match gvk.group.as_str() {
            "" => gvk.kind.clone(),
            group => format!("{}.{group}", gvk.kind),
        };
        let message = format!("{kind} \"{name}\" is invalid: {}", aggregate(errors));
        Self::new(422, "Invalid", message).with_details(Details {
            name: name.to_owned(),
            group: gvk.group.clone(),
            kind: gvk.kind.clone(),
            causes: errors.iter().map(FieldError::to_cause).collect(),
            ..Details::default()
        })
    }

    /// 500: our fault.
    pub fn internal(message: impl fmt::Display) -> Self {
        let cause = Cause { reason: String::new(), message: message.to_string(), field: String::new() };
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
            .with_details(Details { causes: vec![cause], ..Details::default() })
    }

    /// 501: a feature of Kubernetes that this control plane does not have. Named, never passed silently.
    pub fn not_implemented(feature: &str) -> Self {
        Self::new(501, "NotImplemented", format!("rop's control plane does not implement {feature}"))
    }

    /// 504: the server waited in vain.
    pub fn timeout(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::new(504, "Timeout", message).with_details(Details { retry_after_seconds, ..Details::default() })
    }

    /// Returns the failure as a `v1` `Status` object, fields in upstream's order.
    pub fn to_value(&self) -> Value {
        let mut value = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
        });
        if let Some(token) = &self.continue_token {
            value["metadata"]["continue"] = Value::from(&**token);
        }
        if !self.reason.is_empty() {
            value["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            value["details"] = details.to_value();
        }
        value["code"] = self.code.into();
        value
    }
}

impl Details {
    /// Returns the details as JSON, without the empty fields.
    pub fn to_value(&self) -> Value {
        let mut value = json!({});
        for (key, text) in [("name", &self.name), ("group", &self.group), ("kind", &self.kind), ("uid", &self.uid)] {
            if !text.is_empty() {
                value[key] = text.as_str().into();
            }
        }
        if !self.causes.is_empty() {
            value["causes"] = self.causes.iter().map(Cause::to_value).collect();
        }
        if self.retry_after_seconds > 0 {
            value["retryAfterSeconds"] = self.retry_after_seconds.into();
        }
        value
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let mut value = json!({});
        for (key, text) in [("reason", &self.reason), ("message", &self.message), ("field", &self.field)] {
            if !text.is_empty() {
                value[key] = text.as_str().into();
            }
        }
        value
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}
