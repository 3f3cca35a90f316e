//! The entries of `metadata.managedFields`, read and written.
//!
//! Source: `k8s.io/apimachinery/pkg/util/managedfields/internal/managedfields.go`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::controlplane::object::Object;
use crate::controlplane::patch::field_set::FieldSet;
use crate::controlplane::patch::fields_v1;

/// How fields came to be owned. The order is that of the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

/// What tells owners apart. Who applies is the same in all versions; who updates is another in each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    pub(super) manager: String,
    pub(super) operation: Operation,
    /// Empty for those who apply.
    pub(super) api_version: String,
    /// Empty for the main resource.
    pub(super) subresource: String,
}

impl Owner {
    pub(super) fn new(manager: &str, operation: Operation, api_version: &str, subresource: Option<&str>) -> Self {
        let manager = if manager.is_empty() { "unknown" } else { manager };
        let api_version = if operation == Operation::Update { api_version } else { "" };
        Self {
            manager: manager.to_owned(),
            operation,
            api_version: api_version.to_owned(),
            subresource: subresource.unwrap_or_default().to_owned(),
        }
    }
}

/// What one owner has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) fields: FieldSet,
    /// The version in which the fields are named.
    pub(super) api_version: String,
    /// When they last changed; empty when that is not known.
    pub(super) time: String,
}

/// All owners of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Entries(pub(super) BTreeMap<Owner, Owned>);

impl Entries {
    /// Reads the entries of an object.
    pub(super) fn of(object: &Value) -> Result<Self, String> {
        let list = object.at(&["metadata", "managedFields"]).and_then(Value::as_array);
        list.map_or(Ok(Self::default()), |list| Self::decode(list))
    }

    pub(super) fn decode(list: &[Value]) -> Result<Self, String> {
        list.iter().enumerate().map(|(place, entry)| decode_entry(place, entry)).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the entries as they are written: those who apply first, then the oldest.
    pub(super) fn encode(&self) -> Vec<Value> {
        let mut owners: Vec<_> = self.0.iter().collect();
        owners.sort_by(|(left, left_owned), (right, right_owned)| {
            (left.operation, &left_owned.time, &left.manager, &left_owned.api_version, &left.subresource).cmp(&(
                right.operation,
                &right_owned.time,
                &right.manager,
                &right_owned.api_version,
                &right.subresource,
            ))
        });
        owners.into_iter().map(|(owner, owned)| encode_entry(owner, owned)).collect()
    }

    /// Writes the entries into an object, in place of those that it has.
    pub(super) fn write_to(&self, object: &mut Value) {
        if self.0.is_empty() {
            remove_from(object);
        } else {
            object.metadata_mut().insert("managedFields".to_owned(), Value::Array(self.encode()));
        }
    }
}

/// Takes the entries out of an object.
pub(super) fn remove_from(object: &mut Value) -> Option<Value> {
    object.get_mut("metadata")?.as_object_mut()?.shift_remove("managedFields")
}

fn encode_entry(owner: &Owner, owned: &Owned) -> Value {
    let mut entry = Map::with_capacity(7);
    entry.insert("manager".to_owned(), owner.manager.as_str().into());
    let operation = if owner.operation == Operation::Apply { "Apply" } else { "Update" };
    entry.insert("operation".to_owned(), operation.into());
    entry.insert("apiVersion".to_owned(), owned.api_version.as_str().into());
    if !owned.time.is_empty() {
        entry.insert("time".to_owned(), owned.time.as_str().into());
    }
    entry.insert("fieldsType".to_owned(), "FieldsV1".into());
    entry.insert("fieldsV1".to_owned(), fields_v1::encode(&owned.fields));
    if !owner.subresource.is_empty() {
        entry.insert("subresource".to_owned(), owner.subresource.as_str().into());
    }
    Value::Object(entry)
}

fn decode_entry(place: usize, entry: &Value) -> Result<(Owner, Owned), String> {
    let operation = match entry.text_at(&["operation"]) {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".to_owned()),
    };
    let api_version = entry.text_at(&["apiVersion"]);
    if api_version.is_empty() {
        return Err("apiVersion must not be empty".to_owned());
    }
    match entry.text_at(&["fieldsType"]) {
        "FieldsV1" => {}
        "" => return Err(format!("missing fieldsType in managed fields entry {place}")),
        other => return Err(format!("invalid fieldsType {other:?} in managed fields entry {place}")),
    }
    let fields = match entry.get("fieldsV1") {
        None | Some(Value::Null) => FieldSet::default(),
        Some(fields) => {
            fields_v1::decode(fields).map_err(|error| format!("error decoding versioned set from {entry}: {error}"))?
        }
    };
    let subresource = Some(entry.text_at(&["subresource"]));
    // A name is not made up here: an entry without one keeps its empty name.
    let mut owner = Owner::new("-", operation, api_version, subresource);
    owner.manager = entry.text_at(&["manager"]).to_owned();
    Ok((owner, Owned { fields, api_version: api_version.to_owned(), time: decode_time(entry.text_at(&["time"]))? }))
}

/// Returns a time as it is written here: whole seconds, in UTC.
fn decode_time(text: &str) -> Result<String, String> {
    if text.is_empty() || (text.len() == 20 && text.ends_with('Z')) {
        return Ok(text.to_owned());
    }
    let time: jiff::Timestamp = text.parse().map_err(|error| format!("error decoding time {text:?}: {error}"))?;
    Ok(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Returns whether a client asks to forget all owners: an empty list, or one empty entry.
pub(super) fn is_reset(object: &Value) -> bool {
    match object.at(&["metadata", "managedFields"]).and_then(Value::as_array).map(Vec::as_slice) {
        None => false,
        Some([]) => true,
        Some([entry]) => *entry == json!({}) || entry.as_object().is_some_and(is_zero),
        Some(_) => false,
    }
}

fn is_zero(entry: &Map<String, Value>) -> bool {
    entry.values().all(|value| value.is_null() || value == "")
}
