//! The values of CEL. Objects and lists of a JSON document are looked at where they are, never copied.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, civil};
use serde_json::{Map, Value as Json};

use super::escape::unescape;
use super::library::net::{Cidr, Ip};
use super::library::semver::Semver;
use super::library::url::Url;
use super::types::format;
use crate::controlplane::quantity::Quantity;
use crate::controlplane::schema::{AdditionalProperties, Schema, SchemaType};

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Str(&'a str),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    Duration(SignedDuration),
    Timestamp(Timestamp),
    List(Arc<Vec<Value<'a>>>),
    Map(Arc<Vec<(Value<'a>, Value<'a>)>>),
    /// A list of the document.
    JsonList(&'a [Json], Option<&'a Schema>),
    /// An object of the document.
    JsonObject(&'a Map<String, Json>, Option<&'a Schema>),
    Optional(Option<Box<Value<'a>>>),
    Type(&'static str),
    Quantity(Quantity),
    Url(Arc<Url>),
    Ip(Ip),
    Cidr(Cidr),
    Semver(Arc<Semver>),
    Format(&'static str),
}

/// Why there is no value.
pub(super) type Failure = String;

impl<'a> Value<'a> {
    /// Returns the value of a part of a document, which its schema gives a type.
    pub(super) fn of(json: &'a Json, schema: Option<&'a Schema>) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), schema.and_then(|schema| schema.schema_type)) {
                (Some(value), Some(SchemaType::Number)) => Self::Double(value as f64),
                (Some(value), _) => Self::Int(value),
                (None, Some(SchemaType::Integer)) => number
                    .as_f64()
                    .filter(|float| float.fract() == 0.0 && float.abs() < 9e18)
                    .map_or(Self::Double(number.as_f64().unwrap_or(f64::NAN)), |float| Self::Int(float as i64)),
                (None, _) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => schema.and_then(|schema| formatted(text, schema)).unwrap_or(Self::Str(text)),
            Json::Array(list) => Self::JsonList(list, schema.and_then(|schema| schema.items.as_deref())),
            Json::Object(map) => Self::JsonObject(map, schema),
        }
    }

    pub(super) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    pub(super) fn some(value: Self) -> Self {
        Self::Optional(Some(Box::new(value)))
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the name of the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Str(_) | Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::List(_) | Self::JsonList(..) => "list",
            Self::Map(_) | Self::JsonObject(..) => "map",
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Quantity(_) => super::types::QUANTITY,
            Self::Url(_) => super::types::URL,
            Self::Ip(_) => super::types::IP,
            Self::Cidr(_) => super::types::CIDR,
            Self::Semver(_) => super::types::SEMVER,
            Self::Format(_) => super::types::FORMAT,
        }
    }

    /// Returns the items of a list.
    pub(super) fn items(&self) -> Option<Vec<Value<'a>>> {
        match self {
            Self::List(items) => Some(items.to_vec()),
            Self::JsonList(items, schema) => Some(items.iter().map(|item| Self::of(item, *schema)).collect()),
            _ => None,
        }
    }

    /// Returns the keys and values of a map.
    pub(super) fn entries(&self) -> Option<Vec<(Value<'a>, Value<'a>)>> {
        match self {
            Self::Map(entries) => Some(entries.to_vec()),
            Self::JsonObject(map, schema) => {
                let entry = |(name, json): (&'a String, &'a Json)| (Self::Str(name), child(name, json, *schema));
                Some(map.iter().map(entry).collect())
            }
            _ => None,
        }
    }

    /// Returns the number of items, entries, characters or bytes.
    pub(super) fn size(&self) -> Option<usize> {
        Some(match self {
            Self::Str(text) => text.chars().count(),
            Self::String(text) => text.chars().count(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(items) => items.len(),
            Self::JsonList(items, _) => items.len(),
            Self::Map(entries) => entries.len(),
            Self::JsonObject(map, _) => map.len(),
            _ => return None,
        })
    }

    /// Returns a field by its name as CEL spells it; `None` when it is not there.
    pub(super) fn field(&self, name: &str) -> Result<Option<Value<'a>>, Failure> {
        match self {
            Self::JsonObject(map, schema) => {
                let is_map =
                    matches!(schema.map(|schema| &schema.additional_properties), Some(AdditionalProperties::Schema(_)));
                let unescaped = if is_map { name.into() } else { unescape(name) };
                Ok(map.get(unescaped.as_ref()).map(|json| child(&unescaped, json, *schema)))
            }
            Self::Map(_) => self.index(&Value::text(name)),
            _ => Err("no such overload".to_owned()),
        }
    }

    /// Returns what is at an index or key; `None` when nothing is.
    pub(super) fn index(&self, key: &Value<'_>) -> Result<Option<Value<'a>>, Failure> {
        match (self, key) {
            (Self::List(items), Value::Int(index)) => {
                Ok(usize::try_from(*index).ok().and_then(|index| items.get(index)).cloned())
            }
            (Self::JsonList(items, schema), Value::Int(index)) => {
                let item = usize::try_from(*index).ok().and_then(|index| items.get(index));
                Ok(item.map(|item| Self::of(item, *schema)))
            }
            (Self::Map(entries), key) => {
                Ok(entries.iter().find(|(other, _)| other.equals(key)).map(|(_, value)| value.clone()))
            }
            (Self::JsonObject(map, schema), key) => {
                let Some(name) = key.as_str() else { return Ok(None) };
                Ok(map.get(name).map(|json| child(name, json, *schema)))
            }
            _ => Err("no such overload".to_owned()),
        }
    }

    /// Whether two values are equal. Numbers of different types are when they stand for the same number.
    pub(super) fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Null, Value::Null) => true,
            (Self::Optional(left), Value::Optional(right)) => match (left, right) {
                (Some(left), Some(right)) => left.equals(right),
                (left, right) => left.is_none() && right.is_none(),
            },
            (Self::Type(left), Value::Type(right)) | (Self::Format(left), Value::Format(right)) => left == right,
            (Self::Url(left), Value::Url(right)) => left == right,
            (Self::Ip(left), Value::Ip(right)) => left == right,
            (Self::Cidr(left), Value::Cidr(right)) => left == right,
            _ => match (self.size(), other.size()) {
                (Some(left), Some(right)) if self.as_str().is_none() && !matches!(self, Self::Bytes(_)) => {
                    left == right && self.contents_equal(other)
                }
                _ => self.compare(other) == Some(Ordering::Equal),
            },
        }
    }

    fn contents_equal(&self, other: &Value<'_>) -> bool {
        if let (Some(left), Some(right)) = (self.items(), other.items()) {
            return left.iter().zip(&right).all(|(left, right)| left.equals(right));
        }
        let (Some(left), Some(_)) = (self.entries(), other.entries()) else { return false };
        left.iter().all(|(key, value)| other.index(key).ok().flatten().is_some_and(|other| value.equals(&other)))
    }

    /// Returns the order of two values, if they have one.
    pub(super) fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        if let (Some(left), Some(right)) = (self.as_str(), other.as_str()) {
            return Some(left.cmp(right));
        }
        match (self, other) {
            (Self::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
            (Self::Int(left), Value::Int(right)) => Some(left.cmp(right)),
            (Self::Uint(left), Value::Uint(right)) => Some(left.cmp(right)),
            (Self::Double(left), Value::Double(right)) => left.partial_cmp(right),
            (Self::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
            (Self::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
            (Self::Timestamp(left), Value::Timestamp(right)) => Some(left.cmp(right)),
            (Self::Quantity(left), Value::Quantity(right)) => Some(left.cmp(right)),
            (Self::Semver(left), Value::Semver(right)) => Some(left.cmp(right)),
            (left, right) => match (left.integer(), right.integer()) {
                (Some(left), Some(right)) => Some(left.cmp(&right)),
                _ => left.float()?.partial_cmp(&right.float()?),
            },
        }
    }

    fn integer(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(i128::from(*value)),
            Self::Uint(value) => Some(i128::from(*value)),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            _ => self.integer().map(|value| value as f64),
        }
    }
}

fn child<'a>(name: &str, json: &'a Json, schema: Option<&'a Schema>) -> Value<'a> {
    Value::of(json, schema.and_then(|schema| schema.child(name)).map(AsRef::as_ref))
}

/// Returns a text as its format says; one that does not fit stays a text.
fn formatted<'a>(text: &'a str, schema: &Schema) -> Option<Value<'a>> {
    if schema.schema_type != Some(SchemaType::String) {
        return None;
    }
    match format(schema) {
        "byte" => super::library::text::decode_base64(text).map(|bytes| Value::Bytes(bytes.into())),
        "duration" => super::library::time::parse_duration(text).ok().map(Value::Duration),
        "date-time" => text.parse().ok().map(Value::Timestamp),
        "date" => {
            let date = civil::Date::strptime("%Y-%m-%d", text).ok()?;
            date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| Value::Timestamp(zoned.timestamp()))
        }
        _ => None,
    }
}
