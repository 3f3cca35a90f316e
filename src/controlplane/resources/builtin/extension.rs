//! What extends the API server: webhook configurations, admission policies, API services.
//!
//! Source: `k8s.io/kubernetes/pkg/apis/admissionregistration/{v1/defaults.go,validation/validation.go}`, Kubernetes 1.36.
//! The expressions of admission policies are not compiled here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::edit::Edit;
use super::field::{Field, Findings};
use super::kind::Kind;
use super::labels;
use crate::controlplane::names::{dns1123_label, dns1123_subdomain};
use crate::controlplane::validation::NameFormat;

/// MutatingWebhookConfigurations.
pub(super) const MUTATING_WEBHOOKS: Kind = Kind {
    generation: true,
    unconditional_update: false,
    defaults: |configuration| {
        configuration.each("webhooks", |webhook| {
            webhook.default("reinvocationPolicy", "Never");
            default_webhook(webhook);
        });
    },
    validate: validate_webhooks,
    ..Kind::PLAIN
};

/// ValidatingWebhookConfigurations.
pub(super) const VALIDATING_WEBHOOKS: Kind =
    Kind { defaults: |configuration| configuration.each("webhooks", default_webhook), ..MUTATING_WEBHOOKS };

/// ValidatingAdmissionPolicies and MutatingAdmissionPolicies.
pub(super) const ADMISSION_POLICY: Kind = Kind {
    generation: true,
    unconditional_update: false,
    defaults: |policy| {
        let spec = policy.make("spec");
        spec.default("failurePolicy", "Fail");
        if let Some(constraints) = spec.child("matchConstraints") {
            default_match(constraints);
        }
    },
    validate: |policy, found| {
        let constraints = policy.at(&["spec", "matchConstraints"]);
        if !constraints.is_set() {
            found.required(&constraints, "");
        } else if constraints.get("resourceRules").is_empty() {
            found.required(&constraints.get("resourceRules"), "");
        }
    },
    ..Kind::PLAIN
};

/// ValidatingAdmissionPolicyBindings and MutatingAdmissionPolicyBindings.
pub(super) const ADMISSION_POLICY_BINDING: Kind = Kind {
    generation: true,
    unconditional_update: false,
    defaults: |binding| {
        if let Some(matching) = binding.make("spec").child("matchResources") {
            default_match(matching);
        }
    },
    validate: |binding, found| {
        let name = binding.at(&["spec", "policyName"]);
        if name.is_empty() {
            found.required(&name, "");
        }
    },
    ..Kind::PLAIN
};

/// APIServices. Their names are `version.group`.
pub(super) const API_SERVICE: Kind = Kind {
    names: NameFormat::PathSegment,
    unconditional_update: false,
    defaults: |service| {
        if let Some(reference) = service.child("spec").and_then(|spec| spec.child("service")) {
            reference.default("port", 443);
        }
    },
    validate: |service, found| {
        let (name, spec) = (service.at(&["metadata", "name"]), service.get("spec"));
        let expected = format!("{}.{}", spec.get("version").text(), spec.get("group").text());
        if name.text() != expected {
            found.invalid(&name, format!("must be `spec.version+\".\"+spec.group`: {expected:?}"));
        }
    },
    ..Kind::PLAIN
};

fn default_match(matching: &mut Value) {
    matching.default("matchPolicy", "Equivalent");
    matching.default("namespaceSelector", json!({}));
    matching.default("objectSelector", json!({}));
    for rules in ["resourceRules", "excludeResourceRules"] {
        matching.each(rules, |rule| rule.default("scope", "*"));
    }
}

fn default_webhook(webhook: &mut Value) {
    webhook.default("failurePolicy", "Fail");
    webhook.default("matchPolicy", "Equivalent");
    webhook.default("namespaceSelector", json!({}));
    webhook.default("objectSelector", json!({}));
    webhook.default("timeoutSeconds", 10);
    webhook.each("rules", |rule| rule.default("scope", "*"));
    if let Some(service) = webhook.child("clientConfig").and_then(|config| config.child("service")) {
        service.default("port", 443);
    }
}

fn validate_webhooks(configuration: &Field<'_>, found: &mut Findings) {
    let mut names = BTreeSet::new();
    for webhook in configuration.get("webhooks").items() {
        validate_webhook(&webhook, found);
        if !names.insert(webhook.get("name").text()) {
            found.duplicate(&webhook.get("name"));
        }
    }
}

fn validate_webhook(webhook: &Field<'_>, found: &mut Findings) {
    validate_webhook_name(&webhook.get("name"), found);
    let versions = webhook.get("admissionReviewVersions");
    if versions.is_empty() {
        found.required(&versions, "must specify one of v1, v1beta1");
    } else if !versions.holds("v1") && !versions.holds("v1beta1") {
        found.invalid(&versions, "must include at least one of v1, v1beta1");
    }
    labels::validate_selector(&webhook.get("namespaceSelector"), found);
    labels::validate_selector(&webhook.get("objectSelector"), found);
    for rule in webhook.get("rules").items() {
        validate_rule(&rule, found);
    }
    found.one_of_if_set(&webhook.get("failurePolicy"), &["Fail", "Ignore"]);
    found.one_of_if_set(&webhook.get("matchPolicy"), &["Equivalent", "Exact"]);
    let effects = webhook.get("sideEffects");
    if effects.is_set() {
        found.one_of(&effects, &["None", "NoneOnDryRun"]);
    } else {
        found.required(&effects, "must specify one of None, NoneOnDryRun");
    }
    let timeout = webhook.get("timeoutSeconds");
    if timeout.number().is_some_and(|seconds| !(1..=30).contains(&seconds)) {
        found.invalid(&timeout, "the timeout value must be between 1 and 30 seconds");
    }
    validate_client(&webhook.get("clientConfig"), found);
    found.one_of_if_set(&webhook.get("reinvocationPolicy"), &["IfNeeded", "Never"]);
}

fn validate_webhook_name(name: &Field<'_>, found: &mut Findings) {
    if name.is_empty() {
        return found.required(name, "");
    }
    let details = dns1123_subdomain(name.text());
    if !details.is_empty() {
        return found.invalid_each(name, details);
    }
    if name.text().split('.').count() < 3 {
        found.invalid(name, "should be a domain with at least three segments separated by dots");
    }
}

fn validate_rule(rule: &Field<'_>, found: &mut Findings) {
    let operations = rule.get("operations");
    if operations.is_empty() {
        found.required(&operations, "");
    }
    if operations.len() > 1 && operations.holds("*") {
        found.invalid(&operations, "if '*' is present, must not specify other operations");
    }
    for operation in operations.items() {
        found.one_of(&operation, &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]);
    }
    for name in ["apiGroups", "apiVersions", "resources"] {
        let field = rule.get(name);
        if field.is_empty() {
            found.required(&field, "");
        }
        if name != "resources" && field.len() > 1 && field.holds("*") {
            found.invalid(&field, "if '*' is present, must not specify other API groups");
        }
    }
    found.one_of_if_set(&rule.get("scope"), &["*", "Cluster", "Namespaced"]);
}

fn validate_client(config: &Field<'_>, found: &mut Findings) {
    let (url, service) = (config.get("url"), config.get("service"));
    match (url.is_set(), service.is_set()) {
        (true, true) | (false, false) => found.required(config, "exactly one of url or service is required"),
        (true, false) => {
            if !url.text().starts_with("https://") {
                let detail = "'https' is the only allowed URL scheme; desired format: https://host[/path]";
                found.invalid(&url, detail);
            }
        }
        (false, true) => {
            for name in ["name", "namespace"] {
                if service.get(name).is_empty() {
                    found.required(&service.get(name), format!("service {name} is required"));
                }
            }
            super::ports::validate_port(&service.get("port"), found);
            let path = service.get("path");
            if path.is_set() && !path.text().starts_with('/') {
                found.invalid(&path, "must start with a '/'");
            }
            if !service.get("name").is_empty() {
                found.invalid_each(&service.get("name"), dns1123_label(service.get("name").text()));
            }
        }
    }
}
