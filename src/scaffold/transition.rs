//! From one `PROJECT` to the next: the difference between what both describe, laid over what is on disk.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::render::{Rendered, Renderer};
use super::{Ownership, ScaffoldError};
use crate::plan::{Change, Plan, Previously, Tree};
use crate::project::manifest::{self, Manifest, ManifestError, Origins};

type Files = BTreeMap<String, Rendered>;

/// Reads the `PROJECT` of a tree; nothing when there is none.
pub fn read_manifest(tree: &Tree) -> Result<Option<Manifest>, ScaffoldError> {
    let Some(bytes) = tree.read(manifest::PATH)? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| ManifestError::NotText)?;
    Ok(Some(Manifest::parse(&text)?))
}

/// Plans what leads from the project as `before` describes it to the one that `after` does.
pub(super) fn transition(tree: &Tree, before: Option<&Manifest>, mut after: Manifest) -> Result<Plan, ScaffoldError> {
    let renderer = Renderer::new()?;
    let old = before.map(|manifest| renderer.render(&manifest.project)).transpose()?.unwrap_or_default();
    let new = renderer.render(&after.project)?;
    let mut plan = Plan::new(tree.root());
    for (path, file) in &new {
        plan_file(tree, &mut plan, path, old.get(path), file)?;
    }
    for (path, file) in old.iter().filter(|(path, _)| !new.contains_key(*path)) {
        plan.insert(path, Change::removal(tree.read(path)?, &file.text));
    }
    record(&mut after, &old, &new);
    plan.write_last(tree, manifest::PATH, &after.to_text()?)?;
    Ok(plan)
}

fn plan_file(
    tree: &Tree,
    plan: &mut Plan,
    path: &str,
    old: Option<&Rendered>,
    new: &Rendered,
) -> Result<(), ScaffoldError> {
    let Some(old) = old else {
        plan.insert(path, Change::rewrite(tree.read(path)?, Previously::Absent, &new.text));
        return Ok(());
    };
    if old.text == new.text {
        return Ok(());
    }
    let present = tree.read(path)?;
    let change = match new.ownership {
        Ownership::Managed => Change::rewrite(present, Previously::Written(&old.text), &new.text),
        Ownership::Generated | Ownership::Yours => Change::merged(present, &old.text, &new.text),
    };
    match change {
        // The Rust code says it all; `rop generate` writes it whole.
        Change::Conflict { .. } if new.ownership == Ownership::Generated => {
            plan.note(format!("`{path}` differs from what was generated; bring it up to date with `rop generate`"));
        }
        change => plan.insert(path, change),
    }
    Ok(())
}

/// Remembers what the files of the user's are when rop writes them.
fn record(manifest: &mut Manifest, old: &Files, new: &Files) {
    for path in old.keys().filter(|path| !new.contains_key(*path)) {
        manifest.files.remove(path);
    }
    let yours = new.iter().filter(|(_, file)| file.ownership == Ownership::Yours);
    for (path, file) in yours.filter(|(path, file)| old.get(*path) != Some(file)) {
        let origins = Origins { hash: hash(&file.text), template: env!("CARGO_PKG_VERSION").to_owned() };
        manifest.files.insert(path.clone(), origins);
    }
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold("sha256:".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[cfg(test)]
pub(super) mod testing {
    use crate::project::names::{Domain, GroupName, ImageRef, Kind, Plural, Port, ProjectName, Version};
    use crate::project::{ApiGroup, Operand, Project, Resource, Scope};

    /// Returns a project with an API in the domain's own group and one in another.
    pub(in crate::scaffold) fn shop() -> Project {
        let domain = Domain::parse("example.com").expect("valid");
        let mut project = Project::new(ProjectName::parse("shop").expect("valid"), domain.clone());
        for (group, kind) in [(None, "MyApp"), (Some("app"), "Cache")] {
            let kind = Kind::parse(kind).expect("valid");
            let group = group.map(|group| GroupName::parse(group).expect("valid"));
            let resource = Resource {
                group: ApiGroup::new(group, domain.clone()),
                version: Version::parse("v1alpha1").expect("valid"),
                plural: Plural::of(&kind).expect("valid"),
                kind,
                short_name: None,
                scope: Scope::Namespaced,
                types: true,
                controller: true,
                operand: Operand {
                    image: ImageRef::parse("redis:7").expect("valid"),
                    port: Port::parse("6379").expect("valid"),
                },
            };
            project.add(resource).expect("nothing collides");
        }
        project
    }
}
