//! Who may do what: SubjectAccessReview and its kin.
//!
//! Source: `pkg/registry/authorization/{subjectaccessreview,util,selfsubjectrulesreview}`,
//! `pkg/apis/authorization/validation/validation.go`.

use serde_json::{Value, json};

use super::{AUTHORIZATION, Question, Review};
use crate::controlplane::gvk::Gvk;
use crate::controlplane::identity::rbac::{Attributes, Authorizer};
use crate::controlplane::identity::rules::Rule;
use crate::controlplane::identity::users::UserInfo;
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::status::Status;

/// Answers SubjectAccessReview, LocalSubjectAccessReview and SelfSubjectAccessReview.
pub(super) fn subject_access(
    authorizer: &Authorizer,
    question: &Question<'_>,
    mut object: Value,
) -> Result<Value, Status> {
    let errors = validate(question, &object);
    if !errors.is_empty() {
        // Upstream leaves the kind out here.
        return Err(Status::invalid(&Gvk::new(AUTHORIZATION, "v1", ""), "", &errors));
    }
    let subject = match question.review {
        Review::SelfSubjectAccess => question.user.clone(),
        _ => subject(&object),
    };
    let decision = authorizer.authorize(&attributes(&object, &subject));
    let mut status = json!({"allowed": decision.allowed});
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.into();
    }
    object.set(&["status"], status);
    Ok(object)
}

/// Answers SelfSubjectRulesReview. The answer is an object of its own: upstream does not repeat the question.
pub(super) fn self_subject_rules(
    authorizer: &Authorizer,
    question: &Question<'_>,
    object: &Value,
) -> Result<Value, Status> {
    let namespace = object.text_at(&["spec", "namespace"]);
    if namespace.is_empty() {
        return Err(Status::bad_request("no namespace on request"));
    }
    let (rules, errors) = authorizer.rules_for(question.user, namespace);
    let resource_rules = rules.iter().filter(|rule| !rule.api_groups.is_empty()).map(resource_rule).collect();
    let non_resource_rules =
        rules.iter().filter(|rule| !rule.non_resource_urls.is_empty()).map(non_resource_rule).collect();
    let mut status = json!({
        "resourceRules": Value::Array(resource_rules),
        "nonResourceRules": Value::Array(non_resource_rules),
        "incomplete": false,
    });
    if !errors.is_empty() {
        status["evaluationError"] = errors.join(", ").into();
    }
    Ok(json!({
        "kind": "SelfSubjectRulesReview", "apiVersion": format!("{AUTHORIZATION}/v1"),
        "metadata": {}, "spec": {}, "status": status,
    }))
}

fn resource_rule(rule: &Rule) -> Value {
    Rule { non_resource_urls: Vec::new(), ..rule.clone() }.to_value()
}

fn non_resource_rule(rule: &Rule) -> Value {
    json!({"verbs": rule.verbs, "nonResourceURLs": rule.non_resource_urls})
}

/// Returns the user that a review asks about.
fn subject(object: &Value) -> UserInfo {
    let texts = |value: Option<&Value>| {
        let list = value.and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let extra = object.at(&["spec", "extra"]).and_then(Value::as_object).into_iter().flatten();
    UserInfo {
        name: object.text_at(&["spec", "user"]).to_owned(),
        uid: object.text_at(&["spec", "uid"]).to_owned(),
        groups: texts(object.at(&["spec", "groups"])),
        extra: extra.map(|(key, values)| (key.to_lowercase(), texts(Some(values)))).collect(),
    }
}

fn attributes<'a>(object: &'a Value, user: &'a UserInfo) -> Attributes<'a> {
    if let Some(path) = present(object, "nonResourceAttributes") {
        return Attributes::path(user, path.text_at(&["verb"]), path.text_at(&["path"]));
    }
    let text = |field: &str| object.text_at(&["spec", "resourceAttributes", field]);
    Attributes {
        user,
        verb: text("verb"),
        group: text("group"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
        path: None,
    }
}

fn present<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    object.at(&["spec", field]).filter(|value| !value.is_null())
}

fn validate(question: &Question<'_>, object: &Value) -> Vec<FieldError> {
    let (resource, path) = (present(object, "resourceAttributes"), present(object, "nonResourceAttributes"));
    let mut errors = Vec::new();
    match (resource, path) {
        (Some(_), Some(path)) => errors.push(FieldError::invalid(
            "spec.nonResourceAttributes",
            &internal_path(path),
            "cannot be specified in combination with resourceAttributes",
        )),
        (None, None) => errors.push(FieldError::invalid(
            "spec.resourceAttributes",
            &Value::Null,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )),
        _ => {}
    }
    let nobody = object.text_at(&["spec", "user"]).is_empty()
        && object.at(&["spec", "groups"]).and_then(Value::as_array).is_none_or(Vec::is_empty);
    if nobody && question.review != Review::SelfSubjectAccess {
        errors.push(FieldError::invalid("spec.user", &json!(""), "at least one of user or group must be specified"));
    }
    if let Some(resource) = resource {
        for selector in ["fieldSelector", "labelSelector"] {
            validate_selector(resource.get(selector), &format!("spec.resourceAttributes.{selector}"), &mut errors);
        }
    }
    validate_metadata(question, object, &mut errors);
    if question.review == Review::LocalSubjectAccess {
        validate_local(question.namespace, resource, path, &mut errors);
    }
    errors
}

/// Returns the attributes as upstream shows them in messages: in their internal form, which has no JSON names.
fn internal_path(path: &Value) -> Value {
    json!({"Path": path.text_at(&["path"]), "Verb": path.text_at(&["verb"])})
}

fn validate_selector(selector: Option<&Value>, field: &str, errors: &mut Vec<FieldError>) {
    let Some(selector) = selector.filter(|selector| !selector.is_null()) else { return };
    let raw = selector.text_at(&["rawSelector"]);
    let empty = selector.get("requirements").and_then(Value::as_array).is_none_or(Vec::is_empty);
    match (raw, empty) {
        ("", true) => errors.push(FieldError::required(
            format!("{field}.requirements"),
            "when specified, requirements or rawSelector is required",
        )),
        (raw, false) if !raw.is_empty() => errors.push(FieldError::invalid(
            format!("{field}.rawSelector"),
            &json!(raw),
            "may not specified at the same time as requirements",
        )),
        _ => {}
    }
}

fn validate_metadata(question: &Question<'_>, object: &Value, errors: &mut Vec<FieldError>) {
    let local = question.review == Review::LocalSubjectAccess;
    let ignored = |key: &str| key == "managedFields" || key == "creationTimestamp" || local && key == "namespace";
    let metadata = object.get("metadata").and_then(Value::as_object);
    let extra: Vec<_> =
        metadata.into_iter().flatten().filter(|(key, value)| !ignored(key) && !value.is_null()).collect();
    if !extra.is_empty() {
        let shown = extra.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let detail = if local { "must be empty except for namespace" } else { "must be empty" };
        errors.push(FieldError::invalid("metadata", &Value::Object(shown), detail));
    }
}

fn validate_local(namespace: &str, resource: Option<&Value>, path: Option<&Value>, errors: &mut Vec<FieldError>) {
    if let Some(resource) = resource
        && resource.text_at(&["namespace"]) != namespace
    {
        let given = json!(resource.text_at(&["namespace"]));
        errors.push(FieldError::invalid("spec.resourceAttributes.namespace", &given, "must match metadata.namespace"));
    }
    if let Some(path) = path {
        let detail = "disallowed on this kind of request";
        errors.push(FieldError::invalid("spec.nonResourceAttributes", &internal_path(path), detail));
    }
}
