//! The identities of the Kubernetes API: group, version, kind and resource.

use std::cmp::Ordering;
use std::fmt;

/// A group and a version, as in `apiVersion`. The core group is the empty string.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersion {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version, such as `v1`.
    pub version: String,
}

impl GroupVersion {
    /// Returns the pair.
    pub fn new(group: impl Into<String>, version: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into() }
    }

    /// Parses the text of an `apiVersion` field: `v1` or `group/version`. More than one slash is no group version.
    pub fn parse(api_version: &str) -> Option<Self> {
        match api_version.split_once('/') {
            None => Some(Self::new("", api_version)),
            Some((_, version)) if version.contains('/') => None,
            Some((group, version)) => Some(Self::new(group, version)),
        }
    }

    /// Returns the identity of a kind of this group version.
    pub fn kind(&self, kind: impl Into<String>) -> Gvk {
        Gvk { group: self.group.clone(), version: self.version.clone(), kind: kind.into() }
    }
}

impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_str() {
            "" => f.write_str(&self.version),
            group => write!(f, "{group}/{}", self.version),
        }
    }
}

/// Group, version and kind: what an object says it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvk {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version, such as `v1`.
    pub version: String,
    /// The kind, CamelCase and singular.
    pub kind: String,
}

impl Gvk {
    /// Returns the triple.
    pub fn new(group: impl Into<String>, version: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// Returns the group version, the text of which is the object's `apiVersion`.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(&self.group, &self.version)
    }
}

impl fmt::Display for Gvk {
    /// Prints as Go's `schema.GroupVersionKind` does: `apps/v1, Kind=Deployment`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Kind={}", self.group, self.version, self.kind)
    }
}

/// Group and plural resource name: where objects are stored, whatever the version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The plural, lower-case name, such as `deployments`.
    pub resource: String,
}

impl GroupResource {
    /// Returns the pair.
    pub fn new(group: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { group: group.into(), resource: resource.into() }
    }
}

impl fmt::Display for GroupResource {
    /// Prints `deployments.apps`, and `pods` for the core group: the form that upstream's messages use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_str() {
            "" => f.write_str(&self.resource),
            group => write!(f, "{}.{group}", self.resource),
        }
    }
}

/// Group, version and plural resource name: an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvr {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version, such as `v1`.
    pub version: String,
    /// The plural, lower-case name, such as `deployments`.
    pub resource: String,
}

impl Gvr {
    /// Returns the triple.
    pub fn new(group: impl Into<String>, version: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into(), resource: resource.into() }
    }

    /// Returns group and resource without the version.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource::new(&self.group, &self.resource)
    }

    /// Returns group and version without the resource.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(&self.group, &self.version)
    }
}

/// Compares version names by what Kubernetes expects of them: `v2` is greater than `v1`, which is greater than
/// `v10beta1`, then `v1alpha2`, then every other name, the first in the alphabet being the greatest.
///
/// Source: `k8s.io/apimachinery/pkg/version/helpers.go`.
pub fn compare_versions(left: &str, right: &str) -> Ordering {
    stability(left).cmp(&stability(right)).then_with(|| match stability(left) {
        None => right.cmp(left),
        Some(_) => Ordering::Equal,
    })
}

/// Returns (2 for stable, 1 for beta, 0 for alpha; major; minor) of a name such as `v1beta2`.
fn stability(version: &str) -> Option<(u8, u64, u64)> {
    let number = |text: &str| if text.starts_with('0') { None } else { text.parse::<u64>().ok() };
    let rest = version.strip_prefix('v')?;
    if let Some(major) = number(rest) {
        return Some((2, major, 0));
    }
    let pre = |name: &str, level: u8| {
        let (major, minor) = rest.split_once(name)?;
        Some((level, number(major)?, number(minor)?))
    };
    pre("beta", 1).or_else(|| pre("alpha", 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_version_is_parsed_and_printed_alike() {
        for text in ["v1", "apps/v1", "app.example.com/v1alpha1"] {
            assert_eq!(GroupVersion::parse(text).map(|gv| gv.to_string()).as_deref(), Some(text));
        }
        assert_eq!(GroupVersion::parse("a/b/c"), None);
    }

    #[test]
    fn group_resource_of_the_core_group_has_no_dot() {
        assert_eq!(GroupResource::new("", "pods").to_string(), "pods");
        assert_eq!(GroupResource::new("apps", "deployments").to_string(), "deployments.apps");
    }

    #[test]
    fn versions_are_ordered_by_stability_then_number() {
        let mut versions = ["foo10", "v1alpha1", "v3beta1", "v11beta2", "v10", "foo1", "v2", "v12alpha1", "v10beta3"];
        versions.sort_by(|left, right| compare_versions(right, left));
        let expected = ["v10", "v2", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v1alpha1", "foo1", "foo10"];
        assert_eq!(versions, expected);
    }
}
