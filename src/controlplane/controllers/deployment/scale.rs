//! How many pods each ReplicaSet of a Deployment gets.
//!
//! Source: `pkg/controller/deployment/sync.go`, `.../util/deployment_util.go`.

use serde_json::Value;

use super::replica_sets::{ReplicaSets, replicas};
use super::{COMPONENT, annotations};
use crate::controlplane::controllers::kind::REPLICA_SET;
use crate::controlplane::controllers::pods::number_at;
use crate::controlplane::controllers::{Note, Step};
use crate::controlplane::object::Object;

/// Whether the Deployment is of another size than its ReplicaSets were made for.
pub(super) fn is_scaling(deployment: &Value, sets: &ReplicaSets) -> bool {
    let desired = replicas(deployment).to_string();
    sets.active().any(|set| set.annotation(annotations::DESIRED).is_some_and(|other| other != desired))
}

/// Returns the number that `IntOrString` means for a total; a percentage is rounded up or down.
pub(in crate::controlplane::controllers) fn resolve(value: Option<&Value>, total: i64, round_up: bool) -> i64 {
    match value {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
        Some(Value::String(text)) => {
            let percent: i64 = text.strip_suffix('%').and_then(|digits| digits.parse().ok()).unwrap_or(0);
            let rounding = if round_up { 99 } else { 0 };
            (percent.saturating_mul(total) + rounding) / 100
        }
        _ => 0,
    }
}

fn is_rolling(deployment: &Value) -> bool {
    deployment.text_at(&["spec", "strategy", "type"]) != "Recreate"
}

/// Returns surge and unavailability; both zero would never get anywhere, so one pod may then be unavailable.
fn fenceposts(deployment: &Value) -> (i64, i64) {
    let bound = |field| deployment.at(&["spec", "strategy", "rollingUpdate", field]);
    let surge = resolve(bound("maxSurge"), replicas(deployment), true);
    let unavailable = resolve(bound("maxUnavailable"), replicas(deployment), false);
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

/// Returns how many pods a Deployment may have above its size.
pub(super) fn max_surge(deployment: &Value) -> i64 {
    if is_rolling(deployment) { fenceposts(deployment).0 } else { 0 }
}

/// Returns how many of a Deployment's pods may be unavailable.
pub(super) fn max_unavailable(deployment: &Value) -> i64 {
    if !is_rolling(deployment) || replicas(deployment) == 0 {
        return 0;
    }
    fenceposts(deployment).1.min(replicas(deployment))
}

/// Returns how many pods the new ReplicaSet may have now.
pub(super) fn new_replicas(deployment: &Value, sets: &ReplicaSets) -> i64 {
    let desired = replicas(deployment);
    if !is_rolling(deployment) {
        return desired;
    }
    let current = sets.current().map_or(0, replicas);
    let (total, allowed) = (sets.total_replicas(), desired + max_surge(deployment));
    if total >= allowed { current } else { current + (allowed - total).min(desired - current) }
}

/// Sets the size of a ReplicaSet. Returns whether anything has to be written.
pub(super) fn set_size(deployment: &Value, set: &Value, size: i64, step: &mut Step) -> bool {
    let old = replicas(set);
    let mut updated = set.clone();
    let is_annotated = annotations::set_replicas(deployment, &mut updated);
    if old == size && !is_annotated {
        return false;
    }
    updated.set(&["spec", "replicas"], size);
    step.update(&REPLICA_SET.gvr(), updated);
    if old != size {
        let direction = if old < size { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {} from {old} to {size}", set.name());
        step.event(Note::normal(COMPONENT, deployment, "ScalingReplicaSet", message));
    }
    true
}

/// Sets the sizes of ReplicaSets. Returns whether anything has to be written.
pub(super) fn set_sizes<'a>(
    deployment: &Value,
    sizes: impl Iterator<Item = (&'a Value, i64)>,
    step: &mut Step,
) -> bool {
    sizes.filter(|(set, size)| set_size(deployment, set, *size, step)).count() > 0
}

/// Brings the ReplicaSets to the size of the Deployment: one alone at once, several in proportion. Returns whether
/// anything has to be written.
pub(super) fn sync(deployment: &Value, sets: &ReplicaSets, step: &mut Step) -> bool {
    let desired = replicas(deployment);
    if let Some(only) = active_or_latest(sets) {
        return set_size(deployment, only, desired, step);
    }
    if sets.current().is_some_and(|set| is_saturated(deployment, set)) {
        return set_sizes(deployment, sets.old().filter(|set| replicas(set) > 0).map(|set| (set, 0)), step);
    }
    is_rolling(deployment) && in_proportion(deployment, sets, step)
}

/// Returns the only active ReplicaSet or, when none is active, the new or the youngest one.
fn active_or_latest(sets: &ReplicaSets) -> Option<&Value> {
    let mut active = sets.active();
    match (active.next(), active.next()) {
        (None, _) => sets.current().or_else(|| sets.old().last()),
        (only, None) => only,
        _ => None,
    }
}

fn is_saturated(deployment: &Value, set: &Value) -> bool {
    let desired = replicas(deployment);
    replicas(set) == desired
        && set.annotation(annotations::DESIRED).and_then(|number| number.parse().ok()) == Some(desired)
        && number_at(set, &["status", "availableReplicas"], 0) == desired
}

/// Spreads a change of size over all active ReplicaSets; what does not divide goes to the largest.
fn in_proportion(deployment: &Value, sets: &ReplicaSets, step: &mut Step) -> bool {
    let desired = replicas(deployment);
    let allowed = if desired > 0 { desired + max_surge(deployment) } else { 0 };
    let mut active: Vec<_> = sets.active().collect();
    let to_add = allowed - active.iter().map(|set| replicas(set)).sum::<i64>();
    // Oldest first by birth; the stable sort keeps that order among equals when shrinking, and the reverse when growing.
    if to_add > 0 {
        active.reverse();
    }
    active.sort_by_key(|set| std::cmp::Reverse(replicas(set)));
    let mut added = 0;
    let mut sizes = Vec::new();
    for set in &active {
        let share = share_of(deployment, set, to_add, added);
        added += share;
        sizes.push(replicas(set) + share);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + to_add - added).max(0);
    }
    set_sizes(deployment, active.into_iter().zip(sizes), step)
}

fn share_of(deployment: &Value, set: &Value, to_add: i64, added: i64) -> i64 {
    if replicas(set) == 0 || to_add == 0 || to_add == added {
        return 0;
    }
    let (share, left) = (fraction(deployment, set), to_add - added);
    if to_add > 0 { share.min(left) } else { share.max(left) }
}

/// Returns by how much a ReplicaSet would grow if it kept its part of the whole.
fn fraction(deployment: &Value, set: &Value) -> i64 {
    let desired = replicas(deployment);
    if desired == 0 {
        return -replicas(set);
    }
    let before = set.annotation(annotations::MAX).and_then(|number| number.parse::<i64>().ok());
    let before = before.unwrap_or_else(|| number_at(deployment, &["status", "replicas"], 0)).max(1);
    let size = (replicas(set) * (desired + max_surge(deployment))) as f64 / before as f64;
    size.round() as i64 - replicas(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(replicas: i64, surge: Value, unavailable: Value, expected: (i64, i64)) {
        let rolling = json!({"maxSurge": surge, "maxUnavailable": unavailable});
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": rolling});
        let deployment = json!({"spec": {"replicas": replicas, "strategy": strategy}});
        assert_eq!((max_surge(&deployment), max_unavailable(&deployment)), expected);
    }

    #[test]
    fn percentages_round_towards_progress_and_safety() {
        check(1, json!("25%"), json!("25%"), (1, 0));
        check(10, json!("25%"), json!("25%"), (3, 2));
        check(4, json!(0), json!(0), (0, 1));
        check(2, json!(1), json!(5), (1, 2));
        check(0, json!("25%"), json!("25%"), (0, 0));
    }
}
