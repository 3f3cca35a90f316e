//! The types of CEL, and what a schema's values are in it.
//!
//! Source: `k8s.io/apiserver/pkg/cel/common/schemas.go` (`SchemaDeclType`), Kubernetes 1.36.

use std::fmt;
use std::sync::Arc;

use super::escape::unescape;
use crate::controlplane::schema::{AdditionalProperties, Schema, SchemaType};

/// A type.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::enum_variant_names, reason = "CEL has a type named type")]
pub(super) enum Type {
    /// Anything; decided when evaluated.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    /// A type itself.
    Type,
    List(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Optional(Box<Type>),
    /// An object with named fields.
    Object(Object),
    /// A type of Kubernetes' libraries.
    Named(&'static str),
    /// A type that follows from how it is used.
    Var(usize),
}

/// An object with the fields that its schema names.
#[derive(Debug, Clone)]
pub(super) struct Object {
    schema: Arc<Schema>,
    part: Part,
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.schema, &other.schema) || self.schema == other.schema
    }
}

/// What of an object rules may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    /// An object with metadata, of which only the name shows.
    Resource,
    Metadata,
}

impl Object {
    /// Returns the type of a field by its name as CEL spells it.
    pub(super) fn field(&self, name: &str) -> Option<Type> {
        let name = unescape(name);
        match self.part {
            Part::Metadata if !matches!(name.as_ref(), "name" | "generateName") => None,
            Part::Resource if name == "metadata" => {
                let schema = self.schema.properties.get("metadata")?.clone();
                Some(Type::Object(Object { schema, part: Part::Metadata }))
            }
            _ => Type::of(self.schema.properties.get(name.as_ref())?),
        }
    }
}

impl Type {
    /// Returns the type of `self` in the rules of a node.
    pub(super) fn of_self(schema: &Arc<Schema>, is_root: bool) -> Option<Self> {
        if is_root {
            return Some(Self::Object(Object { schema: Arc::clone(schema), part: Part::Resource }));
        }
        Self::of(schema)
    }

    /// Returns the type of what a schema describes; `None` when rules may not see it.
    pub(super) fn of(schema: &Arc<Schema>) -> Option<Self> {
        if schema.int_or_string || schema.nullable {
            return Some(Self::Dyn);
        }
        Some(match schema.schema_type? {
            SchemaType::Boolean => Self::Bool,
            SchemaType::Integer => Self::Int,
            SchemaType::Number => Self::Double,
            SchemaType::String => match format(schema) {
                "byte" => Self::Bytes,
                "duration" => Self::Duration,
                "date" | "date-time" => Self::Timestamp,
                _ => Self::String,
            },
            SchemaType::Array => Self::list(Self::of(schema.items.as_ref()?)?),
            SchemaType::Object => match &schema.additional_properties {
                AdditionalProperties::Schema(values) => Self::Map(Box::new(Self::String), Box::new(Self::of(values)?)),
                _ => {
                    let part = if schema.embedded_resource { Part::Resource } else { Part::All };
                    Self::Object(Object { schema: Arc::clone(schema), part })
                }
            },
        })
    }

    pub(super) fn list(items: Self) -> Self {
        Self::List(Box::new(items))
    }

    pub(super) fn optional(value: Self) -> Self {
        Self::Optional(Box::new(value))
    }
}

/// Returns the format of a schema, or the empty text.
pub(super) fn format(schema: &Schema) -> &str {
    schema.bounds.as_deref().and_then(|bounds| bounds.format.as_deref()).unwrap_or_default()
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn | Self::Var(_) => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Duration => "google.protobuf.Duration",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::Type => "type",
            Self::Object(_) => "object",
            Self::Named(name) => name,
            Self::List(items) => return write!(f, "list({items})"),
            Self::Map(keys, values) => return write!(f, "map({keys}, {values})"),
            Self::Optional(value) => return write!(f, "optional_type({value})"),
        })
    }
}

/// The types of Kubernetes' libraries.
pub(super) const QUANTITY: &str = "kubernetes.Quantity";
pub(super) const URL: &str = "kubernetes.URL";
pub(super) const IP: &str = "net.IP";
pub(super) const CIDR: &str = "net.CIDR";
pub(super) const SEMVER: &str = "kubernetes.Semver";
pub(super) const FORMAT: &str = "kubernetes.NamedFormat";
