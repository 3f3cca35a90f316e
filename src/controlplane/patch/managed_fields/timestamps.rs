//! Writes that change nothing but the time of an entry change nothing.
//!
//! Source: `k8s.io/apimachinery/pkg/util/managedfields` as used by
//! `k8s.io/apiserver/pkg/endpoints/handlers/fieldmanager/equality.go`.

use serde_json::Value;

use crate::controlplane::object::Object;

/// Gives `new` the entries of `old` when the two objects differ in the times of their entries alone, so that the write
/// becomes a no-op. To be called last, when admission and strategy are done.
pub fn keep_timestamps(new: &mut Value, old: &Value) {
    let (Some(Value::Array(ours)), Some(Value::Array(theirs))) =
        (new.at(&["metadata", "managedFields"]), old.at(&["metadata", "managedFields"]))
    else {
        return;
    };
    if ours == theirs || ours.len() != theirs.len() || !ours.iter().zip(theirs).all(|(a, b)| same_but(a, b, "time")) {
        return;
    }
    let rest_is_same = same_but(new, old, "metadata")
        && matches!((new.get("metadata"), old.get("metadata")), (Some(a), Some(b)) if same_but(a, b, "managedFields"));
    if rest_is_same {
        let entries = Value::Array(theirs.clone());
        new.metadata_mut().insert("managedFields".to_owned(), entries);
    }
}

/// Returns whether two objects are the same but for one member.
fn same_but(left: &Value, right: &Value, member: &str) -> bool {
    let (Value::Object(left), Value::Object(right)) = (left, right) else { return left == right };
    let counted = |map: &serde_json::Map<String, Value>| map.len() - usize::from(map.contains_key(member));
    counted(left) == counted(right)
        && left.iter().filter(|(name, _)| *name != member).all(|(name, value)| right.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_alone_are_no_change() {
        let object = |time: &str, data: &str| json!({"metadata": {"managedFields": [{"manager": "m", "time": time}]}, "data": data});
        let mut new = object("2", "x");
        keep_timestamps(&mut new, &object("1", "x"));
        assert_eq!(new, object("1", "x"));
        let mut new = object("2", "y");
        keep_timestamps(&mut new, &object("1", "x"));
        assert_eq!(new, object("2", "y"));
    }
}
