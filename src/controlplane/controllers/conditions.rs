//! Conditions in a status: found by type, and moved in time only when they change.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::controlplane::object::Object;

/// Returns the condition of a type, in an object's `status.conditions`.
pub(super) fn find<'a>(object: &'a Value, condition_type: &str) -> Option<&'a Value> {
    let conditions = object.at(&["status", "conditions"])?.as_array()?;
    conditions.iter().find(|condition| condition.text_at(&["type"]) == condition_type)
}

/// Whether the condition of a type has a status.
pub(super) fn is(object: &Value, condition_type: &str, status: &str) -> bool {
    find(object, condition_type).is_some_and(|condition| condition.text_at(&["status"]) == status)
}

/// Returns a condition with `lastTransitionTime`.
pub(super) fn new(condition_type: &str, status: &str, reason: &str, message: &str, now: &str) -> Value {
    json!({
        "type": condition_type, "status": status, "lastTransitionTime": now, "reason": reason, "message": message,
    })
}

/// Sets a condition in place (appended when new). Its `lastTransitionTime` moves only when its status does.
pub(super) fn set(conditions: &mut Vec<Value>, mut condition: Value) {
    let same_type = |other: &Value| other.get("type") == condition.get("type");
    let Some(current) = conditions.iter_mut().find(|other| same_type(other)) else {
        return conditions.push(condition);
    };
    if current.get("status") == condition.get("status")
        && let Some(time) = current.get("lastTransitionTime")
    {
        condition["lastTransitionTime"] = time.clone();
    }
    *current = condition;
}

/// Removes the condition of a type.
pub(super) fn remove(conditions: &mut Vec<Value>, condition_type: &str) {
    conditions.retain(|condition| condition.text_at(&["type"]) != condition_type);
}

/// Returns a copy of an object's conditions.
pub(super) fn of(object: &Value) -> Vec<Value> {
    object.at(&["status", "conditions"]).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Returns the time at a path, if there is one.
pub(super) fn time_at(value: &Value, path: &[&str]) -> Option<Timestamp> {
    value.text_at(path).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_moves_with_the_status_only() {
        let mut conditions = vec![new("Ready", "True", "A", "", "t1"), new("Other", "True", "A", "", "t1")];
        set(&mut conditions, new("Ready", "True", "B", "", "t2"));
        assert_eq!((&conditions[0]["lastTransitionTime"], &conditions[0]["reason"]), (&json!("t1"), &json!("B")));
        set(&mut conditions, new("Ready", "False", "B", "", "t3"));
        assert_eq!(conditions[0]["lastTransitionTime"], "t3");
        remove(&mut conditions, "Ready");
        assert_eq!(conditions.len(), 1);
    }
}
