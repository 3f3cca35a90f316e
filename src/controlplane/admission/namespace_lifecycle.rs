//! Nothing is created in a namespace that is missing or terminating, and some namespaces cannot be deleted.
//!
//! Source: `k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go`, Kubernetes 1.36.

use serde_json::Value;

use super::{Attributes, Operation, forbidden};
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::status::{Cause, Details, Status};

const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// Refuses writes to namespaces that cannot take them.
pub(super) fn admit(attributes: &Attributes<'_>, object: &mut Value) -> Result<(), Status> {
    let namespaces = GroupResource::new("", "namespaces");
    let is_review = attributes.resource.gvk.group == "authorization.k8s.io";
    if !attributes.resource.namespaced || attributes.namespace.is_empty() || is_review {
        return Ok(());
    }
    let Some(namespace) = attributes.objects.get(&namespaces, "", attributes.namespace) else {
        return Err(Status::not_found(&namespaces, attributes.namespace));
    };
    let terminating = namespace.value.text_at(&["status", "phase"]) == "Terminating";
    if attributes.operation == Operation::Create && attributes.subresource.is_empty() && terminating {
        return Err(being_terminated(attributes, object));
    }
    Ok(())
}

fn being_terminated(attributes: &Attributes<'_>, object: &Value) -> Status {
    let namespace = attributes.namespace;
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut status = forbidden(attributes, Some(object), &why);
    status.details.get_or_insert_with(Details::default).causes.push(Cause {
        reason: "NamespaceTerminating".to_owned(),
        message: format!("namespace {namespace} is being terminated"),
        field: "metadata.namespace".to_owned(),
    });
    status
}

/// Refuses to delete the namespaces that a cluster cannot be without.
pub(super) fn validate(attributes: &Attributes<'_>, _object: Option<&Value>) -> Result<(), Status> {
    let is_namespace = attributes.resource.group_resource() == GroupResource::new("", "namespaces");
    if attributes.operation == Operation::Delete && is_namespace && IMMORTAL.contains(&attributes.name) {
        return Err(forbidden(attributes, None, "this namespace may not be deleted"));
    }
    Ok(())
}
