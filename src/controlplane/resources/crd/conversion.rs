//! How a CRD wants its versions converted.
//!
//! Source: `validateCustomResourceConversion` of
//! `k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go`, Kubernetes 1.36.

use serde_json::{Value, json};

use crate::controlplane::names::dns1035_label;
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;

/// Returns the findings about `spec.conversion`. Their paths are those of upstream's internal form.
pub(super) fn validate(crd: &Value) -> Vec<FieldError> {
    let Some(conversion) = crd.at(&["spec", "conversion"]).filter(|value| value.is_object()) else { return Vec::new() };
    let strategy = conversion.text_at(&["strategy"]);
    let mut errors = match strategy {
        "" => vec![FieldError::required("spec.conversion.strategy", "")],
        "None" | "Webhook" => Vec::new(),
        other => {
            vec![FieldError::not_supported("spec.conversion.strategy", &other.into(), &["None", "Webhook"])]
        }
    };
    let config = conversion.at(&["webhook", "clientConfig"]).filter(|config| config.is_object());
    let field = "spec.conversion.webhookClientConfig";
    if strategy != "Webhook" {
        let detail = "should not be set when strategy is not set to Webhook";
        errors.extend(config.map(|_| FieldError::forbidden(field, detail)));
        let versions = review_versions(conversion);
        let versions = versions.filter(|versions| !versions.is_empty());
        errors.extend(versions.map(|_| FieldError::forbidden("spec.conversion.conversionReviewVersions", detail)));
        return errors;
    }
    match config {
        None => errors.push(FieldError::required(field, "required when strategy is set to Webhook")),
        Some(config) => errors.extend(client_config(field, config)),
    }
    errors.extend(review_version_findings(review_versions(conversion).unwrap_or_default()));
    errors
}

fn review_versions(conversion: &Value) -> Option<&[Value]> {
    conversion.at(&["webhook", "conversionReviewVersions"]).and_then(Value::as_array).map(Vec::as_slice)
}

fn client_config(field: &str, config: &Value) -> Vec<FieldError> {
    let (url, service) = (config.get("url").and_then(Value::as_str), config.get("service").filter(|s| s.is_object()));
    match (url, service) {
        (None, None) | (Some(_), Some(_)) => {
            vec![FieldError::required(field, "exactly one of url or service is required")]
        }
        (Some(url), None) => webhook_url(&format!("{field}.url"), url),
        (None, Some(service)) => webhook_service(&format!("{field}.service"), service),
    }
}

/// Source: `ValidateWebhookURL` of `k8s.io/apiserver/pkg/util/webhook/validation.go`.
fn webhook_url(field: &str, url: &str) -> Vec<FieldError> {
    const FORM: &str = "; desired format: https://host[/path]";
    let invalid = |shown: &str, detail: &str| FieldError::invalid(field, &shown.into(), format!("{detail}{FORM}"));
    let Some((scheme, rest)) = url.split_once("://") else {
        return vec![invalid(url, "'https' is the only allowed URL scheme")];
    };
    let mut errors = Vec::new();
    if scheme != "https" {
        errors.push(invalid(scheme, "'https' is the only allowed URL scheme"));
    }
    let (rest, fragment) = rest.split_once('#').map_or((rest, ""), |(rest, fragment)| (rest, fragment));
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, query)| (rest, query));
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty() {
        errors.push(invalid("", "host must be specified"));
    }
    if let Some((user, _)) = authority.rsplit_once('@') {
        errors.push(FieldError::invalid(field, &user.into(), "user information is not permitted in the URL"));
    }
    if !fragment.is_empty() {
        errors.push(FieldError::invalid(field, &fragment.into(), "fragments are not permitted in the URL"));
    }
    if !query.is_empty() {
        errors.push(FieldError::invalid(field, &query.into(), "query parameters are not permitted in the URL"));
    }
    errors
}

fn webhook_service(field: &str, service: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = service.text_at(&["name"]);
    if name.is_empty() {
        errors.push(FieldError::required(format!("{field}.name"), "service name is required"));
    }
    if service.text_at(&["namespace"]).is_empty() {
        errors.push(FieldError::required(format!("{field}.namespace"), "service namespace is required"));
    }
    let port = service.get("port").and_then(Value::as_i64).unwrap_or(443);
    if !(1..=65535).contains(&port) {
        let detail = "port is not valid: must be between 1 and 65535, inclusive";
        errors.push(FieldError::invalid(format!("{field}.port"), &port.into(), detail));
    }
    if let Some(path) = service.get("path").and_then(Value::as_str)
        && !path.starts_with('/')
    {
        errors.push(FieldError::invalid(format!("{field}.path"), &path.into(), "must start with a '/'"));
    }
    errors
}

fn review_version_findings(versions: &[Value]) -> Vec<FieldError> {
    let field = "spec.conversion.conversionReviewVersions";
    if versions.is_empty() {
        return vec![FieldError::required(field, "")];
    }
    let mut errors = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        let path = format!("{field}[{index}]");
        if versions[..index].contains(version) {
            errors.push(FieldError::invalid(path, version, "duplicate version"));
            continue;
        }
        let problems = dns1035_label(version.as_str().unwrap_or_default());
        if !problems.is_empty() {
            errors.push(FieldError::invalid(path, version, problems.join(",")));
        }
    }
    if !versions.iter().any(|version| version == "v1" || version == "v1beta1") {
        errors.push(FieldError::invalid(field, &json!(versions), "must include at least one of v1, v1beta1"));
    }
    errors
}
