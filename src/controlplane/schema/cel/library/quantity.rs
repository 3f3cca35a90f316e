//! Quantities.
//!
//! Source: `k8s.io/apiserver/pkg/cel/library/quantity.go`, Kubernetes 1.36.

use super::super::interpreter::Outcome;
use super::super::value::Value;
use super::no_such;
use crate::controlplane::quantity::{INVALID, Quantity};

const NANO: i128 = 1_000_000_000;

pub(super) fn function<'a>(name: &str, text: &str) -> Outcome<'a> {
    match name {
        "isQuantity" => Ok(Value::Bool(Quantity::parse(text).is_some())),
        _ => Quantity::parse(text).map(Value::Quantity).ok_or_else(|| INVALID.to_owned()),
    }
}

pub(super) fn sign<'a>(quantity: Quantity) -> Value<'a> {
    Value::Int(quantity.nano().signum() as i64)
}

pub(super) fn method<'a>(name: &str, quantity: Quantity, args: &[Value<'a>]) -> Outcome<'a> {
    let other = match args {
        [Value::Quantity(other)] => Some(*other),
        [Value::Int(number)] => Quantity::parse(&number.to_string()),
        _ => None,
    };
    Ok(match (name, other) {
        ("isInteger", None) => Value::Bool(whole(quantity).is_some()),
        ("asInteger", None) => match whole(quantity) {
            Some(whole) => Value::Int(whole),
            None => return Err("cannot convert value to integer".to_owned()),
        },
        ("asApproximateFloat", None) => Value::Double(quantity.nano() as f64 / NANO as f64),
        ("add", Some(other)) => Value::Quantity(quantity.plus(other)),
        ("sub", Some(other)) => Value::Quantity(quantity.minus(other)),
        ("isLessThan", Some(other)) => Value::Bool(quantity < other),
        ("isGreaterThan", Some(other)) => Value::Bool(quantity > other),
        ("compareTo", Some(other)) => Value::Int(quantity.cmp(&other) as i64),
        _ => return no_such(),
    })
}

fn whole(quantity: Quantity) -> Option<i64> {
    quantity.is_integer().then(|| i64::try_from(quantity.nano() / NANO).ok()).flatten()
}
