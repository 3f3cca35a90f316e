//! Names that are valid by construction.
//!
//! Every name is parsed once, where it enters, and refused with a reason and a remedy that can be pasted. Accepted
//! characters are so few that no name can break out of a shell word, a YAML scalar, a TOML string, a Rust identifier or
//! a Make variable: that is why templates may print names without quoting rules of their own. Nothing is corrected in
//! silence.

mod dns;
mod domain;
mod error;
mod image;
mod kind;
mod plural;
mod project_name;
mod reserved;
mod text;
mod version;

pub use domain::{Domain, GroupName};
pub use error::{NameError, Origin};
pub use image::{ImageRef, Port};
pub use kind::Kind;
pub use plural::Plural;
pub use project_name::ProjectName;
pub use text::{License, Owner, Repository};
pub use version::Version;

pub(crate) use dns::MAX_SUBDOMAIN;
pub(crate) use reserved::module_name;
pub(crate) use version::is_version;

/// Declares a name: a string that only `parse` makes.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
use name_type;

#[cfg(test)]
mod tests {
    use super::*;

    /// What would break out of a shell word, YAML, TOML, Rust or Make, or confuse a terminal or a path.
    const NASTY: &[&str] = &[
        "",
        " ",
        "$(touch x)",
        "`touch x`",
        "a;b",
        "a&&b",
        "a|b",
        "a>b",
        "a\nb",
        "a\r\nb",
        "a: b",
        "a #b",
        "- a",
        "--force",
        "-x",
        "&anchor",
        "*alias",
        "!tag",
        "{a: b}",
        "[a]",
        "%directive",
        "\"a\"",
        "'a'",
        "a\"]\n[package]",
        "a\\b",
        "a{{ b }}",
        "{% raw %}",
        "a*/b",
        "a!()",
        "$(shell id)",
        "${x}",
        "a=b",
        "a\tb",
        "a\0b",
        "../a",
        "a/../b",
        "/etc/passwd",
        "~",
        "\u{1b}[31ma",
        "\u{202e}a",
        "á",
        "ａ",
        "\u{200b}a",
    ];

    #[track_caller]
    fn refuses_all<T: std::fmt::Debug>(parse: impl Fn(&str) -> Result<T, NameError>) {
        for value in NASTY {
            let error = parse(value).expect_err(value);
            let shown = error.to_string();
            assert!(shown.chars().all(|c| !c.is_control()), "{shown:?} would reach the terminal");
        }
    }

    #[test]
    fn no_name_lets_an_injection_through() {
        refuses_all(Domain::parse);
        refuses_all(GroupName::parse);
        refuses_all(Version::parse);
        refuses_all(Kind::parse);
        refuses_all(Plural::parse);
        refuses_all(ProjectName::parse);
        refuses_all(ImageRef::parse);
        refuses_all(Port::parse);
        refuses_all(Repository::parse);
        refuses_all(License::parse);
    }

    #[test]
    fn an_owner_may_have_spaces_and_accents_and_nothing_that_quotes() {
        // `&`, `<` and `>` do nothing within quotes and comments, where alone templates print owners.
        for value in NASTY.iter().filter(|value| !["á", "ａ", "a>b", "a&&b"].contains(value)) {
            assert!(Owner::parse(value).is_err(), "{value:?}");
        }
    }
}
