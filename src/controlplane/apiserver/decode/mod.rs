//! Bodies to values: content types, syntax, kinds, types and unknown fields, with upstream's texts when something is wrong.
//!
//! What comes out is a JSON object of the expected kind whose fields have the types that the kind says (for built-in
//! kinds; custom resources are validated by their schema). Nothing is pruned or defaulted here.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/handlers/{create,rest}.go`,
//! `k8s.io/apimachinery/pkg/runtime/serializer/json/json.go`, Kubernetes 1.36.

mod document;
mod syntax;
mod time;
mod typed;

use serde_json::{Map, Value};

use super::options::FieldValidation;
use super::protobuf::{self, ProtobufError};
use crate::controlplane::gvk::{GroupVersion, Gvk};
use crate::controlplane::object::Object;
use crate::controlplane::resources::Origin;
use crate::controlplane::resources::builtin;
use crate::controlplane::schema::data;
use crate::controlplane::status::{Details, Status};

pub use document::{Document, from_json, from_yaml};

const OBJECT_TYPES: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
/// Where upstream's messages say that kinds are registered.
const SCHEME: &str = "pkg/api/legacyscheme/scheme.go:30";
const DELETE_OPTIONS_SCHEME: &str = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27";

/// A body that has been read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// The object.
    pub value: Value,
    /// What strict decoding finds: `unknown field "spec.x"`, `duplicate field "data.a"`.
    pub findings: Vec<String>,
}

/// The forms in which objects are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/json`, and bodies without a content type.
    Json,
    /// `application/yaml`.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`.
    Protobuf,
}

impl Format {
    /// Reads a `Content-Type`.
    ///
    /// # Errors
    /// 415.
    pub fn from_content_type(content_type: Option<&str>) -> Result<Self, Status> {
        match media_type(content_type) {
            None => Ok(Self::Json),
            Some(name) if name == "application/json" => Ok(Self::Json),
            Some(name) if name == "application/yaml" => Ok(Self::Yaml),
            Some(name) if name == "application/vnd.kubernetes.protobuf" => Ok(Self::Protobuf),
            Some(_) => Err(unsupported_media_type(OBJECT_TYPES)),
        }
    }
}

/// The types of patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchType {
    /// `application/json-patch+json` (RFC 6902).
    Json,
    /// `application/merge-patch+json` (RFC 7386).
    Merge,
    /// `application/strategic-merge-patch+json`, of built-in kinds only.
    StrategicMerge,
    /// `application/apply-patch+yaml`: server-side apply.
    Apply,
}

impl PatchType {
    /// Reads the `Content-Type` of a PATCH.
    ///
    /// # Errors
    /// 415, with one text for built-in kinds and another for custom resources.
    pub fn from_content_type(content_type: Option<&str>, origin: &Origin) -> Result<Self, Status> {
        match (media_type(content_type).as_deref(), origin) {
            (Some("application/json-patch+json"), _) => Ok(Self::Json),
            (Some("application/merge-patch+json"), _) => Ok(Self::Merge),
            (Some("application/apply-patch+yaml"), _) => Ok(Self::Apply),
            (Some("application/strategic-merge-patch+json"), Origin::BuiltIn) => Ok(Self::StrategicMerge),
            (_, Origin::BuiltIn) => {
                let status = Status::new(415, "UnsupportedMediaType", "415: Unsupported Media Type");
                Err(status.with_details(Details::default()))
            }
            (_, Origin::Custom { .. }) => Err(unsupported_media_type(
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            )),
        }
    }
}

/// Returns the media type of a header, without its parameters.
fn media_type(header: Option<&str>) -> Option<String> {
    let name = header?.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

fn unsupported_media_type(accepted: &str) -> Status {
    let message =
        format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
    Status::new(415, "UnsupportedMediaType", message)
}

/// Reads an object of the expected kind. Kind and version may be missing from the body of a built-in kind.
///
/// # Errors
/// 400 for what is no such object, 415 for the content type.
pub fn object(content_type: Option<&str>, body: &[u8], expected: &Gvk, origin: &Origin) -> Result<Decoded, Status> {
    let unrecognized = |error: String| {
        let Gvk { kind, .. } = expected;
        let message =
            format!("the object provided is unrecognized (must be of type {kind}): {error} ({})", summary(body));
        Status::bad_request(message)
    };
    let document = match Format::from_content_type(content_type)? {
        Format::Json => {
            from_json(body).map_err(|error| format!("couldn't get version/kind; json parse error: {error}"))
        }
        Format::Yaml => from_yaml(body),
        Format::Protobuf => match protobuf::decode(body, expected) {
            Err(ProtobufError::UnknownKind(found)) => return Err(unknown_kind(&found, expected)),
            decoded => decoded.map(without_duplicates).map_err(|error| error.to_string()),
        },
    };
    let Document { mut value, duplicates } = document.map_err(unrecognized)?;
    if value.is_null() {
        value = Value::Object(Map::new());
    }
    let found = identity(&value, expected).map_err(unrecognized)?;
    check_identity(&found, expected, origin)?;
    let mut findings: Vec<String> = duplicates.iter().map(|path| format!("duplicate field {path:?}")).collect();
    if *origin == Origin::BuiltIn {
        set_identity(&mut value, expected);
        let unknown = check_types(expected, &value).map_err(|error| cannot_be_handled(&found, expected, &error))?;
        findings.extend(unknown.iter().map(|path| format!("unknown field {path:?}")));
    }
    Ok(Decoded { value, findings })
}

/// Checks the types of an object of a built-in kind, and returns the paths of unknown fields.
///
/// # Errors
/// Go's text for the first field that cannot be decoded.
pub fn check_types(gvk: &Gvk, object: &Value) -> Result<Vec<String>, String> {
    typed::check(&builtin::definition_name(gvk), object)
}

/// Decides what becomes of the findings of strict decoding: returns the warnings.
///
/// # Errors
/// 400 when the client asked for strict validation, and there is a finding.
pub fn settle_findings(
    findings: Vec<String>,
    validation: FieldValidation,
    expected: &Gvk,
) -> Result<Vec<String>, Status> {
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(findings),
        FieldValidation::Strict if findings.is_empty() => Ok(Vec::new()),
        FieldValidation::Strict => {
            let error = format!("strict decoding error: {}", findings.join(", "));
            Err(cannot_be_handled(expected, expected, &error))
        }
    }
}

/// Reads the `DeleteOptions` in the body of a DELETE.
///
/// # Errors
/// 400 for what is no `DeleteOptions`, 415 for the content type.
pub(super) fn delete_options(content_type: Option<&str>, body: &[u8]) -> Result<Value, Status> {
    let expected = Gvk::new("", "v1", "DeleteOptions");
    let document = match Format::from_content_type(content_type)? {
        Format::Json => {
            from_json(body).map_err(|error| format!("couldn't get version/kind; json parse error: {error}"))
        }
        Format::Yaml => from_yaml(body),
        Format::Protobuf => match protobuf::decode(body, &expected) {
            Err(ProtobufError::UnknownKind(found)) => Err(not_registered(&found, DELETE_OPTIONS_SCHEME)),
            decoded => decoded.map(without_duplicates).map_err(|error| error.to_string()),
        },
    };
    let value = document.map_err(Status::bad_request)?.value;
    let found = identity(&value, &expected).map_err(Status::bad_request)?;
    if found.kind != "DeleteOptions" {
        return Err(Status::bad_request(not_registered(&found, DELETE_OPTIONS_SCHEME)));
    }
    match typed::check("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", &value) {
        Ok(_) => Ok(value),
        Err(error) => Err(Status::bad_request(error)),
    }
}

/// Protobuf cannot say a field twice.
fn without_duplicates(value: Value) -> Document {
    Document { value, duplicates: Vec::new() }
}

/// Refuses a protobuf body of a kind that has no protobuf form.
fn unknown_kind(found: &Gvk, expected: &Gvk) -> Status {
    cannot_be_handled(found, expected, &not_registered(found, SCHEME))
}

/// Returns what an object says it is; what it does not say is as expected.
fn identity(value: &Value, expected: &Gvk) -> Result<Gvk, String> {
    let prefix = "couldn't get version/kind; json parse error: json: cannot unmarshal";
    let kind_of = |value: &Value| match value {
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        _ => "object",
    };
    if !value.is_object() {
        let fields = r#"APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"""#;
        return Err(format!("{prefix} {} into Go value of type struct {{ {fields} }}", kind_of(value)));
    }
    for field in ["apiVersion", "kind"] {
        match value.get(field) {
            None | Some(Value::Null | Value::String(_)) => {}
            Some(other) => {
                return Err(format!("{prefix} {} into Go struct field .{field} of type string", kind_of(other)));
            }
        }
    }
    let (api_version, kind) = (value.text_at(&["apiVersion"]), value.text_at(&["kind"]));
    let gv = match api_version {
        "" => expected.group_version(),
        text => GroupVersion::parse(text).ok_or_else(|| format!("unexpected GroupVersion string: {text}"))?,
    };
    Ok(gv.kind(if kind.is_empty() { &expected.kind } else { kind }))
}

/// Refuses objects of another kind or version. The kind of custom resources is left to their validation.
fn check_identity(found: &Gvk, expected: &Gvk, origin: &Origin) -> Result<(), Status> {
    if *origin == Origin::BuiltIn && found != expected {
        if data::definition(&builtin::definition_name(found)).is_none() {
            let error = not_registered(found, SCHEME);
            return Err(cannot_be_handled(found, expected, &error));
        }
        if found.kind != expected.kind {
            let (version, internal) = (&found.version, internal_package(&expected.group));
            let error =
                format!("converting ({version}.{}) to ({internal}.{}): unknown conversion", found.kind, expected.kind);
            return Err(cannot_be_handled(found, expected, &error));
        }
    }
    let (found, expected) = (found.group_version(), expected.group_version());
    match found == expected {
        true => Ok(()),
        false => Err(Status::bad_request(format!(
            "the API version in the data ({found}) does not match the expected API version ({expected})"
        ))),
    }
}

/// Returns the name of the Go package of a group's internal types.
fn internal_package(group: &str) -> &str {
    match group.split('.').next() {
        None | Some("") => "core",
        Some(name) => name,
    }
}

fn not_registered(gvk: &Gvk, scheme: &str) -> String {
    format!(
        "no kind {:?} is registered for version {:?} in scheme {scheme:?}",
        gvk.kind,
        gvk.group_version().to_string()
    )
}

fn cannot_be_handled(found: &Gvk, expected: &Gvk, error: &str) -> Status {
    let Gvk { version, kind, .. } = found;
    Status::bad_request(format!("{kind} in version {version:?} cannot be handled as a {}: {error}", expected.kind))
}

/// Writes kind and version to where they are missing, in front as Go has them.
fn set_identity(value: &mut Value, expected: &Gvk) {
    for (field, text) in [("apiVersion", expected.group_version().to_string()), ("kind", expected.kind.clone())] {
        if value.text_at(&[field]).is_empty()
            && let Value::Object(map) = value
        {
            map.shift_remove(field);
            map.shift_insert(0, field.to_owned(), Value::String(text));
        }
    }
}

/// Returns the beginning of a body: as text when it looks like JSON, in hexadecimal digits otherwise.
fn summary(body: &[u8]) -> String {
    const MAX: usize = 30;
    let (head, dots) = if body.len() > MAX { (&body[..MAX], " ...") } else { (body, "") };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{dots}", String::from_utf8_lossy(head)),
        Some(_) => {
            let digits: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{digits}{dots}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config_map() -> Gvk {
        Gvk::new("", "v1", "ConfigMap")
    }

    fn read(content_type: &str, body: &str) -> Result<Decoded, Status> {
        object(Some(content_type), body.as_bytes(), &config_map(), &Origin::BuiltIn)
    }

    #[track_caller]
    fn check_error(body: &str, expected: &str) {
        let status = read("application/json", body).expect_err("the body is bad");
        assert_eq!((status.code, status.message.as_str()), (400, expected), "{body}");
    }

    #[test]
    fn bodies_that_are_no_object_are_shown() {
        let head = "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json \
                    parse error: ";
        let cases = [
            (
                r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"#,
                r#"unexpected end of JSON input ({"apiVersion":"v1","kind":"Con ...)"#,
            ),
            ("nonsense", "invalid character 'o' in literal null (expecting 'u') (6e6f6e73656e7365)"),
            ("", "unexpected end of JSON input (<empty>)"),
            (
                "[]",
                r#"json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" } (5b5d)"#,
            ),
        ];
        for (body, error) in cases {
            check_error(body, &format!("{head}{error}"));
        }
    }

    #[test]
    fn other_kinds_and_versions_are_refused() {
        check_error(
            r#"{"apiVersion": "v1", "kind": "Secret"}"#,
            "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): \
             unknown conversion",
        );
        check_error(
            r#"{"apiVersion": "v2", "kind": "ConfigMap"}"#,
            "ConfigMap in version \"v2\" cannot be handled as a ConfigMap: no kind \"ConfigMap\" is registered for \
             version \"v2\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        );
        let custom = Origin::Custom { crd: "things.example.com".to_owned() };
        let body = br#"{"apiVersion": "example.com/v2", "kind": "Thing"}"#;
        let status = object(None, body, &Gvk::new("example.com", "v1", "Thing"), &custom).expect_err("it is v2");
        let expected = "the API version in the data (example.com/v2) does not match the expected API version \
                        (example.com/v1)";
        assert_eq!(status.message, expected);
    }

    #[test]
    fn kind_and_version_may_be_missing() {
        for body in ["{}", "null", r#"{"kind": ""}"#] {
            let decoded = read("application/json", body).expect("nothing is wrong with it");
            assert_eq!(decoded.value.to_string(), r#"{"kind":"ConfigMap","apiVersion":"v1"}"#, "{body}");
        }
    }

    #[test]
    fn findings_warn_or_refuse() {
        let body = r#"{"metadata": {"name": "a", "name": "b", "bar": 1}, "data": {"a": "1", "a": "2"}, "foo": 1}"#;
        let decoded = read("application/json;charset=utf-8", body).expect("all types are right");
        assert_eq!(decoded.value.at(&["data"]), Some(&json!({"a": "2"})));
        let settle = |validation| settle_findings(decoded.findings.clone(), validation, &config_map());
        assert_eq!(settle(FieldValidation::Ignore), Ok(Vec::new()));
        assert_eq!(settle(FieldValidation::Warn).expect("warnings do no harm").len(), 4);
        let status = settle(FieldValidation::Strict).expect_err("there are findings");
        assert_eq!(
            status.message,
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: duplicate field \
             \"metadata.name\", duplicate field \"data.a\", unknown field \"metadata.bar\", unknown field \"foo\""
        );
    }

    #[test]
    fn content_types_are_told_apart() {
        let decoded = read("application/yaml", "data: {a: b}\nmetadata:\n  name: y\n").expect("it is YAML");
        assert_eq!(decoded.value.text_at(&["data", "a"]), "b");
        let status = read("text/plain", "{}").expect_err("that is no format for objects");
        assert_eq!((status.code, status.reason), (415, "UnsupportedMediaType"));
        let status = read("application/vnd.kubernetes.protobuf", "x").expect_err("it has no envelope");
        assert_eq!(
            status.message,
            "the object provided is unrecognized (must be of type ConfigMap): provided data does not appear to be a \
             protobuf message, expected prefix [107 56 115 0] (78)"
        );
        let custom = Origin::Custom { crd: String::new() };
        let strategic = Some("application/strategic-merge-patch+json");
        assert_eq!(PatchType::from_content_type(strategic, &Origin::BuiltIn), Ok(PatchType::StrategicMerge));
        assert_eq!(PatchType::from_content_type(strategic, &custom).expect_err("CRs have none").code, 415);
        assert_eq!(PatchType::from_content_type(None, &Origin::BuiltIn).expect_err("it must be said").code, 415);
    }
}
