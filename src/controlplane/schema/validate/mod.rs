//! Validates an object against its schema, with the findings that a Kubernetes API server has.
//!
//! Kubernetes uses go-openapi's validator, whose order, paths and wording clients know; they are kept here, quirks
//! included (composite findings have no path, a type error comes with a range error). What did not change in an update
//! is not looked at again: a stored object may break rules that came later ("ratcheting").
//!
//! This is for custom resources. Built-in kinds are checked when decoding and by their strategy. CEL rules have a place
//! of their own.
//!
//! Source: `k8s.io/kube-openapi/pkg/validation/validate` and `k8s.io/apiextensions-apiserver/pkg/apiserver/validation`,
//! Kubernetes 1.36.

mod embedded;
mod format;
mod lists;
mod scalar;

use serde_json::{Map, Value};

pub use embedded::embedded_resources;
pub use format::{is_known_format, is_request_uri, matches_format};
pub use lists::list_sets_and_maps;

use super::field_error::{ErrorType, FieldError};
use super::{AdditionalProperties, Bounds, ListType, Schema, SchemaType};

/// The path of findings that upstream cannot place.
pub const NO_PATH: &str = "<nil>";

/// Returns the findings about `value`. Where `old` holds the same, nothing is found.
pub fn validate(value: &Value, old: Option<&Value>, schema: &Schema) -> Vec<FieldError> {
    let mut walk = Walk { path: String::new() };
    walk.value(value, old, schema).errors
}

/// What one schema has to say of one value.
#[derive(Debug, Default)]
struct Findings {
    errors: Vec<FieldError>,
    /// How many checks were made: of several failing alternatives, the one with the most is reported.
    checks: usize,
}

impl Findings {
    fn push(&mut self, error: FieldError) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    fn merge(&mut self, other: Self) {
        self.checks += other.checks;
        if self.errors.is_empty() {
            self.errors = other.errors;
        } else {
            other.errors.into_iter().for_each(|error| self.push(error));
        }
    }
}

struct Walk {
    path: String,
}

impl Walk {
    /// The order of the checks is upstream's: type, composition, text, format, number, list, enumeration, object.
    fn value(&mut self, value: &Value, old: Option<&Value>, schema: &Schema) -> Findings {
        let mut findings = Findings { errors: Vec::new(), checks: 1 };
        if old == Some(value) {
            return findings;
        }
        let bounds = schema.bounds.as_deref();
        if let Some(error) = scalar::check_type(&self.path, value, schema) {
            findings.push(error);
        }
        findings.checks += 1;
        if value.is_null() {
            self.enumeration(&mut findings, value, bounds);
            return findings;
        }
        if let Some(bounds) = bounds {
            let composed = self.composition(value, bounds);
            findings.merge(composed);
        }
        match value {
            Value::String(text) => scalar::check_text(&self.path, text, bounds, &mut findings.errors),
            Value::Number(number) => scalar::check_number(&self.path, number, schema, &mut findings.errors),
            Value::Array(list) => {
                let items = self.list(list, old, schema);
                findings.merge(items);
            }
            _ => {}
        }
        self.enumeration(&mut findings, value, bounds);
        if let Value::Object(map) = value {
            let fields = self.object(map, old, schema);
            findings.merge(fields);
        }
        findings
    }

    fn enumeration(&self, findings: &mut Findings, value: &Value, bounds: Option<&Bounds>) {
        if let Some(error) = bounds.and_then(|bounds| scalar::check_enumeration(&self.path, value, bounds)) {
            findings.push(error);
        }
    }

    fn composition(&mut self, value: &Value, bounds: &Bounds) -> Findings {
        let mut findings = Findings::default();
        if !bounds.any_of.is_empty() {
            findings.merge(self.any_of(value, &bounds.any_of));
        }
        if !bounds.one_of.is_empty() {
            findings.merge(self.one_of(value, &bounds.one_of));
        }
        if !bounds.all_of.is_empty() {
            findings.merge(self.all_of(value, &bounds.all_of));
        }
        if let Some(not) = &bounds.not
            && self.value(value, None, not).errors.is_empty()
        {
            findings.push(composite(format!("{:?} must not validate the schema (not)", self.path)));
        }
        findings.checks += 1;
        findings
    }

    fn any_of(&mut self, value: &Value, schemas: &[Schema]) -> Findings {
        let mut best: Option<Findings> = None;
        for schema in schemas {
            let result = self.value(value, None, schema);
            if result.errors.is_empty() {
                return result;
            }
            if best.as_ref().is_none_or(|best| result.checks > best.checks) {
                best = Some(result);
            }
        }
        let mut findings = Findings::default();
        findings.push(composite(format!("{:?} must validate at least one schema (anyOf)", self.path)));
        findings.merge(best.unwrap_or_default());
        findings
    }

    fn one_of(&mut self, value: &Value, schemas: &[Schema]) -> Findings {
        let (mut best, mut first, mut valid) = (None::<Findings>, None, 0);
        for schema in schemas {
            let result = self.value(value, None, schema);
            if result.errors.is_empty() {
                valid += 1;
                first.get_or_insert(result);
            } else if best.as_ref().is_none_or(|best| result.checks > best.checks) {
                best = Some(result);
            }
        }
        if valid == 1 {
            return first.unwrap_or_default();
        }
        let count =
            if valid == 0 { "Found none valid".to_owned() } else { format!("Found {valid} valid alternatives") };
        let mut findings = Findings::default();
        findings.push(composite(format!("{:?} must validate one and only one schema (oneOf). {count}", self.path)));
        if valid == 0 {
            findings.merge(best.unwrap_or_default());
        }
        findings
    }

    fn all_of(&mut self, value: &Value, schemas: &[Schema]) -> Findings {
        let mut findings = Findings::default();
        let mut valid = 0;
        for schema in schemas {
            let result = self.value(value, None, schema);
            valid += usize::from(result.errors.is_empty());
            findings.merge(result);
        }
        if valid != schemas.len() {
            let more = if valid == 0 { ". None validated" } else { "" };
            findings.push(composite(format!("{:?} must validate all the schemas (allOf){more}", self.path)));
        }
        findings
    }

    fn list(&mut self, list: &[Value], old: Option<&Value>, schema: &Schema) -> Findings {
        let mut findings = Findings { errors: Vec::new(), checks: 1 };
        let bounds = schema.bounds.as_deref();
        // A list that is too long is said to be so, but its items are not looked at one by one.
        let too_many = bounds.and_then(|bounds| bounds.max_items).filter(|max| list.len() as u64 > *max);
        if let Some(items) = schema.items.as_deref().filter(|_| too_many.is_none()) {
            for (index, item) in list.iter().enumerate() {
                let old = old_item(schema, item, old);
                let len = self.path.len();
                self.path.push_str(&format!("[{index}]"));
                let result = self.value(item, old, items);
                findings.merge(result);
                self.path.truncate(len);
            }
        }
        if let Some(min) = bounds.and_then(|bounds| bounds.min_items).filter(|min| (list.len() as u64) < *min) {
            findings.push(self.invalid(&list.len().into(), format!("should have at least {min} items")));
        }
        if let Some(max) = too_many {
            findings.push(FieldError::too_many(self.field(), list.len(), max));
        }
        findings
    }

    fn object(&mut self, map: &Map<String, Value>, old: Option<&Value>, schema: &Schema) -> Findings {
        let mut findings = Findings { errors: Vec::new(), checks: 1 };
        if let Some(error) = schema.bounds.as_deref().and_then(|bounds| self.object_size(map.len(), bounds)) {
            findings.push(error);
            return findings;
        }
        let AdditionalProperties::Schema(values) = &schema.additional_properties else {
            self.properties(map, old, schema, &mut findings);
            return findings;
        };
        for (name, value) in map.iter().filter(|(name, _)| !schema.properties.contains_key(*name)) {
            let result = self.field_value(name, value, old, values);
            findings.merge(result);
        }
        self.properties(map, old, schema, &mut findings);
        findings
    }

    fn object_size(&self, len: usize, bounds: &Bounds) -> Option<FieldError> {
        if let Some(min) = bounds.min_properties.filter(|min| (len as u64) < *min) {
            return Some(self.invalid(&len.into(), format!("should have at least {min} properties")));
        }
        let max = bounds.max_properties.filter(|max| len as u64 > *max)?;
        Some(FieldError::too_many(self.field(), len, max))
    }

    fn properties(&mut self, map: &Map<String, Value>, old: Option<&Value>, schema: &Schema, findings: &mut Findings) {
        for (name, property) in &schema.properties {
            if let Some(value) = map.get(name) {
                let result = self.field_value(name, value, old, property);
                findings.merge(result);
            }
        }
        for name in &schema.required {
            let defaulted = || schema.properties.get(name).is_some_and(|property| property.default.is_some());
            if !map.contains_key(name) && !defaulted() {
                let len = self.push(name);
                findings.push(FieldError::required(self.field(), ""));
                self.path.truncate(len);
            }
        }
    }

    fn field_value(&mut self, name: &str, value: &Value, old: Option<&Value>, schema: &Schema) -> Findings {
        let len = self.push(name);
        let result = self.value(value, old.and_then(|old| old.get(name)), schema);
        self.path.truncate(len);
        result
    }

    fn push(&mut self, name: &str) -> usize {
        let len = self.path.len();
        if len > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        len
    }

    fn field(&self) -> &str {
        field(&self.path)
    }

    fn invalid(&self, value: &Value, rest: String) -> FieldError {
        FieldError::invalid(self.field(), value, format!("{} in body {rest}", self.path))
    }
}

fn field(path: &str) -> &str {
    if path.is_empty() { NO_PATH } else { path }
}

/// Returns a finding about a composition, which upstream reports without a path.
fn composite(message: String) -> FieldError {
    FieldError::invalid(NO_PATH, &Value::from(""), message)
}

/// Returns the old item that an item of a list-map continues: the one with the same keys. Others continue none.
pub(super) fn old_item<'a>(schema: &Schema, item: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
    let (Some(ListType::Map(keys)), Some(old)) = (&schema.list_type, old.and_then(Value::as_array)) else {
        return None;
    };
    let key = |item: &'a Value, name: &String| item.get(name);
    old.iter().find(|old| keys.iter().all(|name| key(old, name) == item.get(name)))
}

/// Whether CEL rules are to be left out because of these findings, with the finding that says so.
///
/// Source: `hasBlockingErr` of `k8s.io/apiextensions-apiserver/pkg/registry/customresource/strategy.go`.
pub fn blocking_error(errors: &[FieldError]) -> Option<FieldError> {
    use ErrorType::{NotSupported, Required, TooLong, TooMany, TypeInvalid};
    let blocks =
        |error: &FieldError| matches!(error.error_type, NotSupported | Required | TooLong | TooMany | TypeInvalid);
    errors.iter().any(blocks).then(|| {
        let detail = "some validation rules were not checked because the object was invalid; correct the existing \
                      errors to complete validation";
        FieldError::invalid(NO_PATH, &Value::Null, detail)
    })
}

#[cfg(test)]
mod tests;
