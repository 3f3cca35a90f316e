//! The file `PROJECT`: what rop remembers of a project.
//!
//! The file format is a type of its own, so that the model can change without it and unknown keys of newer versions
//! survive. It is read as if a stranger had written it: every name is parsed again. This is the only module that knows
//! of `serde_yaml`. It does no input or output.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};

use crate::project::names::{
    Domain, GroupName, ImageRef, Kind, License, NameError, Origin, Owner, Plural, Port, ProjectName, Repository,
    Version,
};
use crate::project::{ApiGroup, Collision, Operand, Project, Resource, Scope};

/// The path of the file in a project.
pub const PATH: &str = "PROJECT";

/// The layout of projects that this rop writes and reads.
const LAYOUT: &str = "rop/v1";

const HEADER: &str = "# Written by rop, which reads it to know what it has generated. Commit it; do not edit it.\n";

/// A project, and what rop has written for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The project.
    pub project: Project,
    /// For each file that is the user's: what it was when rop wrote it.
    pub files: BTreeMap<String, Origins>,
    unknown: Mapping,
    unknown_of_resources: BTreeMap<String, Mapping>,
}

/// What a file of the user's was when rop wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origins {
    /// `sha256:` and the digest of what was written.
    pub hash: String,
    /// The version of the templates, which is that of rop.
    pub template: String,
}

/// Why a `PROJECT` file was refused.
#[derive(Debug)]
pub enum ManifestError {
    /// It is not YAML, or has not the keys that it must have.
    Malformed(serde_yaml::Error),
    /// It belongs to kubebuilder or operator-sdk.
    Kubebuilder,
    /// It has a layout that this rop does not know.
    UnknownLayout(String),
    /// It is not UTF-8.
    NotText,
    /// A name in it is not valid.
    Name(NameError),
    /// Names in it collide.
    Collision(Collision),
}

impl ManifestError {
    /// Returns the remedy.
    pub fn help(&self) -> Option<String> {
        match self {
            ManifestError::Malformed(_) | ManifestError::NotText => Some("restore PROJECT from version control".to_owned()),
            ManifestError::Kubebuilder => Some(
                "rop does not change projects of Go; start a new one beside it with `rop init ../NAME --domain DOMAIN` \
                 and create its APIs with the same groups, versions and kinds"
                    .to_owned(),
            ),
            ManifestError::UnknownLayout(_) => Some("use the version of rop that wrote it, or a newer one".to_owned()),
            ManifestError::Name(error) => error.help(),
            ManifestError::Collision(error) => Some(error.help().to_owned()),
        }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManifestError::Malformed(error) => write!(f, "PROJECT is not one that rop wrote: {error}"),
            ManifestError::NotText => f.write_str("PROJECT is not one that rop wrote: it is not text"),
            ManifestError::Kubebuilder => f.write_str("PROJECT belongs to kubebuilder or operator-sdk"),
            ManifestError::UnknownLayout(layout) => {
                write!(f, "PROJECT has the layout `{}`, which this rop does not know", layout.escape_debug())
            }
            ManifestError::Name(error) => write!(f, "PROJECT is not valid: {error}"),
            ManifestError::Collision(error) => write!(f, "PROJECT is not valid: {error}"),
        }
    }
}

impl std::error::Error for ManifestError {}

impl From<Collision> for ManifestError {
    fn from(collision: Collision) -> Self {
        ManifestError::Collision(collision)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProjectFile {
    layout: String,
    project_name: String,
    domain: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repo: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    license: String,
    namespaced: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<ResourceEntry>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<String, Origins>,
    #[serde(flatten)]
    unknown: Mapping,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceEntry {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    group: String,
    version: String,
    kind: String,
    plural: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    short_name: Option<String>,
    namespaced: bool,
    resource: bool,
    controller: bool,
    image: String,
    port: u16,
    #[serde(flatten)]
    unknown: Mapping,
}

impl Manifest {
    /// Returns the manifest of a project of which nothing was written yet.
    pub fn new(project: Project) -> Self {
        Self { project, files: BTreeMap::new(), unknown: Mapping::new(), unknown_of_resources: BTreeMap::new() }
    }

    /// Reads a `PROJECT` file.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let value: Value = serde_yaml::from_str(text).map_err(ManifestError::Malformed)?;
        check_layout(&value)?;
        let file: ProjectFile = serde_yaml::from_value(value).map_err(ManifestError::Malformed)?;
        let mut project = read_project(&file)?;
        let mut unknown_of_resources = BTreeMap::new();
        for entry in file.resources {
            let resource = read_resource(&entry, &project.domain)?;
            if !entry.unknown.is_empty() {
                unknown_of_resources.insert(key(&resource), entry.unknown);
            }
            project.add(resource)?;
        }
        Ok(Self { project, files: file.files, unknown: file.unknown, unknown_of_resources })
    }

    /// Returns the text of the `PROJECT` file.
    pub fn to_text(&self) -> Result<String, ManifestError> {
        let text = serde_yaml::to_string(&self.to_file()).map_err(ManifestError::Malformed)?;
        Ok(format!("{HEADER}{text}"))
    }

    fn to_file(&self) -> ProjectFile {
        let Project { name, domain, repository, owner, license, watches, .. } = &self.project;
        ProjectFile {
            layout: LAYOUT.to_owned(),
            project_name: name.to_string(),
            domain: domain.to_string(),
            repo: repository.as_ref().map(ToString::to_string),
            owner: owner.as_ref().map(ToString::to_string),
            license: license.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string),
            namespaced: watches.is_namespaced(),
            resources: self.project.resources().iter().map(|resource| self.to_entry(resource)).collect(),
            files: self.files.clone(),
            unknown: self.unknown.clone(),
        }
    }

    fn to_entry(&self, resource: &Resource) -> ResourceEntry {
        let Resource { group, version, kind, plural, short_name, scope, types, controller, operand } = resource;
        ResourceEntry {
            group: group.name().map(ToString::to_string).unwrap_or_default(),
            version: version.to_string(),
            kind: kind.to_string(),
            plural: plural.to_string(),
            short_name: short_name.clone(),
            namespaced: scope.is_namespaced(),
            resource: *types,
            controller: *controller,
            image: operand.image.to_string(),
            port: operand.port.number(),
            unknown: self.unknown_of_resources.get(&key(resource)).cloned().unwrap_or_default(),
        }
    }
}

fn key(resource: &Resource) -> String {
    format!("{}.{}", resource.kind, resource.group)
}

fn check_layout(value: &Value) -> Result<(), ManifestError> {
    match value.get("layout") {
        Some(Value::String(layout)) if layout == LAYOUT => Ok(()),
        Some(Value::String(layout)) if layout.starts_with("rop/") => Err(ManifestError::UnknownLayout(layout.clone())),
        _ if value.get("version").is_some() || value.get("layout").is_some() => Err(ManifestError::Kubebuilder),
        _ => Ok(()),
    }
}

fn read_project(file: &ProjectFile) -> Result<Project, ManifestError> {
    let name = ProjectName::parse(&file.project_name).map_err(at("projectName"))?;
    let domain = Domain::parse(&file.domain).map_err(at("domain"))?;
    let mut project = Project::new(name, domain);
    project.repository = file.repo.as_deref().map(Repository::parse).transpose().map_err(at("repo"))?;
    project.owner = file.owner.as_deref().map(Owner::parse).transpose().map_err(at("owner"))?;
    project.license = match file.license.as_str() {
        "none" => None,
        text => Some(License::parse(text).map_err(at("license"))?),
    };
    project.watches = Scope::from_namespaced(file.namespaced);
    Ok(project)
}

fn read_resource(entry: &ResourceEntry, domain: &Domain) -> Result<Resource, ManifestError> {
    let group = Some(entry.group.as_str()).filter(|group| !group.is_empty());
    let group = group.map(GroupName::parse).transpose().map_err(at("group"))?;
    Ok(Resource {
        group: ApiGroup::new(group, domain.clone()),
        version: Version::parse(&entry.version).map_err(at("version"))?,
        kind: Kind::parse(&entry.kind).map_err(at("kind"))?,
        plural: Plural::parse(&entry.plural).map_err(at("plural"))?,
        short_name: entry.short_name.as_deref().map(short_name).transpose()?,
        scope: Scope::from_namespaced(entry.namespaced),
        types: entry.resource,
        controller: entry.controller,
        operand: Operand {
            image: ImageRef::parse(&entry.image).map_err(at("image"))?,
            port: Port::parse(&entry.port.to_string()).map_err(at("port"))?,
        },
    })
}

/// A short name has the rules of a plural.
fn short_name(text: &str) -> Result<String, ManifestError> {
    Plural::parse(text).map(|name| name.to_string()).map_err(at("shortName"))
}

fn at(key: &'static str) -> impl Fn(NameError) -> ManifestError {
    move |error| ManifestError::Name(error.at(Origin::Manifest(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Written by rop, which reads it to know what it has generated. Commit it; do not edit it.
layout: rop/v1
projectName: shop
domain: example.com
owner: The Shop Authors
license: Apache-2.0
namespaced: false
resources:
- group: app
  version: v1alpha1
  kind: Cache
  plural: caches
  namespaced: true
  resource: true
  controller: true
  image: redis:7
  port: 6379
  later: [1, 2]
files:
  Makefile:
    hash: sha256:00
    template: 0.1.0
plugins:
  x: y
";

    #[test]
    fn reading_and_writing_gives_the_same_bytes() {
        let expected = TEXT.replace("later: [1, 2]", "later:\n  - 1\n  - 2");
        let once = Manifest::parse(TEXT).expect("valid").to_text().expect("written");
        assert_eq!(once, expected);
        assert_eq!(Manifest::parse(&once).expect("valid").to_text().expect("written"), once);
    }

    #[track_caller]
    fn refused(text: &str, message: &str, help: &str) {
        let error = Manifest::parse(text).expect_err("refused");
        assert_eq!((error.to_string().as_str(), error.help().as_deref()), (message, Some(help)));
    }

    #[test]
    fn a_project_of_kubebuilder_is_recognised() {
        for text in ["domain: x.y\nlayout:\n- go.kubebuilder.io/v4\nversion: \"3\"\n", "version: \"2\"\ndomain: x.y\n"]
        {
            assert!(matches!(Manifest::parse(text), Err(ManifestError::Kubebuilder)));
        }
    }

    #[test]
    fn names_are_checked_as_if_a_stranger_had_written_them() {
        refused(
            &TEXT.replace("domain: example.com", "domain: $(id).example.com"),
            "PROJECT is not valid: domain `$(id).example.com` has a part that must be lower-case letters, digits and `-`; it has `$`",
            "write `domain: id.example.com` in PROJECT",
        );
        refused(
            &TEXT.replace("kind: Cache", "kind: cache"),
            "PROJECT is not valid: kind `cache` must start with an upper-case letter",
            "write `kind: Cache` in PROJECT",
        );
    }

    #[test]
    fn what_is_no_project_is_refused_without_a_panic() {
        for text in ["", "[]", "\"", "a: [", "layout: rop/v9", "- 1", "layout: rop/v1", "null", "\0", "a: &a [*a]"] {
            assert!(Manifest::parse(text).is_err(), "{text:?}");
        }
    }
}
