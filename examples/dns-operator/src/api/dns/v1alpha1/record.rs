//! Record: what users ask for (spec) and what they are told (status).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::runtime::conditions::Conditions;

/// What users ask for.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "dns.example.com",
    version = "v1alpha1",
    kind = "Record",
    plural = "records",
    singular = "record",
    namespaced,
    status = "RecordStatus",
    derive = "PartialEq",
    doc = "Record is a name in a DNS zone that an outside service keeps.",
    printcolumn(name = "DNS Name", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type != 'CNAME' || self.values.size() == 1")
    .message("a CNAME has exactly one value"))]
pub struct RecordSpec {
    /// The name in the zone, in full.
    #[schemars(length(max = 253), regex(pattern = r"^(\*\.)?([a-z0-9_]([-a-z0-9]*[a-z0-9])?\.)+[a-z]{2,63}$"))]
    pub name: String,

    /// What the values are.
    #[serde(rename = "type")]
    pub type_: RecordType,

    /// What the name stands for.
    #[schemars(length(min = 1, max = 50))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub values: Vec<String>,

    /// For how many seconds resolvers may remember it.
    #[serde(default = "default_ttl_seconds")]
    #[schemars(range(min = 30, max = 86400))]
    pub ttl_seconds: i32,
}

/// What the values of a record are.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    A,
    Aaaa,
    Cname,
    Txt,
}

fn default_ttl_seconds() -> i32 {
    300
}

/// What users are told.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RecordStatus {
    /// The generation of the object that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Under this id the DNS service keeps the record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub record_id: String,

    /// The state in detail; Ready sums it up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl Conditions for RecordStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}
