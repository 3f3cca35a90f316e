//! An API of a project, and what it cannot live beside.

use std::fmt;

use crate::project::Collision;
use crate::project::names::{Domain, GroupName, ImageRef, Kind, MAX_SUBDOMAIN, Plural, Port, Version, module_name};

/// Whether something lives in one namespace or in the whole cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In the cluster.
    Cluster,
}

impl Scope {
    /// Returns the scope that the flag `--namespaced` means.
    pub fn from_namespaced(namespaced: bool) -> Self {
        if namespaced { Scope::Namespaced } else { Scope::Cluster }
    }

    /// Tells whether this is [`Scope::Namespaced`].
    pub fn is_namespaced(self) -> bool {
        self == Scope::Namespaced
    }
}

/// An API group: a name before the project's domain, or the domain itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiGroup {
    name: Option<GroupName>,
    domain: Domain,
}

impl ApiGroup {
    /// Returns the group `name.domain`, or `domain` without a name.
    pub fn new(name: Option<GroupName>, domain: Domain) -> Self {
        Self { name, domain }
    }

    /// Returns the part before the domain.
    pub fn name(&self) -> Option<&GroupName> {
        self.name.as_ref()
    }

    /// Returns the module and folder of the group; none for the group that is the domain itself.
    pub fn module(&self) -> Option<String> {
        self.name.as_ref().map(|name| module_name(&name.as_str().replace('-', "_")))
    }
}

impl fmt::Display for ApiGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}.{}", self.domain),
            None => self.domain.fmt(f),
        }
    }
}

/// What the generated reconciler runs for each object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    /// The default image.
    pub image: ImageRef,
    /// The port it listens on.
    pub port: Port,
}

/// A kind that a project defines, reconciles, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The API group.
    pub group: ApiGroup,
    /// The API version.
    pub version: Version,
    /// The kind.
    pub kind: Kind,
    /// The plural.
    pub plural: Plural,
    /// The short name for `kubectl get`, if any was free when the API was added.
    pub short_name: Option<String>,
    /// Where its objects live.
    pub scope: Scope,
    /// Whether the project defines its type and CRD.
    pub types: bool,
    /// Whether the project reconciles it.
    pub controller: bool,
    /// What the reconciler runs.
    pub operand: Operand,
}

impl Resource {
    /// Returns the name of the CRD, `PLURAL.GROUP`.
    pub fn crd_name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// Returns `GROUP/VERSION`.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// Returns the path of its reconciler below the project.
    pub fn controller_file(&self) -> String {
        let folder = self.group.module().map(|group| format!("{group}/")).unwrap_or_default();
        format!("src/controllers/{folder}{}.rs", self.kind.module())
    }

    pub(super) fn sort_key(&self) -> (String, &Version, &Kind) {
        (self.group.to_string(), &self.version, &self.kind)
    }

    /// Fails when the API server or cargo would refuse this API whatever is beside it.
    pub(super) fn check_alone(&self) -> Result<(), Collision> {
        let group = self.group.to_string();
        if !group.contains('.') {
            let message = format!("API group `{group}` has no dot, and the API server refuses a CRD in such a group");
            return Err(Collision::new(message, "pass a group before the domain, such as `--group app`"));
        }
        if self.group.module().is_some_and(|module| crate::project::names::is_version(&module)) {
            let message = format!("group `{group}` would have the folder of a version");
            return Err(Collision::new(message, "pass another name with `--group`"));
        }
        if self.crd_name().len() > MAX_SUBDOMAIN {
            let message =
                format!("the name of the CRD, `{}`, is longer than {MAX_SUBDOMAIN} characters", self.crd_name());
            return Err(Collision::new(
                message,
                "pass a shorter plural with `--plural`, or a shorter group with `--group`",
            ));
        }
        Ok(())
    }

    /// Fails when this API and `other` would fight over a name.
    pub(super) fn check_beside(&self, other: &Resource) -> Result<(), Collision> {
        if self.group != other.group {
            return self.check_modules(other);
        }
        if self.kind == other.kind {
            let message = format!("`{}` exists in group `{}` already, as {}", self.kind, self.group, other.version);
            return Err(Collision::new(message, "pass another kind with `--kind`, or another group with `--group`"));
        }
        if self.plural == other.plural {
            let message = format!("the plural `{}` is that of `{}` already", self.plural, other.kind);
            return Err(Collision::new(message, format!("pass another with `--plural {}s`", self.kind.lower())));
        }
        if let Some(name) = self.kind.type_names().iter().find(|name| other.kind.type_names().contains(name)) {
            let message = format!("kinds `{}` and `{}` would both have a type `{name}`", self.kind, other.kind);
            return Err(Collision::new(message, "pass another kind with `--kind`"));
        }
        self.check_modules(other)
    }

    /// `src/controllers/` holds the kinds of the group without a name beside the folders of the others.
    fn check_modules(&self, other: &Resource) -> Result<(), Collision> {
        let path = |resource: &Resource| (resource.group.module(), resource.kind.module());
        let ((group, kind), (other_group, other_kind)) = (path(self), path(other));
        let folder_is_file = (group.is_none() && other_group.as_ref() == Some(&kind))
            || (other_group.is_none() && group.as_ref() == Some(&other_kind));
        if self.group != other.group && (group == other_group || folder_is_file)
            || (self.group == other.group && self.kind != other.kind && kind == other_kind)
        {
            let name = |resource: &Resource| format!("{}.{}", resource.kind, resource.group);
            let message = format!("`{}` and `{}` would have the same module", name(self), name(other));
            return Err(Collision::new(message, "pass another kind with `--kind`, or another group with `--group`"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;
    use crate::project::names::ProjectName;

    fn resource(group: &str, version: &str, kind: &str) -> Resource {
        let name = Some(group).filter(|group| !group.is_empty()).map(|group| GroupName::parse(group).expect("valid"));
        let kind = Kind::parse(kind).expect("valid");
        Resource {
            group: ApiGroup::new(name, Domain::parse("example.com").expect("valid")),
            version: Version::parse(version).expect("valid"),
            plural: Plural::of(&kind).expect("valid"),
            kind,
            short_name: None,
            scope: Scope::Namespaced,
            types: true,
            controller: true,
            operand: Operand {
                image: ImageRef::parse("redis").expect("valid"),
                port: Port::parse("80").expect("valid"),
            },
        }
    }

    #[track_caller]
    fn check(first: (&str, &str), second: (&str, &str), expected: Option<&str>) {
        let name = ProjectName::parse("shop").expect("valid");
        let mut project = Project::new(name, Domain::parse("example.com").expect("valid"));
        project.add(resource(first.0, "v1", first.1)).expect("the first collides with nothing");
        let actual = project.add(resource(second.0, "v1", second.1)).err().map(|error| error.to_string());
        assert_eq!(actual.as_deref(), expected);
    }

    #[test]
    fn names_that_would_fight_are_refused() {
        check(("app", "Cache"), ("app", "Queue"), None);
        check(("app", "Cache"), ("data", "Cache"), None);
        check(("app", "Cache"), ("app", "Cache"), Some("`Cache` exists in group `app.example.com` already, as v1"));
        check(("", "Person"), ("", "People"), None);
        check(
            ("", "Person"),
            ("", "PersonSpec"),
            Some("kinds `PersonSpec` and `Person` would both have a type `PersonSpec`"),
        );
        check(
            ("", "Cache"),
            ("cache", "Node"),
            Some("`Node.cache.example.com` and `Cache.example.com` would have the same module"),
        );
        check(("a-b", "Cache"), ("", "Node"), None);
        check(("", "MyApp"), ("", "MyAPP"), Some("the plural `myapps` is that of `MyApp` already"));
    }

    #[test]
    fn a_group_needs_a_dot() {
        let mut resource = resource("", "v1", "Cache");
        resource.group = ApiGroup::new(None, Domain::parse("local").expect("valid"));
        assert!(resource.check_alone().is_err());
    }
}
