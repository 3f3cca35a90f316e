// Managed by rop from PROJECT: do not edit.
//! The custom resources.

pub mod dns;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// Returns the CRDs of all kinds.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        // One a kind.
        dns::v1alpha1::record::Record::crd(),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_crd_can_be_built() {
        for crd in super::crds() {
            assert!(crd.spec.versions.iter().any(|version| version.storage), "{:?} is stored", crd.metadata.name);
        }
    }
}
