//! How field names that are no CEL identifiers are spelled in rules: `__namespace__`, `a__dash__b`.
//!
//! Source: `k8s.io/apiserver/pkg/cel/escaping.go`, Kubernetes 1.36.

use std::borrow::Cow;

const SEQUENCES: [(&str, &str); 4] = [("underscores__", "__"), ("dot__", "."), ("dash__", "-"), ("slash__", "/")];

const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Returns the field name that a name in a rule stands for.
pub(super) fn unescape(name: &str) -> Cow<'_, str> {
    let Some(first) = name.find("__") else { return Cow::Borrowed(name) };
    if let Some(word) = name.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"))
        && RESERVED.contains(&word)
    {
        return Cow::Borrowed(word);
    }
    let mut out = name[..first].to_owned();
    let mut rest = &name[first..];
    while let Some(at) = rest.find("__") {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 2..];
        match SEQUENCES.iter().find(|(sequence, _)| tail.starts_with(sequence)) {
            Some((sequence, stands_for)) => {
                out.push_str(stands_for);
                rest = &tail[sequence.len()..];
            }
            None => {
                out.push_str("__");
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_stand_for_fields() {
        let names = [
            ("a", "a"),
            ("a_b", "a_b"),
            ("__namespace__", "namespace"),
            ("a__dash__b", "a-b"),
            ("a__dot__b__slash__c", "a.b/c"),
            ("a__underscores__b", "a__b"),
        ];
        for (escaped, field) in names {
            assert_eq!(unescape(escaped), field);
        }
    }
}
