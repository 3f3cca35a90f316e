//! The messages whose JSON form is not an object of their fields: times, quantities, unions, raw JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Number, Value};

use super::reader::{Field, Reader};
use super::table::Table;
use super::{PREFIX, ProtobufError, decode_nested, read_object};
use crate::controlplane::gvk::Gvk;

const SCHEMA: &str = "apiextensions.v1.JsonSchemaProps";

const SPECIAL: [&str; 11] = [
    "Time",
    "MicroTime",
    "Quantity",
    "IntOrString",
    "RawExtension",
    "FieldsV1",
    "Json",
    "ExtraValue",
    "JsonSchemaPropsOrBool",
    "JsonSchemaPropsOrArray",
    "JsonSchemaPropsOrStringArray",
];

/// Whether a message has a JSON form of its own.
#[cfg(test)]
pub(super) fn is_special(message: &str) -> bool {
    SPECIAL.contains(&short(message))
}

fn short(message: &str) -> &str {
    message.rsplit('.').next().unwrap_or(message)
}

/// Reads a message that has a JSON form of its own; `None` for the others. What Go leaves out is `null`.
pub(super) fn read(table: &Table, message: &str, bytes: &[u8], depth: usize) -> Result<Option<Value>, ProtobufError> {
    let name = short(message);
    if !SPECIAL.contains(&name) {
        return Ok(None);
    }
    let parts = Parts::read(bytes)?;
    let schema = |bytes: &[u8]| read_object(table, SCHEMA, bytes, depth + 1);
    Ok(Some(match name {
        "Time" => parts.time("%Y-%m-%dT%H:%M:%SZ")?,
        "MicroTime" => parts.time("%Y-%m-%dT%H:%M:%S.%6fZ")?,
        "Quantity" => parts.bytes(1)?.map_or(Value::from("0"), |text| String::from_utf8_lossy(text).into()),
        "IntOrString" => match parts.integer(1)? {
            0 => parts.integer(2)?.into(),
            _ => String::from_utf8_lossy(parts.bytes(3)?.unwrap_or_default()).into(),
        },
        "RawExtension" | "FieldsV1" | "Json" => raw_json(parts.bytes(1)?.unwrap_or_default(), depth)?,
        "ExtraValue" => parts.texts(1)?,
        "JsonSchemaPropsOrBool" => match parts.bytes(2)? {
            Some(bytes) => schema(bytes)?,
            None => (parts.integer(1)? != 0).into(),
        },
        "JsonSchemaPropsOrArray" => match (parts.all(2).next(), parts.bytes(1)?) {
            (None, Some(bytes)) => schema(bytes)?,
            _ => parts.all(2).map(|field| schema(field.bytes()?)).collect::<Result<Vec<_>, _>>()?.into(),
        },
        _ => match parts.bytes(1)? {
            Some(bytes) => schema(bytes)?,
            None => parts.texts(2)?,
        },
    }))
}

/// The fields of a small message.
struct Parts<'a>(Vec<(u32, Field<'a>)>);

impl<'a> Parts<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ProtobufError> {
        let mut reader = Reader::new(bytes);
        let mut fields = Vec::new();
        while let Some(field) = reader.next()? {
            fields.push(field);
        }
        Ok(Self(fields))
    }

    fn all(&self, tag: u32) -> impl Iterator<Item = Field<'a>> {
        self.0.iter().filter(move |(own, _)| *own == tag).map(|(_, field)| *field)
    }

    fn bytes(&self, tag: u32) -> Result<Option<&'a [u8]>, ProtobufError> {
        self.all(tag).last().map(|field| field.bytes()).transpose()
    }

    fn integer(&self, tag: u32) -> Result<i64, ProtobufError> {
        self.all(tag).last().map_or(Ok(0), |field| field.integer())
    }

    fn texts(&self, tag: u32) -> Result<Value, ProtobufError> {
        Ok(Value::Array(self.all(tag).map(|field| field.text().map(Value::from)).collect::<Result<_, _>>()?))
    }

    /// Returns seconds and nanoseconds as a text; the zero time is an empty message.
    fn time(&self, format: &str) -> Result<Value, ProtobufError> {
        if self.0.is_empty() {
            return Ok(Value::Null);
        }
        let nanos = i32::try_from(self.integer(2)?).unwrap_or(0);
        let time =
            Timestamp::new(self.integer(1)?, nanos).map_err(|_| ProtobufError::Malformed("time out of range"))?;
        Ok(time.strftime(format).to_string().into())
    }
}

/// Reads JSON that travels inside protobuf; a nested object may itself be protobuf.
fn raw_json(bytes: &[u8], depth: usize) -> Result<Value, ProtobufError> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    if bytes.starts_with(PREFIX) {
        return decode_nested(bytes, &Gvk::new("", "", ""), depth + 1);
    }
    serde_json::from_slice(bytes).map_err(|_| ProtobufError::Malformed("raw field is not JSON"))
}

/// Returns a number as Go writes it in JSON: without a fraction where there is none.
pub(super) fn number(value: f64) -> Result<Value, ProtobufError> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the line above says that it is a whole number of 53 bits"
        )]
        return Ok((value as i64).into());
    }
    Number::from_f64(value).map(Value::Number).ok_or(ProtobufError::Malformed("unsupported value: not a number"))
}

/// Returns bytes as JSON has them.
pub(super) fn base64(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!(number(3.0), Ok(Value::from(3)));
        assert_eq!(number(0.5), Ok(Value::from(0.5)));
        assert!(number(f64::NAN).is_err());
    }
}
