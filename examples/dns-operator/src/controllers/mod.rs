// Managed by rop from PROJECT: do not edit.
//! The controllers.

pub mod dns;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::runtime::context::Context;

/// Returns the controllers, to be run until each ends.
pub fn all(ctx: &Arc<Context>) -> Vec<BoxFuture<'static, ()>> {
    vec![
        // One a kind.
        dns::record::run(ctx.clone()).boxed(),
    ]
}

/// Returns what the controllers may do, all together.
pub fn rules() -> Vec<PolicyRule> {
    [
        // One a kind.
        dns::record::rules(),
    ]
    .concat()
}
