//! Conversions between types.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::interpreter::Outcome;
use super::super::value::Value;
use super::{no_such, time};

/// Converts a value; `None` when the name is no type.
pub(super) fn convert<'a>(name: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    let [value] = args else { return None };
    Some(match name {
        "bool" => to_bool(value),
        "int" => to_int(value),
        "uint" => to_uint(value),
        "double" => to_double(value),
        "string" => to_string(value),
        "bytes" => to_bytes(value),
        "duration" => match (value, value.as_str()) {
            (Value::Duration(_), _) => Ok(value.clone()),
            (_, Some(text)) => time::parse_duration(text).map(Value::Duration),
            _ => no_such(),
        },
        "timestamp" => time::to_timestamp(value),
        _ => return None,
    })
}

/// Decodes standard base64.
pub(in super::super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn to_bool<'a>(value: &Value<'a>) -> Outcome<'a> {
    match (value, value.as_str()) {
        (Value::Bool(_), _) => Ok(value.clone()),
        (_, Some("1" | "t" | "T" | "TRUE" | "true" | "True")) => Ok(Value::Bool(true)),
        (_, Some("0" | "f" | "F" | "FALSE" | "false" | "False")) => Ok(Value::Bool(false)),
        _ => Err("type conversion error from 'string' to 'bool'".to_owned()),
    }
}

fn to_int<'a>(value: &Value<'a>) -> Outcome<'a> {
    let range = || "integer overflow".to_owned();
    match value {
        Value::Int(value) => Ok(Value::Int(*value)),
        Value::Uint(value) => i64::try_from(*value).map(Value::Int).map_err(|_| range()),
        Value::Double(value) if value.abs() < 9_223_372_036_854_774_784.0 => Ok(Value::Int(value.trunc() as i64)),
        Value::Double(_) => Err(range()),
        Value::Timestamp(value) => Ok(Value::Int(value.as_second())),
        other => match other.as_str() {
            Some(text) => {
                text.parse().map(Value::Int).map_err(|_| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
            }
            None => no_such(),
        },
    }
}

fn to_uint<'a>(value: &Value<'a>) -> Outcome<'a> {
    let range = || "unsigned integer overflow".to_owned();
    match value {
        Value::Uint(value) => Ok(Value::Uint(*value)),
        Value::Int(value) => u64::try_from(*value).map(Value::Uint).map_err(|_| range()),
        Value::Double(value) if (0.0..18_446_744_073_709_549_568.0).contains(value) => {
            Ok(Value::Uint(value.trunc() as u64))
        }
        Value::Double(_) => Err(range()),
        other => match other.as_str() {
            Some(text) => text
                .parse()
                .map(Value::Uint)
                .map_err(|_| format!("strconv.ParseUint: parsing {text:?}: invalid syntax")),
            None => no_such(),
        },
    }
}

fn to_double<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Double(value) => Ok(Value::Double(*value)),
        Value::Int(value) => Ok(Value::Double(*value as f64)),
        Value::Uint(value) => Ok(Value::Double(*value as f64)),
        other => match other.as_str() {
            Some(text) => text
                .parse()
                .map(Value::Double)
                .map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")),
            None => no_such(),
        },
    }
}

fn to_string<'a>(value: &Value<'a>) -> Outcome<'a> {
    Ok(match value {
        Value::Str(_) | Value::String(_) => value.clone(),
        Value::Bool(value) => Value::text(value.to_string()),
        Value::Int(value) => Value::text(value.to_string()),
        Value::Uint(value) => Value::text(value.to_string()),
        Value::Double(value) => Value::text(value.to_string()),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::text(text),
            Err(_) => return Err("invalid UTF-8 in bytes, cannot convert to string".to_owned()),
        },
        Value::Timestamp(value) => Value::text(value.to_string()),
        Value::Duration(value) => Value::text(format!("{}s", time::seconds(*value))),
        Value::Ip(value) => Value::text(value.to_string()),
        Value::Cidr(value) => Value::text(value.to_string()),
        _ => return no_such(),
    })
}

fn to_bytes<'a>(value: &Value<'a>) -> Outcome<'a> {
    match (value, value.as_str()) {
        (Value::Bytes(_), _) => Ok(value.clone()),
        (_, Some(text)) => Ok(Value::Bytes(text.as_bytes().into())),
        _ => no_such(),
    }
}
