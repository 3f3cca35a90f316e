//! Regular expressions in Go's (RE2) syntax, which `pattern` and CEL's `matches` are written in.
//!
//! The `regex` crate shares RE2's semantics but not every corner of its syntax: `\d`, `\w` and `\s` are ASCII in Go, a
//! brace that starts no repetition is a brace, and brackets and doubled signs inside a class mean themselves. The
//! text is translated; errors are told in Go's words. Nothing is compiled before it is needed, and then only once.
//!
//! Source: `regexp/syntax/parse.go` of Go 1.26.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use regex::Regex;
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Error, ErrorKind};

/// A regular expression, compiled when first used. Equal when the text is.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: Arc<str>,
    regex: Arc<OnceLock<Option<Regex>>>,
}

impl Pattern {
    /// Returns the pattern; its syntax is not checked.
    pub fn new(text: &str) -> Self {
        Self { text: text.into(), regex: Arc::default() }
    }

    /// Returns the text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern is found anywhere in `value`; `None` when it is no regular expression.
    pub fn is_match(&self, value: &str) -> Option<bool> {
        self.regex.get_or_init(|| compile(&self.text).ok()).as_ref().map(|regex| regex.is_match(value))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Compiles a regular expression in Go's syntax; the error is Go's, such as
/// ``error parsing regexp: missing closing ]: `[` ``.
pub fn compile(text: &str) -> Result<Regex, String> {
    let translated = translate(text);
    if let Err(error) = Parser::new().parse(&translated) {
        return Err(format!("error parsing regexp: {}", go_error(text, &error)));
    }
    Regex::new(&translated).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "error parsing regexp: expression too large".to_owned(),
        other => format!("error parsing regexp: {}", other.to_string().lines().last().unwrap_or_default()),
    })
}

/// Compiles a regular expression that is likely to be asked for again, as those of CEL rules are.
pub fn cached(text: &str) -> Result<Regex, String> {
    /// More are forgotten at once: texts that objects bring along must not fill the memory.
    const MAX: usize = 1024;
    static CACHE: LazyLock<Mutex<BTreeMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = cache.get(text) {
        return Ok(regex.clone());
    }
    let regex = compile(text)?;
    if cache.len() >= MAX {
        cache.clear();
    }
    cache.insert(text.to_owned(), regex.clone());
    Ok(regex)
}

fn translate(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut in_class = false;
    while let Some(char) = rest.chars().next() {
        let (head, tail) = rest.split_at(char.len_utf8());
        let taken = match char {
            '\\' if tail.starts_with('Q') => quoted(&mut out, tail),
            '\\' => escape(&mut out, tail),
            '[' if !in_class => {
                in_class = true;
                open_class(&mut out, tail)
            }
            '[' if named_class(rest).is_some() => named_class(rest).map_or(0, |name| {
                out.push_str(name);
                name.len() - 1
            }),
            '[' => literal(&mut out, '['),
            ']' => {
                in_class = false;
                literal_as_is(&mut out, head)
            }
            '&' | '~' | '-' if in_class && tail.starts_with(char) => literal(&mut out, char),
            '{' if !in_class && !starts_repetition(tail) => literal(&mut out, '{'),
            _ => literal_as_is(&mut out, head),
        };
        rest = &tail[taken.min(tail.len())..];
    }
    out
}

fn literal(out: &mut String, char: char) -> usize {
    out.push('\\');
    out.push(char);
    0
}

fn literal_as_is(out: &mut String, head: &str) -> usize {
    out.push_str(head);
    0
}

/// Writes the start of a class: a bracket that closes directly after it means itself.
fn open_class(out: &mut String, tail: &str) -> usize {
    let negated = usize::from(tail.starts_with('^'));
    out.push_str(if negated == 1 { "[^" } else { "[" });
    if tail[negated..].starts_with(']') {
        out.push_str("\\]");
        return negated + 1;
    }
    negated
}

/// Returns `[:alpha:]` when `rest` starts with such a name.
fn named_class(rest: &str) -> Option<&str> {
    let end = rest.strip_prefix("[:")?.find(":]")?;
    let name = &rest[2..2 + end];
    name.trim_start_matches('^').chars().all(|char| char.is_ascii_lowercase()).then(|| &rest[..end + 4])
}

fn escape(out: &mut String, tail: &str) -> usize {
    let Some(char) = tail.chars().next() else {
        out.push('\\');
        return 0;
    };
    match char {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str("[\\t\\n\\x0c\\r ]"),
        'S' => out.push_str("[^\\t\\n\\x0c\\r ]"),
        'b' => out.push_str("(?-u:\\b)"),
        '_' | '<' | '>' => out.push(char),
        _ => {
            out.push('\\');
            out.push(char);
        }
    }
    char.len_utf8()
}

/// Writes the text between `\Q` and `\E`, in which nothing has a meaning.
fn quoted(out: &mut String, tail: &str) -> usize {
    let body = &tail[1..];
    let end = body.find("\\E");
    out.push_str(&regex::escape(&body[..end.unwrap_or(body.len())]));
    end.map_or(tail.len(), |end| 1 + end + 2)
}

fn starts_repetition(tail: &str) -> bool {
    let Some((inside, _)) = tail.split_once('}') else { return false };
    let (min, max) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |text: &str| text.chars().all(|char| char.is_ascii_digit());
    !min.is_empty() && digits(min) && digits(max)
}

/// Returns the error in Go's words, with the part of the expression that it names.
fn go_error(text: &str, error: &Error) -> String {
    let span = error.pattern().get(error.span().start.offset..error.span().end.offset).unwrap_or_default();
    let from = error.pattern().get(error.span().start.offset..).unwrap_or_default();
    let (what, part) = match error.kind() {
        ErrorKind::ClassUnclosed | ErrorKind::ClassEscapeInvalid => ("missing closing ]", from),
        ErrorKind::GroupUnclosed => ("missing closing )", text),
        ErrorKind::GroupUnopened => ("unexpected )", text),
        ErrorKind::RepetitionMissing => ("missing argument to repetition operator", operator(from)),
        ErrorKind::RepetitionCountInvalid | ErrorKind::DecimalInvalid => ("invalid repeat count", span),
        ErrorKind::ClassRangeInvalid => ("invalid character class range", span),
        ErrorKind::EscapeUnexpectedEof => ("trailing backslash at end of expression", ""),
        ErrorKind::EscapeUnrecognized | ErrorKind::EscapeHexInvalid => ("invalid escape sequence", span),
        ErrorKind::UnsupportedBackreference => ("invalid escape sequence", span),
        ErrorKind::UnsupportedLookAround | ErrorKind::FlagUnrecognized => ("invalid or unsupported Perl syntax", span),
        _ => ("invalid or unsupported Perl syntax", from),
    };
    format!("{what}: `{part}`")
}

/// Returns the repetition operator at the start of `from`.
fn operator(from: &str) -> &str {
    let end = if from.starts_with('{') { from.find('}').map(|end| end + 1) } else { Some(1) };
    end.and_then(|end| from.get(..end)).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let pattern = Pattern::new(pattern);
        for value in matching {
            assert_eq!(pattern.is_match(value), Some(true), "{value}");
        }
        for value in other {
            assert_eq!(pattern.is_match(value), Some(false), "{value}");
        }
    }

    #[test]
    fn gos_syntax_keeps_its_meaning() {
        check(r"^\d+$", &["12"], &["१२", "a"]);
        check(r"^[\w.-]+$", &["a_b.c-d"], &["é"]);
        check(r"^[^\s]+$", &["a"], &["a b"]);
        check(r"^[]a]$", &["]", "a"], &["b"]);
        check(r"^[[a]$", &["[", "a"], &["b"]);
        check(r"^[a&&b]+$", &["a&b"], &["c"]);
        check(r"^[[:alpha:]-]+$", &["a-b"], &["1"]);
        check(r"^a{,2}$", &["a{,2}"], &["aa"]);
        check(r"^a{2,3}$", &["aa"], &["a"]);
        check(r"^\Qa.b\E$", &["a.b"], &["axb"]);
        check(r"^(https?:\/\/)?[a-z\d]+\_x$", &["http://a1_x"], &["http://a1"]);
        check(r"\bfoo\b", &["a foo b"], &["afoo"]);
    }

    #[track_caller]
    fn check_error(pattern: &str, expected: &str) {
        assert_eq!(compile(pattern).expect_err("it is wrong"), format!("error parsing regexp: {expected}"));
    }

    #[test]
    fn errors_are_gos() {
        check_error("[", "missing closing ]: `[`");
        check_error("(a", "missing closing ): `(a`");
        check_error("a)", "unexpected ): `a)`");
        check_error("*a", "missing argument to repetition operator: `*`");
        check_error("a(?=b)", "invalid or unsupported Perl syntax: `(?=`");
        check_error("a\\", "trailing backslash at end of expression: ``");
        check_error("[z-a]", "invalid character class range: `z-a`");
    }
}
