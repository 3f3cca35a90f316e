//! The functions that rules may call.
//!
//! Which there are, and for which types, stands in [`overloads`](super::overloads); here is what they do.

pub(super) mod formats;
pub(super) mod lists;
pub(super) mod net;
pub(super) mod operators;
pub(super) mod quantity;
pub(super) mod semver;
pub(super) mod strings;
pub(super) mod text;
pub(super) mod time;
pub(super) mod url;

use super::interpreter::Outcome;
use super::value::{Failure, Value};

/// Calls a function.
pub(super) fn function<'a>(name: &str, args: &[Value<'a>]) -> Outcome<'a> {
    if let Some(result) = operators::call(name, args) {
        return result;
    }
    if let Some(result) = text::convert(name, args) {
        return result;
    }
    let text = args.first().and_then(Value::as_str);
    match (name, args) {
        ("size", [value]) => size(value),
        ("dyn", [value]) => Ok(value.clone()),
        ("type", [value]) => Ok(Value::Type(value.type_name())),
        ("matches", [_, Value::Str(_) | Value::String(_)]) => {
            strings::method("matches", &args[0], &args[1..]).unwrap_or_else(Into::into)
        }
        ("isURL" | "url", [_]) => url::function(name, text.unwrap_or_default()),
        ("isIP" | "ip" | "isCIDR" | "cidr", _) => net::function(name, args),
        ("isQuantity" | "quantity", [_]) => quantity::function(name, text.unwrap_or_default()),
        ("sign", [Value::Quantity(value)]) => Ok(quantity::sign(*value)),
        ("isSemver" | "semver", _) => semver::function(name, args),
        _ => no_such(),
    }
}

/// Calls a function of a namespace, such as `sets.contains`.
pub(super) fn namespaced<'a>(namespace: &str, name: &str, args: &[Value<'a>]) -> Outcome<'a> {
    match (namespace, name, args) {
        ("optional", "none", []) => Ok(Value::Optional(None)),
        ("optional", "of", [value]) => Ok(Value::some(value.clone())),
        ("optional", "ofNonZeroValue", [value]) if is_zero(value) => Ok(Value::Optional(None)),
        ("optional", "ofNonZeroValue", [value]) => Ok(Value::some(value.clone())),
        ("strings", "quote", [value]) => strings::quote(value),
        ("lists", "range", [Value::Int(end)]) => lists::range(*end),
        ("sets", _, [left, right]) => lists::sets(name, left, right),
        ("ip", "isCanonical", [value]) => net::is_canonical(value.as_str().unwrap_or_default()),
        ("format", _, _) => formats::named(name, args),
        _ => no_such(),
    }
}

/// Calls a method.
pub(super) fn method<'a>(name: &str, target: &Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    match (target, name) {
        (_, "size") => size(target),
        (Value::Optional(value), "hasValue") => Ok(Value::Bool(value.is_some())),
        (Value::Optional(value), "value") => {
            value.as_deref().cloned().ok_or_else(|| "optional.none() dereference".to_owned())
        }
        (Value::Str(_) | Value::String(_), _) => strings::method(name, target, args).unwrap_or_else(Into::into),
        (Value::List(_) | Value::JsonList(..), _) => lists::method(name, target, args),
        (Value::Timestamp(_) | Value::Duration(_), _) => time::method(name, target, args),
        (Value::Quantity(value), _) => quantity::method(name, *value, args),
        (Value::Url(value), _) => url::method(name, value),
        (Value::Ip(value), _) => net::ip_method(name, *value),
        (Value::Cidr(value), _) => net::cidr_method(name, *value, args),
        (Value::Semver(value), _) => semver::method(name, value, args),
        (Value::Format(format), "validate") => formats::validate(format, args),
        _ => no_such(),
    }
}

pub(super) fn no_such<'a>() -> Outcome<'a> {
    Err("no such overload".to_owned())
}

pub(super) fn int<'a>(value: usize) -> Value<'a> {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

fn size<'a>(value: &Value<'a>) -> Outcome<'a> {
    value.size().map(int).map_or_else(no_such, Ok)
}

fn is_zero(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Int(value) => *value == 0,
        Value::Uint(value) => *value == 0,
        Value::Double(value) => *value == 0.0,
        Value::Duration(value) => value.is_zero(),
        Value::Optional(value) => value.is_none(),
        other => other.size() == Some(0),
    }
}

/// Returns an index that a rule names, if it is within `0..=len`.
pub(super) fn index(value: i64, len: usize) -> Result<usize, Failure> {
    usize::try_from(value).ok().filter(|index| *index <= len).ok_or_else(|| format!("index out of range: {value}"))
}
