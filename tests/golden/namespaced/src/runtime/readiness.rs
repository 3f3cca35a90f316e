//! Tells whether children are ready.

use k8s_openapi::api::apps::v1::Deployment;

/// Whether a Deployment has been rolled out, with the rules of `kubectl rollout status`; else what it waits for.
///
/// The texts hold no numbers: those stand in the status beside them, and each new text costs a write.
///
/// # Errors
/// The text that tells users what the Deployment waits for.
pub fn deployment(deployment: &Deployment) -> Result<(), &'static str> {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    let (updated, all) = (status.updated_replicas.unwrap_or(0), status.replicas.unwrap_or(0));
    let observed = status.observed_generation >= deployment.metadata.generation;
    if !observed || updated < wanted || all > updated {
        return Err("The pods are being rolled out");
    }
    if status.available_replicas.unwrap_or(0) < updated {
        return Err("Not all pods are ready");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(status: Value, expected: Result<(), &str>) {
        let spec = json!({"replicas": 2, "selector": {}, "template": {}});
        let object = json!({"metadata": {"generation": 2}, "spec": spec, "status": status});
        let object: Deployment = serde_json::from_value(object).expect("the object is a Deployment");
        assert_eq!(deployment(&object), expected);
    }

    #[test]
    fn a_deployment_is_ready_when_its_rollout_is_done() {
        let rolling = Err("The pods are being rolled out");
        check(json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}), rolling);
        check(json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}), rolling);
        check(json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3}), rolling);
        let waiting = Err("Not all pods are ready");
        check(json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}), waiting);
        check(json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}), Ok(()));
    }
}
