//! Reads protobuf bodies: kubectl and typed Go clients send built-in kinds so, and do not fall back to JSON.
//!
//! A table says which tag of which message is which JSON field; it is data, made from published field numbers by
//! `fields.py`. About a dozen messages have a JSON form of their own ([`special`]). Nothing is ever written as protobuf:
//! every client that sends it also reads JSON.
//!
//! Source: `k8s.io/apimachinery/pkg/runtime/serializer/protobuf/protobuf.go`.

mod reader;
mod special;
mod table;

use serde_json::{Map, Value};

use reader::{Field, Reader};
use table::{Kind, Scalar, Shape, Table};

use crate::controlplane::gvk::{GroupVersion, Gvk};

/// The four bytes that come before every protobuf body.
pub const PREFIX: &[u8] = b"k8s\0";
/// How deep messages may be nested; deeper ones (of a CRD's schema) are refused rather than overflow the stack.
const MAX_DEPTH: usize = 200;

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// It does not start with [`PREFIX`].
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    Prefix,
    /// There is nothing behind [`PREFIX`].
    #[error("empty body")]
    Empty,
    /// The envelope names a kind that has no protobuf form.
    #[error("{0} has no protobuf form")]
    UnknownKind(Gvk),
    /// It ends in the middle of something.
    #[error("unexpected EOF")]
    Truncated,
    /// It is not protobuf.
    #[error("proto: {0}")]
    Malformed(&'static str),
}

/// Reads a body: the prefix, the envelope, and the object as the JSON that a Go client would have sent. An envelope that
/// does not say what it holds holds what is expected.
///
/// # Errors
/// When the body is not one of a known kind. No input panics.
pub fn decode(body: &[u8], expected: &Gvk) -> Result<Value, ProtobufError> {
    if body == PREFIX {
        return Err(ProtobufError::Empty);
    }
    decode_nested(body, expected, 0)
}

fn decode_nested(body: &[u8], expected: &Gvk, depth: usize) -> Result<Value, ProtobufError> {
    let envelope = Envelope::read(body.strip_prefix(PREFIX).ok_or(ProtobufError::Prefix)?)?;
    let or = |text: String, expected: &str| if text.is_empty() { expected.to_owned() } else { text };
    let api_version = or(envelope.api_version, &expected.group_version().to_string());
    let kind = or(envelope.kind, &expected.kind);
    let table = Table::get();
    let Some(message) = table.message_of_kind(&api_version, &kind) else {
        let gv = GroupVersion::parse(&api_version).unwrap_or_else(|| GroupVersion::new("", api_version));
        return Err(ProtobufError::UnknownKind(gv.kind(kind)));
    };
    let mut object = Map::new();
    object.insert("kind".to_owned(), kind.into());
    object.insert("apiVersion".to_owned(), api_version.into());
    read_message(table, message, envelope.raw, &mut object, depth)?;
    Ok(Value::Object(object))
}

/// `runtime.Unknown`: what the object is, and its bytes.
struct Envelope<'a> {
    api_version: String,
    kind: String,
    raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ProtobufError> {
        let mut envelope = Self { api_version: String::new(), kind: String::new(), raw: &[] };
        let mut reader = Reader::new(bytes);
        while let Some((tag, field)) = reader.next()? {
            match tag {
                1 => envelope.read_type_meta(field.bytes()?)?,
                2 => envelope.raw = field.bytes()?,
                _ => {}
            }
        }
        Ok(envelope)
    }

    fn read_type_meta(&mut self, bytes: &[u8]) -> Result<(), ProtobufError> {
        let mut reader = Reader::new(bytes);
        while let Some((tag, field)) = reader.next()? {
            match tag {
                1 => self.api_version = field.text()?,
                2 => self.kind = field.text()?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads the fields of a message into an object. Tags that the table does not have are passed over, as in Go.
fn read_message(
    table: &Table,
    message: &str,
    bytes: &[u8],
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), ProtobufError> {
    if depth > MAX_DEPTH {
        return Err(ProtobufError::Malformed("message is nested too deeply"));
    }
    let mut reader = Reader::new(bytes);
    while let Some((tag, field)) = reader.next()? {
        let Some(entry) = table.field(message, tag) else { continue };
        if let Kind::Inline(inline) = entry.kind {
            read_message(table, inline, field.bytes()?, object, depth + 1)?;
            continue;
        }
        match entry.shape {
            Shape::Single => {
                let value = read_value(table, entry.kind, &field, depth)?;
                if entry.keeps_zero && !value.is_null() || !is_zero(entry.kind, &value) {
                    object.insert(entry.name.to_owned(), value);
                } else {
                    object.shift_remove(entry.name);
                }
            }
            Shape::Repeated => {
                let items = read_items(table, entry.kind, &field, depth)?;
                if let Value::Array(list) = object.entry(entry.name).or_insert_with(|| Value::Array(Vec::new())) {
                    list.extend(items);
                }
            }
            Shape::Map => {
                let (key, value) = read_entry(table, entry.kind, field.bytes()?, depth)?;
                if let Value::Object(map) = object.entry(entry.name).or_insert_with(|| Value::Object(Map::new())) {
                    map.insert(key, value);
                }
            }
        }
    }
    Ok(())
}

/// Whether Go would leave the value out of the JSON: it always sends scalars that are no pointers, and so does not tell
/// zero from absent. Messages are never zero, but for times.
fn is_zero(kind: Kind, value: &Value) -> bool {
    match (kind, value) {
        (_, Value::Null) => true,
        (Kind::Scalar(_), Value::String(text)) => text.is_empty(),
        (Kind::Scalar(_), Value::Number(number)) => number.as_f64() == Some(0.0),
        (Kind::Scalar(_), Value::Bool(value)) => !value,
        _ => false,
    }
}

fn read_value(table: &Table, kind: Kind, field: &Field<'_>, depth: usize) -> Result<Value, ProtobufError> {
    match kind {
        Kind::Scalar(scalar) => read_scalar(scalar, field),
        Kind::Inline(message) | Kind::Message(message) => read_object(table, message, field.bytes()?, depth + 1),
    }
}

fn read_object(table: &Table, message: &str, bytes: &[u8], depth: usize) -> Result<Value, ProtobufError> {
    if let Some(value) = special::read(table, message, bytes, depth)? {
        return Ok(value);
    }
    let mut object = Map::new();
    read_message(table, message, bytes, &mut object, depth)?;
    Ok(Value::Object(object))
}

fn read_scalar(scalar: Scalar, field: &Field<'_>) -> Result<Value, ProtobufError> {
    Ok(match scalar {
        Scalar::Text => field.text()?.into(),
        Scalar::Integer => field.integer()?.into(),
        Scalar::Bool => (field.integer()? != 0).into(),
        Scalar::Float => special::number(field.float()?)?,
        Scalar::Bytes => special::base64(field.bytes()?),
    })
}

/// Reads one item of a repeated field, or several packed ones.
fn read_items(table: &Table, kind: Kind, field: &Field<'_>, depth: usize) -> Result<Vec<Value>, ProtobufError> {
    if let (Kind::Scalar(Scalar::Integer | Scalar::Bool), Field::Bytes(packed)) = (kind, field) {
        let mut reader = Reader::new(packed);
        let mut items = Vec::new();
        while let Some(number) = reader.packed_varint()? {
            items.push(read_value(table, kind, &Field::Varint(number), depth)?);
        }
        return Ok(items);
    }
    Ok(vec![read_value(table, kind, field, depth)?])
}

/// Reads an entry of a map: a message with the key as field 1 and the value as field 2.
fn read_entry(table: &Table, kind: Kind, bytes: &[u8], depth: usize) -> Result<(String, Value), ProtobufError> {
    let (mut key, mut value) = (String::new(), None);
    let mut reader = Reader::new(bytes);
    while let Some((tag, field)) = reader.next()? {
        match tag {
            1 => key = field.text()?,
            2 => value = Some(read_value(table, kind, &field, depth)?),
            _ => {}
        }
    }
    let absent = || match kind {
        Kind::Message(message) | Kind::Inline(message) => read_object(table, message, &[], depth + 1),
        Kind::Scalar(Scalar::Integer | Scalar::Float) => Ok(0.into()),
        Kind::Scalar(Scalar::Bool) => Ok(false.into()),
        Kind::Scalar(Scalar::Text | Scalar::Bytes) => Ok("".into()),
    };
    Ok((key, value.map_or_else(absent, Ok)?))
}

#[cfg(test)]
mod tests;
