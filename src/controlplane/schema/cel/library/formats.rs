//! Named formats, and texts made by a pattern.
//!
//! Source: `k8s.io/apiserver/pkg/cel/library/format.go`, Kubernetes 1.36, and `github.com/google/cel-go/ext/formatting.go`.

use std::sync::Arc;

use super::super::interpreter::Outcome;
use super::super::value::{Failure, Value};
use super::{no_such, text};
use crate::controlplane::names;
use crate::controlplane::schema::validate::matches_format;

const NAMES: [&str; 13] = [
    "dns1123Label",
    "dns1123Subdomain",
    "dns1035Label",
    "qualifiedName",
    "dns1123LabelPrefix",
    "dns1123SubdomainPrefix",
    "dns1035LabelPrefix",
    "labelValue",
    "uri",
    "uuid",
    "byte",
    "date",
    "datetime",
];

/// `format.named("uri")`, or `format.uri()`.
pub(super) fn named<'a>(name: &str, args: &[Value<'a>]) -> Outcome<'a> {
    let find = |name: &str| NAMES.into_iter().find(|known| *known == name);
    match (name, args) {
        ("named", [name]) => {
            Ok(Value::Optional(find(name.as_str().unwrap_or_default()).map(|name| Box::new(Value::Format(name)))))
        }
        (name, []) => find(name).map(Value::Format).map_or_else(no_such, Ok),
        _ => no_such(),
    }
}

/// Returns what is wrong with a text, or nothing.
pub(super) fn validate<'a>(format: &str, args: &[Value<'a>]) -> Outcome<'a> {
    let [value] = args else { return no_such() };
    let text = value.as_str().unwrap_or_default();
    // A prefix may end with a dash, which something else is going to follow.
    let completed = || text.strip_suffix('-').map_or_else(|| text.to_owned(), |start| format!("{start}a"));
    let other =
        |format: &str, problem: &str| if matches_format(format, text) { Vec::new() } else { vec![problem.to_owned()] };
    let problems = match format {
        "dns1123Label" => names::dns1123_label(text),
        "dns1123Subdomain" => names::dns1123_subdomain(text),
        "dns1035Label" => names::dns1035_label(text),
        "qualifiedName" => names::qualified_name(text),
        "dns1123LabelPrefix" => names::dns1123_label(&completed()),
        "dns1123SubdomainPrefix" => names::dns1123_subdomain(&completed()),
        "dns1035LabelPrefix" => names::dns1035_label(&completed()),
        "labelValue" => names::label_value(text),
        "uri" => other("uri", "invalid URI for request"),
        "uuid" => other("uuid", "does not match the UUID format"),
        "byte" => {
            if text::decode_base64(text).is_some() {
                Vec::new()
            } else {
                vec!["invalid base64".to_owned()]
            }
        }
        "date" => other("date", "invalid date"),
        "datetime" => other("date-time", "invalid datetime"),
        _ => return no_such(),
    };
    if problems.is_empty() {
        return Ok(Value::Optional(None));
    }
    Ok(Value::some(Value::List(Arc::new(problems.into_iter().map(Value::text).collect()))))
}

/// `"%s is %.2f".format([…])`.
pub(super) fn print<'a>(pattern: &str, args: &Value<'a>) -> Outcome<'a> {
    let args = args.items().unwrap_or_default();
    let mut args = args.iter();
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest
            .strip_prefix('.')
            .map(|tail| tail.len() - tail.trim_start_matches(|char: char| char.is_ascii_digit()).len());
        let precision =
            digits.and_then(|len| rest[1..=len].parse::<usize>().ok()).filter(|precision| *precision <= 1000);
        rest = digits.map_or(rest, |len| &rest[len + 1..]);
        let clause = rest.chars().next().ok_or_else(|| "unexpected end of string".to_owned())?;
        rest = &rest[clause.len_utf8()..];
        if clause == '%' {
            out.push('%');
            continue;
        }
        let value = args.next().ok_or_else(|| "index out of range".to_owned())?;
        out.push_str(&clause_text(clause, precision, value)?);
    }
    out.push_str(rest);
    Ok(Value::text(out))
}

fn clause_text(clause: char, precision: Option<usize>, value: &Value<'_>) -> Result<String, Failure> {
    let wrong = || format!("no formatting function for {}", value.type_name());
    Ok(match (clause, value) {
        ('s', value) => shown(value),
        ('d', Value::Int(value)) => value.to_string(),
        ('d', Value::Uint(value)) => value.to_string(),
        ('f', value) => format!("{:.*}", precision.unwrap_or(6), number(value).ok_or_else(wrong)?),
        ('e', value) => exponential(number(value).ok_or_else(wrong)?, precision.unwrap_or(6)),
        ('b', Value::Int(value)) => format!("{value:b}"),
        ('b', Value::Uint(value)) => format!("{value:b}"),
        ('b', Value::Bool(value)) => u8::from(*value).to_string(),
        ('o', Value::Int(value)) => format!("{value:o}"),
        ('o', Value::Uint(value)) => format!("{value:o}"),
        ('x', Value::Int(value)) => format!("{value:x}"),
        ('X', Value::Int(value)) => format!("{value:X}"),
        ('x', Value::Uint(value)) => format!("{value:x}"),
        ('X', Value::Uint(value)) => format!("{value:X}"),
        ('x' | 'X', value) => {
            let bytes = match value {
                Value::Bytes(bytes) => bytes.to_vec(),
                other => other.as_str().ok_or_else(wrong)?.as_bytes().to_vec(),
            };
            let digit = |byte: &u8| if clause == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") };
            bytes.iter().map(digit).collect()
        }
        ('d' | 'b' | 'o', _) => return Err(wrong()),
        (other, _) => {
            return Err(format!("could not parse formatting clause: unrecognized formatting clause \"{other}\""));
        }
    })
}

fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(value) => Some(*value),
        Value::Int(value) => Some(*value as f64),
        Value::Uint(value) => Some(*value as f64),
        _ => None,
    }
}

/// Writes `1.5e+00`, as Go does.
fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn shown(value: &Value<'_>) -> String {
    if let Some(text) = value.as_str() {
        return text.to_owned();
    }
    if let Some(items) = value.items() {
        return format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "));
    }
    if let Some(entries) = value.entries() {
        let mut entries: Vec<_> =
            entries.iter().map(|(key, value)| format!("{}: {}", shown(key), shown(value))).collect();
        entries.sort();
        return format!("{{{}}}", entries.join(", "));
    }
    match value {
        Value::Null => "null".to_owned(),
        Value::Type(name) => (*name).to_owned(),
        other => match text::convert("string", std::slice::from_ref(other)) {
            Some(Ok(text)) => text.as_str().unwrap_or_default().to_owned(),
            _ => other.type_name().to_owned(),
        },
    }
}
