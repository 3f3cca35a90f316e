//! Cache: what users ask for (spec) and what they are told (status).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::runtime::conditions::Conditions;

/// What users ask for.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "app.example.com",
    version = "v1alpha1",
    kind = "Cache",
    plural = "caches",
    singular = "cache",
    shortname = "cch",
    namespaced,
    status = "CacheStatus",
    derive = "PartialEq",
    doc = "Cache runs an image behind a Service.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".status.readyReplicas"),
    printcolumn(name = "Image", type_ = "string", json_path = ".spec.image", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct CacheSpec {
    /// The container image to run.
    #[serde(default = "default_image")]
    #[schemars(length(min = 1))]
    pub image: String,

    /// How many pods to run.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 0))]
    pub replicas: i32,

    /// The TCP port on which the container listens, and the Service too.
    #[serde(default = "default_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
}

fn default_image() -> String {
    "redis:7".to_owned()
}

fn default_replicas() -> i32 {
    1
}

fn default_port() -> i32 {
    6379
}

impl Default for CacheSpec {
    fn default() -> Self {
        Self { image: default_image(), replicas: default_replicas(), port: default_port() }
    }
}

/// What users are told.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CacheStatus {
    /// The generation of the object that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// How many pods there are.
    #[serde(default)]
    pub replicas: i32,

    /// How many of them are ready.
    #[serde(default)]
    pub ready_replicas: i32,

    /// Selects the pods, for autoscalers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub selector: String,

    /// The state in detail; Ready sums it up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl Conditions for CacheStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}
