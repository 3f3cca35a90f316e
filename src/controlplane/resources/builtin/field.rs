//! Reading an object by field, and collecting what is wrong with it: the words in which validation is written.

use std::fmt;

use serde_json::Value;

use crate::controlplane::schema::field_error::FieldError;

/// A value and its place in the object. A field that is absent reads as null.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    path: String,
    /// The value; null when there is none.
    pub(super) value: &'a Value,
}

static NULL: Value = Value::Null;

impl<'a> Field<'a> {
    /// Returns the whole object.
    pub(super) fn root(value: &'a Value) -> Self {
        Self { path: String::new(), value }
    }

    /// Returns a field of an object.
    pub(super) fn get(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, value: self.value.get(name).unwrap_or(&NULL) }
    }

    /// Returns a field some steps below.
    pub(super) fn at(&self, names: &[&str]) -> Self {
        names.iter().fold(self.clone(), |field, name| field.get(name))
    }

    /// Returns the same place with another value.
    pub(super) fn with(&self, value: &'a Value) -> Self {
        Self { path: self.path.clone(), value }
    }

    /// Returns the items of a list.
    pub(super) fn items(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let path = self.path.clone();
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(move |(index, value)| Field { path: format!("{path}[{index}]"), value })
    }

    /// Returns the entries of a map, sorted by key.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Field<'a>)> + use<'a> {
        let path = self.path.clone();
        let mut entries: Vec<_> = self.value.as_object().into_iter().flatten().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries.into_iter().map(move |(key, value)| (key.as_str(), Field { path: format!("{path}[{key}]"), value }))
    }

    /// Returns the path.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether there is a value.
    pub(super) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether there is nothing, or an empty text, list or map.
    pub(super) fn is_empty(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        }
    }

    /// Returns the text; empty when there is none.
    pub(super) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// Returns the number, if it is one.
    pub(super) fn number(&self) -> Option<i64> {
        self.value.as_i64()
    }

    /// Whether it is true.
    pub(super) fn is_true(&self) -> bool {
        *self.value == Value::Bool(true)
    }

    /// Returns how many items or entries there are.
    pub(super) fn len(&self) -> usize {
        match self.value {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            _ => 0,
        }
    }

    /// Whether a list holds a text.
    pub(super) fn holds(&self, text: &str) -> bool {
        self.value.as_array().is_some_and(|items| items.iter().any(|item| item == text))
    }
}

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// The texts of upstream that many kinds share.
pub(super) const IMMUTABLE: &str = "field is immutable";
const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

/// What has been found.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<FieldError>);

impl Findings {
    /// The value is wrong.
    pub(super) fn invalid(&mut self, field: &Field<'_>, detail: impl Into<String>) {
        let null_text = Value::String(String::new());
        let value = if field.is_set() { field.value } else { &null_text };
        self.0.push(FieldError::invalid(field.path(), value, detail));
    }

    /// The value is wrong, and shown in another form than it has.
    pub(super) fn invalid_value(&mut self, field: &Field<'_>, value: &Value, detail: impl Into<String>) {
        self.0.push(FieldError::invalid(field.path(), value, detail));
    }

    /// The value is wrong in each of these ways.
    pub(super) fn invalid_each(&mut self, field: &Field<'_>, details: Vec<String>) {
        details.into_iter().for_each(|detail| self.invalid(field, detail));
    }

    /// A value that must be there is not.
    pub(super) fn required(&mut self, field: &Field<'_>, detail: impl Into<String>) {
        self.0.push(FieldError::required(field.path(), detail));
    }

    /// The value may not be set here.
    pub(super) fn forbidden(&mut self, field: &Field<'_>, detail: impl Into<String>) {
        self.0.push(FieldError::forbidden(field.path(), detail));
    }

    /// The value must be unique.
    pub(super) fn duplicate(&mut self, field: &Field<'_>) {
        self.0.push(FieldError::duplicate(field.path(), field.value));
    }

    /// Something that the field refers to is missing.
    pub(super) fn not_found(&mut self, field: &Field<'_>) {
        self.0.push(FieldError::not_found(field.path(), field.value));
    }

    /// The value is none of these.
    pub(super) fn not_supported(&mut self, field: &Field<'_>, supported: &[&str]) {
        let empty = Value::String(String::new());
        let value = if field.is_set() { field.value } else { &empty };
        self.0.push(FieldError::not_supported(field.path(), value, supported));
    }

    /// Refuses a text that is none of these; an absent one too.
    pub(super) fn one_of(&mut self, field: &Field<'_>, supported: &[&str]) {
        if !supported.contains(&field.text()) {
            self.not_supported(field, supported);
        }
    }

    /// Refuses a text that is there and none of these.
    pub(super) fn one_of_if_set(&mut self, field: &Field<'_>, supported: &[&str]) {
        if field.is_set() {
            self.one_of(field, supported);
        }
    }

    /// Refuses a number below zero.
    pub(super) fn not_negative(&mut self, field: &Field<'_>) {
        if field.number().is_some_and(|number| number < 0) {
            self.invalid(field, NOT_NEGATIVE);
        }
    }

    /// Refuses a number that is not above zero.
    pub(super) fn positive(&mut self, field: &Field<'_>) {
        if field.number().is_some_and(|number| number <= 0) {
            self.invalid(field, "must be greater than 0");
        }
    }

    /// Refuses a number outside of these bounds.
    pub(super) fn within(&mut self, field: &Field<'_>, low: i64, high: i64) {
        if !(low..=high).contains(&field.number().unwrap_or(0)) {
            let value = field.number().unwrap_or(0).into();
            self.invalid_value(field, &value, format!("must be between {low} and {high}, inclusive"));
        }
    }

    /// Refuses a value that is not the old one.
    pub(super) fn immutable(&mut self, new: &Field<'_>, old: &Field<'_>) {
        if new.value != old.value {
            self.0.push(FieldError::invalid(new.path(), new.value, IMMUTABLE));
        }
    }
}
