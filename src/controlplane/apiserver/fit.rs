//! Brings an object into the shape of its row: unknown fields gone, defaults there.

use serde_json::Value;

use crate::controlplane::env::Env;
use crate::controlplane::resources::{Origin, Resource};
use crate::controlplane::schema;

/// Prunes and defaults. May be called again on its own result.
pub(crate) fn to_row(resource: &Resource, env: &Env, object: &mut Value) {
    if resource.origin != Origin::BuiltIn {
        schema::prune(object, &resource.schema);
    }
    resource.strategy.default(env, object);
}
