//! Objects seen with their schema: which fields they have, how two of them differ, how one merges into another.
//!
//! A [`Type`] says of each place whether it is a scalar, a list or a map, and whether lists and maps are owned as a whole
//! (atomic) or part by part. What a schema leaves open is deduced from the value.
//!
//! Source: `sigs.k8s.io/structured-merge-diff/typed`, and `k8s.io/kube-openapi/pkg/schemaconv/openapi.go` for the types.

mod compare;
mod fields;
mod merge;
mod reconcile;
mod remove;
mod validate;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use compare::{Comparison, compare};
pub(crate) use fields::{ensure_named_fields, to_field_set};
pub(crate) use merge::merge;
pub(crate) use reconcile::reconcile;
pub(crate) use remove::remove;
pub(crate) use validate::validate;

use super::field_set::PathElement;
use crate::controlplane::schema::{AdditionalProperties, ListType, Schema, SchemaType};

/// What is known of one place in an object.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Type<'a> {
    /// The schema says it. `open` when unknown fields are kept here, or were somewhere above.
    Known {
        /// The schema of the value.
        schema: &'a Schema,
        /// Whether fields that the schema does not name are allowed.
        open: bool,
    },
    /// Nothing is known: maps are owned by entry, lists as a whole.
    Deduced,
    /// Nothing is known, and all is owned as a whole.
    Atomic,
}

/// How the value at one place is to be treated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(List<'a>),
    /// A map, or an object with named fields.
    Map(Map<'a>),
}

/// The kinds of scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Numeric,
    String,
    Boolean,
    Untyped,
}

/// A list and its items.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    pub(crate) identity: Identity<'a>,
    pub(crate) items: Type<'a>,
}

/// What tells the items of a list apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Identity<'a> {
    /// Nothing: the list is owned as a whole.
    Atomic,
    /// Their value.
    Set,
    /// These fields.
    Keys(&'a [String]),
}

/// A map and its values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Map<'a> {
    pub(crate) atomic: bool,
    schema: Option<&'a Schema>,
    open: bool,
    /// The type of entries that have no name in the schema; `None` where there may be none.
    entries: Option<Type<'a>>,
}

impl<'a> Type<'a> {
    /// Returns the type of a whole object.
    pub(crate) fn of(schema: &'a Schema) -> Self {
        Self::Known { schema, open: schema.preserve_unknown_fields }
    }

    fn below(schema: &'a Schema, open: bool) -> Self {
        Self::Known { schema, open: open || schema.preserve_unknown_fields }
    }

    /// Returns how this value is to be treated. Where the schema does not allow its kind, what the schema wants.
    pub(crate) fn shape(self, value: Option<&Value>) -> Shape<'a> {
        let Self::Known { schema, .. } = self else { return self.shape_by_value(value) };
        if schema.int_or_string {
            return Shape::Scalar(Scalar::Untyped);
        }
        match schema.schema_type {
            None => self.shape_by_value(value),
            Some(SchemaType::Object) => Shape::Map(self.map()),
            Some(SchemaType::Array) => Shape::List(self.list()),
            Some(SchemaType::Integer | SchemaType::Number) => Shape::Scalar(Scalar::Numeric),
            Some(SchemaType::Boolean) => Shape::Scalar(Scalar::Boolean),
            Some(SchemaType::String) => {
                let format = schema.bounds.as_deref().and_then(|bounds| bounds.format.as_deref());
                let plain = matches!(format, None | Some("" | "byte"));
                Shape::Scalar(if plain { Scalar::String } else { Scalar::Untyped })
            }
        }
    }

    fn shape_by_value(self, value: Option<&Value>) -> Shape<'a> {
        match value {
            Some(Value::Array(_)) => Shape::List(self.list()),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => Shape::Scalar(Scalar::Untyped),
            Some(Value::Object(_) | Value::Null) | None => Shape::Map(self.map()),
        }
    }

    /// Returns the list that this place may hold.
    fn list(self) -> List<'a> {
        let Self::Known { schema, open } = self else {
            return List { identity: Identity::Atomic, items: Self::Atomic };
        };
        let identity = match &schema.list_type {
            None | Some(ListType::Atomic) => Identity::Atomic,
            Some(ListType::Set) => Identity::Set,
            Some(ListType::Map(keys)) => Identity::Keys(keys),
        };
        List { identity, items: schema.items.as_deref().map_or(Self::Atomic, |items| Self::below(items, open)) }
    }

    /// Returns the map that this place may hold.
    fn map(self) -> Map<'a> {
        let (schema, open) = match self {
            Self::Known { schema, open } => (schema, open),
            Self::Deduced | Self::Atomic => {
                return Map { atomic: matches!(self, Self::Atomic), schema: None, open: true, entries: Some(self) };
            }
        };
        let entries = match &schema.additional_properties {
            AdditionalProperties::Schema(values) => Some(Self::below(values, open)),
            AdditionalProperties::Any => Some(Self::Deduced),
            AdditionalProperties::None if open || schema.properties.is_empty() => Some(Self::Deduced),
            AdditionalProperties::None => None,
        };
        Map { atomic: schema.atomic, schema: Some(schema), open, entries }
    }

    /// Returns the type one step further down.
    pub(crate) fn step(self, element: &PathElement) -> Option<Self> {
        let is_array = matches!(self, Self::Known { schema, .. } if schema.schema_type == Some(SchemaType::Array));
        match element {
            PathElement::Field(_) if is_array => None,
            PathElement::Field(name) => self.map().value(name),
            PathElement::Key(_) => Some(self.list().items),
            PathElement::Value(_) | PathElement::Index(_) => None,
        }
    }
}

impl<'a> Map<'a> {
    /// Returns whether the schema names this field.
    pub(crate) fn names(&self, field: &str) -> bool {
        self.schema.is_some_and(|schema| schema.properties.contains_key(field))
    }

    /// Returns the type of an entry; `None` when there may be no such entry.
    pub(crate) fn value(&self, field: &str) -> Option<Type<'a>> {
        match self.schema.and_then(|schema| schema.properties.get(field)) {
            Some(property) => Some(Type::below(Arc::as_ref(property), self.open)),
            None => self.entries,
        }
    }
}

impl List<'_> {
    /// Returns what identifies an item of this list, or why nothing does.
    pub(crate) fn element(&self, item: &Value) -> Result<PathElement, String> {
        match self.identity {
            Identity::Atomic => Err("invalid indexing of non-associative list".to_owned()),
            Identity::Set => match item {
                Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
                Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
                Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
                scalar => Ok(PathElement::Value(scalar.clone())),
            },
            Identity::Keys(keys) => self.keyed_element(keys, item),
        }
    }

    fn keyed_element(&self, keys: &[String], item: &Value) -> Result<PathElement, String> {
        let map = match item {
            Value::Object(map) => map,
            Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
            _ => return Err("associative list with keys may not have non-map elements".to_owned()),
        };
        let default = |key: &String| match self.items {
            Type::Known { schema, .. } => schema.properties.get(key).and_then(|property| property.default.as_ref()),
            Type::Deduced | Type::Atomic => None,
        };
        let found: Vec<_> = keys
            .iter()
            .filter_map(|key| Some((key.as_str().into(), map.get(key).or_else(|| default(key))?.clone())))
            .collect();
        if found.is_empty() && !keys.is_empty() {
            let keys: Vec<_> = keys.iter().map(|key| format!("{key:?}")).collect();
            let keys = keys.join(" ");
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{keys}] (and doesn't have default \
                 values for any key fields)"
            ));
        }
        Ok(PathElement::key(found))
    }
}

#[cfg(test)]
mod tests;
