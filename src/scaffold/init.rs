//! A new project.

use super::render::render;
use super::transition::{read_manifest, transition};
use super::{Rendered, ScaffoldError};
use crate::plan::{Plan, Tree};
use crate::project::Project;
use crate::project::manifest::{self, Manifest};

/// What may lie in a directory that counts as empty: version control, editors, and what rop staged before it was killed.
const IGNORED: &[&str] = &[".git", ".hg", ".svn", ".idea", ".vscode", ".DS_Store", ".rop"];

/// More files than any new project has: beyond, the directory is something else.
const LIMIT: usize = 500;

/// Plans a new project; where the same one exists already, nothing.
pub fn init(tree: &Tree, project: Project) -> Result<Plan, ScaffoldError> {
    if let Some(existing) = read_manifest(tree)? {
        check_same(&existing.project, &project)?;
        return Ok(Plan::new(tree.root()));
    }
    check_empty(tree, &project)?;
    transition(tree, None, Manifest::new(project))
}

fn check_same(existing: &Project, asked: &Project) -> Result<(), ScaffoldError> {
    let text = |name: Option<String>| name.unwrap_or_else(|| "none".to_owned());
    let show = |project: &Project| {
        [
            ("name", project.name.to_string()),
            ("domain", project.domain.to_string()),
            ("repository", text(project.repository.as_ref().map(ToString::to_string))),
            ("owner", text(project.owner.as_ref().map(ToString::to_string))),
            ("license", text(project.license.as_ref().map(ToString::to_string))),
            ("setting of --namespaced", project.watches.is_namespaced().to_string()),
        ]
    };
    for ((what, is), (_, asked)) in show(existing).into_iter().zip(show(asked)) {
        if is != asked {
            return Err(ScaffoldError::DifferentProject { what, is, asked });
        }
    }
    Ok(())
}

/// Fails on anything that this project would not write itself; what it would may be left from a run that was killed.
fn check_empty(tree: &Tree, project: &Project) -> Result<(), ScaffoldError> {
    let found = tree.entries(IGNORED, LIMIT)?;
    if found.is_empty() {
        return Ok(());
    }
    let files = render(project)?;
    for path in found {
        let own = files.get(&path).map(|Rendered { text, .. }| text.as_bytes());
        if path == manifest::PATH || own.is_none() || tree.read(&path)?.as_deref() != own {
            return Err(ScaffoldError::NotEmpty { root: tree.root().to_path_buf(), found: path });
        }
    }
    Ok(())
}
