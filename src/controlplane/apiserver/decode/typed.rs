//! Checks a value against a built-in kind as Go's decoder does: the first field of a wrong type, and unknown fields.
//!
//! It walks the definitions of the OpenAPI document, since Go's errors name the struct and the type of the field
//! (`json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string`). The document has no
//! names of string types, so an enumeration is a `string` in these texts where upstream says `v1.PullPolicy`.
//!
//! Source: Go's `encoding/json/decode.go` as `sigs.k8s.io/json` has it, and the `UnmarshalJSON` of the special types.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::time;
use crate::controlplane::quantity::Quantity;
use crate::controlplane::schema::data;

/// Upstream collects no more findings than this.
const MAX_FINDINGS: usize = 100;

/// Checks an object against a definition, such as `io.k8s.api.core.v1.Pod`, and returns the paths of unknown fields.
///
/// # Errors
/// Go's text for the first field that cannot be decoded.
pub(super) fn check(definition: &str, object: &Value) -> Result<Vec<String>, String> {
    let mut walk = Walk { path: Vec::new(), strukt: "", error: None, unknown: Vec::new() };
    walk.reference(definition, object);
    match walk.error {
        None => Ok(walk.unknown),
        Some(error) => Err(error),
    }
}

/// Where the walk is, and what it has found.
struct Walk<'a> {
    path: Vec<Step<'a>>,
    /// The innermost struct, without its package.
    strukt: &'a str,
    error: Option<String>,
    unknown: Vec<String>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    /// The key of a map, which Go leaves out of its errors.
    Key(&'a str),
    Index(usize),
}

impl<'a> Walk<'a> {
    fn fail(&mut self, error: String) {
        self.error.get_or_insert(error);
    }

    /// Notes that a value cannot be decoded into a Go type.
    fn mismatch(&mut self, found: &str, go_type: &str) {
        let fields = self.path.iter().filter_map(|step| match step {
            Step::Field(name) => Some(*name),
            Step::Key(_) | Step::Index(_) => None,
        });
        let fields: Vec<&str> = fields.collect();
        let place = format!("{}.{}", self.strukt, fields.join("."));
        let text = match fields.is_empty() {
            true => format!("json: cannot unmarshal {found} into Go value of type {go_type}"),
            false => format!("json: cannot unmarshal {found} into Go struct field {place} of type {go_type}"),
        };
        self.fail(text);
    }

    fn note_unknown(&mut self) {
        if self.unknown.len() < MAX_FINDINGS {
            self.unknown.push(show(&self.path));
        }
    }

    fn reference(&mut self, name: &'a str, value: &'a Value) {
        let short = name.rsplit('.').next().unwrap_or(name);
        match (short, value) {
            (_, Value::Null) => {}
            ("Quantity", _) => self.quantity(value),
            ("IntOrString", _) => self.int_or_string(value),
            ("Time", _) => self.time(value, time::RFC_3339),
            ("MicroTime", _) => self.time(value, time::RFC_3339_MICRO),
            ("Duration", Value::String(_)) => {}
            ("Duration", _) => self.mismatch(kind_of(value).as_str(), "string"),
            ("JSONSchemaPropsOrArray", Value::Object(_)) | ("JSONSchemaPropsOrBool", Value::Object(_)) => {
                self.reference("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps", value);
            }
            _ => self.definition(name, value),
        }
    }

    fn definition(&mut self, name: &'a str, value: &'a Value) {
        let Some(definition) = data::definition(name) else { return };
        let Some(properties) = definition.get("properties").and_then(Value::as_object) else { return };
        let Value::Object(fields) = value else {
            return self.mismatch(&kind_of(value), &package_type(name));
        };
        let outer = std::mem::replace(&mut self.strukt, name.rsplit('.').next().unwrap_or(name));
        self.fields(properties, fields);
        self.strukt = outer;
    }

    fn fields(&mut self, properties: &'a Map<String, Value>, fields: &'a Map<String, Value>) {
        for (name, value) in fields {
            self.path.push(Step::Field(name));
            match properties.get(name) {
                Some(schema) => self.value(schema, value),
                None => self.note_unknown(),
            }
            self.path.pop();
        }
    }

    fn value(&mut self, schema: &'a Value, value: &'a Value) {
        if let Some(name) = reference_of(schema) {
            return self.reference(name, value);
        }
        let text = |name: &str| schema.get(name).and_then(Value::as_str).unwrap_or_default();
        match (text("type"), value) {
            (_, Value::Null) => {}
            ("string", Value::String(encoded)) if text("format") == "byte" => self.base64(encoded),
            ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("number", Value::Number(_)) => {}
            ("integer", Value::Number(number)) if fits(number, text("format")) => {}
            ("integer", Value::Number(number)) => self.mismatch(&format!("number {number}"), &go_type(schema)),
            ("array", Value::Array(items)) => {
                let Some(schema) = schema.get("items") else { return };
                for (index, item) in items.iter().enumerate() {
                    self.path.push(Step::Index(index));
                    self.value(schema, item);
                    self.path.pop();
                }
            }
            ("object", Value::Object(map)) => {
                let Some(schema) = schema.get("additionalProperties") else { return };
                for (key, item) in map {
                    self.path.push(Step::Key(key));
                    self.value(schema, item);
                    self.path.pop();
                }
            }
            ("string" | "boolean" | "number" | "integer" | "array", _) => {
                self.mismatch(&kind_of(value), &go_type(schema));
            }
            ("object", _) if schema.get("additionalProperties").is_some() => {
                self.mismatch(&kind_of(value), &go_type(schema));
            }
            _ => {}
        }
    }

    fn base64(&mut self, encoded: &str) {
        // Go skips line ends.
        let text: String = encoded.chars().filter(|character| !matches!(character, '\r' | '\n')).collect();
        if STANDARD.decode(&text).is_err() {
            let alphabet = |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '/');
            let padding = text.trim_end_matches('=').len();
            let position = text.find(|character| !alphabet(character)).filter(|position| *position < padding);
            let position = position.unwrap_or(text.len() / 4 * 4);
            self.fail(format!("illegal base64 data at input byte {position}"));
        }
    }

    fn quantity(&mut self, value: &Value) {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        if Quantity::parse(&text).is_none() {
            let pattern = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
            self.fail(format!("quantities must match the regular expression {pattern}"));
        }
    }

    fn int_or_string(&mut self, value: &Value) {
        match value {
            Value::String(_) => {}
            Value::Number(number) if fits(number, "int32") => {}
            Value::Number(number) => self.mismatch(&format!("number {number}"), "int32"),
            other => self.mismatch(&kind_of(other), "int32"),
        }
    }

    fn time(&mut self, value: &Value, layout: &str) {
        match value {
            Value::String(text) => {
                if let Err(error) = time::parse(text, layout) {
                    self.fail(error);
                }
            }
            other => self.mismatch(&kind_of(other), "string"),
        }
    }
}

/// Returns the definition that a schema refers to.
fn reference_of(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/definitions/")
}

/// Returns what Go calls a JSON value.
fn kind_of(value: &Value) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    kind.to_owned()
}

fn fits(number: &serde_json::Number, format: &str) -> bool {
    match (number.as_i64(), format) {
        (None, _) => false,
        (Some(number), "int32") => i32::try_from(number).is_ok(),
        (Some(_), _) => true,
    }
}

/// Returns the Go type of a schema, as errors name it.
fn go_type(schema: &Value) -> String {
    if let Some(name) = reference_of(schema) {
        return package_type(name);
    }
    let text = |name: &str| schema.get(name).and_then(Value::as_str).unwrap_or_default();
    let inner = |name: &str| schema.get(name).map(go_type).unwrap_or_default();
    match (text("type"), text("format")) {
        ("string", "byte") => "[]uint8".to_owned(),
        ("integer", "int32") => "int32".to_owned(),
        ("integer", _) => "int64".to_owned(),
        ("number", _) => "float64".to_owned(),
        ("boolean", _) => "bool".to_owned(),
        ("array", _) => format!("[]{}", inner("items")),
        ("object", _) => format!("map[string]{}", inner("additionalProperties")),
        _ => "string".to_owned(),
    }
}

/// Returns `v1.ObjectMeta` for `io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta`.
fn package_type(definition: &str) -> String {
    let mut parts = definition.rsplitn(3, '.');
    let (name, package) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("{package}.{name}")
}

fn show(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) | Step::Key(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) | Step::Key(name) => text.extend([".", name]),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check_error(kind: &str, object: &Value, expected: &str) {
        let found = check(&format!("io.k8s.api.{kind}"), object);
        assert_eq!(found.expect_err("the object is bad"), expected);
    }

    #[test]
    fn the_first_wrong_type_is_named_as_go_does() {
        check_error(
            "core.v1.ConfigMap",
            &json!({"data": {"a": 5, "b": true}}),
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        );
        check_error(
            "core.v1.ConfigMap",
            &json!({"data": ["a"]}),
            "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string",
        );
        check_error(
            "core.v1.ConfigMap",
            &json!({"metadata": {"name": 5}}),
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string",
        );
        check_error(
            "core.v1.ConfigMap",
            &json!({"metadata": "x"}),
            "json: cannot unmarshal string into Go struct field ConfigMap.metadata of type v1.ObjectMeta",
        );
        check_error(
            "apps.v1.Deployment",
            &json!({"spec": {"template": {"spec": {"containers": [{"image": 5}]}}}}),
            "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type \
             string",
        );
        check_error(
            "apps.v1.Deployment",
            &json!({"spec": {"replicas": 2.5}}),
            "json: cannot unmarshal number 2.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        );
        check_error(
            "core.v1.Pod",
            &json!({"spec": {"containers": {}}}),
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        );
    }

    #[test]
    fn special_types_have_texts_of_their_own() {
        check_error("core.v1.ConfigMap", &json!({"binaryData": {"a": "%%%"}}), "illegal base64 data at input byte 0");
        check_error(
            "core.v1.ResourceQuota",
            &json!({"spec": {"hard": {"cpu": "x"}}}),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        );
        check_error(
            "core.v1.Service",
            &json!({"spec": {"ports": [{"targetPort": true}]}}),
            "json: cannot unmarshal bool into Go struct field ServicePort.spec.ports.targetPort of type int32",
        );
        check_error(
            "core.v1.ConfigMap",
            &json!({"metadata": {"creationTimestamp": "x"}}),
            "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\"",
        );
    }

    #[test]
    fn unknown_fields_are_listed_in_order() {
        let object = json!({
            "kind": "Pod", "metadata": {"bar": 2, "labels": {"any": "thing"}}, "foo": 1,
            "spec": {"containers": [{"name": "a"}, {"nmae": "b"}], "nodeSelector": null},
        });
        let unknown = check("io.k8s.api.core.v1.Pod", &object).expect("all types are right");
        assert_eq!(unknown, ["metadata.bar", "foo", "spec.containers[1].nmae"]);
    }

    #[test]
    fn what_go_takes_is_taken() {
        let object = json!({
            "spec": {
                "selector": null, "replicas": 3, "progressDeadlineSeconds": 600,
                "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
                "template": {"spec": {"containers": [{"resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}]}},
            },
            "metadata": {"creationTimestamp": null, "managedFields": [{"fieldsV1": {"f:a": {}}, "time": "2020-01-01T00:00:00Z"}]},
        });
        assert_eq!(check("io.k8s.api.apps.v1.Deployment", &object), Ok(Vec::new()));
    }
}
