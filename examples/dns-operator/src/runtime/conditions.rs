//! Conditions: the standard way in which a status tells its state.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// The type of the condition that sums up all others.
pub const READY: &str = "Ready";

/// A status that has conditions.
pub trait Conditions {
    /// Returns the conditions.
    fn conditions(&self) -> &[Condition];

    /// Returns the condition that sums up all others.
    fn ready(&self) -> Option<&Condition> {
        self.conditions().iter().find(|condition| condition.type_ == READY)
    }
}

/// Returns `Ready=True`. The reason is one CamelCase word, the message is for people.
pub fn ready(reason: &str, message: impl Into<String>) -> Condition {
    condition("True", reason, message.into())
}

/// Returns `Ready=False`.
pub fn not_ready(reason: &str, message: impl Into<String>) -> Condition {
    condition("False", reason, message.into())
}

fn condition(status: &str, reason: &str, message: String) -> Condition {
    Condition {
        type_: READY.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: None,
        last_transition_time: Time(Timestamp::now()),
    }
}

/// Puts a condition in the place of the one of its type. The time of the last transition moves only when the status does.
pub fn set(conditions: &mut Vec<Condition>, mut condition: Condition, generation: Option<i64>) {
    condition.observed_generation = generation;
    match conditions.iter_mut().find(|old| old.type_ == condition.type_) {
        Some(old) => {
            if old.status == condition.status {
                condition.last_transition_time = old.last_transition_time.clone();
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_moves_with_the_status_only() {
        let mut conditions = Vec::new();
        let mut first = not_ready("Progressing", "0 of 1 pods are ready");
        first.last_transition_time = Time(Timestamp::UNIX_EPOCH);
        set(&mut conditions, first, Some(1));
        set(&mut conditions, not_ready("Progressing", "0 of 2 pods are ready"), Some(2));
        assert_eq!(conditions[0].last_transition_time, Time(Timestamp::UNIX_EPOCH));
        set(&mut conditions, ready("Available", ""), Some(2));
        assert_ne!(conditions[0].last_transition_time, Time(Timestamp::UNIX_EPOCH));
        assert_eq!((conditions.len(), conditions[0].observed_generation), (1, Some(2)));
    }
}
