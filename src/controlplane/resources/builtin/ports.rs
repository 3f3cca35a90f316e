//! Port numbers and port names.
//!
//! Source: `k8s.io/apimachinery/pkg/util/validation/validation.go`, Kubernetes 1.36.

use serde_json::Value;

use super::field::{Field, Findings};

/// Checks a port number.
pub(super) fn validate_port(port: &Field<'_>, found: &mut Findings) {
    found.within(port, 1, 65535);
}

/// Checks the name of a port, and says whether it is fine.
pub(super) fn validate_port_name(name: &Field<'_>, found: &mut Findings) -> bool {
    let details = port_name(name.text());
    let fine = details.is_empty();
    found.invalid_each(name, details);
    fine
}

/// Checks what is a number or a name.
pub(super) fn validate_port_or_name(port: &Field<'_>, found: &mut Findings) {
    match port.value {
        Value::String(_) => drop(validate_port_name(port, found)),
        _ => validate_port(port, found),
    }
}

fn port_name(name: &str) -> Vec<String> {
    let mut details = Vec::new();
    let mut say = |broken: bool, detail: &str| {
        if broken {
            details.push(detail.to_owned());
        }
    };
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    say(name.len() > 15, "must be no more than 15 bytes");
    say(
        name.is_empty() || !name.chars().all(allowed),
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    let only_allowed = name.chars().all(allowed);
    say(only_allowed && !name.contains(|c: char| c.is_ascii_lowercase()), "must contain at least one letter (a-z)");
    say(name.contains("--"), "must not contain consecutive hyphens");
    say(name.starts_with('-') || name.ends_with('-'), "must not begin or end with a hyphen");
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ports_are_short_and_plain() {
        assert!(port_name("http-1").is_empty());
        assert_eq!(port_name("Bad Name").len(), 1);
        assert_eq!(port_name("1-2"), ["must contain at least one letter (a-z)"]);
        assert_eq!(port_name("a--b-"), ["must not contain consecutive hyphens", "must not begin or end with a hyphen"]);
        assert_eq!(port_name("a234567890123456").len(), 1);
    }
}
