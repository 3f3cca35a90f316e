//! URLs: absolute ones and absolute paths.
//!
//! Source: `k8s.io/apiserver/pkg/cel/library/urls.go` (Go's `url.ParseRequestURI`), Kubernetes 1.36.

use std::sync::Arc;

use super::super::interpreter::Outcome;
use super::super::value::Value;
use super::no_such;
use crate::controlplane::schema::validate::is_request_uri;

/// The parts of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Url {
    scheme: String,
    host: String,
    path: String,
    query: String,
}

pub(super) fn function<'a>(name: &str, text: &str) -> Outcome<'a> {
    let url = parse(text);
    match name {
        "isURL" => Ok(Value::Bool(url.is_some())),
        _ => url.map(|url| Value::Url(Arc::new(url))).ok_or_else(|| {
            format!("URL parse error during conversion from string: parse {text:?}: invalid URI for request")
        }),
    }
}

pub(super) fn method<'a>(name: &str, url: &Url) -> Outcome<'a> {
    let (hostname, port) = split_port(&url.host);
    Ok(match name {
        "getScheme" => Value::text(url.scheme.as_str()),
        "getHost" => Value::text(url.host.as_str()),
        "getHostname" => Value::text(hostname.trim_start_matches('[').trim_end_matches(']')),
        "getPort" => Value::text(port),
        "getEscapedPath" => Value::text(url.path.as_str()),
        "getQuery" => query(&url.query),
        _ => return no_such(),
    })
}

fn parse(text: &str) -> Option<Url> {
    if !is_request_uri(text) {
        return None;
    }
    let (rest, query) = text.split_once('?').unwrap_or((text, ""));
    let (scheme, rest) = if rest.starts_with('/') { ("", rest) } else { rest.split_once(':')? };
    let (host, path) = match rest.strip_prefix("//").filter(|_| !scheme.is_empty()) {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    if !scheme.is_empty() && host.is_empty() && !rest.starts_with('/') {
        // Neither authority nor absolute path: `mailto:x` is no URI of a request.
        return None;
    }
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let owned = |text: &str| text.to_owned();
    Some(Url { scheme: scheme.to_lowercase(), host: owned(host), path: owned(path), query: owned(query) })
}

fn split_port(host: &str) -> (&str, &str) {
    let after_brackets = host.rfind(']').unwrap_or(0);
    match host[after_brackets..].find(':') {
        Some(colon) => (&host[..after_brackets + colon], &host[after_brackets + colon + 1..]),
        None => (host, ""),
    }
}

fn query<'a>(text: &str) -> Value<'a> {
    let mut entries: Vec<(String, Vec<Value<'a>>)> = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (unescape(name), Value::text(unescape(value)));
        match entries.iter_mut().find(|(other, _)| *other == name) {
            Some((_, values)) => values.push(value),
            None => entries.push((name, vec![value])),
        }
    }
    let entries = entries.into_iter().map(|(name, values)| (Value::text(name), Value::List(Arc::new(values))));
    Value::Map(Arc::new(entries.collect()))
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        rest = tail;
        match (byte, hex) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &tail[2..];
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
