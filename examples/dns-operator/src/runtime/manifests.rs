//! The manifests that follow from the code: CRDs from the types, the role from the controllers' rules.

use k8s_openapi::api::rbac::v1::PolicyRule;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::json;

use super::rbac;

/// Prints the CRDs and the role as a JSON List, which `kubectl apply -f -` takes and `rop generate` splits into files.
///
/// # Errors
/// When an object cannot be written as JSON.
pub fn print(crds: &[CustomResourceDefinition], rules: Vec<PolicyRule>) -> anyhow::Result<()> {
    let mut items = crds.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?;
    items.push(serde_json::to_value(rbac::role(rules))?);
    println!("{}", serde_json::to_string_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": items}))?);
    Ok(())
}
