//! The `scale` subresource of any kind: a view of two numbers and a selector, found by JSON paths.
//!
//! A change of a scale is a change of its object, and goes the same way.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/registry/customresource/etcd.go`, `pkg/registry/apps/deployment/storage`,
//! Kubernetes 1.36.

use serde_json::{Map, Value, json};

use super::update::{Change, guaranteed_update};
use super::{Patch, Scope, metadata};
use crate::controlplane::apiserver::{ObjectRef, Response};
use crate::controlplane::gvk::Gvk;
use crate::controlplane::object::Object;
use crate::controlplane::resources::{Origin, ScalePaths};
use crate::controlplane::schema;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::status::Status;

/// Returns the scale of the object that the URL names.
///
/// # Errors
/// 404, and objects without replicas.
pub(crate) fn get(scope: &Scope) -> Result<Response, Status> {
    let stored = scope.find(&scope.name)?;
    let object = scope.present(&stored)?;
    Ok(Response::Value { code: 200, value: scale_of(scope, object.value())? })
}

/// What becomes of the scale.
#[derive(Debug)]
pub(crate) enum ScaleChange {
    /// It is replaced.
    Replace(Value),
    /// It is patched.
    Patch(Patch),
}

/// Changes the scale of the object that the URL names.
///
/// # Errors
/// Whatever is said against it.
pub(crate) async fn change(scope: &Scope, mut change: ScaleChange) -> Result<Response, Status> {
    if let ScaleChange::Replace(scale) = &mut change {
        metadata::match_namespace(scope, scale)?;
        metadata::match_name(scope, scale)?;
    }
    let scaled = |object: ObjectRef| Ok(Response::Value { code: 200, value: scale_of(scope, object.value())? });
    match guaranteed_update(scope, &change).await? {
        Response::Object(answer) => scaled(answer.object),
        other => Ok(other),
    }
}

impl Change for ScaleChange {
    fn change(&self, scope: &Scope, live: Option<&Value>) -> Result<Value, Status> {
        let Some(live) = live else { return Err(Status::not_found(&scope.group_resource(), &scope.name)) };
        let scale = match self {
            Self::Replace(scale) => scale.clone(),
            Self::Patch(patch) => {
                let schema = schema::builtin("io.k8s.api.autoscaling.v1.Scale");
                let mut scale = patch.apply(&scale_of(scope, live)?, &schema)?;
                metadata::match_namespace(scope, &mut scale)?;
                metadata::match_name(scope, &scale)?;
                scale
            }
        };
        let replicas = scale.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(0);
        check(scope, replicas)?;
        let mut object = live.clone();
        set_path(&mut object, &paths(scope)?.spec_replicas, replicas.into());
        let revision = scale.text_at(&["metadata", "resourceVersion"]);
        if !revision.is_empty() {
            object.set(&["metadata", "resourceVersion"], revision);
        }
        Ok(object)
    }

    fn expected_uid(&self) -> &str {
        match self {
            Self::Replace(scale) => scale.uid(),
            Self::Patch(_) => "",
        }
    }
}

fn check(scope: &Scope, replicas: i64) -> Result<(), Status> {
    if replicas >= 0 {
        return Ok(());
    }
    let (gvk, found) = match scope.resource().origin {
        Origin::BuiltIn => {
            let detail = "must be greater than or equal to 0";
            (Gvk::new("autoscaling", "v1", "Scale"), FieldError::invalid("spec.replicas", &replicas.into(), detail))
        }
        Origin::Custom { .. } => {
            let detail = "should be a non-negative integer";
            (
                scope.resource().gvk.clone(),
                FieldError::invalid(paths(scope)?.spec_replicas.as_str(), &replicas.into(), detail),
            )
        }
    };
    Err(Status::invalid(&gvk, &scope.name, &[found]))
}

fn paths(scope: &Scope) -> Result<&ScalePaths, Status> {
    let scale = scope.resource().subresource("scale").and_then(|subresource| subresource.scale.as_ref());
    scale.ok_or_else(Status::no_such_resource)
}

fn scale_of(scope: &Scope, object: &Value) -> Result<Value, Status> {
    let paths = paths(scope)?;
    let replicas = at_path(object, &paths.spec_replicas).and_then(Value::as_i64);
    if replicas.is_none() && scope.resource().origin != Origin::BuiltIn {
        return Err(Status::internal(format!("the spec replicas field {:?} does not exist", paths.spec_replicas)));
    }
    let mut metadata = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.at(&["metadata", field]) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let spec = match replicas.unwrap_or(0) {
        0 => json!({}),
        replicas => json!({"replicas": replicas}),
    };
    let status_replicas = at_path(object, &paths.status_replicas).and_then(Value::as_i64).unwrap_or(0);
    let mut status = json!({"replicas": status_replicas});
    let selector = paths.label_selector.as_ref().and_then(|path| at_path(object, path)).map(selector_text);
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        status["selector"] = selector.into();
    }
    Ok(json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}))
}

/// Writes a selector as a query has it. A custom resource has it as text; others as an object, or as a plain map.
///
/// Source: `FormatLabelSelector` of `k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go`.
fn selector_text(selector: &Value) -> String {
    let Value::Object(map) = selector else { return selector.as_str().unwrap_or_default().to_owned() };
    let is_object = map.keys().any(|key| key == "matchLabels" || key == "matchExpressions");
    let labels = if is_object { map.get("matchLabels").and_then(Value::as_object) } else { Some(map) };
    let pairs = labels.into_iter().flatten();
    let mut requirements: Vec<(String, String)> =
        pairs.map(|(key, value)| (key.clone(), format!("{key}={}", value.as_str().unwrap_or_default()))).collect();
    for expression in map.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = expression.text_at(&["key"]);
        let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
        let mut values: Vec<_> = values.filter_map(Value::as_str).collect();
        values.sort_unstable();
        let text = match expression.text_at(&["operator"]) {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        };
        requirements.push((key.to_owned(), text));
    }
    requirements.sort();
    requirements.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",")
}

fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').filter(|step| !step.is_empty())
}

/// Returns the value at a path such as `.spec.replicas`.
fn at_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    steps(path).try_fold(object, |value, step| value.get(step))
}

fn set_path(object: &mut Value, path: &str, value: Value) {
    object.set(&steps(path).collect::<Vec<_>>(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_written_as_queries_have_them() {
        let selector = json!({"matchLabels": {"b": "2", "a": "1"}, "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["y", "x"]}, {"key": "d", "operator": "DoesNotExist"},
        ]});
        assert_eq!(selector_text(&selector), "a=1,b=2,c in (x,y),!d");
        assert_eq!(selector_text(&json!({"app": "web"})), "app=web");
        assert_eq!(selector_text(&json!("a=b")), "a=b");
    }
}
