//! MyApp: what users ask for (spec) and what they are told (status).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::runtime::conditions::Conditions;

/// What users ask for.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "example.com",
    version = "v1alpha1",
    kind = "MyApp",
    plural = "myapps",
    singular = "myapp",
    shortname = "ma",
    namespaced,
    status = "MyAppStatus",
    derive = "PartialEq",
    doc = "MyApp runs an image behind a Service.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Desired", type_ = "integer", json_path = ".spec.replicas"),
    printcolumn(name = "Up-to-date", type_ = "integer", json_path = ".status.updatedReplicas"),
    printcolumn(name = "Available", type_ = "integer", json_path = ".status.availableReplicas"),
    printcolumn(name = "Image", type_ = "string", json_path = ".spec.image", priority = 1),
    printcolumn(name = "Synced", type_ = "date", json_path = ".status.lastSyncTime", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct MyAppSpec {
    /// The container image to run.
    #[serde(default = "default_image")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("!self.endsWith(':latest')")
        .message("must name a version: the tag latest means another image tomorrow"))]
    pub image: String,

    /// How many pods to run.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 0, max = 100))]
    pub replicas: i32,

    /// The TCP port on which the container listens, and the Service too.
    #[serde(default = "default_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,

    /// The environment of the container. It is kept in a ConfigMap; a change of it replaces the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
}

fn default_image() -> String {
    "nginxinc/nginx-unprivileged:1.29".to_owned()
}

fn default_replicas() -> i32 {
    1
}

fn default_port() -> i32 {
    8080
}

impl Default for MyAppSpec {
    fn default() -> Self {
        Self { image: default_image(), replicas: default_replicas(), port: default_port(), config: BTreeMap::new() }
    }
}

/// What users are told.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MyAppStatus {
    /// The generation of the object that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// How many pods there are.
    #[serde(default)]
    pub replicas: i32,

    /// How many of them run what the spec asks for.
    #[serde(default)]
    pub updated_replicas: i32,

    /// How many of them are ready.
    #[serde(default)]
    pub ready_replicas: i32,

    /// How many of them have been ready for long enough to count on.
    #[serde(default)]
    pub available_replicas: i32,

    /// When all children were last seen to be as they should, after one of them was written or this status changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync_time: Option<Time>,

    /// Selects the pods, for autoscalers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub selector: String,

    /// The state in detail; Ready sums it up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl Conditions for MyAppStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}
