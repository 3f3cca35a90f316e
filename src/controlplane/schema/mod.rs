//! The schema tree: one form for built-in kinds (from the upstream OpenAPI) and custom resources (from CRDs).
//!
//! It drives pruning, defaulting, validation, merge patches, server-side apply, OpenAPI and tables. It never sees the
//! store, and knows no request.

pub mod cel;
pub mod data;
pub mod default;
pub mod field_error;
pub mod openapi;
pub mod pattern;
pub mod prune;
pub mod structural;
pub mod validate;

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Number, Value};

use pattern::Pattern;

pub use default::{default, drop_nulls};
pub use openapi::builtin;
pub use prune::prune;

/// What is known of one value: its type, its children, and how it merges.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schema {
    /// The type; `None` where any is allowed (or the value is an [int-or-string](Self::int_or_string)).
    pub schema_type: Option<SchemaType>,
    /// Whether an explicit null is kept.
    pub nullable: bool,
    /// `x-kubernetes-int-or-string`.
    pub int_or_string: bool,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserve_unknown_fields: bool,
    /// `x-kubernetes-embedded-resource`: the value is itself an object with apiVersion, kind and metadata.
    pub embedded_resource: bool,
    /// The named children of an object.
    pub properties: IndexMap<String, Arc<Schema>>,
    /// The other children of an object: the values of a map.
    pub additional_properties: AdditionalProperties,
    /// The items of a list.
    pub items: Option<Arc<Schema>>,
    /// The children that must be there.
    pub required: Vec<String>,
    /// The value that stands in when there is none.
    pub default: Option<Value>,
    /// How a list merges: `x-kubernetes-list-type` and `-map-keys`.
    pub list_type: Option<ListType>,
    /// Whether a map or object merges as a whole: `x-kubernetes-map-type: atomic`.
    pub atomic: bool,
    /// `x-kubernetes-patch-strategy`, for strategic merge patches of built-in kinds.
    pub patch_strategy: Vec<PatchStrategy>,
    /// `x-kubernetes-patch-merge-key`.
    pub patch_merge_key: Option<String>,
    /// The bounds; apart, since most nodes have none.
    pub bounds: Option<Box<Bounds>>,
    /// The CEL rules of this node, in order.
    pub rules: Vec<Rule>,
}

/// The types of JSON values that OpenAPI tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaType {
    /// A map or an object with named fields.
    Object,
    /// A list.
    Array,
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
}

impl SchemaType {
    /// Returns the type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        use SchemaType::{Array, Boolean, Integer, Number, Object, String};
        [Object, Array, String, Integer, Number, Boolean].into_iter().find(|schema_type| schema_type.as_str() == name)
    }

    /// Returns the name that OpenAPI has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// What an object may hold beside its properties.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum AdditionalProperties {
    /// Nothing was said: unknown fields are pruned.
    #[default]
    None,
    /// `additionalProperties: true`.
    Any,
    /// A map whose values have a schema.
    Schema(Arc<Schema>),
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListType {
    /// The list merges as a whole.
    Atomic,
    /// Items are unique scalars.
    Set,
    /// Items are objects, identified by these keys.
    Map(Vec<String>),
}

/// `x-kubernetes-patch-strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchStrategy {
    /// Items merge by key.
    Merge,
    /// The patch replaces the value.
    Replace,
    /// Only the keys that the patch names stay.
    RetainKeys,
}

/// Value validations of OpenAPI v3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bounds {
    /// `format`, such as `int32` or `date-time`.
    pub format: Option<String>,
    /// `minimum`.
    pub minimum: Option<Number>,
    /// Whether `minimum` itself is refused.
    pub exclusive_minimum: bool,
    /// `maximum`.
    pub maximum: Option<Number>,
    /// Whether `maximum` itself is refused.
    pub exclusive_maximum: bool,
    /// `multipleOf`.
    pub multiple_of: Option<Number>,
    /// `minLength`, in Unicode code points.
    pub min_length: Option<u64>,
    /// `maxLength`, in Unicode code points.
    pub max_length: Option<u64>,
    /// `pattern`, in RE2 syntax.
    pub pattern: Option<Pattern>,
    /// `minItems`.
    pub min_items: Option<u64>,
    /// `maxItems`.
    pub max_items: Option<u64>,
    /// `uniqueItems`.
    pub unique_items: bool,
    /// `minProperties`.
    pub min_properties: Option<u64>,
    /// `maxProperties`.
    pub max_properties: Option<u64>,
    /// `enum`; empty for none.
    pub enumeration: Vec<Value>,
    /// `allOf`.
    pub all_of: Vec<Schema>,
    /// `anyOf`.
    pub any_of: Vec<Schema>,
    /// `oneOf`.
    pub one_of: Vec<Schema>,
    /// `not`.
    pub not: Option<Schema>,
}

/// One entry of `x-kubernetes-validations`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// The CEL expression.
    pub rule: String,
    /// The message when it is false.
    pub message: Option<String>,
    /// A CEL expression that gives the message.
    pub message_expression: Option<String>,
    /// The reason of the cause; `FieldValueInvalid` when absent.
    pub reason: Option<String>,
    /// The field that the finding names, relative to this node.
    pub field_path: Option<String>,
    /// Whether a transition rule also runs when there is no old value.
    pub optional_old_self: bool,
}

impl Schema {
    /// Returns the schema of a named child: a property, or the value schema of a map.
    pub fn child(&self, name: &str) -> Option<&Arc<Schema>> {
        self.properties.get(name).or(match &self.additional_properties {
            AdditionalProperties::Schema(schema) => Some(schema),
            AdditionalProperties::None | AdditionalProperties::Any => None,
        })
    }
}
