//! JSON and YAML texts to values, with a note of every field that is said twice.
//!
//! Values come from the parsers of serde; when JSON is not well formed, the text is read again only to word the error as
//! Go does. YAML follows version 1.2, where upstream still follows 1.1: a plain `y` or `on` is a text here.
//! This is the only place of the control plane that knows a YAML parser.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::syntax;

/// A parsed text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The value; of a field that is said twice the last.
    pub value: Value,
    /// The paths of fields that are said twice, `metadata.name`, in order.
    pub duplicates: Vec<String>,
}

/// Deeper values are refused, so that no text can exhaust the stack. For JSON, serde's own limit of 128 is met first.
const MAX_DEPTH: usize = 256;

/// Reads JSON.
///
/// # Errors
/// Go's text for what is wrong.
pub fn from_json(text: &[u8]) -> Result<Document, String> {
    let mut duplicates = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Node { path: None, depth: 0, duplicates: &mut duplicates }.deserialize(&mut deserializer);
    match value.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Ok(Document { value, duplicates }),
        Err(error) => Err(syntax::error(text).unwrap_or_else(|| error.to_string())),
    }
}

/// Reads the first document of a YAML text. An empty one is null.
///
/// # Errors
/// A text for what is wrong, in the manner of Go's parser.
pub fn from_yaml(text: &[u8]) -> Result<Document, String> {
    let mut duplicates = Vec::new();
    let Some(deserializer) = serde_yaml::Deserializer::from_slice(text).next() else { return Ok(Document::default()) };
    let value = Node { path: None, depth: 0, duplicates: &mut duplicates }.deserialize(deserializer);
    match value {
        Ok(value) => Ok(Document { value, duplicates }),
        Err(error) => Err(format!("error converting YAML to JSON: yaml: {}", yaml_error(&error))),
    }
}

/// Returns what is wrong with a YAML text, the line in front as Go has it: counted from zero for errors of the parser
/// and from one for those of the scanner, and left out when it is zero; that of the surrounding structure comes first.
fn yaml_error(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    let (cause, place) = text.split_once(" at line ").unwrap_or((&text, ""));
    let mut lines = std::iter::once(place).chain(place.split(" at line ").skip(1)).filter_map(leading_number);
    let (problem, context) = (lines.next().unwrap_or(1), lines.next().unwrap_or(1));
    let of_scanner = u64::from(!cause.starts_with("did not find expected"));
    match if context > 1 { context } else { problem } {
        1 => cause.to_owned(),
        line => format!("line {}: {cause}", line - 1 + of_scanner),
    }
}

fn leading_number(text: &str) -> Option<u64> {
    text.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// A place on the way from the root, for the paths of duplicates.
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Field(&'a str),
    Index(usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Field(name) if self.parent.is_none() => f.write_str(name),
            Step::Field(name) => write!(f, ".{name}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// Builds one value.
struct Node<'a> {
    path: Option<&'a Place<'a>>,
    depth: usize,
    duplicates: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let Self { path, depth, duplicates } = self;
        refuse_depth(depth)?;
        let mut list = Vec::new();
        loop {
            let place = Place { parent: path, step: Step::Index(list.len()) };
            let node = Node { path: Some(&place), depth: depth + 1, duplicates: &mut *duplicates };
            match items.next_element_seed(node)? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let Self { path, depth, duplicates } = self;
        refuse_depth(depth)?;
        let mut map = Map::new();
        while let Some(name) = fields.next_key_seed(Key)? {
            let place = Place { parent: path, step: Step::Field(&name) };
            if map.contains_key(&name) {
                duplicates.push(place.to_string());
            }
            let value = fields.next_value_seed(Node { path: Some(&place), depth: depth + 1, duplicates })?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

fn refuse_depth<E: serde::de::Error>(depth: usize) -> Result<(), E> {
    if depth > MAX_DEPTH { Err(E::custom("exceeded max depth")) } else { Ok(()) }
}

/// The name of a field; YAML has other scalars too, which become their text.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Key {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }

    fn visit_string<E>(self, value: String) -> Result<String, E> {
        Ok(value)
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<String, E> {
        Ok(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_said_twice_are_noted_at_any_depth() {
        let text = br#"{"a": 1, "b": {"c": 1, "c": 2}, "a": 3, "l": [{}, {"x": 1, "x": 1}]}"#;
        let document = from_json(text).expect("it is JSON");
        assert_eq!(document.value, json!({"a": 3, "b": {"c": 2}, "l": [{}, {"x": 1}]}));
        assert_eq!(document.duplicates, ["b.c", "a", "l[1].x"]);
    }

    #[test]
    fn whole_numbers_and_fractions_stay_apart() {
        let document = from_json(b"[1, -1, 1.0, 1e3, 18446744073709551615]").expect("it is JSON");
        let list = document.value.as_array().expect("it is a list");
        assert!(list[0].is_u64() && list[1].is_i64() && list[2].is_f64() && list[3].is_f64() && list[4].is_u64());
    }

    #[test]
    fn yaml_is_read_like_json() {
        let document = from_yaml(b"a: 1\nb:\n- x: y\n  1: true\na: ~\n").expect("it is YAML");
        assert_eq!(document.value, json!({"a": null, "b": [{"x": "y", "1": true}]}));
        assert_eq!(document.duplicates, ["a"]);
        assert_eq!(from_yaml(b"").expect("nothing is YAML").value, Value::Null);
        let error = from_yaml(b"not: [yaml").expect_err("the bracket is open");
        assert_eq!(error, "error converting YAML to JSON: yaml: line 1: did not find expected ',' or ']'");
    }

    #[test]
    fn deep_texts_are_refused() {
        assert!(from_json("[".repeat(100_000).as_bytes()).is_err());
        assert!(from_yaml("[".repeat(2_000).as_bytes()).is_err());
    }
}
