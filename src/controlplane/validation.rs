//! How the name of an object must look, kind by kind.
//!
//! The formats themselves are in [`names`](super::names). Source: `k8s.io/apimachinery/pkg/api/validation/generic.go`
//! and `.../validation/path/name.go`, Kubernetes 1.36.

use super::names::{dns1035_label, dns1123_label, dns1123_subdomain};

/// How the name of an object must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NameFormat {
    /// A lowercase RFC 1123 subdomain: most kinds.
    #[default]
    Subdomain,
    /// A lowercase RFC 1123 label: namespaces.
    Label,
    /// A DNS-1035 label: services.
    Label1035,
    /// Anything that fits into a path: RBAC.
    PathSegment,
}

impl NameFormat {
    /// Returns what is wrong with a name; `prefix` says that it is a `generateName`, to which a suffix comes.
    pub fn check(self, name: &str, prefix: bool) -> Vec<String> {
        match self {
            Self::PathSegment => path_segment(name, prefix),
            Self::Subdomain => dns1123_subdomain(&without_trailing_dash(name, prefix)),
            Self::Label => dns1123_label(&without_trailing_dash(name, prefix)),
            Self::Label1035 => dns1035_label(&without_trailing_dash(name, prefix)),
        }
    }
}

/// Replaces the end of a prefix such as `web-`, since a suffix follows the dash.
fn without_trailing_dash(name: &str, prefix: bool) -> String {
    match name.strip_suffix('-') {
        Some(head) if prefix && !head.is_empty() => {
            let mut chars = head.chars();
            chars.next_back();
            format!("{}a", chars.as_str())
        }
        _ => name.to_owned(),
    }
}

fn path_segment(name: &str, prefix: bool) -> Vec<String> {
    if !prefix && (name == "." || name == "..") {
        return vec![format!("may not be '{name}'")];
    }
    let found = ['/', '%'].into_iter().filter(|c| name.contains(*c));
    found.map(|c| format!("may not contain '{c}'")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &[String], expected: &[&str]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found:?} does not start with {expected:?}");
        }
    }

    #[test]
    fn names_of_objects_are_subdomains() {
        check(&NameFormat::Subdomain.check("a.b-c.1", false), &[]);
        check(&NameFormat::Subdomain.check("web-", true), &[]);
        check(&NameFormat::Subdomain.check("web-", false), &["a lowercase RFC 1123 subdomain"]);
        check(&NameFormat::Subdomain.check("A", false), &["a lowercase RFC 1123 subdomain"]);
        check(&NameFormat::Subdomain.check(&"x".repeat(254), false), &["must be no more than 253 characters"]);
    }

    #[test]
    fn a_path_segment_holds_nearly_anything() {
        check(&NameFormat::PathSegment.check("system:Node", false), &[]);
        check(&NameFormat::PathSegment.check("..", false), &["may not be '..'"]);
        check(&NameFormat::PathSegment.check("a/b%", false), &["may not contain '/'", "may not contain '%'"]);
    }
}
