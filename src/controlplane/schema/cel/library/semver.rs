//! Semantic versions.
//!
//! Source: `k8s.io/apiserver/pkg/cel/library/semverlib.go`, Kubernetes 1.36, and semver.org 2.0.0.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::interpreter::Outcome;
use super::super::value::Value;
use super::no_such;

/// A semantic version. Build metadata does not count in comparisons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Semver {
    numbers: [u64; 3],
    pre: Vec<Part>,
}

/// A part of a pre-release: numbers come before texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Text(String),
}

impl PartialOrd for Semver {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Semver {
    fn cmp(&self, other: &Self) -> Ordering {
        // A release comes after its pre-releases.
        let release = self.pre.is_empty().cmp(&other.pre.is_empty());
        self.numbers.cmp(&other.numbers).then(release).then_with(|| self.pre.cmp(&other.pre))
    }
}

pub(super) fn function<'a>(name: &str, args: &[Value<'a>]) -> Outcome<'a> {
    let Some(text) = args.first().and_then(Value::as_str) else { return no_such() };
    let normalize = matches!(args.get(1), Some(Value::Bool(true)));
    let version = if normalize { parse(&normalized(text)) } else { parse(text) };
    match name {
        "isSemver" => Ok(Value::Bool(version.is_some())),
        _ => version
            .map(|version| Value::Semver(Arc::new(version)))
            .ok_or_else(|| format!("invalid semantic version {text:?}")),
    }
}

pub(super) fn method<'a>(name: &str, version: &Semver, args: &[Value<'a>]) -> Outcome<'a> {
    let part = |index: usize| Ok(Value::Int(i64::try_from(version.numbers[index]).unwrap_or(i64::MAX)));
    match (name, args) {
        ("major", []) => part(0),
        ("minor", []) => part(1),
        ("patch", []) => part(2),
        ("isLessThan", [Value::Semver(other)]) => Ok(Value::Bool(*version < **other)),
        ("isGreaterThan", [Value::Semver(other)]) => Ok(Value::Bool(*version > **other)),
        ("compareTo", [Value::Semver(other)]) => Ok(Value::Int(version.cmp(other) as i64)),
        _ => no_such(),
    }
}

/// Returns a version without a leading `v` and leading zeros, and with all three numbers.
fn normalized(text: &str) -> String {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(end);
    let mut numbers: Vec<&str> = core.split('.').collect();
    numbers.resize(numbers.len().max(3), "0");
    let trimmed = numbers.iter().map(|number| match number.trim_start_matches('0') {
        "" if !number.is_empty() => "0",
        trimmed => trimmed,
    });
    format!("{}{rest}", trimmed.collect::<Vec<_>>().join("."))
}

fn parse(text: &str) -> Option<Semver> {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
    let mut numbers = core.split('.').map(number);
    let numbers = [numbers.next()??, numbers.next()??, numbers.next()??];
    if core.split('.').count() != 3 || build.is_some_and(|build| !build.split('.').all(is_identifier)) {
        return None;
    }
    let pre = match pre {
        None => Vec::new(),
        Some(pre) => pre.split('.').map(pre_part).collect::<Option<_>>()?,
    };
    Some(Semver { numbers, pre })
}

fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn pre_part(text: &str) -> Option<Part> {
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => number(text).map(Part::Number),
        false => is_identifier(text).then(|| Part::Text(text.to_owned())),
    }
}
