//! Which tag of which message is which JSON field: `fields.txt`, read when the first protobuf body comes.

use std::collections::HashMap;
use std::sync::LazyLock;

const FIELDS: &str = include_str!("fields.txt");

/// The messages and the kinds that they are.
#[derive(Debug, Default)]
pub(super) struct Table {
    messages: HashMap<&'static str, Vec<Entry>>,
    kinds: HashMap<(&'static str, &'static str), &'static str>,
}

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    tag: u32,
    /// The JSON name.
    pub(super) name: &'static str,
    /// How often it comes.
    pub(super) shape: Shape,
    /// What it is.
    pub(super) kind: Kind,
    /// Whether zero is a value: the field is a pointer in Go, or required.
    pub(super) keeps_zero: bool,
}

/// How often a field comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    Repeated,
    /// Entries with a text as key.
    Map,
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar(Scalar),
    Message(&'static str),
    /// A message whose fields JSON shows among those of its holder.
    Inline(&'static str),
}

/// The scalars that JSON tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Text,
    Integer,
    Bool,
    Float,
    Bytes,
}

impl Table {
    /// Returns the table.
    pub(super) fn get() -> &'static Self {
        static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(FIELDS));
        &TABLE
    }

    fn parse(text: &'static str) -> Self {
        let mut table = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("kind"), Some(api_version), Some(kind), Some(message)) => {
                    table.kinds.insert((api_version, kind), message);
                }
                (Some(message), ..) => {
                    let entries = line.split(' ').skip(1).filter_map(Entry::parse).collect();
                    table.messages.insert(message, entries);
                }
                (None, ..) => {}
            }
        }
        table
    }

    /// Returns the message of a kind. `DeleteOptions` are part of every group.
    pub(super) fn message_of_kind(&self, api_version: &str, kind: &str) -> Option<&'static str> {
        match kind {
            "DeleteOptions" => Some("meta.v1.DeleteOptions"),
            _ => self.kinds.get(&(api_version, kind)).copied(),
        }
    }

    /// Returns the field with a tag of a message.
    pub(super) fn field(&self, message: &str, tag: u32) -> Option<&Entry> {
        self.messages.get(message)?.iter().find(|entry| entry.tag == tag)
    }

    /// Returns all messages, for checks.
    #[cfg(test)]
    pub(super) fn messages(&self) -> impl Iterator<Item = (&'static str, &[Entry])> {
        self.messages.iter().map(|(name, entries)| (*name, entries.as_slice()))
    }

    /// Returns all kinds, for checks.
    #[cfg(test)]
    pub(super) fn kinds(&self) -> Vec<(&'static str, &'static str)> {
        let mut kinds: Vec<_> = self.kinds.keys().copied().collect();
        kinds.sort_unstable();
        kinds
    }
}

impl Entry {
    /// Reads `3:spec:=core.v1.PodSpec`, `4:finalizers:[]s` or `6:replicas:i!`.
    fn parse(word: &'static str) -> Option<Self> {
        let mut parts = word.splitn(3, ':');
        let (tag, name, code) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        let (code, keeps_zero) = code.strip_suffix('!').map_or((code, false), |code| (code, true));
        let (shape, code) = match (code.strip_prefix("[]"), code.strip_prefix("{}")) {
            (Some(code), _) => (Shape::Repeated, code),
            (_, Some(code)) => (Shape::Map, code),
            _ => (Shape::Single, code),
        };
        let kind = match (code, code.split_at_checked(1)?) {
            ("s", _) => Kind::Scalar(Scalar::Text),
            ("i", _) => Kind::Scalar(Scalar::Integer),
            ("b", _) => Kind::Scalar(Scalar::Bool),
            ("d" | "f", _) => Kind::Scalar(Scalar::Float),
            ("y", _) => Kind::Scalar(Scalar::Bytes),
            (_, ("=", message)) => Kind::Message(message),
            (_, ("~", message)) => Kind::Inline(message),
            _ => return None,
        };
        Some(Self { tag, name, shape, kind, keeps_zero })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_every_message_that_is_named_is_there() {
        let table = Table::get();
        for line in FIELDS.lines().filter(|line| !line.starts_with('#') && !line.starts_with("kind ")) {
            let (name, fields) = line.split_once(' ').unwrap_or((line, ""));
            let expected = fields.split(' ').filter(|field| !field.is_empty()).count();
            assert_eq!(table.messages[name].len(), expected, "{name}");
        }
        for (name, entries) in table.messages() {
            for entry in entries {
                if let Kind::Message(message) | Kind::Inline(message) = entry.kind {
                    let known = table.messages.contains_key(message) || super::super::special::is_special(message);
                    assert!(known, "{name}.{} is a {message}", entry.name);
                }
            }
        }
    }
}
