//! SearchIndex on a real Kubernetes API.

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use shop::api::data::v1::search_index::SearchIndex;
use shop::api::data::v1::search_index::SearchIndexSpec;
use shop::runtime::conditions::Conditions;

use crate::support::{Operator, eventually, gone};

/// The name of the object, and of its children: no other kind's test uses it.
const NAME: &str = "search-index-test";

fn is_ready(object: Option<&SearchIndex>) -> bool {
    let Some(status) = object.and_then(|object| object.status.as_ref()) else { return false };
    let current = status.observed_generation == object.and_then(|object| object.metadata.generation);
    current && status.ready().is_some_and(|condition| condition.status == "True")
}

#[tokio::test]
#[ignore = "needs a Kubernetes API: `rop test`"]
async fn objects_become_ready_heal_and_are_cleaned_up() -> anyhow::Result<()> {
    let operator = Operator::start().await?;
    let objects: Api<SearchIndex> = operator.api();
    let deployments: Api<Deployment> = operator.api();

    let object = SearchIndex::new(NAME, SearchIndexSpec::default());
    objects.create(&PostParams::default(), &object).await?;
    eventually(&objects, NAME, is_ready).await?;

    let patch = Patch::Merge(json!({"spec": {"replicas": 2}}));
    objects.patch(NAME, &PatchParams::default(), &patch).await?;
    let object = eventually(&objects, NAME, is_ready).await?;
    assert_eq!(object.status.map(|status| status.ready_replicas), Some(2));

    let deployment = deployments.get(NAME).await?;
    deployments.delete(NAME, &DeleteParams::default()).await?;
    gone(&deployments, &deployment).await?;
    let healed = eventually(&deployments, NAME, |found: Option<&Deployment>| found.is_some()).await?;
    assert_ne!(healed.uid(), deployment.uid());

    objects.delete(NAME, &DeleteParams::default()).await?;
    gone(&deployments, &healed).await?;
    operator.stop().await
}
