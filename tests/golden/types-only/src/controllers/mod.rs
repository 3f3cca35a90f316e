// Managed by rop from PROJECT: do not edit.
//! The controllers.

use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::runtime::context::Context;

/// Returns the controllers, to be run until each ends.
pub fn all(_ctx: &Arc<Context>) -> Vec<BoxFuture<'static, ()>> {
    Vec::new()
}

/// Returns what the controllers may do, all together.
pub fn rules() -> Vec<PolicyRule> {
    Vec::new()
}
