//! Reading and writing the metadata that every Kubernetes object has.
//!
//! Objects are JSON values everywhere in the control plane; these are the few accessors that all parts share.
//! A field of the wrong type reads as absent: decoding has refused such objects before.

use serde_json::{Map, Value};

use super::gvk::{GroupVersion, Gvk};

/// Metadata accessors on a JSON object.
pub trait Object {
    /// Returns the value at a path of field names, if every step exists.
    fn at(&self, path: &[&str]) -> Option<&Value>;
    /// Returns the text at a path; empty when there is none.
    fn text_at(&self, path: &[&str]) -> &str;
    /// Returns `metadata.name`, or the empty text.
    fn name(&self) -> &str;
    /// Returns `metadata.namespace`, or the empty text.
    fn namespace(&self) -> &str;
    /// Returns `metadata.uid`, or the empty text.
    fn uid(&self) -> &str;
    /// Returns `metadata.resourceVersion` as a number; 0 when absent.
    fn resource_version(&self) -> u64;
    /// Returns `metadata.generation`; 0 when absent.
    fn generation(&self) -> i64;
    /// Returns one label.
    fn label(&self, key: &str) -> Option<&str>;
    /// Returns one annotation.
    fn annotation(&self, key: &str) -> Option<&str>;
    /// Returns `metadata.deletionTimestamp`, if the object is being deleted.
    fn deletion_timestamp(&self) -> Option<&str>;
    /// Returns `metadata.finalizers`.
    fn finalizers(&self) -> Vec<&str>;
    /// Returns `metadata.ownerReferences`.
    fn owner_references(&self) -> &[Value];
    /// Returns the owner reference with `controller: true`.
    fn controller_reference(&self) -> Option<&Value>;
    /// Returns what the object says it is, if `apiVersion` and `kind` are there.
    fn gvk(&self) -> Option<Gvk>;
    /// Returns `metadata`, made when missing. A value that is no object becomes one.
    fn metadata_mut(&mut self) -> &mut Map<String, Value>;
    /// Sets the value at a path of field names; objects on the way are made when missing.
    fn set(&mut self, path: &[&str], value: impl Into<Value>);
}

impl Object for Value {
    fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self, |value, step| value.get(step))
    }

    fn text_at(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.text_at(&["metadata", "name"])
    }

    fn namespace(&self) -> &str {
        self.text_at(&["metadata", "namespace"])
    }

    fn uid(&self) -> &str {
        self.text_at(&["metadata", "uid"])
    }

    fn resource_version(&self) -> u64 {
        self.text_at(&["metadata", "resourceVersion"]).parse().unwrap_or(0)
    }

    fn generation(&self) -> i64 {
        self.at(&["metadata", "generation"]).and_then(Value::as_i64).unwrap_or(0)
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.at(&["metadata", "labels", key]).and_then(Value::as_str)
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.at(&["metadata", "annotations", key]).and_then(Value::as_str)
    }

    fn deletion_timestamp(&self) -> Option<&str> {
        self.at(&["metadata", "deletionTimestamp"]).and_then(Value::as_str)
    }

    fn finalizers(&self) -> Vec<&str> {
        let list = self.at(&["metadata", "finalizers"]).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn owner_references(&self) -> &[Value] {
        self.at(&["metadata", "ownerReferences"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn controller_reference(&self) -> Option<&Value> {
        self.owner_references().iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
    }

    fn gvk(&self) -> Option<Gvk> {
        let api_version = self.get("apiVersion")?.as_str()?;
        Some(GroupVersion::parse(api_version)?.kind(self.get("kind")?.as_str()?))
    }

    fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        object_mut(object_mut(self).entry("metadata").or_insert(Value::Null))
    }

    fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        let Some((last, parents)) = path.split_last() else { return };
        let parent = parents.iter().fold(self, |value, step| object_mut(value).entry(*step).or_insert(Value::Null));
        object_mut(parent).insert((*last).to_owned(), value.into());
    }
}

/// Returns the value as an object; anything else is replaced by an empty one.
pub fn object_mut(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("the line above made it an object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn set_makes_what_is_missing_on_the_way() {
        let mut value = json!({});
        value.set(&["metadata", "labels", "a/b"], "c");
        assert_eq!(value, json!({"metadata": {"labels": {"a/b": "c"}}}));
        assert_eq!(value.label("a/b"), Some("c"));
    }

    #[test]
    fn fields_of_another_type_read_as_absent() {
        let value = json!({"metadata": {"name": 3, "finalizers": "x", "resourceVersion": "y"}});
        assert_eq!((value.name(), value.finalizers().len(), value.resource_version()), ("", 0, 0));
    }
}
