//! The whole project that `PROJECT` describes, in memory.

use std::collections::{BTreeMap, BTreeSet};

use tera::{Delimiters, Tera};

use super::templates::{self, Syntax, Template};
use super::view::{ApiView, View};
use super::{Ownership, ScaffoldError, ownership};
use crate::project::Project;

/// A file as it comes out of its template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its content.
    pub text: String,
    /// Whose it is once written.
    pub ownership: Ownership,
}

/// Renders every file of a project except `PROJECT` itself.
pub fn render(project: &Project) -> Result<BTreeMap<String, Rendered>, ScaffoldError> {
    let view = View::of(project);
    let mut files = BTreeMap::new();
    render_set("project", &view, &mut files)?;
    for api in apis(&view) {
        for set in templates::sets_of(api) {
            render_set(set, &view.for_api(api), &mut files)?;
        }
    }
    render_module_lists(&view, &mut files)?;
    sort_lock_file(&mut files);
    Ok(files)
}

/// Returns each API once, in order.
fn apis(view: &View) -> impl Iterator<Item = &ApiView> {
    let others = view.controllers.iter().filter(|api| !api.resource);
    view.resources.iter().chain(others)
}

/// Renders a `mod.rs` for each folder below those that have one of their own.
fn render_module_lists(view: &View, files: &mut BTreeMap<String, Rendered>) -> Result<(), ScaffoldError> {
    let mut lists: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in files.keys() {
        let Some(root) = ["src/api", "src/controllers"].iter().find(|root| path.starts_with(&format!("{root}/")))
        else {
            continue;
        };
        let mut child = path.trim_end_matches(".rs");
        while let Some((folder, name)) = child.rsplit_once('/').filter(|(folder, _)| folder != root) {
            lists.entry(folder.to_owned()).or_default().insert(name.to_owned());
            child = folder;
        }
    }
    for (folder, modules) in lists {
        let mut rendered = BTreeMap::new();
        render_set("managed-mod", &view.for_modules(modules), &mut rendered)?;
        for (path, file) in rendered {
            insert(files, format!("{folder}/{path}"), file.text)?;
        }
    }
    Ok(())
}

/// Puts the project's own package among the others of `Cargo.lock`, which cargo wants sorted by name.
fn sort_lock_file(files: &mut BTreeMap<String, Rendered>) {
    const START: &str = "[[package]]\n";
    let Some(lock) = files.get_mut("Cargo.lock") else { return };
    let mut blocks: Vec<&str> = lock.text.split(START).map(str::trim_end).collect();
    if let Some((_, packages)) = blocks.split_first_mut() {
        packages.sort_by_key(|package| package.lines().next().unwrap_or_default().to_owned());
    }
    lock.text = blocks.join(&format!("\n\n{START}")) + "\n";
}

fn render_set(set: &'static str, view: &View, files: &mut BTreeMap<String, Rendered>) -> Result<(), ScaffoldError> {
    let templates = templates::set(set);
    let engines = Engines::new(set, &templates)?;
    let context = tera::Context::from_serialize(view).map_err(|error| wrong(set, "the view", &error))?;
    for template in &templates {
        let text = engines.render(set, template, &context)?;
        if !text.trim().is_empty() || template.syntax == Syntax::Verbatim {
            insert(files, template.target(&view.project, view.api.as_ref()), text)?;
        }
    }
    Ok(())
}

/// Several APIs may render one file, such as the list of the kinds of their version, as long as they agree on it.
fn insert(files: &mut BTreeMap<String, Rendered>, path: String, text: String) -> Result<(), ScaffoldError> {
    match files.get(&path) {
        Some(there) if there.text == text => Ok(()),
        Some(_) => Err(ScaffoldError::Template(format!("two templates want to write `{path}`"))),
        None => {
            let ownership = ownership(&path);
            files.insert(path, Rendered { text, ownership });
            Ok(())
        }
    }
}

/// One engine a syntax, since the delimiters are those of an engine.
struct Engines {
    braces: Tera,
    angles: Tera,
}

impl Engines {
    fn new(set: &str, templates: &[Template]) -> Result<Self, ScaffoldError> {
        let mut engines = Self { braces: Tera::new(), angles: Tera::new() };
        engines.angles.set_delimiters(angles()).map_err(|error| wrong(set, "its delimiters", &error))?;
        for (engine, syntax) in [(&mut engines.braces, Syntax::Braces), (&mut engines.angles, Syntax::Angles)] {
            // Nothing here is HTML.
            engine.autoescape_on(Vec::<&str>::new());
            let own = templates.iter().filter(|template| template.syntax == syntax);
            let own = own.map(|template| (template.path, template.content));
            engine.add_raw_templates(own).map_err(|error| wrong(set, "a template", &error))?;
        }
        Ok(engines)
    }

    fn render(&self, set: &str, template: &Template, context: &tera::Context) -> Result<String, ScaffoldError> {
        let engine = match template.syntax {
            Syntax::Verbatim => return Ok(template.content.to_owned()),
            Syntax::Braces => &self.braces,
            Syntax::Angles => &self.angles,
        };
        engine.render(template.path, context).map_err(|error| wrong(set, template.path, &error))
    }
}

fn angles() -> Delimiters {
    Delimiters {
        block_start: "<%".into(),
        block_end: "%>".into(),
        variable_start: "<<".into(),
        variable_end: ">>".into(),
        comment_start: "<#".into(),
        comment_end: "#>".into(),
    }
}

fn wrong(set: &str, path: &str, error: &tera::Error) -> ScaffoldError {
    ScaffoldError::Template(format!("{set}: {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaffold::MARKER;
    use crate::scaffold::transition::testing::shop;

    #[test]
    fn what_rop_keeps_says_so_in_its_first_line_and_nothing_else_does() {
        for (path, file) in render(&shop()).expect("rendered") {
            let says_so = file.text.lines().next().is_some_and(|line| line.contains(MARKER));
            assert_eq!(says_so, file.ownership == Ownership::Managed, "{path}");
        }
    }

    #[test]
    fn every_file_ends_in_one_newline_and_has_no_trailing_blanks() {
        for (path, file) in render(&shop()).expect("rendered") {
            assert!(file.text.ends_with('\n') && !file.text.ends_with("\n\n"), "{path} has no clean end");
            assert!(file.text.lines().all(|line| line.trim_end() == line), "{path} has trailing blanks");
        }
    }

    #[test]
    fn rendering_twice_gives_the_same_bytes() {
        assert_eq!(render(&shop()).expect("rendered"), render(&shop()).expect("rendered"));
    }
}
