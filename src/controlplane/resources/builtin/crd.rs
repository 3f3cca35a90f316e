//! CustomResourceDefinitions: encoded as all built-in kinds, with the rules of their own [`CrdStrategy`].

use serde_json::Value;

use super::kind::BuiltIn;
use crate::controlplane::env::Env;
use crate::controlplane::resources::Strategy;
use crate::controlplane::resources::crd::CrdStrategy;
use crate::controlplane::schema::field_error::FieldError;

/// The strategy of CustomResourceDefinitions as they are served.
#[derive(Debug)]
pub(super) struct ServedCrd(pub(super) BuiltIn);

impl Strategy for ServedCrd {
    fn default(&self, env: &Env, object: &mut Value) {
        self.0.default(env, object);
        CrdStrategy.default(env, object);
        // A second time for the order of what the defaults have added.
        self.0.default(env, object);
    }

    fn zero(&self) -> Value {
        self.0.zero()
    }

    fn prepare_for_create(&self, env: &Env, object: &mut Value) {
        CrdStrategy.prepare_for_create(env, object);
    }

    fn prepare_for_update(&self, env: &Env, object: &mut Value, old: &Value) {
        CrdStrategy.prepare_for_update(env, object, old);
    }

    fn prepare_for_status_update(&self, env: &Env, object: &mut Value, old: &Value) {
        CrdStrategy.prepare_for_status_update(env, object, old);
    }

    fn validate(&self, object: &Value) -> Vec<FieldError> {
        CrdStrategy.validate(object)
    }

    fn validate_update(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        CrdStrategy.validate_update(object, old)
    }

    fn validate_status_update(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        CrdStrategy.validate_status_update(object, old)
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        CrdStrategy.warnings(object)
    }

    fn begin_deletion(&self, env: &Env, object: &mut Value) -> bool {
        CrdStrategy.begin_deletion(env, object)
    }

    fn allows_unconditional_update(&self) -> bool {
        CrdStrategy.allows_unconditional_update()
    }
}
