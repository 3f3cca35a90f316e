//! The quality of service class of a pod.
//!
//! Source: `ComputePodQOS` of `k8s.io/kubernetes/pkg/apis/core/v1/helper/qos/qos.go`, Kubernetes 1.36.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::controlplane::quantity::Quantity;

/// Returns `BestEffort`, `Burstable` or `Guaranteed`.
pub(super) fn class(pod: &Value) -> &'static str {
    let mut total = Total { guaranteed: true, ..Total::default() };
    match pod.pointer("/spec/resources") {
        Some(resources) if has_amounts(resources) => total.add(resources),
        _ => {
            for path in ["/spec/containers", "/spec/initContainers"] {
                let containers = pod.pointer(path).and_then(Value::as_array);
                containers.into_iter().flatten().for_each(|container| total.add(&container["resources"]));
            }
        }
    }
    total.class()
}

fn has_amounts(resources: &Value) -> bool {
    ["requests", "limits"]
        .iter()
        .any(|side| resources.get(side).is_some_and(|map| map.as_object().is_some_and(|m| !m.is_empty())))
}

#[derive(Default)]
struct Total {
    requests: BTreeMap<&'static str, Quantity>,
    limits: BTreeMap<&'static str, Quantity>,
    guaranteed: bool,
}

impl Total {
    fn add(&mut self, resources: &Value) {
        let mut limited = 0;
        for name in ["cpu", "memory"] {
            let amount = |side: &str| {
                let text = resources.get(side)?.get(name)?.as_str()?;
                Quantity::parse(text).filter(|quantity| quantity.nano() > 0)
            };
            if let Some(amount) = amount("requests") {
                add(&mut self.requests, name, amount);
            }
            if let Some(amount) = amount("limits") {
                add(&mut self.limits, name, amount);
                limited += 1;
            }
        }
        self.guaranteed &= limited == 2;
    }

    fn class(&self) -> &'static str {
        match (self.requests.is_empty() && self.limits.is_empty(), self.guaranteed && self.requests == self.limits) {
            (true, _) => "BestEffort",
            (false, true) => "Guaranteed",
            (false, false) => "Burstable",
        }
    }
}

fn add(total: &mut BTreeMap<&'static str, Quantity>, name: &'static str, amount: Quantity) {
    total.entry(name).and_modify(|sum| *sum = sum.plus(amount)).or_insert(amount);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(resources: &[Value], expected: &str) {
        let containers: Vec<Value> = resources.iter().map(|resources| json!({"resources": resources})).collect();
        assert_eq!(class(&json!({"spec": {"containers": containers}})), expected);
    }

    #[test]
    fn classes_follow_requests_and_limits() {
        let full = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}});
        check(&[json!({})], "BestEffort");
        check(&[json!({"requests": {"cpu": "0"}})], "BestEffort");
        check(&[json!({"limits": {"cpu": "1"}})], "Burstable");
        check(std::slice::from_ref(&full), "Guaranteed");
        check(&[full, json!({})], "Burstable");
        check(&[json!({"requests": {"example.com/gpu": "1"}})], "BestEffort");
    }
}
