//! Texts. Positions count characters, not bytes.
//!
//! Source: `github.com/google/cel-go/ext/strings.go`, and `k8s.io/apiserver/pkg/cel/library/regex.go`.

use std::sync::Arc;

use regex::Regex;

use super::super::interpreter::Outcome;
use super::super::value::{Failure, Value};
use super::{index, int};
use crate::controlplane::schema::pattern;

/// Calls a method of a text; `Err` with nothing when there is none for these arguments.
pub(super) fn method<'a>(name: &str, target: &Value<'a>, args: &[Value<'a>]) -> Result<Outcome<'a>, Missing> {
    let text = target.as_str().unwrap_or_default();
    let arg = args.first().and_then(Value::as_str);
    let number = |position: usize| match args.get(position) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    Ok(match (name, args.len(), arg) {
        ("contains", 1, Some(part)) => Ok(Value::Bool(text.contains(part))),
        ("startsWith", 1, Some(part)) => Ok(Value::Bool(text.starts_with(part))),
        ("endsWith", 1, Some(part)) => Ok(Value::Bool(text.ends_with(part))),
        ("matches", 1, Some(part)) => regex(part).map(|regex| Value::Bool(regex.is_match(text))),
        ("find", 1, Some(part)) => {
            regex(part).map(|regex| Value::text(regex.find(text).map(|found| found.as_str()).unwrap_or_default()))
        }
        ("findAll", 1 | 2, Some(part)) => find_all(text, part, number(1)),
        ("indexOf", 1 | 2, Some(part)) => index_of(text, part, number(1).unwrap_or(0)),
        ("lastIndexOf", 1 | 2, Some(part)) => last_index_of(text, part, number(1)),
        ("replace", 2 | 3, Some(from)) => {
            let to = args[1].as_str().unwrap_or_default();
            match number(2).map(usize::try_from) {
                Some(Ok(limit)) => Ok(Value::text(text.replacen(from, to, limit))),
                _ => Ok(Value::text(text.replace(from, to))),
            }
        }
        ("split", 1 | 2, Some(separator)) => Ok(split(text, separator, number(1).unwrap_or(-1))),
        ("format", 1, None) => super::formats::print(text, &args[0]),
        ("charAt", 1, None) => char_at(text, number(0).ok_or(Missing)?),
        ("substring", 1 | 2, None) => substring(text, number(0).ok_or(Missing)?, number(1)),
        ("lowerAscii", 0, _) => Ok(Value::text(text.to_ascii_lowercase())),
        ("upperAscii", 0, _) => Ok(Value::text(text.to_ascii_uppercase())),
        ("trim", 0, _) => Ok(Value::text(text.trim())),
        _ => return Err(Missing),
    })
}

/// There is no such method for such arguments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing;

impl Missing {
    fn outcome<'a>(self) -> Outcome<'a> {
        super::no_such()
    }
}

impl<'a> From<Missing> for Outcome<'a> {
    fn from(missing: Missing) -> Self {
        missing.outcome()
    }
}

/// Returns a text in quotes, with what must be escaped escaped.
pub(super) fn quote<'a>(value: &Value<'a>) -> Outcome<'a> {
    let mut out = String::from("\"");
    for char in value.as_str().unwrap_or_default().chars() {
        match char {
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            '\\' | '"' => out.extend(['\\', char]),
            char => out.push(char),
        }
    }
    out.push('"');
    Ok(Value::text(out))
}

fn regex(text: &str) -> Result<Regex, Failure> {
    pattern::cached(text)
}

fn find_all<'a>(text: &str, part: &str, limit: Option<i64>) -> Outcome<'a> {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let regex = regex(part)?;
    let found = regex.find_iter(text).take(limit).map(|found| Value::text(found.as_str()));
    Ok(Value::List(Arc::new(found.collect())))
}

fn char_at<'a>(text: &str, position: i64) -> Outcome<'a> {
    let position = index(position, text.chars().count())?;
    Ok(Value::text(text.chars().nth(position).map(String::from).unwrap_or_default()))
}

fn index_of<'a>(text: &str, part: &str, start: i64) -> Outcome<'a> {
    let start = index(start, text.chars().count())?;
    let bytes: usize = text.chars().take(start).map(char::len_utf8).sum();
    let found = text[bytes..].find(part).map(|at| start + text[bytes..bytes + at].chars().count());
    Ok(found.map_or(Value::Int(-1), int))
}

fn last_index_of<'a>(text: &str, part: &str, last: Option<i64>) -> Outcome<'a> {
    let end = match last {
        None => text.len(),
        Some(last) => {
            let last = index(last, text.chars().count())?;
            let bytes: usize = text.chars().take(last).map(char::len_utf8).sum();
            (bytes + part.len()).min(text.len())
        }
    };
    let found = text.match_indices(part).map(|(at, _)| at).take_while(|at| at + part.len() <= end).last();
    Ok(found.map_or(Value::Int(-1), |at| int(text[..at].chars().count())))
}

fn split<'a>(text: &str, separator: &str, limit: i64) -> Value<'a> {
    let parts: Vec<String> = match usize::try_from(limit) {
        Ok(0) => Vec::new(),
        _ if separator.is_empty() => text.chars().map(String::from).collect(),
        Ok(limit) => text.splitn(limit, separator).map(str::to_owned).collect(),
        Err(_) => text.split(separator).map(str::to_owned).collect(),
    };
    Value::List(Arc::new(parts.into_iter().map(Value::text).collect()))
}

fn substring<'a>(text: &str, start: i64, end: Option<i64>) -> Outcome<'a> {
    let len = text.chars().count();
    let start = index(start, len)?;
    let end = end.map_or(Ok(len), |end| index(end, len))?;
    if start > end {
        return Err(format!("invalid substring range. start: {start}, end: {end}"));
    }
    Ok(Value::text(text.chars().skip(start).take(end - start).collect::<String>()))
}
