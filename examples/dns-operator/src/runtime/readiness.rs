//! Tells whether children are ready.

use k8s_openapi::api::apps::v1::Deployment;

/// Whether a Deployment has been rolled out, with the rules of `kubectl rollout status`; else what it waits for.
///
/// # Errors
/// The text that tells users what the Deployment waits for.
pub fn deployment(deployment: &Deployment) -> Result<(), String> {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    if status.observed_generation < deployment.metadata.generation {
        return Err("The Deployment has not been looked at yet".to_owned());
    }
    let (updated, all) = (status.updated_replicas.unwrap_or(0), status.replicas.unwrap_or(0));
    let available = status.available_replicas.unwrap_or(0);
    if updated < wanted {
        return Err(format!("{updated} of {wanted} pods are up to date"));
    }
    if all > updated {
        return Err(format!("{} old pods are waiting to be stopped", all - updated));
    }
    if available < updated {
        return Err(format!("{available} of {updated} pods are ready"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(status: serde_json::Value, expected: Result<(), &str>) {
        let object = json!({"metadata": {"generation": 2}, "spec": {"replicas": 2, "selector": {}, "template": {}}, "status": status});
        let object: Deployment = serde_json::from_value(object).expect("the object is a Deployment");
        assert_eq!(deployment(&object), expected.map_err(str::to_owned));
    }

    #[test]
    fn a_deployment_is_ready_when_its_rollout_is_done() {
        check(json!({"observedGeneration": 1}), Err("The Deployment has not been looked at yet"));
        check(json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}), Err("1 of 2 pods are up to date"));
        check(
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2}),
            Err("1 old pods are waiting to be stopped"),
        );
        check(
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}),
            Err("1 of 2 pods are ready"),
        );
        check(json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}), Ok(()));
    }
}
