//! The ReplicaSets of a Deployment, and the sums over them.

use std::sync::Arc;

use serde_json::Value;

use crate::controlplane::controllers::pods::number_at;
use crate::controlplane::object::Object;
use crate::controlplane::storage::Stored;

pub(super) const TEMPLATE_HASH: &str = "pod-template-hash";

/// The ReplicaSets of a Deployment.
#[derive(Debug)]
pub(super) struct ReplicaSets {
    /// All, oldest first.
    pub(super) all: Vec<Arc<Stored>>,
    /// The place in `all` of the one with the present template.
    new: Option<usize>,
}

impl ReplicaSets {
    pub(super) fn new(deployment: &Value, mut all: Vec<Arc<Stored>>) -> Self {
        all.sort_by_cached_key(|set| (created(&set.value).to_owned(), set.value.name().to_owned()));
        let template = deployment.at(&["spec", "template"]).unwrap_or(&Value::Null);
        let new = all
            .iter()
            .position(|set| set.value.at(&["spec", "template"]).is_some_and(|other| is_same_template(template, other)));
        Self { all, new }
    }

    /// Returns the ReplicaSet with the present template.
    pub(super) fn current(&self) -> Option<&Value> {
        self.new.map(|new| &self.all[new].value)
    }

    /// Returns the others, oldest first.
    pub(super) fn old(&self) -> impl Iterator<Item = &Value> {
        let new = self.new;
        self.all.iter().enumerate().filter(move |(place, _)| Some(*place) != new).map(|(_, set)| &set.value)
    }

    /// Returns all, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.all.iter().map(|set| &set.value)
    }

    /// Returns those that should have pods, oldest first.
    pub(super) fn active(&self) -> impl Iterator<Item = &Value> {
        self.iter().filter(|set| replicas(set) > 0)
    }

    /// Returns how many pods all of them should have.
    pub(super) fn total_replicas(&self) -> i64 {
        self.iter().map(replicas).sum()
    }

    /// Returns the sum of a number of their status.
    pub(super) fn sum(&self, field: &str) -> i64 {
        self.iter().map(|set| number_at(set, &["status", field], 0)).sum()
    }
}

/// Returns how many pods a ReplicaSet or Deployment should have.
pub(super) fn replicas(object: &Value) -> i64 {
    number_at(object, &["spec", "replicas"], 1)
}

fn created(set: &Value) -> &str {
    set.text_at(&["metadata", "creationTimestamp"])
}

/// Whether two pod templates are equal but for the hash label.
fn is_same_template(left: &Value, right: &Value) -> bool {
    let labels = |template: &Value| {
        let mut labels = template.at(&["metadata", "labels"]).and_then(Value::as_object).cloned().unwrap_or_default();
        labels.shift_remove(TEMPLATE_HASH);
        labels
    };
    let annotations = |template: &Value| {
        template.at(&["metadata", "annotations"]).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    left.get("spec") == right.get("spec") && labels(left) == labels(right) && annotations(left) == annotations(right)
}
