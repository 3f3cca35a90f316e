//! Names of projects.

use heck::ToSnakeCase;

use super::dns::{First, check_label, nearest_label};
use super::reserved::is_keyword;
use super::{NameError, name_type};

name_type! {
    /// The name of a project: of its crate, its namespace `NAME-system` and everything that it deploys.
    ProjectName
}

/// Leaves room for what is put behind the name in labels and Services, such as `-controller-manager-metrics`.
const MAX: usize = 36;

/// Crates that a generated project depends on, and those of Rust itself: cargo would take one for the other.
const CRATES: &[&str] = &[
    "alloc",
    "anyhow",
    "axum",
    "bytes",
    "clap",
    "core",
    "futures",
    "hyper",
    "json-patch",
    "jiff",
    "k8s-openapi",
    "kube",
    "kube-client",
    "kube-core",
    "kube-derive",
    "kube-runtime",
    "proc-macro",
    "rustls",
    "schemars",
    "serde",
    "serde-json",
    "serde-yaml",
    "std",
    "test",
    "thiserror",
    "tokio",
    "tower",
    "tracing",
    "tracing-subscriber",
    "main",
    "build",
    "deps",
    "examples",
    "incremental",
];

impl ProjectName {
    /// Parses the name of a project: a DNS-1035 label that can also be the name of a crate.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = |reason: String| {
            let words = "pass a short name in lower case, such as `--project-name shop`";
            NameError::new("project name", "--project-name", text, reason).suggest(nearest_name(text)).or_words(words)
        };
        check(text).map_err(error)?;
        Ok(Self(text.to_owned()))
    }

    /// Returns the name of the library crate, `my_shop`.
    pub fn lib_name(&self) -> String {
        self.0.to_snake_case()
    }
}

fn check(text: &str) -> Result<(), String> {
    check_label(text, First::Letter)?;
    if text.len() > MAX {
        let length = text.len();
        return Err(format!(
            "is {length} characters long; at most {MAX} leave room for names like `{{name}}-controller-manager-metrics`"
        ));
    }
    if text.contains("--") || lib_name_differs(text) {
        return Err("must be words joined by single hyphens".to_owned());
    }
    if is_keyword(text) {
        return Err("is a keyword of Rust, so it cannot be the name of a crate".to_owned());
    }
    if CRATES.contains(&text) {
        return Err("is the name of a crate that the project depends on, or of a folder of cargo".to_owned());
    }
    Ok(())
}

/// Cargo makes the library's name by replacing hyphens; it must be the one that templates print.
fn lib_name_differs(text: &str) -> bool {
    text.to_snake_case() != text.replace('-', "_")
}

fn nearest_name(text: &str) -> Option<String> {
    let near = nearest_label(text)?;
    let near = near.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let cut = near.get(..MAX).unwrap_or(near).trim_end_matches('-');
    let candidates = [cut.to_owned(), format!("{cut}-operator")];
    candidates.into_iter().find(|near| check(near).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::names::Origin;

    #[test]
    fn a_refused_name_comes_with_the_one_that_was_meant() {
        #[track_caller]
        fn check(text: &str, near: &str) {
            let error = ProjectName::parse(text).expect_err("refused");
            assert_eq!(error.help().expect("a remedy"), format!("pass `--project-name {near}`"));
        }
        check("My Shop", "my-shop");
        check("shop_operator", "shop-operator");
        check("2shops", "shops");
        check("kube", "kube-operator");
        check("type", "type-operator");
        check("a-name-that-is-much-longer-than-kubernetes-likes", "a-name-that-is-much-longer-than-kube");
    }

    #[test]
    fn a_name_taken_from_the_directory_is_mended_by_a_flag() {
        let error = ProjectName::parse("My Shop").expect_err("refused").at(Origin::Directory("--project-name"));
        assert_eq!(error.help().expect("a remedy"), "pass `--project-name my-shop`, or choose another directory");
    }

    #[test]
    fn the_library_is_named_as_cargo_names_it() {
        for text in ["shop", "my-shop", "shop2", "a1-b2", "x1"] {
            let name = ProjectName::parse(text).expect(text);
            assert_eq!(name.lib_name(), text.replace('-', "_"));
        }
    }
}
