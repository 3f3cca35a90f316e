//! The shapes of DNS names that Kubernetes builds on.
//!
//! Source: `k8s.io/apimachinery/pkg/util/validation/validation.go`.

/// The longest label.
pub(crate) const MAX_LABEL: usize = 63;
/// The longest subdomain.
pub(crate) const MAX_SUBDOMAIN: usize = 253;

/// Tells why `text` is no DNS-1123 label (or no DNS-1035 label, which starts with a letter).
pub(super) fn check_label(text: &str, first: First) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
        return Err(format!("must be lower-case letters, digits and `-`; it has {}", describe(bad)));
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err("must start and end with a letter or a digit".to_owned());
    }
    if first == First::Letter && text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("must start with a letter".to_owned());
    }
    check_length(text, MAX_LABEL)
}

/// What a label may start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// A letter: DNS-1035.
    Letter,
    /// A letter or a digit: DNS-1123.
    LetterOrDigit,
}

/// Tells why `text` is no DNS-1123 subdomain: labels joined by dots.
pub(super) fn check_subdomain(text: &str) -> Result<(), String> {
    check_length(text, MAX_SUBDOMAIN)?;
    let labels: Vec<&str> = text.split('.').collect();
    if labels.iter().any(|label| label.is_empty()) {
        return Err("must not start or end with a dot or have two in a row".to_owned());
    }
    labels.iter().try_for_each(|label| {
        check_label(label, First::LetterOrDigit).map_err(|reason| match labels.len() {
            1 => reason,
            _ => format!("has a part that {reason}"),
        })
    })
}

pub(super) fn check_length(text: &str, max: usize) -> Result<(), String> {
    match text.len() {
        0 => Err("is empty".to_owned()),
        length if length > max => Err(format!("is {length} characters long; at most {max} are allowed")),
        _ => Ok(()),
    }
}

/// Names a character so that it can be found in what was typed.
pub(super) fn describe(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        c if c.is_ascii_uppercase() => format!("an upper-case `{c}`"),
        c if c.is_ascii_graphic() || c.is_alphanumeric() => format!("`{c}`"),
        c => format!("the character {}", c.escape_unicode()),
    }
}

/// Returns the label that comes nearest to what was typed, if any.
pub(super) fn nearest_label(text: &str) -> Option<String> {
    let mapped: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = mapped.split('-').filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join("-"))
}
