//! API versions.

use super::{NameError, name_type};

name_type! {
    /// An API version that Kubernetes knows how to order, such as `v1alpha1`.
    Version
}

impl Version {
    /// Parses a version: `v1`, `v1alpha1`, `v1beta2`.
    ///
    /// The API server accepts any label but orders only these; others sort behind them, by alphabet.
    /// Source: `k8s.io/apimachinery/pkg/version/helpers.go`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_version(text) {
            return Ok(Self(text.to_owned()));
        }
        let reason = "must be like `v1`, `v1beta2` or `v1alpha1`, the versions that Kubernetes knows how to order";
        let near = nearest_version(text);
        Err(NameError::new("version", "--version", text, reason).suggest(near).or_words("pass `--version v1alpha1`"))
    }
}

pub(crate) fn is_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return false };
    match rest.split_once("alpha").or_else(|| rest.split_once("beta")) {
        Some((major, minor)) => is_number(major) && is_number(minor),
        None => is_number(rest),
    }
}

fn is_number(text: &str) -> bool {
    (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0')
}

/// Returns the version that was probably meant: `1` is `v1`, `V1-Beta1` is `v1beta1`, `1.0` is `v1`.
fn nearest_version(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let joined: String = lower.split(['-', '_', ' ']).collect();
    let whole = joined.split('.').next().unwrap_or_default();
    let candidates = [joined.clone(), format!("v{joined}"), whole.to_owned(), format!("v{whole}")];
    candidates.into_iter().flat_map(|near| [near.clone(), format!("{near}1")]).find(|near| is_version(near))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_kubernetes_orders_are_accepted() {
        for text in ["v1", "v2", "v1alpha1", "v1beta2", "v12beta34"] {
            assert!(Version::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_refused_version_comes_with_the_one_that_was_meant() {
        #[track_caller]
        fn check(text: &str, near: &str) {
            let error = Version::parse(text).expect_err("refused");
            assert_eq!(error.help().expect("a remedy"), format!("pass `--version {near}`"));
        }
        check("1", "v1");
        check("1.0", "v1");
        check("V1Beta1", "v1beta1");
        check("v1-beta1", "v1beta1");
        check("v1alpha", "v1alpha1");
        check("v0", "v1alpha1");
        check("alpha", "v1alpha1");
        check("v1rc1", "v1alpha1");
    }
}
