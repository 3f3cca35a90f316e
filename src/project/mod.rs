//! The model of a project: what its user decided, in types that can hold nothing invalid.
//!
//! Text becomes [`names`] once, at the edge; a [`Project`] is what they add up to, and refuses what would collide.
//! [`manifest`] is how a project is remembered, in the file `PROJECT`. Nothing here touches files or the terminal, and
//! the model is not serialisable: the file format is a type of its own.

pub mod manifest;
pub mod names;
mod resource;

use std::fmt;

use crate::project::names::{Domain, License, Owner, ProjectName, Repository};
pub use crate::project::resource::{ApiGroup, Operand, Resource, Scope};

/// What `PROJECT` records: an operator and the APIs that it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The name of the operator, of its crate and of what it deploys.
    pub name: ProjectName,
    /// The domain that its API groups end in.
    pub domain: Domain,
    /// Where its source lives.
    pub repository: Option<Repository>,
    /// Who owns the copyright.
    pub owner: Option<Owner>,
    /// The license of the generated code; absent for none.
    pub license: Option<License>,
    /// Whether the operator watches all namespaces or only its own.
    pub watches: Scope,
    resources: Vec<Resource>,
}

impl Project {
    /// Returns a project without APIs.
    pub fn new(name: ProjectName, domain: Domain) -> Self {
        let (repository, owner, license) = (None, None, Some(License::apache2()));
        Self { name, domain, repository, owner, license, watches: Scope::Cluster, resources: Vec::new() }
    }

    /// Returns the APIs, sorted by group, version and kind.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Returns the API of a kind in a group, in whatever version.
    pub fn find(&self, group: &ApiGroup, kind: &names::Kind) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.group == *group && resource.kind == *kind)
    }

    /// Adds an API, or fails when it cannot live beside those that are there.
    pub fn add(&mut self, resource: Resource) -> Result<(), Collision> {
        resource.check_alone()?;
        self.resources.iter().try_for_each(|other| resource.check_beside(other))?;
        self.resources.push(resource);
        self.resources.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        Ok(())
    }

    /// Puts `resource` in the place of the one with the same group and kind.
    pub fn replace(&mut self, resource: Resource) -> Result<(), Collision> {
        self.resources.retain(|other| (&other.group, &other.kind) != (&resource.group, &resource.kind));
        self.add(resource)
    }
}

/// Two names of a project that cannot live beside each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    message: String,
    help: String,
}

impl Collision {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }

    /// Returns the remedy.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for Collision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Collision {}
