//! Takes out of an object what its schema does not know.
//!
//! Upstream prunes custom resources by their schema and drops unknown fields of built-in kinds when decoding; here both
//! are one walk. The paths of what was taken out are returned, since `fieldValidation` warns of them or refuses.
//!
//! Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/{pruning,objectmeta}`, Kubernetes 1.36.

use serde_json::{Map, Value};

use super::{AdditionalProperties, Schema};

/// Takes unknown fields out of `value` and returns their paths (`spec.list[2].x`): those of the object's own metadata
/// first, then the rest, then those of the metadata of embedded resources; each sorted.
pub fn prune(value: &mut Value, schema: &Schema) -> Vec<String> {
    let mut walk = Walk { path: String::new(), embedded: false, unknown: Vec::new() };
    match value {
        // The root is an object with metadata, whether its schema calls it embedded or not.
        Value::Object(map) => walk.object(map, schema, &Children { keep_unknown: schema.preserve_unknown_fields }),
        other => walk.value(other, Some(schema)),
    }
    walk.unknown.sort();
    walk.unknown.into_iter().map(|(_, path)| path).collect()
}

/// Where an unknown field was found, in the order in which upstream reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Metadata,
    Object,
    EmbeddedMetadata,
}

struct Walk {
    path: String,
    /// Whether the walk is inside the metadata of an embedded resource.
    embedded: bool,
    unknown: Vec<(Place, String)>,
}

struct Children {
    keep_unknown: bool,
}

impl Walk {
    fn value(&mut self, value: &mut Value, schema: Option<&Schema>) {
        match value {
            Value::Object(map) => match schema {
                None => self.clear(map),
                Some(schema) => self.object(map, schema, &Children { keep_unknown: schema.preserve_unknown_fields }),
            },
            Value::Array(list) => self.list(list, schema),
            _ => {}
        }
    }

    fn list(&mut self, list: &mut [Value], schema: Option<&Schema>) {
        let items = schema.and_then(|schema| schema.items.as_deref());
        if items.is_none() && schema.is_some_and(|schema| schema.preserve_unknown_fields) {
            return;
        }
        for (index, item) in list.iter_mut().enumerate() {
            if item.is_object() || item.is_array() {
                let len = self.path.len();
                self.path.push_str(&format!("[{index}]"));
                self.value(item, items);
                self.path.truncate(len);
            }
        }
    }

    fn object(&mut self, map: &mut Map<String, Value>, schema: &Schema, children: &Children) {
        let mut unknown = Vec::new();
        for (name, value) in map.iter_mut() {
            let len = self.push(name);
            match (schema.properties.get(name), &schema.additional_properties) {
                (Some(property), _) if schema.embedded_resource && name == "metadata" => {
                    let outer = std::mem::replace(&mut self.embedded, true);
                    self.value(value, Some(property));
                    self.embedded = outer;
                }
                (Some(property), _) => self.value(value, Some(property)),
                (None, AdditionalProperties::Schema(values)) => self.value(value, Some(values)),
                (None, _) if children.keep_unknown => {}
                // `additionalProperties: true` keeps a value, but what is inside it has no schema.
                (None, AdditionalProperties::Any) => self.value(value, None),
                (None, AdditionalProperties::None) => {
                    self.record();
                    unknown.push(name.clone());
                }
            }
            self.path.truncate(len);
        }
        for name in &unknown {
            map.shift_remove(name);
        }
    }

    fn clear(&mut self, map: &mut Map<String, Value>) {
        for name in map.keys() {
            let len = self.push(name);
            self.record();
            self.path.truncate(len);
        }
        map.clear();
    }

    fn push(&mut self, name: &str) -> usize {
        let len = self.path.len();
        if len > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        len
    }

    fn record(&mut self) {
        let place = match self.path.as_str() {
            _ if self.embedded => Place::EmbeddedMetadata,
            path if path.starts_with("metadata.") => Place::Metadata,
            _ => Place::Object,
        };
        self.unknown.push((place, self.path.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::schema::structural::resource;
    use serde_json::json;

    #[track_caller]
    fn check(schema: Value, mut value: Value, kept: Value, unknown: &[&str]) {
        let schema = resource(&json!({"type": "object", "properties": {"spec": schema}}));
        assert_eq!(prune(&mut value, &schema), unknown);
        assert_eq!(value, kept);
    }

    #[test]
    fn unknown_fields_are_taken_out_and_named() {
        check(
            json!({"type": "object", "properties": {"arr": {"type": "array", "items": {"type": "object"}}}}),
            json!({"spec": {"arr": [{}, {"u": 1}], "x": {}}, "top": 1, "metadata": {"name": "n", "junk": 1}}),
            json!({"spec": {"arr": [{}, {}]}, "metadata": {"name": "n"}}),
            &["metadata.junk", "spec.arr[1].u", "spec.x", "top"],
        );
    }

    #[test]
    fn what_is_preserved_is_still_pruned_where_it_is_described() {
        let known = json!({"type": "object", "properties": {"y": {"type": "string"}}});
        check(
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"known": known}}),
            json!({"spec": {"u": {"deep": 1}, "known": {"y": "1", "z": 1}}}),
            json!({"spec": {"u": {"deep": 1}, "known": {"y": "1"}}}),
            &["spec.known.z"],
        );
    }

    #[test]
    fn an_embedded_resource_is_an_object_of_its_own() {
        let spec = json!({"type": "object", "properties": {"q": {"type": "string"}}});
        check(
            json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": spec}}),
            json!({"spec": {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n", "junk": 1}, "spec": {"z": 1}}}),
            json!({"spec": {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n"}, "spec": {}}}),
            &["spec.spec.z", "spec.metadata.junk"],
        );
    }

    #[test]
    fn additional_properties_without_a_schema_keep_scalars_only() {
        check(
            json!({"type": "object", "additionalProperties": true}),
            json!({"spec": {"a": 1, "b": {"c": 1}, "d": [{"e": 1}, 2]}}),
            json!({"spec": {"a": 1, "b": {}, "d": [{}, 2]}}),
            &["spec.b.c", "spec.d[0].e"],
        );
    }
}
