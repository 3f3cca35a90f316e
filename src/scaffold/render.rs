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
    Renderer::new()?.render(project)
}

/// All templates, parsed once.
pub(super) struct Renderer {
    sets: BTreeMap<&'static str, Set>,
}

impl Renderer {
    pub(super) fn new() -> Result<Self, ScaffoldError> {
        let parse = |name: &&'static str| Set::new(name).map(|set| (*name, set));
        Ok(Self { sets: templates::SETS.iter().map(parse).collect::<Result<_, _>>()? })
    }

    pub(super) fn render(&self, project: &Project) -> Result<BTreeMap<String, Rendered>, ScaffoldError> {
        let view = View::of(project);
        let mut files = BTreeMap::new();
        self.render_set("project", &view, &mut files)?;
        for api in apis(&view) {
            for set in templates::sets_of(api) {
                self.render_set(set, &view.for_api(api), &mut files)?;
            }
        }
        self.render_module_lists(&view, &mut files)?;
        sort_lock_file(&mut files);
        Ok(files)
    }

    fn render_set(&self, set: &str, view: &View, files: &mut BTreeMap<String, Rendered>) -> Result<(), ScaffoldError> {
        let Some(set) = self.sets.get(set) else { return Ok(()) };
        let context = tera::Context::from_serialize(view).map_err(|error| wrong(set.name, "the view", &error))?;
        for template in &set.templates {
            let text = set.render(template, &context)?;
            if !text.trim().is_empty() || template.syntax == Syntax::Verbatim {
                insert(files, template.target(&view.project, view.api.as_ref()), text)?;
            }
        }
        Ok(())
    }

    /// Renders a `mod.rs` for each folder below those that have one of their own.
    fn render_module_lists(&self, view: &View, files: &mut BTreeMap<String, Rendered>) -> Result<(), ScaffoldError> {
        for (folder, modules) in module_lists(files) {
            let mut rendered = BTreeMap::new();
            self.render_set("managed-mod", &view.for_modules(modules), &mut rendered)?;
            for (path, file) in rendered {
                insert(files, format!("{folder}/{path}"), file.text)?;
            }
        }
        Ok(())
    }
}

/// Returns each API once, in order.
fn apis(view: &View) -> impl Iterator<Item = &ApiView> {
    let others = view.controllers.iter().filter(|api| !api.resource);
    view.resources.iter().chain(others)
}

/// Returns the modules of each folder below `src/api` and `src/controllers`.
fn module_lists(files: &BTreeMap<String, Rendered>) -> BTreeMap<String, BTreeSet<String>> {
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
    lists
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

/// A set of templates, with an engine a syntax, since the delimiters are those of an engine.
struct Set {
    name: &'static str,
    templates: Vec<Template>,
    braces: Tera,
    angles: Tera,
}

impl Set {
    fn new(name: &'static str) -> Result<Self, ScaffoldError> {
        let mut set = Self { name, templates: templates::set(name), braces: Tera::new(), angles: Tera::new() };
        set.angles.set_delimiters(angles()).map_err(|error| wrong(name, "its delimiters", &error))?;
        for (engine, syntax) in [(&mut set.braces, Syntax::Braces), (&mut set.angles, Syntax::Angles)] {
            // Nothing here is HTML.
            engine.autoescape_on(Vec::<&str>::new());
            let own = set.templates.iter().filter(|template| template.syntax == syntax);
            let own = own.map(|template| (template.path, template.content));
            engine.add_raw_templates(own).map_err(|error| wrong(name, "a template", &error))?;
        }
        Ok(set)
    }

    fn render(&self, template: &Template, context: &tera::Context) -> Result<String, ScaffoldError> {
        let engine = match template.syntax {
            Syntax::Verbatim => return Ok(template.content.to_owned()),
            Syntax::Braces => &self.braces,
            Syntax::Angles => &self.angles,
        };
        engine.render(template.path, context).map_err(|error| wrong(self.name, template.path, &error))
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
    use crate::project::names::Kind;
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

    /// Returns the names in CamelCase in a piece of code, without constants.
    fn types_in(code: &str) -> impl Iterator<Item = &str> {
        let is_type = |name: &&str| {
            name.starts_with(|c: char| c.is_ascii_uppercase()) && name.contains(|c: char| c.is_ascii_lowercase())
        };
        code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(is_type)
    }

    #[test]
    fn no_kind_can_be_called_like_something_that_generated_code_imports() {
        let mut free = BTreeSet::new();
        for set in ["api/resource", "api/controller", "api/integration"] {
            for template in templates::set(set).into_iter().filter(|template| template.path.ends_with(".rs.tera")) {
                let is_import = |item: &&str| item.trim_start().starts_with("use ") && !item.contains("{{");
                let imports = template.content.split_inclusive(";\n").filter(is_import);
                let names = imports.flat_map(types_in).filter(|name| Kind::parse(name).is_ok());
                free.extend(names.map(str::to_owned));
            }
        }
        assert!(free.is_empty(), "add to `reserved.rs`: {free:?}");
    }

    #[test]
    fn rendering_twice_gives_the_same_bytes() {
        assert_eq!(render(&shop()).expect("rendered"), render(&shop()).expect("rendered"));
    }
}
