//! What custom resources do differently: everything follows from the schema of their version.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/registry/customresource/{strategy,status_strategy,validator}.go`,
//! Kubernetes 1.36.

use std::sync::Arc;

use serde_json::Value;

use super::super::{OnDemand, ScalePaths, Strategy};
use super::scale;
use crate::controlplane::env::Env;
use crate::controlplane::gvk::Gvk;
use crate::controlplane::object::{Object, object_mut};
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::schema::{self, Schema, cel, structural, validate};
use crate::controlplane::status::Status;

/// How objects get from one version to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conversion {
    /// Another `apiVersion` is all.
    None,
    /// A webhook is to be asked, which is not built yet.
    Webhook,
}

/// What objects of a version are checked against; made when the first object is, and then kept.
#[derive(Debug)]
pub(super) struct Checks {
    /// The schema as the CRD states it: object metadata is checked apart.
    stated: Schema,
    /// The CEL rules, if there are any.
    rules: Option<cel::Validator>,
}

impl Checks {
    pub(super) fn new(openapi: &Value) -> Self {
        let stated = structural::parse(openapi);
        let rules = cel::Validator::new(&Arc::new(structural::resource(openapi)));
        Self { stated, rules }
    }

    fn rule_findings(&self, object: &Value, old: Option<&Value>, found: &[FieldError]) -> Vec<FieldError> {
        let Some(rules) = &self.rules else { return Vec::new() };
        match validate::blocking_error(found) {
            Some(blocked) => vec![blocked],
            None => rules.validate(object, old),
        }
    }
}

/// The strategy of one version of a custom resource.
#[derive(Debug)]
pub(super) struct CustomResourceStrategy {
    pub gvk: Gvk,
    /// The schema with type and object metadata.
    pub schema: OnDemand<Arc<Schema>>,
    pub checks: OnDemand<Checks>,
    pub has_status: bool,
    pub scale: Option<ScalePaths>,
    pub deprecation_warning: Option<String>,
    pub conversion: Conversion,
}

impl CustomResourceStrategy {
    fn findings(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = self.type_findings(object);
        if !errors.is_empty() {
            return errors;
        }
        let stated = &self.checks.stated;
        errors.extend(validate::validate(object, old, stated));
        if let Some(paths) = &self.scale {
            errors.extend(scale::validate_spec(object, paths));
            errors.extend(scale::validate_status(object, paths));
        }
        errors.extend(validate::embedded_resources(object, stated));
        let duplicates = validate::list_sets_and_maps(object, stated);
        // An object that had duplicates before may keep them.
        if old.is_none_or(|old| validate::list_sets_and_maps(old, stated).is_empty()) {
            errors.extend(duplicates);
        }
        errors.extend(self.checks.rule_findings(object, old, &errors));
        errors
    }

    fn type_findings(&self, object: &Value) -> Vec<FieldError> {
        let expected = [("kind", self.gvk.kind.clone()), ("apiVersion", self.gvk.group_version().to_string())];
        let wrong = expected.into_iter().filter(|(field, expected)| object.text_at(&[field]) != expected);
        wrong
            .map(|(field, expected)| {
                FieldError::invalid(field, &object.text_at(&[field]).into(), format!("must be {expected}"))
            })
            .collect()
    }
}

impl Strategy for CustomResourceStrategy {
    fn default(&self, _env: &Env, object: &mut Value) {
        schema::default(object, &self.schema);
        schema::drop_nulls(object, &self.schema);
    }

    fn prepare_for_create(&self, _env: &Env, object: &mut Value) {
        if self.has_status {
            object_mut(object).shift_remove("status");
        }
    }

    fn prepare_for_update(&self, _env: &Env, object: &mut Value, old: &Value) {
        if !self.has_status {
            return;
        }
        match old.get("status") {
            Some(status) => object.set(&["status"], status.clone()),
            None => drop(object_mut(object).shift_remove("status")),
        }
    }

    fn validate(&self, object: &Value) -> Vec<FieldError> {
        self.findings(object, None)
    }

    fn validate_update(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        self.findings(object, Some(old))
    }

    fn validate_status_update(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        self.findings(object, Some(old))
    }

    fn deprecation_warning(&self) -> Option<&str> {
        self.deprecation_warning.as_deref()
    }

    fn convert(&self, object: &mut Value, target: &Gvk) -> Result<(), Status> {
        let target_version = target.group_version().to_string();
        if self.conversion == Conversion::Webhook && object.text_at(&["apiVersion"]) != target_version {
            return Err(Status::not_implemented("conversion webhooks of CustomResourceDefinitions"));
        }
        object.set(&["apiVersion"], target_version);
        Ok(())
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }
}
