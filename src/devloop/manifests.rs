//! What an operator says of itself: its CRDs and its role, brought into the form in which they are committed.
//!
//! YAML is read and written here and in the `PROJECT` file only, so that the library behind it can be exchanged.

use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Map, Number, Value};
use tokio::process::Command;

use super::Failure;

/// Longer descriptions are cut to their first sentence: the fields of Kubernetes' own types come with whole chapters,
/// and a CRD must stay well below the size that client-side `kubectl apply` can store in an annotation.
const LONGEST_DESCRIPTION: usize = 200;

/// Integer formats that OpenAPI does not know: the API server warns of each on every apply.
const UNKNOWN_FORMATS: &[&str] = &["uint", "uint8", "uint16", "uint32", "uint64", "uint128", "int8", "int16", "int128"];

/// What follows from an operator's code.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifests {
    /// The CRDs.
    pub crds: Vec<Value>,
    /// The role of its controllers: a Role or a ClusterRole.
    pub role: Value,
}

impl Manifests {
    /// Asks an operator for its manifests.
    ///
    /// # Errors
    /// When it cannot be run or prints something else.
    pub async fn of(binary: &Path, directory: &Path) -> Result<Self, Failure> {
        let command = format!("`{} manifests`", binary.display());
        let output = Command::new(binary).arg("manifests").current_dir(directory).stdin(Stdio::null()).output().await;
        let output = output.map_err(|error| Failure::new(format!("failed to run {command}")).caused_by(error))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let message = format!("{command} failed: {}", text.trim());
            return Err(
                Failure::new(message).help("a type may have no schema that Kubernetes accepts; see the message")
            );
        }
        let list = serde_json::from_slice::<Value>(&output.stdout).ok();
        let keep = "keep the `manifests` command of src/main.rs: it prints the CRDs and the role as a JSON List";
        let not_a_list = || Failure::new(format!("{command} did not print a list")).help(keep);
        Self::from_list(&list.ok_or_else(not_a_list)?).ok_or_else(not_a_list)
    }

    fn from_list(list: &Value) -> Option<Self> {
        let items = list.get("items")?.as_array()?;
        let is = |item: &&Value, kinds: &[&str]| item["kind"].as_str().is_some_and(|kind| kinds.contains(&kind));
        let mut crds: Vec<_> = items.iter().filter(|item| is(item, &["CustomResourceDefinition"])).cloned().collect();
        crds.iter_mut().for_each(tidy);
        crds.sort_by(|a, b| name(a).cmp(name(b)));
        let role = items.iter().find(|item| is(item, &["ClusterRole", "Role"]))?.clone();
        Some(Self { crds, role })
    }
}

/// Returns the name of an object.
pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Brings a schema into the form in which it is committed: whole numbers without a fraction, no titles, short
/// descriptions, only formats that Kubernetes knows.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => tidy_object(map),
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Number(number) => {
            if let Some(whole) = whole(number) {
                *number = whole;
            }
        }
        _ => {}
    }
}

fn tidy_object(map: &mut Map<String, Value>) {
    if map.get("title").is_some_and(Value::is_string) {
        map.shift_remove("title");
    }
    let is_unknown = |format: &Value| format.as_str().is_some_and(|format| UNKNOWN_FORMATS.contains(&format));
    if map.get("type").is_some_and(|kind| kind == "integer") && map.get("format").is_some_and(is_unknown) {
        map.shift_remove("format");
    }
    if let Some(Value::String(description)) = map.get_mut("description") {
        *description = shortened(description);
    }
    // Defaults, enumerations and examples are values of the user's, not schemas.
    let schemas = map.iter_mut().filter(|(key, _)| !["default", "enum", "example"].contains(&key.as_str()));
    schemas.for_each(|(_, value)| tidy(value));
}

fn whole(number: &Number) -> Option<Number> {
    let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15)?;
    Some(Number::from(float as i64))
}

fn shortened(description: &str) -> String {
    let text = description.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= LONGEST_DESCRIPTION {
        return text;
    }
    match text.find(". ") {
        Some(end) => text[..=end].to_owned(),
        None => text.chars().take(LONGEST_DESCRIPTION).collect(),
    }
}

/// Returns an object as YAML.
///
/// # Errors
/// When it holds what YAML cannot say.
pub fn to_yaml(object: &Value) -> Result<String, Failure> {
    serde_yaml::to_string(object).map_err(|error| Failure::new("failed to write YAML").caused_by(error))
}

/// Reads all objects of a YAML file; empty documents are skipped.
///
/// # Errors
/// When the text is no YAML.
pub fn from_yaml(text: &str, origin: &Path) -> Result<Vec<Value>, Failure> {
    let documents = serde_yaml::Deserializer::from_str(text).map(Value::deserialize);
    let failure = |error| Failure::new(format!("`{}` is not valid YAML", origin.display())).caused_by(error);
    let objects = documents.collect::<Result<Vec<_>, _>>().map_err(failure)?;
    Ok(objects.into_iter().filter(|object| !object.is_null()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(mut before: Value, after: Value) {
        tidy(&mut before);
        assert_eq!(before, after);
    }

    #[test]
    fn schemas_are_brought_into_the_form_that_is_committed() {
        check(json!({"type": "integer", "format": "uint16", "minimum": 0.0}), json!({"type": "integer", "minimum": 0}));
        check(
            json!({"type": "integer", "format": "int64", "maximum": 0.5}),
            json!({"type": "integer", "format": "int64", "maximum": 0.5}),
        );
        check(
            json!({"title": "MyApp", "properties": {"title": {"type": "string"}}}),
            json!({"properties": {"title": {"type": "string"}}}),
        );
        check(json!({"default": {"title": "x"}}), json!({"default": {"title": "x"}}));
        let long = format!("First  sentence.\nSecond {}", "x".repeat(300));
        check(json!({"description": long}), json!({"description": "First sentence."}));
    }

    #[test]
    fn yaml_documents_are_read_one_by_one() {
        let objects = from_yaml("---\na: 1\n---\n# nothing\n---\nb: x\n", Path::new("x.yaml")).expect("it is YAML");
        assert_eq!(objects, [json!({"a": 1}), json!({"b": "x"})]);
        let error = from_yaml("a: [", Path::new("x.yaml")).expect_err("it is not");
        assert_eq!(error.to_string(), "`x.yaml` is not valid YAML");
    }
}
