//! Pods get the number of their PriorityClass, or that of the default class.
//!
//! Source: `plugin/pkg/admission/priority/admission.go`, Kubernetes 1.36.

use serde_json::Value;

use super::{Attributes, forbidden, is_new_pod};
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object;
use crate::controlplane::status::Status;

const DEFAULT_POLICY: &str = "PreemptLowerPriority";

/// Gives a new pod its priority.
pub(super) fn admit(attributes: &Attributes<'_>, pod: &mut Value) -> Result<(), Status> {
    if !is_new_pod(attributes) {
        return Ok(());
    }
    let classes = GroupResource::new("scheduling.k8s.io", "priorityclasses");
    let class = match pod.text_at(&["spec", "priorityClassName"]) {
        "" => {
            let all = attributes.objects.list(&classes, "");
            let all: Vec<&Value> = all.iter().map(|stored| &stored.value).collect();
            default_class(&all).cloned()
        }
        name => match attributes.objects.get(&classes, "", name) {
            Some(class) => Some(class.value.clone()),
            None => {
                let why = format!("no PriorityClass with name {name} was found");
                return Err(forbidden(attributes, Some(pod), &why));
            }
        },
    };
    let (name, value, policy) = parts(class.as_ref());
    check_given(attributes, pod, ("priority", value.into(), "the integer value of priority"))?;
    check_given(attributes, pod, ("preemptionPolicy", policy.into(), "the string value of PreemptionPolicy"))?;
    if !name.is_empty() {
        pod.set(&["spec", "priorityClassName"], name);
    }
    pod.set(&["spec", "priority"], value);
    pod.set(&["spec", "preemptionPolicy"], policy);
    Ok(())
}

/// Returns the class of pods that name none: of several defaults the one with the smallest number.
fn default_class<'a>(classes: &[&'a Value]) -> Option<&'a Value> {
    let defaults = classes.iter().filter(|class| class.at(&["globalDefault"]) == Some(&Value::Bool(true)));
    defaults.min_by_key(|class| class.at(&["value"]).and_then(Value::as_i64)).copied()
}

fn parts(class: Option<&Value>) -> (&str, i64, &str) {
    let Some(class) = class else { return ("", 0, DEFAULT_POLICY) };
    let policy = Some(class.text_at(&["preemptionPolicy"])).filter(|policy| !policy.is_empty());
    let value = class.at(&["value"]).and_then(Value::as_i64).unwrap_or(0);
    (class.name(), value, policy.unwrap_or(DEFAULT_POLICY))
}

/// Refuses a pod that says something else than its class.
fn check_given(
    attributes: &Attributes<'_>,
    pod: &Value,
    (field, computed, what): (&str, Value, &str),
) -> Result<(), Status> {
    match pod.at(&["spec", field]).filter(|given| !given.is_null() && **given != computed) {
        None => Ok(()),
        Some(given) => {
            let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let why = format!(
                "{what} ({}) must not be provided in pod spec; priority admission controller computed {} from the given \
                 PriorityClass name",
                plain(given),
                plain(&computed)
            );
            Err(forbidden(attributes, Some(pod), &why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_several_defaults_the_smallest_counts() {
        let class = |name: &str, value: i64, default: bool| json!({"metadata": {"name": name}, "value": value, "globalDefault": default});
        let classes = [class("high", 9, true), class("low", 1, true), class("none", 0, false)];
        let found = default_class(&classes.iter().collect::<Vec<_>>());
        assert_eq!(parts(found), ("low", 1, DEFAULT_POLICY));
        assert_eq!(parts(default_class(&[])), ("", 0, DEFAULT_POLICY));
    }
}
