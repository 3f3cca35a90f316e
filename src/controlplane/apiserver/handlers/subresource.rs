//! What is created below an object: bindings, evictions, and questions that are answered but not stored.
//!
//! Source: `pkg/registry/core/pod/storage/{storage,eviction}.go`, Kubernetes 1.36.

use serde_json::{Value, json};

use super::update::{Change, guaranteed_update};
use super::{Scope, delete, review};
use crate::controlplane::apiserver::Response;
use crate::controlplane::apiserver::options::DeleteOptions;
use crate::controlplane::apiserver::selector::LabelSelector;
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::identity::reviews::Review;
use crate::controlplane::object::Object;
use crate::controlplane::status::{Cause, Details, Status};

/// Creates what is not an object of its own; `Err` gives the object back when it is one.
///
/// # Errors
/// Whatever is said against it.
pub(super) async fn create(scope: &Scope, object: Value) -> Result<Result<Response, Value>, Status> {
    let resource = scope.resource();
    if let Some(review) = Review::of(&resource.gvk.group, &resource.plural, &scope.subresource) {
        return review::answer(scope, review, object).map(Ok);
    }
    match (resource.plural.as_str(), scope.subresource.as_str()) {
        ("pods", "binding") => bind(scope, object).await.map(Ok),
        ("pods", "eviction") => evict(scope, object).await.map(Ok),
        ("bindings", "") => Err(Status::not_implemented("the old path of bindings; POST pods/NAME/binding instead")),
        (_, "") => Ok(Err(object)),
        (plural, subresource) => Err(Status::not_implemented(&format!("creating {plural}/{subresource}"))),
    }
}

/// Puts a pod on a node.
#[derive(Debug)]
struct Binding {
    node: String,
    uid: String,
    annotations: Option<Value>,
}

impl Change for Binding {
    fn change(&self, scope: &Scope, live: Option<&Value>) -> Result<Value, Status> {
        let Some(live) = live else { return Err(Status::not_found(&scope.group_resource(), &scope.name)) };
        let refuse = |why: String| Err(Status::conflict(&GroupResource::new("", "pods/binding"), &scope.name, &why));
        if live.deletion_timestamp().is_some() {
            return refuse(format!("pod {} is being deleted, cannot be assigned to a host", scope.name));
        }
        let current = live.text_at(&["spec", "nodeName"]);
        if !current.is_empty() {
            return refuse(format!("pod {} is already assigned to node {current:?}", scope.name));
        }
        let mut pod = live.clone();
        pod.set(&["spec", "nodeName"], self.node.as_str());
        for (key, value) in self.annotations.iter().filter_map(Value::as_object).flatten() {
            pod.set(&["metadata", "annotations", key], value.clone());
        }
        set_scheduled(scope, &mut pod);
        Ok(pod)
    }

    fn expected_uid(&self) -> &str {
        &self.uid
    }
}

fn set_scheduled(scope: &Scope, pod: &mut Value) {
    let condition = json!({
        "type": "PodScheduled", "status": "True", "observedGeneration": pod.generation(),
        "lastProbeTime": null, "lastTransitionTime": scope.server.env().now_text(),
    });
    let conditions = pod.at(&["status", "conditions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let others = conditions.into_iter().filter(|other| other.text_at(&["type"]) != "PodScheduled");
    let conditions: Vec<Value> = others.chain([condition]).collect();
    pod.set(&["status", "conditions"], conditions);
}

async fn bind(scope: &Scope, object: Value) -> Result<Response, Status> {
    let node = object.text_at(&["target", "name"]).to_owned();
    if node.is_empty() {
        let gvk = crate::controlplane::gvk::Gvk::new("", "v1", "Binding");
        let found = crate::controlplane::schema::field_error::FieldError::required("target.name", "");
        return Err(Status::invalid(&gvk, &scope.name, &[found]));
    }
    let annotations = object.at(&["metadata", "annotations"]).cloned();
    guaranteed_update(scope, &Binding { node, uid: object.uid().to_owned(), annotations }).await?;
    Ok(success())
}

fn success() -> Response {
    let value = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Response::Value { code: 201, value }
}

/// Deletes a pod unless a disruption budget is against it.
async fn evict(scope: &Scope, object: Value) -> Result<Response, Status> {
    let pod = scope.find(&scope.name)?;
    let options = DeleteOptions::from_object(object.get("deleteOptions").unwrap_or(&Value::Null))?;
    let phase = pod.value.text_at(&["status", "phase"]);
    let holds_budget = !["Succeeded", "Failed", "Pending"].contains(&phase) && pod.value.deletion_timestamp().is_none();
    if holds_budget {
        check_budgets(scope, &pod.value)?;
    }
    delete::delete_named(scope, &scope.name, &options).await?;
    Ok(success())
}

fn check_budgets(scope: &Scope, pod: &Value) -> Result<(), Status> {
    let budgets = scope.server.store().list(&GroupResource::new("policy", "poddisruptionbudgets"));
    for stored in budgets.in_namespace(Some(&scope.namespace)) {
        let budget = &stored.value;
        let selector = LabelSelector::from_object(budget.at(&["spec", "selector"]).unwrap_or(&Value::Null));
        let applies = selector.is_ok_and(|selector| selector.matches(pod));
        let allowed = budget.at(&["status", "disruptionsAllowed"]).and_then(Value::as_i64).unwrap_or(0);
        if applies && allowed < 1 {
            return Err(budget_refuses(budget));
        }
    }
    Ok(())
}

fn budget_refuses(budget: &Value) -> Status {
    let count = |field: &str| budget.at(&["status", field]).and_then(Value::as_i64).unwrap_or(0);
    let message = format!(
        "The disruption budget {} needs {} healthy pods and has {} currently",
        budget.name(),
        count("desiredHealthy"),
        count("currentHealthy")
    );
    let text = "Cannot evict pod as it would violate the pod's disruption budget.";
    let cause = Cause { reason: "DisruptionBudget".to_owned(), message, field: String::new() };
    Status::new(429, "TooManyRequests", text).with_details(Details { causes: vec![cause], ..Details::default() })
}
