//! Values as YAML, byte for byte as upstream writes them: keys sorted, long lines folded, quotes only where needed.
//!
//! Clients compare and show this text, so another valid YAML would not do. Reading YAML is [`decode`](super::decode)'s.
//!
//! Source: `gopkg.in/yaml.v2` (`encode.go`, `emitterc.go`, `resolve.go`), as `sigs.k8s.io/yaml` uses it.

use std::cmp::Ordering;

use serde_json::Value;

/// Plain and quoted texts are folded at the first space behind this column.
const BEST_WIDTH: usize = 80;

/// Returns a value as a YAML document.
pub fn to_string(value: &Value) -> String {
    let mut writer = Writer { out: String::new(), column: 0 };
    writer.node(value, 0, Place::Root);
    writer.out.push('\n');
    writer.out
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    /// Behind `key:`.
    Field,
    /// Behind `-`.
    Item,
}

struct Writer {
    out: String,
    column: usize,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn new_line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    /// Writes a value, a space in front when it continues a line. `indent` is where its own lines begin.
    fn node(&mut self, value: &Value, indent: usize, place: Place) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                let mut fields: Vec<(&String, &Value)> = map.iter().collect();
                fields.sort_by(|(left, _), (right, _)| natural_order(left, right));
                for (index, (key, value)) in fields.into_iter().enumerate() {
                    match (index, place) {
                        (0, Place::Root) => {}
                        (0, Place::Item) => self.put(" "),
                        _ => self.new_line(indent),
                    }
                    self.scalar(key, indent);
                    self.put(":");
                    // A list begins where its key does; everything else goes in by two.
                    let inner = if value.is_array() { indent } else { indent + 2 };
                    self.node(value, inner, Place::Field);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    match (index, place) {
                        (0, Place::Root) => {}
                        (0, Place::Item) => self.put(" "),
                        _ => self.new_line(indent),
                    }
                    self.put("-");
                    self.node(item, indent + 2, Place::Item);
                }
            }
            scalar => {
                if place != Place::Root {
                    self.put(" ");
                }
                match scalar {
                    Value::String(text) if text.contains('\n') && can_be_literal(text) => self.literal(text, indent),
                    Value::String(text) if place == Place::Item => self.scalar(text, indent),
                    Value::String(text) => self.scalar(text, indent),
                    Value::Object(_) => self.put("{}"),
                    Value::Array(_) => self.put("[]"),
                    other => self.put(&number(other)),
                }
            }
        }
    }

    /// Writes a text in the lightest style that keeps it a text.
    fn scalar(&mut self, text: &str, indent: usize) {
        match style(text) {
            Style::Plain => self.folded(text, indent, |character| character.to_string()),
            Style::SingleQuoted => {
                self.put("'");
                self.folded(text, indent, |character| match character {
                    '\'' => "''".to_owned(),
                    other => other.to_string(),
                });
                self.put("'");
            }
            Style::DoubleQuoted => self.double_quoted(text, indent),
        }
    }

    /// Writes a text that may be broken at single spaces.
    fn folded(&mut self, text: &str, indent: usize, write: impl Fn(char) -> String) {
        let characters: Vec<char> = text.chars().collect();
        let mut after_space = false;
        for (index, character) in characters.iter().enumerate() {
            let is_inner = index > 0 && index + 1 < characters.len();
            let next_is_space = characters.get(index + 1) == Some(&' ');
            if *character == ' ' {
                let breaks = !after_space && self.column > BEST_WIDTH && is_inner && !next_is_space;
                if breaks { self.new_line(indent) } else { self.put(" ") }
            } else {
                self.put(&write(*character));
            }
            after_space = *character == ' ';
        }
    }

    fn double_quoted(&mut self, text: &str, indent: usize) {
        self.put("\"");
        let characters: Vec<char> = text.chars().collect();
        let mut after_space = false;
        for (index, character) in characters.iter().enumerate() {
            let is_inner = index > 0 && index + 1 < characters.len();
            match *character {
                ' ' if !after_space && self.column > BEST_WIDTH && is_inner => {
                    self.new_line(indent);
                    if characters.get(index + 1) == Some(&' ') {
                        self.put("\\");
                    }
                }
                other => self.put(&escape(other)),
            }
            after_space = *character == ' ';
        }
        self.put("\"");
    }

    fn literal(&mut self, text: &str, indent: usize) {
        let hint = if text.starts_with([' ', '\n']) { "2" } else { "" };
        let chomp = match text.strip_suffix('\n') {
            None => "-",
            Some(rest) if rest.ends_with('\n') || rest.is_empty() => "+",
            Some(_) => "",
        };
        self.put(&format!("|{hint}{chomp}"));
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            match line {
                "" => self.out.push('\n'),
                line => {
                    self.new_line(indent);
                    self.put(line);
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
}

fn style(text: &str) -> Style {
    if !text.chars().all(is_printable) || text.contains('\n') || reads_as_something_else(text) {
        return Style::DoubleQuoted;
    }
    if text.starts_with(' ') || text.ends_with(' ') || has_indicator(text) { Style::SingleQuoted } else { Style::Plain }
}

fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && character != '\u{feff}'
}

fn can_be_literal(text: &str) -> bool {
    text.chars().all(is_printable) && !text.contains(" \n") && !text.ends_with(' ')
}

/// Whether a plain text would be taken for structure.
fn has_indicator(text: &str) -> bool {
    let first = text.chars().next();
    let starts_badly = first.is_some_and(|first| "#,[]{}&*!|>'\"%@`".contains(first))
        || ["---", "..."].iter().any(|mark| text.starts_with(mark))
        || ["-", "?", ":"].iter().any(|mark| text == *mark || text.starts_with(&format!("{mark} ")));
    starts_badly || text.contains(": ") || text.contains(" #") || text.ends_with(':')
}

/// Whether a plain text would be read as null, a truth value, a number or a time.
fn reads_as_something_else(text: &str) -> bool {
    const WORDS: [&str; 40] = [
        "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE", "n",
        "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE", ".nan", ".NaN", ".NAN", ".inf", ".Inf",
        ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", "<<",
    ];
    WORDS.contains(&text) || is_number(text) || is_base_60(text) || is_time(text)
}

fn is_number(text: &str) -> bool {
    let plain = text.replace('_', "");
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return false;
    }
    let of_radix = |prefix: &str, radix: u32| {
        unsigned.strip_prefix(prefix).is_some_and(|digits| u64::from_str_radix(digits, radix).is_ok())
    };
    let exponent_digits =
        |text: &str| text.strip_prefix(['+', '-']).unwrap_or(text).bytes().all(|b| b.is_ascii_digit());
    let is_decimal = {
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
        digits > 0
            && mantissa.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && mantissa.matches('.').count() <= 1
            && !exponent.is_empty()
            && exponent_digits(exponent)
    };
    is_decimal || of_radix("0x", 16) || of_radix("0X", 16) || of_radix("0b", 2) || of_radix("0o", 8)
}

/// Version 1.1 of YAML read `1:30` as a number of base 60.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut groups = unsigned.split(':');
    let starts =
        groups.next().is_some_and(|first| !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit() || b == b'_'));
    let mut count = 0;
    let rest = groups.all(|group| {
        count += 1;
        let (whole, fraction) = group.split_once('.').unwrap_or((group, ""));
        let fits = matches!(whole.len(), 1 | 2) && whole.parse::<u8>().is_ok_and(|number| number < 60);
        fits && fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    });
    starts && rest && count > 0
}

fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits =
        |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let date = bytes.len() >= 8 && digits(0..4) && bytes[4] == b'-';
    let full = date && bytes.len() >= 10 && digits(5..7) && bytes[7] == b'-' && digits(8..10);
    match text.get(10..) {
        Some("") => full,
        Some(rest) => {
            full && rest.starts_with(['T', 't', ' ']) && rest[1..].starts_with(|digit: char| digit.is_ascii_digit())
        }
        None => false,
    }
}

fn escape(character: char) -> String {
    match character {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        '\r' => "\\r".to_owned(),
        '\0' => "\\0".to_owned(),
        '\u{7}' => "\\a".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{b}' => "\\v".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\u{1b}' => "\\e".to_owned(),
        other if is_printable(other) => other.to_string(),
        other if u32::from(other) <= 0xff => format!("\\x{:02X}", u32::from(other)),
        other if u32::from(other) <= 0xffff => format!("\\u{:04X}", u32::from(other)),
        other => format!("\\U{:08X}", u32::from(other)),
    }
}

fn number(value: &Value) -> String {
    match value.as_f64().filter(|_| value.is_f64()) {
        // Go has no fraction where there is none.
        Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => format!("{whole:.0}"),
        _ => value.to_string(),
    }
}

/// Letters behind other characters, and numbers by their size.
///
/// Source: `keyList.Less` of `gopkg.in/yaml.v2/sorter.go`.
fn natural_order(left: &str, right: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let digits = |text: &[char]| text.iter().take_while(|character| character.is_ascii_digit()).count();
    for index in 0..a.len().min(b.len()) {
        if a[index] == b[index] {
            continue;
        }
        if a[index].is_alphabetic() && b[index].is_alphabetic() {
            return a[index].cmp(&b[index]);
        }
        if a[index].is_alphabetic() || b[index].is_alphabetic() {
            return a[index].is_alphabetic().cmp(&b[index].is_alphabetic());
        }
        let (a_digits, b_digits) = (digits(&a[index..]), digits(&b[index..]));
        if a_digits > 0 && b_digits > 0 && a_digits != b_digits {
            return a_digits.cmp(&b_digits);
        }
        return a[index].cmp(&b[index]);
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(value: &Value, expected: &str) {
        assert_eq!(to_string(value), expected);
        let read: Value = serde_yaml::from_str(expected).expect("it is YAML");
        assert_eq!(read, *value);
    }

    #[test]
    fn structures_are_indented_as_upstream_does() {
        check(
            &json!({"metadata": {"name": "a", "list": [{"b": 1, "a": []}, [1, 2], {}]}, "apiVersion": "v1"}),
            "apiVersion: v1\nmetadata:\n  list:\n  - a: []\n    b: 1\n  - - 1\n    - 2\n  - {}\n  name: a\n",
        );
        check(&json!([]), "[]\n");
        check(
            &json!({"x": null, "y10": 1.5, "y9": true}),
            "x: null\n\"y9\": true\n\"y10\": 1.5\n".replace('"', "").as_str(),
        );
    }

    #[test]
    fn texts_are_quoted_only_where_they_must_be() {
        let cases = [
            ("plain text", "plain text"),
            ("2026-11-22T12:47:29Z", "\"2026-11-22T12:47:29Z\""),
            ("2454", "\"2454\""),
            ("true", "\"true\""),
            ("", "\"\""),
            ("0.5e3", "\"0.5e3\""),
            ("1:30", "\"1:30\""),
            ("a: b", "'a: b'"),
            ("it's # not", "'it''s # not'"),
            ("v1", "v1"),
            ("- x", "'- x'"),
            ("-x", "-x"),
            ("tab\t", "\"tab\\t\""),
            ("a:b", "a:b"),
            ("end:", "'end:'"),
        ];
        for (text, expected) in cases {
            check(&json!({ "k": text }), &format!("k: {expected}\n"));
        }
        check(&json!({"k": "a\nb\n", "l": "a\nb"}), "k: |\n  a\n  b\nl: |-\n  a\n  b\n");
    }

    #[test]
    fn long_texts_are_folded() {
        let text =
            "Name must be unique within a namespace: it is required when creating resources, although some may not.";
        check(
            &json!([{ "description": text }]),
            "- description: 'Name must be unique within a namespace: it is required when creating\n    resources, \
             although some may not.'\n",
        );
    }

    #[test]
    fn keys_are_sorted_naturally() {
        let mut keys = ["f:b", ".", "a10", "a9", "b", "A"];
        keys.sort_by(|left, right| natural_order(left, right));
        assert_eq!(keys, [".", "A", "a9", "a10", "b", "f:b"]);
    }
}
