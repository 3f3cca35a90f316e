//! MyApp on a real Kubernetes API.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use myapp_operator::api::v1alpha1::my_app::MyApp;
use myapp_operator::api::v1alpha1::my_app::MyAppSpec;
use myapp_operator::runtime::conditions::Conditions;

use crate::support::{Operator, eventually, gone};

fn is_ready(object: Option<&MyApp>) -> bool {
    let Some(status) = object.and_then(|object| object.status.as_ref()) else { return false };
    let current = status.observed_generation == object.and_then(|object| object.metadata.generation);
    current && status.ready().is_some_and(|condition| condition.status == "True")
}

#[tokio::test]
#[ignore = "needs a Kubernetes API: `rop test`"]
async fn objects_become_ready_heal_and_are_cleaned_up() -> anyhow::Result<()> {
    let operator = Operator::start().await?;
    let objects: Api<MyApp> = operator.api();
    let deployments: Api<Deployment> = operator.api();

    let object = MyApp::new("web", MyAppSpec::default());
    objects.create(&PostParams::default(), &object).await?;
    eventually(&objects, "web", is_ready).await?;

    let patch = Patch::Merge(json!({"spec": {"replicas": 2}}));
    objects.patch("web", &PatchParams::default(), &patch).await?;
    let object = eventually(&objects, "web", is_ready).await?;
    assert_eq!(object.status.map(|status| status.ready_replicas), Some(2));

    let deployment = deployments.get("web").await?;
    deployments.delete("web", &DeleteParams::default()).await?;
    gone(&deployments, &deployment).await?;
    let healed = eventually(&deployments, "web", |found: Option<&Deployment>| found.is_some()).await?;
    assert_ne!(healed.uid(), deployment.uid());

    objects.delete("web", &DeleteParams::default()).await?;
    gone(&deployments, &healed).await?;
    operator.stop().await
}

#[tokio::test]
#[ignore = "needs a Kubernetes API: `rop test`"]
async fn a_change_of_the_configuration_is_rolled_out() -> anyhow::Result<()> {
    let operator = Operator::start().await?;
    let objects: Api<MyApp> = operator.api();
    let deployments: Api<Deployment> = operator.api();
    let spec: MyAppSpec = serde_json::from_value(json!({"config": {"GREETING": "hello", "COLOR": "red"}}))?;
    objects.create(&PostParams::default(), &MyApp::new("web", spec)).await?;
    let first = eventually(&objects, "web", is_ready).await?;
    let revision = revision(&deployments.get("web").await?);

    let patch = Patch::Merge(json!({"spec": {"config": {"GREETING": "good day", "COLOR": null}}}));
    objects.patch("web", &PatchParams::default(), &patch).await?;
    let second = eventually(&objects, "web", is_ready).await?;

    let config_map = operator.api::<ConfigMap>().get("web").await?;
    assert_eq!(serde_json::to_value(config_map.data)?, json!({"GREETING": "good day"}));
    assert!(self::revision(&deployments.get("web").await?) > revision, "new pods are needed to read it");
    let last_sync = |object: MyApp| object.status.and_then(|status| status.last_sync_time);
    assert!(last_sync(second) >= last_sync(first));
    operator.stop().await
}

/// Counts the rollouts of a Deployment.
fn revision(deployment: &Deployment) -> u32 {
    let text = deployment.annotations().get("deployment.kubernetes.io/revision");
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[tokio::test]
#[ignore = "needs a Kubernetes API: `rop test`"]
async fn what_makes_no_sense_is_refused() -> anyhow::Result<()> {
    let operator = Operator::start().await?;
    let objects: Api<MyApp> = operator.api();
    for (spec, field) in [
        (json!({"image": ""}), "spec.image"),
        (json!({"image": "example/web:latest"}), "must name a version"),
        (json!({"replicas": -1}), "spec.replicas"),
        (json!({"replicas": 101}), "spec.replicas"),
        (json!({"port": 0}), "spec.port"),
        (json!({"port": 65536}), "spec.port"),
    ] {
        let object = MyApp::new("web", serde_json::from_value(spec.clone())?);
        let refusal = match objects.create(&PostParams::default(), &object).await {
            Err(kube::Error::Api(status)) => status,
            other => anyhow::bail!("{spec} should be refused: {other:?}"),
        };
        assert!(refusal.code == 422 && refusal.message.contains(field), "{spec}: {refusal:?}");
    }
    operator.stop().await
}
