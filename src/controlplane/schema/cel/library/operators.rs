//! Operators: arithmetic that does not wrap, comparison, membership and indexing.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::interpreter::{Outcome, flat};
use super::super::value::Value;
use super::no_such;

/// Applies an operator; `None` when the name is none.
pub(super) fn call<'a>(name: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    Some(match (name, args) {
        ("!_", [Value::Bool(value)]) => Ok(Value::Bool(!value)),
        ("-_", [Value::Int(value)]) => value.checked_neg().map(Value::Int).ok_or_else(overflow),
        ("-_", [Value::Double(value)]) => Ok(Value::Double(-value)),
        ("_==_", [left, right]) => Ok(Value::Bool(left.equals(right))),
        ("_!=_", [left, right]) => Ok(Value::Bool(!left.equals(right))),
        ("_<_", [left, right]) => ordered(left, right, Ordering::is_lt),
        ("_<=_", [left, right]) => ordered(left, right, Ordering::is_le),
        ("_>_", [left, right]) => ordered(left, right, Ordering::is_gt),
        ("_>=_", [left, right]) => ordered(left, right, Ordering::is_ge),
        ("@in", [item, range]) => contains(item, range),
        ("_[_]", [range, key]) => index(range, key),
        ("_[?_]", [range, key]) => optional_index(range, key),
        ("_+_", [left, right]) => add(left, right),
        ("_-_", [left, right]) => subtract(left, right),
        ("_*_", [Value::Int(left), Value::Int(right)]) => left.checked_mul(*right).map(Value::Int).ok_or_else(overflow),
        ("_*_", [Value::Uint(left), Value::Uint(right)]) => {
            left.checked_mul(*right).map(Value::Uint).ok_or_else(overflow)
        }
        ("_*_", [Value::Double(left), Value::Double(right)]) => Ok(Value::Double(left * right)),
        ("_/_", [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)]) => {
            Err("division by zero".to_owned())
        }
        ("_/_", [Value::Int(left), Value::Int(right)]) => left.checked_div(*right).map(Value::Int).ok_or_else(overflow),
        ("_/_", [Value::Uint(left), Value::Uint(right)]) => Ok(Value::Uint(left / right)),
        ("_/_", [Value::Double(left), Value::Double(right)]) => Ok(Value::Double(left / right)),
        ("_%_", [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)]) => Err("modulus by zero".to_owned()),
        ("_%_", [Value::Int(left), Value::Int(right)]) => left.checked_rem(*right).map(Value::Int).ok_or_else(overflow),
        ("_%_", [Value::Uint(left), Value::Uint(right)]) => Ok(Value::Uint(left % right)),
        (name, _) if name.contains('_') || name == "@in" => no_such(),
        _ => return None,
    })
}

fn overflow() -> String {
    "return error for overflow".to_owned()
}

fn ordered<'a>(left: &Value<'a>, right: &Value<'a>, holds: fn(Ordering) -> bool) -> Outcome<'a> {
    let is_nan = |value: &Value<'_>| matches!(value, Value::Double(value) if value.is_nan());
    match left.compare(right) {
        Some(ordering) => Ok(Value::Bool(holds(ordering))),
        None if is_nan(left) || is_nan(right) => Ok(Value::Bool(false)),
        None => no_such(),
    }
}

fn contains<'a>(item: &Value<'a>, range: &Value<'a>) -> Outcome<'a> {
    if let Some(items) = range.items() {
        return Ok(Value::Bool(items.iter().any(|other| other.equals(item))));
    }
    match range {
        Value::Map(_) | Value::JsonObject(..) => Ok(Value::Bool(range.index(item)?.is_some())),
        _ => no_such(),
    }
}

fn index<'a>(range: &Value<'a>, key: &Value<'a>) -> Outcome<'a> {
    if let Value::Optional(value) = range {
        return match value {
            Some(value) => Ok(flat(value.index(key)?)),
            None => Ok(Value::Optional(None)),
        };
    }
    let found = range.index(key)?;
    found.ok_or_else(|| match key {
        Value::Int(index) if range.items().is_some() => format!("index out of bounds: {index}"),
        Value::Int(key) => format!("no such key: {key}"),
        other => format!("no such key: {}", other.as_str().unwrap_or_default()),
    })
}

fn optional_index<'a>(range: &Value<'a>, key: &Value<'a>) -> Outcome<'a> {
    match range {
        Value::Optional(None) => Ok(Value::Optional(None)),
        Value::Optional(Some(value)) => Ok(flat(value.index(key)?)),
        other => Ok(flat(other.index(key)?)),
    }
}

fn add<'a>(left: &Value<'a>, right: &Value<'a>) -> Outcome<'a> {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Ok(Value::text(format!("{left}{right}")));
    }
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.checked_add(*right).map(Value::Int).ok_or_else(overflow),
        (Value::Uint(left), Value::Uint(right)) => left.checked_add(*right).map(Value::Uint).ok_or_else(overflow),
        (Value::Double(left), Value::Double(right)) => Ok(Value::Double(left + right)),
        (Value::Bytes(left), Value::Bytes(right)) => Ok(Value::Bytes([&left[..], &right[..]].concat().into())),
        (Value::Duration(left), Value::Duration(right)) => {
            left.checked_add(*right).map(Value::Duration).ok_or_else(overflow)
        }
        (Value::Timestamp(time), Value::Duration(by)) | (Value::Duration(by), Value::Timestamp(time)) => {
            time.checked_add(*by).map(Value::Timestamp).map_err(|_| overflow())
        }
        _ => match (left.items(), right.items()) {
            (Some(mut left), Some(right)) => {
                left.extend(right);
                Ok(Value::List(Arc::new(left)))
            }
            _ => no_such(),
        },
    }
}

fn subtract<'a>(left: &Value<'a>, right: &Value<'a>) -> Outcome<'a> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.checked_sub(*right).map(Value::Int).ok_or_else(overflow),
        (Value::Uint(left), Value::Uint(right)) => left.checked_sub(*right).map(Value::Uint).ok_or_else(overflow),
        (Value::Double(left), Value::Double(right)) => Ok(Value::Double(left - right)),
        (Value::Duration(left), Value::Duration(right)) => {
            left.checked_sub(*right).map(Value::Duration).ok_or_else(overflow)
        }
        (Value::Timestamp(time), Value::Duration(by)) => {
            time.checked_sub(*by).map(Value::Timestamp).map_err(|_| overflow())
        }
        (Value::Timestamp(left), Value::Timestamp(right)) => Ok(Value::Duration(left.duration_since(*right))),
        _ => no_such(),
    }
}
