//! An API added to a project.

use super::ScaffoldError;
use super::short_name;
use super::transition::{read_manifest, transition};
use crate::plan::{Plan, Tree};
use crate::project::names::{GroupName, ImageRef, Kind, Plural, Port, Version};
use crate::project::{ApiGroup, Operand, Project, Resource, Scope};

/// An image that runs without root, as Pod Security "restricted" asks.
const DEFAULT_IMAGE: &str = "nginxinc/nginx-unprivileged:1.29";
/// The port that it listens on, as do most images without root.
const DEFAULT_PORT: &str = "8080";

/// What was asked for; what is absent was left to rop.
#[derive(Debug, Clone)]
pub struct NewApi {
    /// The group before the project's domain.
    pub group: Option<GroupName>,
    /// The version.
    pub version: Option<Version>,
    /// The kind.
    pub kind: Kind,
    /// The plural.
    pub plural: Option<Plural>,
    /// Where its objects live.
    pub scope: Option<Scope>,
    /// Whether to define its type.
    pub types: bool,
    /// Whether to reconcile it.
    pub controller: bool,
    /// The image that the reconciler runs.
    pub image: Option<ImageRef>,
    /// The port that the image listens on.
    pub port: Option<Port>,
}

/// Plans an API; where the same one exists already, nothing.
pub fn create_api(tree: &Tree, asked: NewApi) -> Result<Plan, ScaffoldError> {
    let Some(before) = read_manifest(tree)? else {
        return Err(ScaffoldError::NoProject(tree.root().to_path_buf()));
    };
    if !asked.types && !asked.controller {
        return Err(ScaffoldError::NothingToDo);
    }
    let mut after = before.clone();
    let group = ApiGroup::new(asked.group.clone(), before.project.domain.clone());
    match before.project.find(&group, &asked.kind) {
        Some(existing) => {
            check_same(existing, &asked)?;
            let types = existing.types || asked.types;
            let controller = existing.controller || asked.controller;
            after.project.replace(Resource { types, controller, ..existing.clone() })?;
        }
        None if !asked.types => return Err(ScaffoldError::NoTypes(asked.kind.to_string())),
        None => after.project.add(resource(&before.project, group, asked)?)?,
    }
    if after == before {
        return Ok(Plan::new(tree.root()));
    }
    transition(tree, Some(&before), after)
}

fn resource(project: &Project, group: ApiGroup, asked: NewApi) -> Result<Resource, ScaffoldError> {
    let NewApi { group: _, version, kind, plural, scope, types, controller, image, port } = asked;
    let image = image.map_or_else(|| ImageRef::parse(DEFAULT_IMAGE), Ok)?;
    let port = port.map_or_else(|| Port::parse(DEFAULT_PORT), Ok)?;
    let mut resource = Resource {
        group,
        version: version.map_or_else(|| Version::parse("v1alpha1"), Ok)?,
        plural: plural.map_or_else(|| Plural::of(&kind), Ok)?,
        kind,
        short_name: None,
        scope: scope.unwrap_or(Scope::Namespaced),
        types,
        controller,
        operand: Operand { image, port },
    };
    resource.short_name = short_name::propose(project, &resource);
    Ok(resource)
}

/// Fails when an API that exists is asked for with something that it is not.
fn check_same(existing: &Resource, asked: &NewApi) -> Result<(), ScaffoldError> {
    let show = |value: Option<String>, is: String| value.filter(|asked| *asked != is).map(|asked| (is, asked));
    let scope = |scope: Scope| if scope.is_namespaced() { "Namespaced" } else { "Cluster" }.to_owned();
    let differences = [
        ("version", show(asked.version.as_ref().map(ToString::to_string), existing.version.to_string())),
        ("plural", show(asked.plural.as_ref().map(ToString::to_string), existing.plural.to_string())),
        ("scope", show(asked.scope.map(scope), scope(existing.scope))),
        ("image", show(asked.image.as_ref().map(ToString::to_string), existing.operand.image.to_string())),
        ("port", show(asked.port.map(|port| port.to_string()), existing.operand.port.to_string())),
    ];
    let different = differences.into_iter().find_map(|(what, found)| found.map(|(is, asked)| (what, is, asked)));
    match different {
        Some((what, is, asked)) => {
            Err(ScaffoldError::DifferentApi { kind: existing.kind.to_string(), what, is, asked })
        }
        None => Ok(()),
    }
}
