//! Tables: objects as rows of cells, for the command line.
//!
//! The columns come from the row of the resource; a cell is a JSON path (custom resources) or a function (built-in kinds).
//! A resource without columns has two, its name and when it was made.
//!
//! Source: `k8s.io/apiserver/pkg/endpoints/handlers/response.go`, `k8s.io/apiserver/pkg/registry/rest/table.go`,
//! `k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor`, Kubernetes 1.36.

use serde_json::{Map, Value, json};

use super::partial;
use super::request_info::Query;
use crate::controlplane::duration;
use crate::controlplane::env::Env;
use crate::controlplane::jsonpath::JsonPath;
use crate::controlplane::object::Object;
use crate::controlplane::resources::{Cell, Column, Origin, Resource};
use crate::controlplane::schema::data;
use crate::controlplane::status::Status;

/// What stands in a row beside its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// The metadata.
    #[default]
    Metadata,
    /// The object.
    Object,
}

impl IncludeObject {
    /// Reads `includeObject`.
    ///
    /// # Errors
    /// 400.
    pub fn from_query(query: &Query) -> Result<Self, Status> {
        match query.get("includeObject").unwrap_or_default() {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => Err(Status::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: must be 'Metadata', \
                 'Object', 'None', or empty"
            ))),
        }
    }
}

/// Makes tables of one resource.
#[derive(Debug)]
pub struct Printer<'a> {
    resource: &'a Resource,
    env: &'a Env,
    include: IncludeObject,
    api_version: &'static str,
    columns: Vec<PreparedColumn<'a>>,
}

/// A column, its path parsed.
#[derive(Debug)]
struct PreparedColumn<'a> {
    definition: Value,
    cell: PreparedCell<'a>,
}

#[derive(Debug)]
enum PreparedCell<'a> {
    Name,
    CreationTime,
    Printer(fn(&Value, &Env) -> Value),
    /// A path that cannot be parsed has no cells.
    Path(Option<JsonPath>, &'a str),
}

impl<'a> Printer<'a> {
    /// Returns a printer for `meta.k8s.io/v1` or `v1beta1`.
    pub fn new(resource: &'a Resource, env: &'a Env, include: IncludeObject, api_version: &'static str) -> Self {
        let columns: &[Column] = &resource.columns;
        let has_name = columns.iter().any(|column| column.format == "name");
        let mut prepared = Vec::with_capacity(columns.len() + 2);
        if !has_name {
            prepared.push(PreparedColumn { definition: name_column(), cell: PreparedCell::Name });
        }
        if is_plain(resource) {
            prepared.push(PreparedColumn { definition: created_at_column(), cell: PreparedCell::CreationTime });
        }
        prepared.extend(columns.iter().map(PreparedColumn::new));
        Self { resource, env, include, api_version, columns: prepared }
    }

    /// Returns the table of one object, or of the object of a watch event.
    pub fn object(&self, object: &Value) -> Value {
        self.table(&metadata_of_object(object), vec![self.row(object)])
    }

    /// Returns the table of the objects of a list, whose `metadata` is given.
    pub fn list<'v>(&self, metadata: &Value, items: impl Iterator<Item = &'v Value>) -> Value {
        self.table(metadata, items.map(|item| self.row(item)).collect())
    }

    /// Takes the headings out of a table: in a watch only the first event has them.
    pub fn without_headings(mut table: Value) -> Value {
        table["columnDefinitions"] = Value::Null;
        table
    }

    fn table(&self, metadata: &Value, rows: Vec<Value>) -> Value {
        let definitions: Vec<&Value> = self.columns.iter().map(|column| &column.definition).collect();
        // A plain table without rows is an absent list in Go.
        let rows = if rows.is_empty() && is_plain(self.resource) { Value::Null } else { Value::Array(rows) };
        json!({
            "kind": "Table", "apiVersion": self.api_version, "metadata": metadata, "columnDefinitions": definitions,
            "rows": rows,
        })
    }

    fn row(&self, object: &Value) -> Value {
        let cells: Vec<Value> = self.columns.iter().map(|column| column.cell(object, self.env)).collect();
        let included = match self.include {
            IncludeObject::None => Value::Null,
            IncludeObject::Metadata => partial::object(object, self.api_version),
            IncludeObject::Object => with_identity(object, self.resource),
        };
        json!({"cells": cells, "object": included})
    }
}

/// Whether a resource has no columns of its own.
fn is_plain(resource: &Resource) -> bool {
    resource.origin == Origin::BuiltIn && resource.columns.is_empty()
}

fn metadata_of_object(object: &Value) -> Value {
    json!({"resourceVersion": object.text_at(&["metadata", "resourceVersion"])})
}

/// Items of lists do not say what they are; the object of a row does.
fn with_identity(object: &Value, resource: &Resource) -> Value {
    if object.get("kind").is_some() {
        return object.clone();
    }
    let mut whole = Map::new();
    whole.insert("kind".to_owned(), resource.gvk.kind.clone().into());
    whole.insert("apiVersion".to_owned(), resource.gvk.group_version().to_string().into());
    whole.extend(object.as_object().cloned().unwrap_or_default());
    Value::Object(whole)
}

impl<'a> PreparedColumn<'a> {
    fn new(column: &'a Column) -> Self {
        let Column { name, column_type, format, description, priority, cell } = column;
        let definition = json!({
            "name": name, "type": column_type, "format": format, "description": description, "priority": priority,
        });
        let cell = match cell {
            Cell::Printer(printer) => PreparedCell::Printer(*printer),
            Cell::Path(path) => PreparedCell::Path(JsonPath::parse(path).ok(), column_type),
        };
        Self { definition, cell }
    }

    fn cell(&self, object: &Value, env: &Env) -> Value {
        match &self.cell {
            PreparedCell::Name => object.name().into(),
            PreparedCell::CreationTime => object.text_at(&["metadata", "creationTimestamp"]).into(),
            PreparedCell::Printer(printer) => printer(object, env),
            PreparedCell::Path(None, _) => Value::Null,
            PreparedCell::Path(Some(path), column_type) => {
                path.first(object).map_or(Value::Null, |value| cell_of(column_type, value, env))
            }
        }
    }
}

/// Returns a value as a cell of a column type; null when it does not fit.
fn cell_of(column_type: &str, value: &Value, env: &Env) -> Value {
    match (column_type, value) {
        (_, Value::Null) => Value::Null,
        ("string", value) => print(value).into(),
        ("integer", Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            // Go truncates, and so does this cast.
            (None, Some(fraction)) => (fraction as i64).into(),
            (None, None) => Value::Null,
        },
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(time)) => duration::since(env, time).into(),
        _ => Value::Null,
    }
}

/// Returns a value as Go's JSON path printer writes it: structures as JSON with sorted keys, the rest as it stands.
fn print(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => {
            let mut sorted = value.clone();
            sorted.sort_all_objects();
            sorted.to_string()
        }
        other => other.to_string(),
    }
}

fn name_column() -> Value {
    json!({
        "name": "Name", "type": "string", "format": "name", "description": metadata_description("name"), "priority": 0,
    })
}

fn created_at_column() -> Value {
    json!({
        "name": "Created At", "type": "date", "format": "", "description": metadata_description("creationTimestamp"),
        "priority": 0,
    })
}

/// Returns what upstream says of a field of `ObjectMeta`; columns of all kinds use these texts.
pub fn metadata_description(field: &str) -> &'static str {
    let definition = data::definition("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    definition.map_or("", |definition| definition.text_at(&["properties", field, "description"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::resources::builtin;
    use crate::controlplane::resources::custom;

    fn env() -> Env {
        Env::deterministic(1, || jiff::Timestamp::from_second(100).expect("it is in range"))
    }

    fn widget(columns: &Value) -> Resource {
        let crd = json!({
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced",
                "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
                "versions": [{
                    "name": "v1", "served": true, "storage": true, "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                }],
            },
        });
        custom::rows(&crd).pop().expect("one version is served")
    }

    fn object() -> Value {
        json!({
            "apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": {"name": "w", "resourceVersion": "7", "creationTimestamp": "1970-01-01T00:01:35Z"},
            "spec": {"n": 3, "f": 2.5, "b": true, "s": "x", "l": [{"z": 1, "a": 2}]},
        })
    }

    #[track_caller]
    fn check(columns: &Value, expected: &Value) {
        let (resource, env) = (widget(columns), env());
        let printer = Printer::new(&resource, &env, IncludeObject::None, "meta.k8s.io/v1");
        assert_eq!(printer.object(&object())["rows"][0]["cells"], *expected);
    }

    #[test]
    fn a_custom_resource_shows_its_name_and_its_columns() {
        check(&json!([]), &json!(["w", "5s"]));
        let column = |column_type: &str, path: &str| json!({"name": "C", "type": column_type, "jsonPath": path});
        check(&json!([column("integer", ".spec.n"), column("integer", ".spec.f")]), &json!(["w", 3, 2]));
        check(
            &json!([column("string", ".spec.n"), column("string", ".spec.l")]),
            &json!(["w", "3", "[{\"a\":2,\"z\":1}]"]),
        );
        check(&json!([column("boolean", ".spec.b"), column("boolean", ".spec.s")]), &json!(["w", true, null]));
        check(
            &json!([column("date", ".metadata.creationTimestamp"), column("date", ".spec.s")]),
            &json!(["w", "5s", "<invalid>"]),
        );
        check(&json!([column("string", ".spec.nope"), column("number", ".spec.f")]), &json!(["w", null, 2.5]));
    }

    #[test]
    fn a_row_holds_what_was_asked_for() {
        let (resource, env) = (widget(&json!([])), env());
        let row = |include: IncludeObject| {
            Printer::new(&resource, &env, include, "meta.k8s.io/v1").object(&object())["rows"][0]["object"].clone()
        };
        assert_eq!(row(IncludeObject::None), Value::Null);
        assert_eq!(row(IncludeObject::Object), object());
        assert_eq!(row(IncludeObject::Metadata)["kind"], "PartialObjectMetadata");
        let status =
            IncludeObject::from_query(&Query::parse("includeObject=Bogus")).expect_err("there is no such mode");
        assert_eq!(
            status.message,
            "Unable to convert to Table as requested: includeObject: Invalid value: \"Bogus\": must be 'Metadata', \
             'Object', 'None', or empty"
        );
    }

    #[test]
    fn a_kind_without_columns_shows_when_it_was_made() {
        let mut resource = builtin::rows().into_iter().find(|row| row.plural == "limitranges").expect("it is served");
        resource.columns = Vec::new().into();
        let env = env();
        let printer = Printer::new(&resource, &env, IncludeObject::None, "meta.k8s.io/v1");
        let table = printer.list(&json!({"resourceVersion": "9"}), std::iter::empty());
        assert_eq!((&table["rows"], &table["metadata"]["resourceVersion"]), (&Value::Null, &json!("9")));
        assert_eq!(table["columnDefinitions"][1]["name"], "Created At");
    }
}
