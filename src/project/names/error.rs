//! Why a name was refused, and what to type instead.

use std::fmt;

/// Where a name came from, so that the remedy fits what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A flag, with its dashes.
    Flag(&'static str),
    /// The name of the directory, chosen by an argument or by standing in it; the flag that overrides it.
    Directory(&'static str),
    /// A key of the file `PROJECT`.
    Manifest(&'static str),
}

/// A name that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    noun: &'static str,
    value: String,
    reason: String,
    origin: Origin,
    remedy: Remedy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Remedy {
    None,
    /// A value that would be accepted.
    Value(String),
    /// What to do, in words.
    Words(String),
}

impl NameError {
    pub(super) fn new(noun: &'static str, flag: &'static str, value: &str, reason: impl Into<String>) -> Self {
        let (value, reason) = (value.to_owned(), reason.into());
        Self { noun, value, reason, origin: Origin::Flag(flag), remedy: Remedy::None }
    }

    /// Proposes a value, which the caller has checked to be valid.
    pub(super) fn suggest(mut self, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.remedy = Remedy::Value(value);
        }
        self
    }

    /// Says what to do in words, unless a value is proposed already.
    pub(super) fn or_words(mut self, words: impl Into<String>) -> Self {
        if self.remedy == Remedy::None {
            self.remedy = Remedy::Words(words.into());
        }
        self
    }

    /// Returns the same error for a name that came from elsewhere.
    #[must_use]
    pub fn at(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Returns the remedy.
    pub fn help(&self) -> Option<String> {
        match (&self.remedy, self.origin) {
            (Remedy::None, _) => None,
            (Remedy::Words(words), _) => Some(words.clone()),
            (Remedy::Value(value), Origin::Flag(flag)) => Some(format!("pass `{flag} {}`", quoted(value))),
            (Remedy::Value(value), Origin::Directory(flag)) => {
                Some(format!("pass `{flag} {}`, or choose another directory", quoted(value)))
            }
            (Remedy::Value(value), Origin::Manifest(key)) => Some(format!("write `{key}: {value}` in PROJECT")),
        }
    }
}

/// Quotes a proposed value for the shell; proposals hold no quotes.
fn quoted(value: &str) -> String {
    if value.contains(' ') { format!("'{value}'") } else { value.to_owned() }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.is_empty() {
            return write!(f, "{} is empty", self.noun);
        }
        write!(f, "{} `{}` {}", self.noun, shown(&self.value), self.reason)
    }
}

impl std::error::Error for NameError {}

/// Returns what was typed in a form that cannot play tricks on a terminal, cut to a readable length.
fn shown(value: &str) -> String {
    const MAX: usize = 80;
    let safe = |c: char| c.is_alphanumeric() || c == ' ' || c.is_ascii_punctuation();
    let escape = |c: char| if safe(c) { c.to_string() } else { c.escape_unicode().to_string() };
    let mut text: String = value.chars().take(MAX).map(escape).collect();
    if value.chars().count() > MAX {
        text.push('…');
    }
    text
}
