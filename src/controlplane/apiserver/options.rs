//! The options of a request: query parameters, and the body of a DELETE, parsed once and valid ever after.
//!
//! Texts and order of findings are upstream's. What the options mean is the handlers' business.
//!
//! Source: `k8s.io/apimachinery/pkg/apis/meta/{v1,internalversion}/validation/validation.go`, Kubernetes 1.36.

use serde_json::Value;

use super::decode::{self, PatchType};
use super::request_info::Query;
use crate::controlplane::gvk::Gvk;
use crate::controlplane::object::Object;
use crate::controlplane::schema::field_error::FieldError;
use crate::controlplane::status::Status;

/// Options of `list`, `watch` and `deletecollection`. Selectors are apart, see [`Selector`](super::selector::Selector).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListOptions {
    /// Whether changes are wanted.
    pub watch: bool,
    /// Whether a watch may send bookmarks.
    pub allow_watch_bookmarks: bool,
    /// The revision to start from, as sent; empty for none.
    pub resource_version: String,
    /// How the revision is meant: empty, `Exact` or `NotOlderThan`.
    pub resource_version_match: String,
    /// After how many seconds a watch ends.
    pub timeout_seconds: Option<i64>,
    /// How many objects at most; 0 for all. Negative numbers are passed on.
    pub limit: i64,
    /// Where the previous chunk ended; empty for the beginning.
    pub continue_token: String,
    /// Whether a watch begins with what is there.
    pub send_initial_events: Option<bool>,
}

impl ListOptions {
    /// Reads the options of a query.
    ///
    /// # Errors
    /// 400 for numbers that are none, 422 for options that exclude each other.
    pub fn from_query(query: &Query) -> Result<Self, Status> {
        let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
        let options = Self {
            watch: query.flag("watch"),
            allow_watch_bookmarks: query.flag("allowWatchBookmarks"),
            resource_version: text("resourceVersion"),
            resource_version_match: text("resourceVersionMatch"),
            timeout_seconds: integer(query, "timeoutSeconds")?,
            limit: integer(query, "limit")?.unwrap_or_default(),
            continue_token: text("continue"),
            send_initial_events: optional_flag(query, "sendInitialEvents"),
        };
        let errors = if options.watch { options.watch_errors() } else { options.list_errors() };
        refuse("ListOptions", &errors)?;
        Ok(options)
    }

    fn list_errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut forbid = |text: &str| errors.push(FieldError::forbidden("resourceVersionMatch", text));
        let mode = self.resource_version_match.as_str();
        if !mode.is_empty() {
            if self.resource_version.is_empty() {
                forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
            }
            if !self.continue_token.is_empty() {
                forbid("resourceVersionMatch is forbidden when continue is provided");
            }
            if mode == "Exact" && self.resource_version == "0" {
                forbid("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
            }
            if mode != "Exact" && mode != "NotOlderThan" {
                let supported = ["Exact", "NotOlderThan", ""];
                errors.push(FieldError::not_supported("resourceVersionMatch", &mode.into(), &supported));
            }
        }
        if self.send_initial_events.is_some() {
            errors.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
        errors
    }

    fn watch_errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut forbid = |text: &str| errors.push(FieldError::forbidden("resourceVersionMatch", text));
        let mode = self.resource_version_match.as_str();
        if self.send_initial_events.is_some() && mode != "NotOlderThan" {
            forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        }
        if !mode.is_empty() {
            if self.send_initial_events.is_none() {
                forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
            }
            if !self.continue_token.is_empty() {
                forbid("resourceVersionMatch is forbidden when continue is provided");
            }
            if mode != "NotOlderThan" {
                errors.push(FieldError::not_supported("resourceVersionMatch", &mode.into(), &["NotOlderThan"]));
            }
        }
        errors
    }
}

/// What becomes of fields that are not known, or said twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// They are dropped silently.
    Ignore,
    /// They are dropped, and the client is warned.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// The writes that take [`WriteOptions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// A POST.
    Create,
    /// A PUT.
    Update,
    /// A PATCH of this type.
    Patch(PatchType),
}

/// Options of `create`, `update` and `patch`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteOptions {
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// Who manages the fields; empty when the client did not say.
    pub field_manager: String,
    /// What becomes of unknown fields.
    pub field_validation: FieldValidation,
    /// Whether an apply takes fields from others.
    pub force: bool,
}

impl WriteOptions {
    /// Reads the options of a query.
    ///
    /// # Errors
    /// 422 for values that are not allowed.
    pub fn from_query(query: &Query, write: Write) -> Result<Self, Status> {
        let field_manager = query.get("fieldManager").unwrap_or_default();
        let force = optional_flag(query, "force");
        let mut errors = Vec::new();
        match write {
            Write::Patch(PatchType::Apply) if field_manager.is_empty() => {
                errors.push(FieldError::required("fieldManager", "is required for apply patch"));
            }
            Write::Patch(PatchType::Apply) => {}
            Write::Patch(_) if force.is_some() => {
                errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
            }
            _ => {}
        }
        errors.extend(field_manager_errors(field_manager));
        let dry_run = dry_run(query.get_all("dryRun"), &mut errors);
        let field_validation = field_validation(query.get("fieldValidation").unwrap_or_default(), &mut errors);
        let kind = match write {
            Write::Create => "CreateOptions",
            Write::Update => "UpdateOptions",
            Write::Patch(_) => "PatchOptions",
        };
        refuse(kind, &errors)?;
        let force = force.unwrap_or_default();
        Ok(Self { dry_run, field_manager: field_manager.to_owned(), field_validation, force })
    }
}

/// What becomes of the objects that a deleted object owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropagationPolicy {
    /// They are deleted first.
    Foreground,
    /// They are deleted afterwards.
    Background,
    /// They stay, without an owner.
    Orphan,
}

/// What must hold of an object for its deletion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preconditions {
    /// Its UID.
    pub uid: Option<String>,
    /// Its `resourceVersion`.
    pub resource_version: Option<String>,
}

/// Options of `delete` and `deletecollection`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeleteOptions {
    /// How many seconds the object has; `None` for its kind's default.
    pub grace_period_seconds: Option<i64>,
    /// What must hold.
    pub preconditions: Preconditions,
    /// The old form of [`PropagationPolicy::Orphan`].
    pub orphan_dependents: Option<bool>,
    /// What becomes of what the object owns.
    pub propagation_policy: Option<PropagationPolicy>,
    /// Whether nothing is to be deleted.
    pub dry_run: bool,
}

impl DeleteOptions {
    /// Reads the options of a DELETE: those of the body when there is one, those of the query otherwise.
    ///
    /// # Errors
    /// 400 for a body that is no `DeleteOptions`, 415 for its content type, 422 for values that are not allowed.
    pub fn from_request(query: &Query, content_type: Option<&str>, body: &[u8]) -> Result<Self, Status> {
        if body.is_empty() {
            Self::from_query(query)
        } else {
            Self::from_object(&decode::delete_options(content_type, body)?)
        }
    }

    fn from_query(query: &Query) -> Result<Self, Status> {
        let mut errors = Vec::new();
        let orphan_dependents = optional_flag(query, "orphanDependents");
        let options = Self {
            grace_period_seconds: integer(query, "gracePeriodSeconds")?,
            preconditions: Preconditions::default(),
            orphan_dependents,
            propagation_policy: propagation_policy(query.get("propagationPolicy"), orphan_dependents, &mut errors),
            dry_run: dry_run(query.get_all("dryRun"), &mut errors),
        };
        refuse("DeleteOptions", &errors)?;
        Ok(options)
    }

    /// Reads a `DeleteOptions` object, as the body of a DELETE or inside an `Eviction`.
    ///
    /// # Errors
    /// 422 for values that are not allowed.
    pub fn from_object(object: &Value) -> Result<Self, Status> {
        let mut errors = Vec::new();
        let text = |path: &[&str]| object.at(path).and_then(Value::as_str).map(str::to_owned);
        let orphan_dependents = object.get("orphanDependents").and_then(Value::as_bool);
        let policy = object.get("propagationPolicy").and_then(Value::as_str);
        let dry_runs = object.get("dryRun").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let options = Self {
            grace_period_seconds: object.get("gracePeriodSeconds").and_then(Value::as_i64),
            preconditions: Preconditions {
                uid: text(&["preconditions", "uid"]),
                resource_version: text(&["preconditions", "resourceVersion"]),
            },
            orphan_dependents,
            propagation_policy: propagation_policy(policy, orphan_dependents, &mut errors),
            dry_run: dry_run(dry_runs, &mut errors),
        };
        refuse("DeleteOptions", &errors)?;
        Ok(options)
    }
}

fn refuse(kind: &str, errors: &[FieldError]) -> Result<(), Status> {
    let gvk = Gvk::new("meta.k8s.io", "v1", kind);
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid(&gvk, "", errors)) }
}

fn integer(query: &Query, name: &str) -> Result<Option<i64>, Status> {
    let Some(text) = query.get(name) else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(number) => Ok(Some(number)),
        Err(error) => {
            use std::num::IntErrorKind::{NegOverflow, PosOverflow};
            let is_range = matches!(error.kind(), PosOverflow | NegOverflow);
            let why = if is_range { "value out of range" } else { "invalid syntax" };
            Err(Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}")))
        }
    }
}

fn optional_flag(query: &Query, name: &str) -> Option<bool> {
    query.get(name).map(|_| query.flag(name))
}

fn field_manager_errors(manager: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if manager.len() > 128 {
        errors.push(FieldError::too_long("fieldManager", 128));
    }
    for (position, character) in manager.char_indices().filter(|(_, character)| character.is_control()) {
        let detail = format!("invalid character U+{:04X} (at position {position})", u32::from(character));
        errors.push(FieldError::invalid("fieldManager", &manager.into(), detail));
    }
    errors
}

fn dry_run<'a>(values: impl Iterator<Item = &'a str>, errors: &mut Vec<FieldError>) -> bool {
    let values: Vec<&str> = values.collect();
    if values.iter().any(|value| *value != "All") {
        errors.push(FieldError::not_supported("dryRun", &Value::from(values.clone()), &["All"]));
    }
    !values.is_empty()
}

fn field_validation(value: &str, errors: &mut Vec<FieldError>) -> FieldValidation {
    match value {
        "" | "Warn" => FieldValidation::Warn,
        "Ignore" => FieldValidation::Ignore,
        "Strict" => FieldValidation::Strict,
        other => {
            let supported = ["", "Ignore", "Strict", "Warn"];
            errors.push(FieldError::not_supported("fieldValidation", &other.into(), &supported));
            FieldValidation::Warn
        }
    }
}

fn propagation_policy(
    value: Option<&str>,
    orphan_dependents: Option<bool>,
    errors: &mut Vec<FieldError>,
) -> Option<PropagationPolicy> {
    let value = value?;
    if orphan_dependents.is_some() {
        let detail = "orphanDependents and deletionPropagation cannot be both set";
        errors.push(FieldError::invalid("propagationPolicy", &value.into(), detail));
    }
    match value {
        "Foreground" => Some(PropagationPolicy::Foreground),
        "Background" => Some(PropagationPolicy::Background),
        "Orphan" => Some(PropagationPolicy::Orphan),
        other => {
            let supported = ["Foreground", "Background", "Orphan", "nil"];
            errors.push(FieldError::not_supported("propagationPolicy", &other.into(), &supported));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: std::fmt::Debug>(result: Result<T, Status>, code: u16, message: &str) {
        let status = result.expect_err("the options are bad");
        assert_eq!((status.code, status.message.as_str()), (code, message));
    }

    fn list(query: &str) -> Result<ListOptions, Status> {
        ListOptions::from_query(&Query::parse(query))
    }

    fn write(write: Write, query: &str) -> Result<WriteOptions, Status> {
        WriteOptions::from_query(&Query::parse(query), write)
    }

    #[test]
    fn options_of_lists_are_checked_as_upstream_does() {
        let options = list("limit=5&continue=x&timeoutSeconds=9&allowWatchBookmarks=1").expect("these are good");
        assert_eq!((options.limit, options.timeout_seconds, options.allow_watch_bookmarks), (5, Some(9), true));
        check(list("limit=x"), 400, "strconv.ParseInt: parsing \"x\": invalid syntax");
        check(
            list("resourceVersion=1&resourceVersionMatch=Bogus"),
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Unsupported value: \"Bogus\": supported \
             values: \"Exact\", \"NotOlderThan\", \"\"",
        );
        check(
            list("resourceVersionMatch=Exact"),
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is \
             forbidden unless resourceVersion is provided",
        );
        check(
            list("watch=1&sendInitialEvents=false&resourceVersionMatch=Exact"),
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: [resourceVersionMatch: Forbidden: sendInitialEvents requires \
             setting resourceVersionMatch to NotOlderThan, resourceVersionMatch: Unsupported value: \"Exact\": \
             supported values: \"NotOlderThan\"]",
        );
    }

    #[test]
    fn options_of_writes_are_checked_as_upstream_does() {
        let options =
            write(Write::Create, "dryRun=All&fieldManager=me&fieldValidation=Strict").expect("these are good");
        assert_eq!((options.dry_run, options.field_validation), (true, FieldValidation::Strict));
        check(
            write(Write::Create, "dryRun="),
            422,
            "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"\"]: supported values: \"All\"",
        );
        check(
            write(Write::Patch(PatchType::Apply), ""),
            422,
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        );
        check(
            write(Write::Patch(PatchType::Merge), "force=true"),
            422,
            "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
        );
        check(
            write(Write::Update, "fieldManager=%09"),
            422,
            "UpdateOptions.meta.k8s.io \"\" is invalid: fieldManager: Invalid value: \"\\t\": invalid character \
             U+0009 (at position 0)",
        );
    }

    #[test]
    fn a_delete_takes_its_options_from_the_body_or_else_from_the_query() {
        let query = Query::parse("propagationPolicy=Orphan&gracePeriodSeconds=3");
        let options = DeleteOptions::from_request(&query, None, b"").expect("these are good");
        assert_eq!(options.propagation_policy, Some(PropagationPolicy::Orphan));
        assert_eq!(options.grace_period_seconds, Some(3));
        let body = br#"{"propagationPolicy": "Foreground", "preconditions": {"uid": "u"}, "dryRun": ["All"]}"#;
        let options = DeleteOptions::from_request(&query, None, body).expect("these are good");
        assert_eq!(options.propagation_policy, Some(PropagationPolicy::Foreground));
        assert_eq!((options.preconditions.uid.as_deref(), options.dry_run), (Some("u"), true));
        assert_eq!(options.grace_period_seconds, None);
        check(
            DeleteOptions::from_request(&Query::parse("propagationPolicy=Bogus"), None, b""),
            422,
            "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Bogus\": supported \
             values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"",
        );
        check(
            DeleteOptions::from_request(&query, None, br#"{"kind": "Bogus", "apiVersion": "v1"}"#),
            400,
            "no kind \"Bogus\" is registered for version \"v1\" in scheme \
             \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27\"",
        );
    }
}
