//! How Go encodes Kubernetes' API types: which fields always appear, which vanish when they are empty.
//!
//! The real API server decodes into Go structs and encodes them again, and clients (and `managedFields`) see the
//! difference: `hostNetwork: false` vanishes, `status: {}` appears, `cpu: 0.5` becomes `500m`. OpenAPI does not say any of
//! this, so it stands in a table of its own, `go_types.txt`, made by `extract.py` beside this file. Field names and
//! types are all it holds. It does not validate: a value of the wrong type stays as it is, decoding has refused it before.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::controlplane::quantity::Quantity;

/// A struct: its fields in the order in which Go writes them.
type Struct = Vec<Field>;

#[derive(Debug)]
struct Field {
    name: &'static str,
    go_type: GoType,
    empty: Empty,
}

/// What becomes of an empty field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    Keep,
    /// `omitempty`: structs stay all the same.
    Omit,
    /// `omitzero`: structs vanish too.
    OmitZero,
}

#[derive(Debug)]
enum GoType {
    Text,
    Integer,
    Boolean,
    Float,
    Quantity,
    IntOrString,
    Time,
    MicroTime,
    /// JSON as it stands.
    Opaque,
    List(Box<GoType>),
    Map(Box<GoType>),
    Pointer(Box<GoType>),
    /// Index in [`Types::structs`].
    Struct(usize),
    /// A union that is that struct when the value is an object.
    StructIfObject(usize),
}

#[derive(Debug)]
struct Types {
    names: BTreeMap<&'static str, usize>,
    structs: Vec<Struct>,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| Types::read(include_str!("go_types.txt")));

/// Writes an object as Go would after decoding it into the type, such as `core/v1.Pod`: unknown fields and nulls go,
/// fields that Go always writes come, quantities and times become canonical. Does nothing for a type that is not known.
pub fn normalize(type_name: &str, object: &mut Value) {
    if let Some(index) = TYPES.names.get(type_name) {
        TYPES.normalize_struct(*index, object);
    }
}

/// Returns the type with nothing set, as Go writes it.
pub fn zero(type_name: &str) -> Value {
    let mut object = Value::Object(Map::new());
    normalize(type_name, &mut object);
    object
}

/// Returns the defaults that OpenAPI v3 shows for a field of a type: of the field itself, of its items, of their items.
/// Structs have the empty object, and a field that Go always writes has its zero; pointers and types with a form of
/// their own have none.
///
/// Source: `mustEnforceDefault` of `k8s.io/kube-openapi/pkg/generators/openapi.go`.
pub fn schema_defaults(type_name: &str, field: &str) -> Vec<Option<Value>> {
    let fields = TYPES.names.get(type_name).and_then(|index| TYPES.structs.get(*index));
    let Some(field) = fields.into_iter().flatten().find(|candidate| candidate.name == field) else {
        return Vec::new();
    };
    let zero = |go_type: &GoType| match go_type {
        GoType::Text => Some("".into()),
        GoType::Integer | GoType::Float => Some(0.into()),
        GoType::Boolean => Some(false.into()),
        GoType::Struct(_) => Some(Value::Object(Map::new())),
        _ => None,
    };
    let is_struct = matches!(field.go_type, GoType::Struct(_));
    let mut defaults = vec![zero(&field.go_type).filter(|_| is_struct || field.empty == Empty::Keep)];
    let mut inner = &field.go_type;
    while let GoType::List(item) | GoType::Map(item) = inner {
        defaults.push(zero(item).filter(|_| matches!(**item, GoType::Struct(_))));
        inner = item;
    }
    defaults
}

impl Types {
    fn read(text: &'static str) -> Self {
        let names = text.lines().filter(|line| !line.starts_with(' ')).enumerate();
        let mut types = Self { names: names.map(|(index, name)| (name, index)).collect(), structs: Vec::new() };
        for line in text.lines() {
            match line.strip_prefix(' ') {
                None => types.structs.push(Vec::new()),
                Some(field) => {
                    let field = types.read_field(field);
                    if let Some(fields) = types.structs.last_mut() {
                        fields.extend(field);
                    }
                }
            }
        }
        types
    }

    fn read_field(&self, line: &'static str) -> Option<Field> {
        let mut words = line.split(' ');
        let (name, go_type, empty) = (words.next()?, words.next()?, words.next()?);
        let empty = match empty {
            "o" => Empty::Omit,
            "z" => Empty::OmitZero,
            _ => Empty::Keep,
        };
        Some(Field { name, go_type: self.read_type(go_type), empty })
    }

    fn read_type(&self, text: &str) -> GoType {
        let inner = |text: &str| Box::new(self.read_type(text));
        match (text, text.split_at(1)) {
            ("s", _) => GoType::Text,
            ("i", _) => GoType::Integer,
            ("b", _) => GoType::Boolean,
            ("f", _) => GoType::Float,
            ("q", _) => GoType::Quantity,
            ("o", _) => GoType::IntOrString,
            ("t", _) => GoType::Time,
            ("T", _) => GoType::MicroTime,
            (_, ("[", rest)) => GoType::List(inner(rest)),
            (_, ("{", rest)) => GoType::Map(inner(rest)),
            (_, ("*", rest)) => GoType::Pointer(inner(rest)),
            (_, ("?", rest)) => self.names.get(rest).map_or(GoType::Opaque, |index| GoType::StructIfObject(*index)),
            (name, _) => self.names.get(name).map_or(GoType::Opaque, |index| GoType::Struct(*index)),
        }
    }

    fn normalize_struct(&self, index: usize, value: &mut Value) {
        let Value::Object(map) = value else { return };
        let mut old = std::mem::take(map);
        for field in &self.structs[index] {
            let given = old.get_mut(field.name).map(Value::take);
            if let Some(value) = self.normalize_field(field, given) {
                map.insert(field.name.to_owned(), value);
            }
        }
    }

    fn normalize_field(&self, field: &Field, given: Option<Value>) -> Option<Value> {
        let Some(mut value) = given.filter(|value| !value.is_null()) else {
            return match (field.empty, &field.go_type) {
                (Empty::Keep, _) | (Empty::Omit, GoType::Struct(_)) => Some(self.zero(&field.go_type)),
                // Structs in Go's eyes, which `omitempty` therefore does not omit.
                (Empty::Omit, GoType::Quantity | GoType::IntOrString | GoType::Time | GoType::MicroTime) => {
                    Some(self.zero(&field.go_type))
                }
                _ => None,
            };
        };
        self.normalize(&field.go_type, &mut value);
        let vanishes = match field.empty {
            Empty::Keep => false,
            Empty::Omit => is_empty(&field.go_type, &value),
            Empty::OmitZero => is_empty(&field.go_type, &value) || self.is_zero_struct(&field.go_type, &value),
        };
        (!vanishes).then_some(value)
    }

    fn normalize(&self, go_type: &GoType, value: &mut Value) {
        match (go_type, &mut *value) {
            (GoType::Struct(index) | GoType::StructIfObject(index), Value::Object(_)) => {
                self.normalize_struct(*index, value);
            }
            (GoType::Struct(_) | GoType::Text | GoType::Integer | GoType::Boolean, Value::Null) => {
                *value = self.zero(go_type);
            }
            (GoType::Pointer(_), Value::Null) => {}
            (GoType::Pointer(inner), _) => self.normalize(inner, value),
            (GoType::List(inner), Value::Array(items)) => items.iter_mut().for_each(|item| self.normalize(inner, item)),
            (GoType::Map(inner), Value::Object(map)) => {
                map.values_mut().for_each(|item| self.normalize(inner, item));
                map.sort_keys();
            }
            (GoType::Quantity, _) => normalize_quantity(value),
            (GoType::Time, Value::String(text)) if !is_canonical_time(text) => {
                normalize_time(value, "%Y-%m-%dT%H:%M:%SZ")
            }
            (GoType::MicroTime, Value::String(_)) => normalize_time(value, "%Y-%m-%dT%H:%M:%S.%6fZ"),
            _ => {}
        }
    }

    fn zero(&self, go_type: &GoType) -> Value {
        match go_type {
            GoType::Text => "".into(),
            GoType::Integer | GoType::Float | GoType::IntOrString => 0.into(),
            GoType::Boolean => false.into(),
            GoType::Quantity => "0".into(),
            GoType::Struct(index) => {
                let mut value = Value::Object(Map::new());
                self.normalize_struct(*index, &mut value);
                value
            }
            _ => Value::Null,
        }
    }

    fn is_zero_struct(&self, go_type: &GoType, value: &Value) -> bool {
        matches!(go_type, GoType::Struct(_)) && *value == self.zero(go_type)
    }
}

/// What `omitempty` takes for empty: pointers never are once they point to something.
fn is_empty(go_type: &GoType, value: &Value) -> bool {
    match (go_type, value) {
        (GoType::Text, Value::String(text)) => text.is_empty(),
        (GoType::Integer | GoType::Float, Value::Number(number)) => number.as_f64() == Some(0.0),
        (GoType::Boolean, Value::Bool(flag)) => !flag,
        (GoType::List(_), Value::Array(items)) => items.is_empty(),
        (GoType::List(_), Value::String(text)) => text.is_empty(),
        (GoType::Map(_), Value::Object(map)) => map.is_empty(),
        _ => false,
    }
}

fn normalize_quantity(value: &mut Value) {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return,
    };
    if let Some(quantity) = Quantity::parse(&text) {
        *value = quantity.to_string().into();
    }
}

fn is_canonical_time(text: &str) -> bool {
    text.len() == "2006-01-02T15:04:05Z".len() && text.ends_with('Z')
}

fn normalize_time(value: &mut Value, format: &str) {
    if let Some(time) = value.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
        *value = time.strftime(format).to_string().into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(type_name: &str, mut given: Value, expected: &Value) {
        normalize(type_name, &mut given);
        assert_eq!(given.to_string(), expected.to_string());
        normalize(type_name, &mut given);
        assert_eq!(given.to_string(), expected.to_string(), "a second time changes nothing");
    }

    #[test]
    fn empty_fields_vanish_and_structs_appear() {
        check(
            "core/v1.Pod",
            json!({
                "spec": {
                    "hostNetwork": false, "nope": 1, "nodeSelector": {}, "volumes": null,
                    "containers": [{"image": "i", "name": "c", "stdin": false, "env": [{"value": "", "name": "A"}]}],
                },
                "metadata": {"name": "p", "creationTimestamp": null, "labels": {"b": "1", "a": "2"}},
                "apiVersion": "v1", "kind": "Pod",
            }),
            &json!({
                "kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p", "labels": {"a": "2", "b": "1"}},
                "spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "A"}], "resources": {}}]},
                "status": {},
            }),
        );
    }

    #[test]
    fn pointers_keep_their_zero() {
        check(
            "apps/v1.DeploymentSpec",
            json!({"replicas": 0, "paused": false}),
            &json!({
                "replicas": 0, "selector": null,
                "template": {"metadata": {}, "spec": {"containers": null}}, "strategy": {},
            }),
        );
    }

    #[test]
    fn quantities_and_times_become_canonical() {
        check(
            "core/v1.ResourceRequirements",
            json!({"limits": {"memory": "1024Mi", "cpu": 0.5}}),
            &json!({"limits": {"cpu": "500m", "memory": "1Gi"}}),
        );
        check(
            "coordination/v1.LeaseSpec",
            json!({"renewTime": "2024-01-01T02:00:00.5+02:00"}),
            &json!({"renewTime": "2024-01-01T00:00:00.500000Z"}),
        );
    }

    #[test]
    fn an_event_with_nothing_set_still_has_fields() {
        assert_eq!(
            zero("core/v1.Event"),
            json!({
                "metadata": {}, "involvedObject": {}, "source": {}, "firstTimestamp": null, "lastTimestamp": null,
                "eventTime": null, "reportingComponent": "", "reportingInstance": "",
            })
        );
    }

    #[test]
    fn every_type_of_the_table_is_known() {
        let opaque = |go_type: &GoType| matches!(go_type, GoType::Opaque);
        let text = include_str!("go_types.txt");
        let opaque_words =
            text.lines().filter(|line| line.starts_with(' ') && line.split(' ').nth(2) == Some("x")).count();
        let fields = TYPES.structs.iter().flatten();
        assert_eq!(fields.filter(|field| opaque(&field.go_type)).count(), opaque_words);
    }
}
