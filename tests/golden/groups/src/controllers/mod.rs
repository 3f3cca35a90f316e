// Managed by rop from PROJECT: do not edit.
//! The controllers.

pub mod app;
pub mod data;
pub mod my_app;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::runtime::context::Context;

/// Returns the controllers, to be run until each ends.
pub fn all(ctx: &Arc<Context>) -> Vec<BoxFuture<'static, ()>> {
    vec![
        // One a kind.
        app::cache::run(ctx.clone()).boxed(),
        data::search_index::run(ctx.clone()).boxed(),
        my_app::run(ctx.clone()).boxed(),
    ]
}

/// Returns what the controllers may do, all together.
pub fn rules() -> Vec<PolicyRule> {
    [
        // One a kind.
        app::cache::rules(),
        data::search_index::rules(),
        my_app::rules(),
    ]
    .concat()
}
