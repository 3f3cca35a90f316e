//! The formats of names, labels and keys, with upstream's texts for what is wrong with them.
//!
//! Each function returns its findings as texts, none when the name is good; the caller knows the field.
//!
//! Source: `k8s.io/apimachinery/pkg/util/validation/validation.go`, Kubernetes 1.36.

const QUALIFIED_NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
     alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
     '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex \
     used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
     '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
     start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS_1035_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with \
     an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
     validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

/// Checks a qualified name, `name` or `prefix/name`: the form of label and annotation keys.
pub fn qualified_name(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let parts: Vec<&str> = value.split('/').collect();
    let name = match parts[..] {
        [name] => name,
        [prefix, name] => {
            match prefix {
                "" => errors.push("prefix part must be non-empty".to_owned()),
                _ => errors.extend(dns1123_subdomain(prefix).into_iter().map(|text| format!("prefix part {text}"))),
            }
            name
        }
        _ => {
            let prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {QUALIFIED_NAME} {prefix}")];
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        errors.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_bounded_by_alphanumerics(name) {
        errors.push(format!("name part {QUALIFIED_NAME}"));
    }
    errors
}

/// Checks the value of a label.
pub fn label_value(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > 63 {
        errors.push("must be no more than 63 bytes".to_owned());
    }
    if !value.is_empty() && !is_bounded_by_alphanumerics(value) {
        errors.push(LABEL_VALUE.to_owned());
    }
    errors
}

/// Checks a DNS subdomain: the form of most objects' names.
pub fn dns1123_subdomain(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > 253 {
        errors.push(too_long(253));
    }
    if !is_subdomain(value) {
        errors.push(SUBDOMAIN.to_owned());
    }
    errors
}

/// Checks a DNS label: the form of namespaces' names.
pub fn dns1123_label(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > 63 {
        errors.push(too_long(63));
    }
    if !is_label(value) {
        let text = if is_subdomain(value) { "must not contain dots" } else { LABEL };
        errors.push(text.to_owned());
    }
    errors
}

/// Checks a DNS label that starts with a letter: the form of CRD names.
pub fn dns1035_label(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > 63 {
        errors.push(too_long(63));
    }
    if !is_label(value) || !value.starts_with(|first: char| first.is_ascii_lowercase()) {
        errors.push(DNS_1035_LABEL.to_owned());
    }
    errors
}

fn too_long(max: usize) -> String {
    format!("must be no more than {max} characters")
}

fn is_subdomain(value: &str) -> bool {
    value.split('.').all(is_label)
}

fn is_label(value: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !value.is_empty() && value.bytes().all(allowed) && !value.starts_with('-') && !value.ends_with('-')
}

fn is_bounded_by_alphanumerics(value: &str) -> bool {
    let bytes = value.as_bytes();
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(findings: &[String], expected: &[&str]) {
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, start) in findings.iter().zip(expected) {
            assert!(finding.starts_with(start), "{finding}");
        }
    }

    #[test]
    fn keys_have_an_optional_prefix() {
        for good in ["a", "a.b_c-D", "example.com/Name", "1"] {
            check(&qualified_name(good), &[]);
        }
        check(&qualified_name(""), &["name part must be non-empty", "name part must consist"]);
        check(&qualified_name("/x"), &["prefix part must be non-empty"]);
        check(&qualified_name("A/x"), &["prefix part a lowercase RFC 1123 subdomain"]);
        check(&qualified_name("a/b/c"), &["a valid label key must consist"]);
        check(&qualified_name(&"x".repeat(64)), &["name part must be no more than 63 bytes"]);
        check(&qualified_name("-a"), &["name part must consist"]);
    }

    #[test]
    fn names_are_dns_names() {
        check(&dns1123_subdomain("a.b-c.d"), &[]);
        check(&dns1123_subdomain("a..b"), &["a lowercase RFC 1123 subdomain"]);
        check(&dns1123_subdomain(&"x".repeat(254)), &["must be no more than 253 characters"]);
        check(&dns1123_label("a-b"), &[]);
        check(&dns1123_label("a.b"), &["must not contain dots"]);
        check(&dns1123_label("A"), &["a lowercase RFC 1123 label"]);
        check(&dns1035_label("1a"), &["a DNS-1035 label"]);
        check(&label_value(""), &[]);
        check(&label_value("no spaces"), &["a valid label must be"]);
    }
}
