//! Filling in fields of JSON objects: the verbs in which defaults are written.

use serde_json::Value;

use crate::controlplane::object::object_mut;

/// Verbs for defaults. A value that is no object is left alone, unless said otherwise.
pub(super) trait Edit {
    /// Sets a field that is absent.
    fn default(&mut self, field: &str, value: impl Into<Value>);
    /// Returns a field that is there.
    fn child(&mut self, field: &str) -> Option<&mut Value>;
    /// Returns a field, made an empty object when it is absent.
    fn make(&mut self, field: &str) -> &mut Value;
    /// Calls a function with each item of a list.
    fn each(&mut self, field: &str, each: impl FnMut(&mut Value));
    /// Sets a field.
    fn put(&mut self, field: &str, value: impl Into<Value>);
    /// Takes a field away.
    fn drop_field(&mut self, field: &str);
}

impl Edit for Value {
    fn default(&mut self, field: &str, value: impl Into<Value>) {
        if let Self::Object(map) = self
            && map.get(field).is_none_or(Self::is_null)
        {
            map.insert(field.to_owned(), value.into());
        }
    }

    fn child(&mut self, field: &str) -> Option<&mut Value> {
        self.get_mut(field).filter(|value| !value.is_null())
    }

    fn make(&mut self, field: &str) -> &mut Value {
        let child = object_mut(self).entry(field).or_insert(Value::Null);
        object_mut(child);
        child
    }

    fn each(&mut self, field: &str, each: impl FnMut(&mut Value)) {
        if let Some(Self::Array(items)) = self.get_mut(field) {
            items.iter_mut().for_each(each);
        }
    }

    fn put(&mut self, field: &str, value: impl Into<Value>) {
        if let Self::Object(map) = self {
            map.insert(field.to_owned(), value.into());
        }
    }

    fn drop_field(&mut self, field: &str) {
        if let Self::Object(map) = self {
            map.shift_remove(field);
        }
    }
}
