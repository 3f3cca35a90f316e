//! Runs a Deployment and a Service for each Tenant, and reports how they fare.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile,
    SecurityContext, Service, ServicePort, ServiceSpec,
};
use k8s_openapi::api::rbac::v1::PolicyRule;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};

use crate::api::v1alpha1::tenant::Tenant;
use crate::api::v1alpha1::tenant::TenantStatus;
use crate::runtime::conditions::{self, not_ready, ready};
use crate::runtime::context::Context;
use crate::runtime::error::Error;
use crate::runtime::rbac::{OWN, READ, rule, status_rule};
use crate::runtime::{controller, readiness};

/// What came of applying the children.
type Outcome = Result<Deployment, Error>;

/// How often an object is looked at although nothing has changed.
const RESYNC: Duration = Duration::from_secs(600);

/// Returns what this controller may do. `rop generate` writes config/rbac/role.yaml from it, and the unit tests enforce
/// it.
pub fn rules() -> Vec<PolicyRule> {
    vec![
        // Its own kind: to watch, and to report.
        rule::<Tenant>(READ),
        status_rule::<Tenant>(&["patch"]),
        // The children.
        rule::<Deployment>(OWN),
        rule::<Service>(OWN),
    ]
}

/// Runs the controller until the operator shuts down.
pub async fn run(ctx: Arc<Context>) {
    let controller = controller::watching(ctx.cluster_api::<Tenant>())
        .owns(ctx.own_metadata::<Deployment>(), controller::watch_config())
        .owns(ctx.own_metadata::<Service>(), controller::watch_config());
    controller::run("tenant", controller, reconcile, ctx).await;
}

/// Brings the world closer to what one Tenant asks for. Called whenever it or one of its children changes; may be called
/// at any time, any number of times.
async fn reconcile(object: Arc<Tenant>, ctx: Arc<Context>) -> Result<Action, Error> {
    if object.meta().deletion_timestamp.is_some() {
        // The children are garbage-collected through their owner references.
        return Ok(Action::await_change());
    }
    let outcome = apply_children(&object, &ctx).await;
    let reported = ctx.update_status(object.as_ref(), status(&object, &outcome)).await;
    outcome?;
    reported?;
    Ok(Action::requeue(RESYNC))
}

async fn apply_children(object: &Tenant, ctx: &Context) -> Outcome {
    let deployment = ctx.apply(deployment(object)).await?;
    ctx.apply(service(object)).await?;
    Ok(deployment)
}

/// Returns the Deployment that should be there.
fn deployment(object: &Tenant) -> Deployment {
    let pod = PodSpec {
        containers: vec![Container {
            name: "tenant".to_owned(),
            image: Some(object.spec.image.clone()),
            ports: Some(vec![ContainerPort {
                name: Some("http".to_owned()),
                container_port: object.spec.port,
                ..Default::default()
            }]),
            security_context: Some(SecurityContext {
                allow_privilege_escalation: Some(false),
                capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Default::default() }),
                ..Default::default()
            }),
            ..Default::default()
        }],
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(65532),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    };
    Deployment {
        metadata: child_metadata(object),
        spec: DeploymentSpec {
            replicas: Some(object.spec.replicas),
            selector: LabelSelector { match_labels: Some(selector_labels(object)), ..Default::default() },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(selector_labels(object)), ..Default::default() }),
                spec: Some(pod),
            },
            ..Default::default()
        }
        .into(),
        ..Default::default()
    }
}

/// Returns the Service that should be there.
fn service(object: &Tenant) -> Service {
    Service {
        metadata: child_metadata(object),
        spec: Some(ServiceSpec {
            selector: Some(selector_labels(object)),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: object.spec.port,
                target_port: Some(IntOrString::String("http".to_owned())),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Returns the status that is true after the children were applied, or could not be.
fn status(object: &Tenant, outcome: &Outcome) -> TenantStatus {
    let mut status = object.status.clone().unwrap_or_default();
    let condition = match outcome {
        Ok(deployment) => {
            let observed = deployment.status.clone().unwrap_or_default();
            status.replicas = observed.replicas.unwrap_or(0);
            status.ready_replicas = observed.ready_replicas.unwrap_or(0);
            status.selector = selector_text(object);
            deployment_condition(deployment)
        }
        Err(error) => not_ready(error.reason(), error.to_string()),
    };
    status.observed_generation = object.metadata.generation;
    conditions::set(&mut status.conditions, condition, object.metadata.generation);
    status
}

fn deployment_condition(deployment: &Deployment) -> Condition {
    match readiness::deployment(deployment) {
        Ok(()) => ready("Available", "All pods are ready"),
        Err(waiting) => not_ready("Progressing", waiting),
    }
}

/// Metadata of a child: named after its owner, removed with it.
fn child_metadata(object: &Tenant) -> ObjectMeta {
    let mut labels = selector_labels(object);
    labels.insert("app.kubernetes.io/managed-by".to_owned(), env!("CARGO_PKG_NAME").to_owned());
    ObjectMeta {
        name: Some(object.name_any()),
        namespace: object.namespace(),
        labels: Some(labels),
        owner_references: object.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..Default::default()
    }
}

/// Labels that select the pods of one Tenant. They may never change: a Deployment's selector is immutable.
fn selector_labels(object: &Tenant) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("app.kubernetes.io/name".to_owned(), "tenant".to_owned()),
        ("app.kubernetes.io/instance".to_owned(), object.name_any()),
    ])
}

fn selector_text(object: &Tenant) -> String {
    let labels: Vec<_> = selector_labels(object).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    labels.join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::v1alpha1::tenant::TenantSpec;
    use crate::runtime::testing::FakeCluster;

    async fn cluster_with(spec: TenantSpec) -> FakeCluster {
        let cluster = FakeCluster::new(rules());
        cluster.create(&Tenant::new("web", spec));
        cluster.settle(reconcile).await;
        cluster
    }

    fn ready_condition(object: &Tenant) -> (&str, &str) {
        let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        conditions.iter().find(|c| c.type_ == "Ready").map_or(("", ""), |c| (&c.status, &c.reason))
    }

    #[tokio::test]
    async fn a_new_object_costs_one_write_a_child_and_one_for_the_status() {
        let cluster = cluster_with(TenantSpec::default()).await;
        let deployment: Deployment = cluster.get("web");
        assert_eq!(deployment.owner_references()[0].kind, "Tenant");
        let port = cluster.get::<Service>("web").spec.unwrap().ports.unwrap()[0].port;
        assert_eq!(port, TenantSpec::default().port);
        assert_eq!(ready_condition(&cluster.get("web")), ("False", "Progressing"));
        let status = "patch tenants/web/status";
        assert_eq!(cluster.take_writes(), ["patch deployments/web", "patch services/web", status]);
        cluster.settle(reconcile).await;
        assert_eq!(cluster.take_writes(), [""; 0], "nothing is written when nothing has changed");
    }

    #[tokio::test]
    async fn status_follows_the_deployment() {
        let cluster = cluster_with(TenantSpec::default()).await;
        cluster.make_deployment_ready("web");
        cluster.settle(reconcile).await;
        let object: Tenant = cluster.get("web");
        assert_eq!(ready_condition(&object), ("True", "Available"));
        let status = object.status.unwrap();
        assert_eq!((status.ready_replicas, status.observed_generation), (1, object.metadata.generation));
    }

    #[tokio::test]
    async fn drift_is_put_right() {
        let cluster = cluster_with(TenantSpec::default()).await;
        cluster.merge::<Deployment>("web", json!({"spec": {"replicas": 7}}));
        cluster.delete::<Service>("web");
        cluster.settle(reconcile).await;
        assert_eq!(cluster.get::<Deployment>("web").spec.unwrap().replicas, Some(1));
        assert_eq!(cluster.get::<Service>("web").name_any(), "web");
    }

    #[tokio::test]
    async fn an_edit_reaches_the_children() {
        let cluster = cluster_with(TenantSpec::default()).await;
        let edit = json!({"spec": {"replicas": 3, "image": "example/other:2"}});
        cluster.merge::<Tenant>("web", edit);
        cluster.settle(reconcile).await;
        let spec = cluster.get::<Deployment>("web").spec.unwrap();
        assert_eq!(spec.replicas, Some(3));
        assert_eq!(spec.template.spec.unwrap().containers[0].image.as_deref(), Some("example/other:2"));
    }

    #[tokio::test]
    async fn deletion_takes_the_children_along() {
        let cluster = cluster_with(TenantSpec::default()).await;
        cluster.delete::<Tenant>("web");
        cluster.settle(reconcile).await;
        assert!(cluster.find::<Deployment>("web").is_none());
        assert!(cluster.find::<Service>("web").is_none());
    }

    #[tokio::test]
    async fn a_failure_is_reported_and_overcome() {
        let cluster = FakeCluster::new(rules());
        cluster.fail_next("patch services/web", 503);
        cluster.create(&Tenant::new("web", TenantSpec::default()));
        cluster.reconcile_once(reconcile).await.expect_err("the Service could not be applied");
        assert_eq!(ready_condition(&cluster.get("web")), ("False", "ServerError"));
        cluster.settle(reconcile).await;
        assert_eq!(ready_condition(&cluster.get("web")), ("False", "Progressing"));
    }

    #[tokio::test]
    async fn a_child_of_somebody_else_is_left_alone() {
        let cluster = FakeCluster::new(rules());
        let metadata = ObjectMeta { name: Some("web".to_owned()), ..Default::default() };
        cluster.create(&Service { metadata, ..Default::default() });
        cluster.create(&Tenant::new("web", TenantSpec::default()));
        cluster.reconcile_once(reconcile).await.expect_err("the Service is not ours");
        assert_eq!(ready_condition(&cluster.get("web")), ("False", "NotControlled"));
        assert!(cluster.get::<Service>("web").spec.is_none());
    }
}
