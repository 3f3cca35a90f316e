//! Domains and API groups.

use super::dns::{First, check_label, check_subdomain, nearest_label};
use super::{NameError, name_type};

name_type! {
    /// The domain that the API groups of a project end in, such as `example.com`.
    Domain
}

impl Domain {
    /// Parses a domain: a DNS-1123 subdomain that Kubernetes does not keep for itself.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = |reason: String| NameError::new("domain", "--domain", text, reason);
        check_subdomain(text).map_err(|reason| {
            error(reason)
                .suggest(nearest_domain(text))
                .or_words("pass a domain that is yours, such as `--domain example.com`")
        })?;
        if is_protected(text) {
            let reason = "is kept for the Kubernetes project: the API server asks every CRD in it for the annotation \
                          `api-approved.kubernetes.io`, the link to an API review";
            return Err(
                error(reason.to_owned()).or_words("pass a domain that is yours, such as `--domain example.com`")
            );
        }
        Ok(Self(text.to_owned()))
    }
}

/// Groups that need the approval of the Kubernetes project.
///
/// Source: `k8s.io/apiextensions-apiserver/pkg/apihelpers/helpers.go`, `IsProtectedCommunityGroup`.
pub(crate) fn is_protected(group: &str) -> bool {
    ["k8s.io", "kubernetes.io"].iter().any(|own| group == *own || group.ends_with(&format!(".{own}")))
}

/// Returns the domain that was probably meant: without scheme and path, in lower case.
fn nearest_domain(text: &str) -> Option<String> {
    let host = text.split("://").last()?.split('/').next()?;
    let labels: Vec<String> = host.split('.').filter_map(nearest_label).collect();
    let near = labels.join(".");
    (check_subdomain(&near).is_ok() && !is_protected(&near)).then_some(near)
}

name_type! {
    /// The part of an API group before the project's domain, such as `app` in `app.example.com`.
    GroupName
}

impl GroupName {
    /// Parses a group: a DNS-1035 label, since it also names folders and modules.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let near = || nearest_label(text).filter(|near| check_label(near, First::Letter).is_ok());
        check_label(text, First::Letter).map_err(|reason| {
            let words = "pass only the part before the domain, such as `--group app`, or leave it out";
            NameError::new("group", "--group", text, reason)
                .suggest(near().filter(|_| !text.contains('.')))
                .or_words(words)
        })?;
        Ok(Self(text.to_owned()))
    }

    /// Parses a group that the user may have typed with the project's domain behind it, which is refused with the
    /// group that was meant.
    pub fn parse_in(text: &str, domain: &Domain) -> Result<Self, NameError> {
        if let Some(name) = text.strip_suffix(domain.as_str()).and_then(|name| name.strip_suffix('.'))
            && Self::parse(name).is_ok()
        {
            let reason =
                format!("ends in the project's domain, which rop adds by itself: the group would be `{text}.{domain}`");
            return Err(NameError::new("group", "--group", text, reason).suggest(Some(name.to_owned())));
        }
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, message: &str, help: &str) {
        let error = Domain::parse(text).expect_err("refused");
        assert_eq!(error.to_string(), message);
        assert_eq!(error.help().expect("a remedy"), help);
    }

    #[test]
    fn a_refused_domain_comes_with_the_one_that_was_meant() {
        refused(
            "Example.com",
            "domain `Example.com` has a part that must be lower-case letters, digits and `-`; it has an upper-case `E`",
            "pass `--domain example.com`",
        );
        refused(
            "https://example.com/shop",
            "domain `https://example.com/shop` has a part that must be lower-case letters, digits and `-`; it has `:`",
            "pass `--domain example.com`",
        );
        refused(
            "example.com.",
            "domain `example.com.` must not start or end with a dot or have two in a row",
            "pass `--domain example.com`",
        );
        refused("", "domain is empty", "pass a domain that is yours, such as `--domain example.com`");
    }

    #[test]
    fn domains_of_kubernetes_are_kept_for_it() {
        assert!(Domain::parse("x-k8s.io").is_ok(), "the community's own domain needs no approval");
        for text in ["k8s.io", "apps.k8s.io", "kubernetes.io"] {
            assert!(Domain::parse(text).expect_err(text).to_string().contains("api-approved.kubernetes.io"));
        }
    }

    #[test]
    fn a_group_typed_with_the_domain_is_refused_with_the_short_one() {
        let domain = Domain::parse("example.com").expect("valid");
        let error = GroupName::parse_in("app.example.com", &domain).expect_err("refused");
        assert_eq!(error.help().expect("a remedy"), "pass `--group app`");
        assert_eq!(GroupName::parse_in("app", &domain).expect("valid").as_str(), "app");
    }
}
