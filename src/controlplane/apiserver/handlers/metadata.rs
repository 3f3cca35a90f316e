//! The parts of metadata that the server checks against the URL or keeps itself.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Scope;
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;

const OTHER_NAMESPACE: &str = "the namespace of the provided object does not match the namespace sent on the request";

/// Gives the object the namespace of the URL.
///
/// # Errors
/// 400 when it has another.
///
/// Source: `EnsureObjectNamespaceMatchesRequestNamespace` of `k8s.io/apiserver/pkg/registry/rest/meta.go`.
pub(super) fn match_namespace(scope: &Scope, object: &mut Value) -> Result<(), Status> {
    let expected = scope.storage_namespace();
    match object.namespace() {
        namespace if namespace == expected => Ok(()),
        "" => {
            object.set(&["metadata", "namespace"], expected);
            Ok(())
        }
        _ => Err(Status::bad_request(OTHER_NAMESPACE)),
    }
}

/// Checks the object's name against that of the URL.
///
/// # Errors
/// 400 when it has another, or none.
///
/// Source: `checkName` of `k8s.io/apiserver/pkg/endpoints/handlers/rest.go`.
pub(super) fn match_name(scope: &Scope, object: &Value) -> Result<(), Status> {
    match object.name() {
        "" => Err(Status::bad_request(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            scope.name
        ))),
        name if name == scope.name => Ok(()),
        name => Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            scope.name
        ))),
    }
}

/// Removes owner references that say the same twice, and tells the client.
///
/// Source: `dedupOwnerReferencesAndAddWarning` of `k8s.io/apiserver/pkg/endpoints/handlers/rest.go`.
pub(super) fn dedup_owner_references(scope: &Scope, object: &mut Value) {
    if object.owner_references().len() < 2 {
        return;
    }
    let mut kept: Vec<Value> = Vec::new();
    let mut duplicates = BTreeSet::new();
    for owner in object.owner_references() {
        if kept.contains(owner) {
            duplicates.insert(owner.text_at(&["uid"]).to_owned());
        } else {
            kept.push(owner.clone());
        }
    }
    if duplicates.is_empty() {
        return;
    }
    object.set(&["metadata", "ownerReferences"], kept);
    let uids: Vec<_> = duplicates.into_iter().collect();
    scope.warn(format!(
        ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may \
         reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
        uids.join(", ")
    ));
}
