//! The internal form of a CRD that upstream validates: what all versions share stands at the top.
//!
//! It shows in the paths of findings: a CRD whose versions have one and the same schema has it at
//! `spec.validation.openAPIV3Schema`, others have theirs at `spec.versions[0].schema.openAPIV3Schema`.
//!
//! Source: `Convert_v1_CustomResourceDefinitionSpec_To_apiextensions_CustomResourceDefinitionSpec` of
//! `k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/conversion.go`, Kubernetes 1.36.

use serde_json::Value;

use crate::controlplane::object::Object;

/// Something of a version, and where its findings belong.
#[derive(Debug, Clone)]
pub(super) struct Part<'a> {
    /// The path of findings about it.
    pub path: String,
    /// What is stated; `None` when nothing is.
    pub value: Option<&'a Value>,
    /// Whether the status subresource is served where this applies.
    pub has_status: bool,
}

/// Whether all versions say the same under `key`.
pub(super) fn is_shared(versions: &[Value], key: &str) -> bool {
    let stated = |version| stated(version, key);
    versions.windows(2).all(|pair| stated(&pair[0]) == stated(&pair[1]))
}

/// Returns the parts under `key`: one at `top` when all versions share it, one a version otherwise.
pub(super) fn parts<'a>(versions: &'a [Value], key: &str, top: &str) -> Vec<Part<'a>> {
    let has_status = |version: &Value| version.at(&["subresources", "status"]).is_some_and(Value::is_object);
    if is_shared(versions, key) {
        let value = versions.first().and_then(|version| stated(version, key));
        return vec![Part { path: top.to_owned(), value, has_status: versions.iter().any(has_status) }];
    }
    let part = |(index, version): (usize, &'a Value)| Part {
        path: format!("spec.versions[{index}].{key}"),
        value: stated(version, key),
        has_status: has_status(version),
    };
    versions.iter().enumerate().map(part).collect()
}

fn stated<'a>(version: &'a Value, key: &str) -> Option<&'a Value> {
    version.get(key).filter(|value| !value.is_null())
}
