//! The tour: shows on a sample what an operator does: becomes ready, scales, heals, cleans up.

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;

use super::error::refused;
use super::session::Session;
use super::wait::until;
use super::{Event, Failure, Report};

/// What the tour is about.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The group of its kind.
    pub group: String,
    /// The version of its kind.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// The plural of its kind.
    pub plural: String,
    /// The name of the sample.
    pub name: String,
}

/// Walks a running operator through the life of its sample.
///
/// # Errors
/// When a step does not happen.
pub async fn tour(session: &Session, sample: &Sample, report: &Report) -> Result<(), Failure> {
    let tour = Tour::new(session, sample, report);
    tour.becomes_ready().await?;
    tour.scales().await?;
    tour.heals().await?;
    tour.cleans_up().await
}

struct Tour<'a> {
    sample: &'a Sample,
    report: &'a Report,
    objects: Api<DynamicObject>,
    deployments: Api<DynamicObject>,
}

impl<'a> Tour<'a> {
    fn new(session: &Session, sample: &'a Sample, report: &'a Report) -> Self {
        let client = &session.access.client;
        let Sample { group, version, kind, plural, .. } = sample;
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        let deployment = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
        let namespace = session.user_namespace();
        Self {
            sample,
            report,
            objects: Api::namespaced_with(client.clone(), namespace, &resource),
            deployments: Api::namespaced_with(client.clone(), namespace, &deployment),
        }
    }

    fn step(&self, text: String) {
        (self.report)(Event::Step(text));
    }

    async fn becomes_ready(&self) -> Result<(), Failure> {
        let Sample { kind, name, .. } = self.sample;
        until(&self.objects, name, &format!("{kind} {name} to become ready"), |object| is_ready(object, 1)).await?;
        self.step(format!("{kind} {name} is ready: the operator made a Deployment and a Service for it"));
        Ok(())
    }

    async fn scales(&self) -> Result<(), Failure> {
        let Sample { kind, name, .. } = self.sample;
        let patch = Patch::Merge(json!({"spec": {"replicas": 3}}));
        let patched = self.objects.patch(name, &PatchParams::default(), &patch).await;
        patched.map_err(|error| refused("failed to scale the sample", error))?;
        until(&self.objects, name, &format!("{kind} {name} to have 3 pods"), |object| is_ready(object, 3)).await?;
        self.step(format!("{kind} {name} was scaled to 3 pods, and all of them are ready"));
        Ok(())
    }

    async fn heals(&self) -> Result<(), Failure> {
        let Sample { kind, name, .. } = self.sample;
        let before = self.uid_of_deployment().await?;
        let deleted = self.deployments.delete(name, &DeleteParams::background()).await;
        deleted.map_err(|error| refused("failed to delete the Deployment", error))?;
        let is_new = |object: Option<&DynamicObject>| object.is_some_and(|o| o.metadata.uid != before);
        until(&self.deployments, name, "the Deployment to come back", is_new).await?;
        until(&self.objects, name, &format!("{kind} {name} to be ready again"), |object| is_ready(object, 3)).await?;
        self.step("somebody deleted the Deployment, and the operator put it back".to_owned());
        Ok(())
    }

    async fn cleans_up(&self) -> Result<(), Failure> {
        let Sample { kind, name, .. } = self.sample;
        let deleted = self.objects.delete(name, &DeleteParams::background()).await;
        deleted.map_err(|error| refused("failed to delete the sample", error))?;
        until(&self.deployments, name, "the Deployment to be collected", |object| object.is_none()).await?;
        self.step(format!("{kind} {name} was deleted, and what it owned was garbage-collected"));
        Ok(())
    }

    async fn uid_of_deployment(&self) -> Result<Option<String>, Failure> {
        let deployment = self.deployments.get(&self.sample.name).await;
        Ok(deployment.map_err(|error| refused("failed to read the Deployment", error))?.metadata.uid)
    }
}

/// Whether an object speaks of its newest generation, is ready, and has so many pods.
fn is_ready(object: Option<&DynamicObject>, replicas: i64) -> bool {
    let Some(object) = object else { return false };
    let status = &object.data["status"];
    let conditions = status["conditions"].as_array().into_iter().flatten();
    status["observedGeneration"].as_i64() == object.metadata.generation
        && status["readyReplicas"].as_i64() == Some(replicas)
        && conditions.into_iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
}
