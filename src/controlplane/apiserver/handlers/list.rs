//! `list`: the objects of a resource at one revision, in pages if the client likes.
//!
//! No snapshot is kept between pages: the store takes back what its log says came after the revision of the first
//! page. When the log no longer reaches that far, the client is told to start over, or to go on inconsistently.
//!
//! Source: `k8s.io/apiserver/pkg/storage/etcd3/store.go` (`GetList`), `.../storage/continue.go`, Kubernetes 1.36.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE};
use serde_json::{Value, json};

use super::Scope;
use crate::controlplane::apiserver::options::ListOptions;
use crate::controlplane::apiserver::selector::Selector;
use crate::controlplane::apiserver::{List, Response};
use crate::controlplane::status::{Cause, Details, Status};
use crate::controlplane::storage::{ObjectKey, Snapshot, Stored};

/// Reads what Go reads: bits behind the last character are ignored.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// How long a list waits for a revision that is not there yet.
const REVISION_TIMEOUT: Duration = Duration::from_secs(3);
const TOO_OLD_CONTINUE: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// Returns the objects that the selector matches.
///
/// # Errors
/// Bad options, revisions that are too old (410) or too new (504), and conversions that fail.
pub(crate) async fn list(scope: &Scope, selector: &Selector, options: &ListOptions) -> Result<Response, Status> {
    let page = Page::of(scope, options).await?;
    let namespace = Some(scope.storage_namespace()).filter(|namespace| !namespace.is_empty());
    let mut items = Vec::new();
    let mut last: Option<&ObjectKey> = None;
    let mut more = false;
    let mut rest = page.objects(namespace);
    for (key, stored) in rest.by_ref() {
        let object = scope.present(stored)?;
        if !selector.matches(scope.resource(), object.value()) {
            continue;
        }
        if page.limit.is_some_and(|limit| items.len() == limit) {
            more = true;
            break;
        }
        items.push(object);
        last = Some(key);
    }
    let (continue_token, remaining) = match last.filter(|_| more) {
        None => (String::new(), None),
        Some(key) => {
            let remaining = selector.is_everything().then(|| rest.count() + 1);
            (encode_continue(page.snapshot.revision, namespace, key), remaining)
        }
    };
    let list = List { revision: page.snapshot.revision, continue_token, remaining, items };
    Ok(Response::List { served: scope.served.clone(), list })
}

/// Which objects at which revision are asked for.
#[derive(Debug)]
struct Page {
    snapshot: Snapshot,
    /// Where to go on.
    start: Option<ObjectKey>,
    limit: Option<usize>,
}

impl Page {
    async fn of(scope: &Scope, options: &ListOptions) -> Result<Self, Status> {
        let limit = usize::try_from(options.limit).ok().filter(|limit| *limit > 0);
        if !options.continue_token.is_empty() {
            return Self::continued(scope, options, limit);
        }
        let revision = parse_revision(&options.resource_version)
            .map_err(|text| Status::bad_request(format!("invalid resource version: {text}")))?;
        if revision > 0 {
            wait_for_revision(scope, revision).await?;
        }
        let storage = &scope.resource().storage;
        let legacy_exact = options.resource_version_match.is_empty() && limit.is_some() && revision > 0;
        let snapshot = match options.resource_version_match == "Exact" || legacy_exact {
            false => scope.server.store().list(storage),
            true => scope
                .server
                .store()
                .list_at(storage, revision)
                .map_err(|_| Status::expired("The resourceVersion for the provided list is too old."))?,
        };
        // A list of any revision comes from upstream's watch cache, which knows no pages.
        let limit = limit.filter(|_| options.resource_version != "0");
        Ok(Self { snapshot, start: None, limit })
    }

    fn continued(scope: &Scope, options: &ListOptions, limit: Option<usize>) -> Result<Self, Status> {
        let token = ContinueToken::decode(&options.continue_token)
            .map_err(|text| Status::bad_request(format!("invalid continue token: {text}")))?;
        if !options.resource_version.is_empty() && options.resource_version != "0" {
            return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
        }
        let namespace = scope.storage_namespace();
        let start = Some(token.start_key(namespace));
        let storage = &scope.resource().storage;
        let snapshot = match u64::try_from(token.revision) {
            Err(_) => scope.server.store().list(storage),
            Ok(0) => {
                return Err(Status::bad_request(
                    "invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
                ));
            }
            Ok(revision) => scope
                .server
                .store()
                .list_at(storage, revision)
                .map_err(|_| Status::expired(TOO_OLD_CONTINUE).with_continue(encode_token(-1, &token.start)))?,
        };
        Ok(Self { snapshot, start, limit })
    }

    fn objects<'a>(
        &'a self,
        namespace: Option<&'a str>,
    ) -> Box<dyn Iterator<Item = (&'a ObjectKey, &'a Arc<Stored>)> + 'a> {
        let objects = &self.snapshot.objects;
        let start = match (&self.start, namespace) {
            (Some(start), _) => start.clone(),
            (None, Some(namespace)) => ObjectKey::new(namespace, ""),
            (None, None) => return Box::new(objects.iter()),
        };
        let within = move |key: &ObjectKey| namespace.is_none_or(|namespace| key.namespace == namespace);
        Box::new(objects.range(start..).take_while(move |(key, _)| within(key)))
    }
}

/// Reads a `resourceVersion` parameter; empty is 0. The error is Go's text.
pub(super) fn parse_revision(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        let out_of_range = text.bytes().all(|byte| byte.is_ascii_digit());
        let why = if out_of_range { "value out of range" } else { "invalid syntax" };
        format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: {why}")
    })
}

/// Waits until the store has reached a revision, as upstream's watch cache does.
pub(super) async fn wait_for_revision(scope: &Scope, revision: u64) -> Result<(), Status> {
    let mut newest = scope.server.store().subscribe();
    if *newest.borrow_and_update() >= revision {
        return Ok(());
    }
    let reached = tokio::time::timeout(REVISION_TIMEOUT, newest.wait_for(|newest| *newest >= revision)).await;
    let current = scope.server.store().revision();
    if reached.is_ok() {
        return Ok(());
    }
    let message = format!("Too large resource version: {revision}, current: {current}");
    let mut status = Status::timeout(message, 1);
    let cause = Cause {
        reason: "ResourceVersionTooLarge".to_owned(),
        message: "Too large resource version".to_owned(),
        field: String::new(),
    };
    status.details.get_or_insert_with(Details::default).causes.push(cause);
    Err(status)
}

/// Where the next page starts.
#[derive(Debug, PartialEq)]
struct ContinueToken {
    /// The revision of the first page; -1 for the newest.
    revision: i64,
    /// The last key of the page before, relative to what is listed, and a zero byte.
    start: String,
}

impl ContinueToken {
    fn decode(token: &str) -> Result<Self, String> {
        let bytes = LENIENT
            .decode(token.trim_end_matches('='))
            .map_err(|error| format!("continue key is not valid: {}", go_base64_error(&error)))?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|_| format!("continue key is not valid: {}", go_json_error(&bytes)))?;
        if value["v"] != "meta.k8s.io/v1" {
            return Err(format!(
                "continue key is not valid: server does not recognize this encoded version {}",
                value["v"]
            ));
        }
        let start = value["start"].as_str().unwrap_or_default().to_owned();
        if start.is_empty() {
            return Err("continue key is not valid: encoded start key empty (version meta.k8s.io/v1)".to_owned());
        }
        if start.split('/').any(|part| part == "." || part == "..") || start.contains("//") {
            return Err(format!("continue key is not valid: {start}"));
        }
        Ok(Self { revision: value["rv"].as_i64().unwrap_or_default(), start })
    }

    fn start_key(&self, namespace: &str) -> ObjectKey {
        let start = self.start.trim_start_matches('/');
        match start.split_once('/') {
            Some((namespace, name)) => ObjectKey::new(namespace, name),
            None => ObjectKey::new(namespace, start),
        }
    }
}

fn encode_continue(revision: u64, namespace: Option<&str>, last: &ObjectKey) -> String {
    let key = match namespace {
        None if !last.namespace.is_empty() => format!("/{}/{}\0", last.namespace, last.name),
        _ => format!("/{}\0", last.name),
    };
    encode_token(i64::try_from(revision).unwrap_or(i64::MAX), &key)
}

fn encode_token(revision: i64, start: &str) -> String {
    URL_SAFE.encode(json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start}).to_string())
}

fn go_base64_error(error: &base64::DecodeError) -> String {
    let offset = match error {
        base64::DecodeError::InvalidByte(offset, _) => *offset,
        _ => 0,
    };
    format!("illegal base64 data at input byte {offset}")
}

/// Words the failure to read JSON as Go does for the first byte, which is what garbage fails at.
fn go_json_error(bytes: &[u8]) -> String {
    match bytes.first() {
        None => "unexpected end of JSON input".to_owned(),
        Some(byte) if !b"{[\"-tfn".contains(byte) && !byte.is_ascii_digit() => {
            format!("invalid character {} looking for beginning of value", go_quote(*byte))
        }
        Some(_) => "unexpected end of JSON input".to_owned(),
    }
}

fn go_quote(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".to_owned(),
        0x20..0x7f => format!("'{}'", char::from(byte)),
        0..0x20 => format!("'\\x{byte:02x}'"),
        _ => format!("'\\u{byte:04x}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continue_tokens_are_upstreams() {
        let token = encode_continue(473, Some("x"), &ObjectKey::new("x", "dup2"));
        let text = URL_SAFE.decode(&token).expect("it was just encoded");
        assert_eq!(text, br#"{"v":"meta.k8s.io/v1","rv":473,"start":"/dup2\u0000"}"#);
        let decoded = ContinueToken::decode(&token).expect("it was just encoded");
        assert_eq!(decoded.start_key("x"), ObjectKey::new("x", "dup2\0"));
    }

    #[test]
    fn garbage_is_refused_in_gos_words() {
        let expected = "continue key is not valid: invalid character '\\u0081' looking for beginning of value";
        assert_eq!(ContinueToken::decode("garbage"), Err(expected.to_owned()));
    }

    #[test]
    fn revisions_are_unsigned_numbers() {
        assert_eq!(parse_revision(""), Ok(0));
        assert_eq!(parse_revision("7"), Ok(7));
        let expected = "resourceVersion: Invalid value: \"abc\": strconv.ParseUint: parsing \"abc\": invalid syntax";
        assert_eq!(parse_revision("abc"), Err(expected.to_owned()));
    }
}
