//! Types, texts, numbers and enumerations.

use serde_json::{Number, Value};

use super::format::{is_known_format, matches_format};
use super::{Bounds, ErrorType, FieldError, NO_PATH, Schema, SchemaType, field};

/// Returns the finding when the value has another type than the schema says.
pub(super) fn check_type(path: &str, value: &Value, schema: &Schema) -> Option<FieldError> {
    let format = schema.bounds.as_deref().and_then(|bounds| bounds.format.as_deref());
    if schema.schema_type.is_none() && !schema.int_or_string {
        return None;
    }
    if value.is_null() {
        return (!schema.nullable).then(|| type_error(path, &type_names(schema), "null"));
    }
    let actual = type_of(value);
    let allowed = allows(schema, actual) || is_whole(value) && allows(schema, SchemaType::Integer);
    let is_text_or_list = matches!(value, Value::String(_) | Value::Array(_));
    if let Some(format) = format {
        if !is_text_or_list && !allowed {
            return Some(type_error(path, format, go_format(value)));
        }
        if is_text_or_list && !allows(schema, SchemaType::Integer) && !allows(schema, SchemaType::Number) {
            // The format says more than the type.
            return None;
        }
    }
    (!allowed).then(|| type_error(path, &type_names(schema), actual.as_str()))
}

fn type_error(path: &str, expected: &str, actual: &str) -> FieldError {
    let detail = format!("{path} in body must be of type {expected}: {actual:?}");
    FieldError::new(ErrorType::TypeInvalid, field(path), &actual.into(), detail)
}

fn type_names(schema: &Schema) -> String {
    if schema.int_or_string {
        return "integer,string".to_owned();
    }
    schema.schema_type.map(SchemaType::as_str).unwrap_or_default().to_owned()
}

fn allows(schema: &Schema, actual: SchemaType) -> bool {
    if schema.int_or_string {
        return matches!(actual, SchemaType::Integer | SchemaType::String);
    }
    schema.schema_type == Some(actual)
        || actual == SchemaType::Integer && schema.schema_type == Some(SchemaType::Number)
}

/// Returns the type that Go's decoding gives a value; a null counts as an object.
pub(super) fn type_of(value: &Value) -> SchemaType {
    match value {
        Value::Bool(_) => SchemaType::Boolean,
        Value::Number(number) if number.is_i64() => SchemaType::Integer,
        Value::Number(_) => SchemaType::Number,
        Value::String(_) => SchemaType::String,
        Value::Array(_) => SchemaType::Array,
        Value::Object(_) | Value::Null => SchemaType::Object,
    }
}

/// Returns the format that go-openapi infers from the Go type of a value.
fn go_format(value: &Value) -> &'static str {
    match value {
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        _ => "",
    }
}

/// Whether a number is a whole one, up to 2^53: `2.0` passes for an integer.
fn is_whole(value: &Value) -> bool {
    value.as_f64().is_some_and(is_json_integer)
}

/// Source: `IsFloat64AJSONInteger` of `github.com/go-openapi/swag/convert.go`.
fn is_json_integer(number: f64) -> bool {
    const MAX: f64 = 9_007_199_254_740_991.0;
    if !number.is_finite() || number.abs() > MAX {
        return false;
    }
    let whole = number.trunc();
    let difference = (number - whole).abs();
    number == whole || whole != 0.0 && difference / (number.abs() + whole.abs()) < 1e-9
}

/// Adds the first finding about a text, and the one about its format.
pub(super) fn check_text(path: &str, text: &str, bounds: Option<&Bounds>, errors: &mut Vec<FieldError>) {
    let Some(bounds) = bounds else { return };
    errors.extend(check_length(path, text, bounds));
    if let Some(format) = bounds.format.as_deref().filter(|format| is_known_format(format))
        && !matches_format(format, text)
    {
        let detail = format!("{path} in body must be of type {format}: {text:?}");
        errors.push(FieldError::new(ErrorType::TypeInvalid, field(path), &text.into(), detail));
    }
}

fn check_length(path: &str, text: &str, bounds: &Bounds) -> Option<FieldError> {
    let invalid = |rest: String| Some(FieldError::invalid(field(path), &text.into(), format!("{path} in body {rest}")));
    let counts = bounds.max_length.is_some() || bounds.min_length.is_some();
    let len = if counts { text.chars().count() as u64 } else { 0 };
    if let Some(max) = bounds.max_length.filter(|max| len > *max) {
        return Some(FieldError::too_long(field(path), max));
    }
    if let Some(min) = bounds.min_length.filter(|min| len < *min) {
        return invalid(format!("should be at least {min} chars long"));
    }
    let pattern = bounds.pattern.as_ref()?;
    match pattern.is_match(text) {
        Some(true) => None,
        Some(false) | None => invalid(format!("should match '{}'", pattern.as_str())),
    }
}

/// Adds the findings about a number: its range, then multiple, minimum, maximum.
pub(super) fn check_number(path: &str, number: &Number, schema: &Schema, errors: &mut Vec<FieldError>) {
    let bounds = schema.bounds.as_deref();
    errors.extend(check_range(path, number, schema, bounds.and_then(|bounds| bounds.format.as_deref())));
    let (Some(bounds), Some(float)) = (bounds, number.as_f64()) else { return };
    let value = Value::Number(number.clone());
    let mut invalid = |rest: String| {
        errors.push(FieldError::invalid(field(path), &value, format!("{path} in body should be {rest}")));
    };
    if let Some(factor) = &bounds.multiple_of
        && !is_multiple(number, factor)
    {
        invalid(format!("a multiple of {}", plain(factor)));
    }
    if let Some(min) = &bounds.minimum {
        let at_least = min.as_f64().is_none_or(|min| if bounds.exclusive_minimum { float > min } else { float >= min });
        let than = if bounds.exclusive_minimum { "greater than" } else { "greater than or equal to" };
        if !at_least {
            invalid(format!("{than} {}", plain(min)));
        }
    }
    if let Some(max) = &bounds.maximum {
        let at_most = max.as_f64().is_none_or(|max| if bounds.exclusive_maximum { float < max } else { float <= max });
        let than = if bounds.exclusive_maximum { "less than" } else { "less than or equal to" };
        if !at_most {
            invalid(format!("{than} {}", plain(max)));
        }
    }
}

/// Returns the finding when a number does not fit its format. Upstream reports it without a path.
///
/// Source: `IsValueValidAgainstRange` of `k8s.io/kube-openapi/pkg/validation/validate/values.go`.
fn check_range(path: &str, number: &Number, schema: &Schema, format: Option<&str>) -> Option<FieldError> {
    let integer = schema.int_or_string || schema.schema_type == Some(SchemaType::Integer);
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)).or_else(|| {
        // Go prints the float without an exponent and reads it as an integer.
        number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e21).map(|float| float as i128)
    });
    let fits = match (integer, format) {
        (true, Some("int32")) => whole.is_some_and(|whole| i32::try_from(whole).is_ok()),
        (true, Some("uint32")) => whole.is_some_and(|whole| u32::try_from(whole).is_ok()),
        (true, Some("uint64")) => whole.is_some_and(|whole| u64::try_from(whole).is_ok()),
        (true, _) => whole.is_some_and(|whole| i64::try_from(whole).is_ok()),
        (false, Some("float" | "float32")) => number.as_f64().is_none_or(|float| float.abs() <= f64::from(f32::MAX)),
        (false, _) => true,
    };
    if fits {
        return None;
    }
    let of_type = if integer { "integer" } else { schema.schema_type.map_or("", SchemaType::as_str) };
    let format = format.map_or_else(|| "(default format)".to_owned(), |format| format!("with format {format}"));
    let message = format!("Checked value must be of type {of_type} {format} in {path}");
    Some(FieldError::invalid(NO_PATH, &"".into(), message))
}

fn is_multiple(number: &Number, factor: &Number) -> bool {
    match (number.as_i64(), factor.as_i64()) {
        (Some(number), Some(factor)) if factor != 0 => number % factor == 0,
        _ => match (number.as_f64(), factor.as_f64()) {
            (Some(number), Some(factor)) => is_json_integer(number / factor),
            _ => true,
        },
    }
}

/// Returns a bound as Go prints a float: without a needless fraction.
fn plain(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if !number.is_i64() && float.fract() == 0.0 && float.abs() < 1e21 => format!("{float:.0}"),
        _ => number.to_string(),
    }
}

/// Returns the finding when a value is none of an enumeration.
pub(super) fn check_enumeration(path: &str, value: &Value, bounds: &Bounds) -> Option<FieldError> {
    let among = |allowed: &Value| !allowed.is_null() && is_equal(value, allowed);
    if bounds.enumeration.is_empty() || bounds.enumeration.iter().any(among) {
        return None;
    }
    let texts: Vec<String> = bounds.enumeration.iter().map(text_of).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    Some(FieldError::not_supported(field(path), value, &texts))
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether two values are equal; whole numbers are, however they are written.
pub(super) fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}
