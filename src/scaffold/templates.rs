//! The templates, embedded in the binary, and how their paths become those of the project.
//!
//! A set is a folder whose tree mirrors the output; `templates/README.md` says which there are and what their paths mean.
//! A file that ends in `.tera` is rendered, everything else is copied as it is. One that ends in `.angle.tera` is rendered
//! with `<< >>`, `<% %>` and `<# #>`, for content that is full of braces. What renders to nothing but blanks is left out.

use include_dir::{Dir, include_dir};

use super::view::{ApiView, ProjectView};

static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Files whose names start with a dot, which cargo and editors would take to be about the templates themselves.
const DOTTED: &[&str] = &[
    "_cargo",
    "_devcontainer",
    "_dockerignore",
    "_editorconfig",
    "_gitattributes",
    "_github",
    "_gitignore",
    "_rustfmt.toml",
    "_yamllint",
];

/// The sets that there are.
pub(super) const SETS: &[&str] = &["project", "api/resource", "api/controller", "api/integration", "managed-mod"];

/// One template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Template {
    /// Its path in its set.
    pub(super) path: &'static str,
    pub(super) content: &'static str,
    pub(super) syntax: Syntax,
}

/// How a template is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// It is no template, but the file itself.
    Verbatim,
    /// `{{ }}` and `{% %}`.
    Braces,
    /// `<< >>` and `<% %>`.
    Angles,
}

/// Returns the templates of a set, sorted by path: those in the folder `name`.
pub(super) fn set(name: &str) -> Vec<Template> {
    let mut found = Vec::new();
    if let Some(directory) = TEMPLATES.get_dir(name) {
        collect(directory, name, &mut found);
    }
    found.sort_by_key(|template| template.path);
    found
}

fn collect(directory: &'static Dir<'static>, set: &str, found: &mut Vec<Template>) {
    for file in directory.files() {
        let path =
            file.path().to_str().and_then(|path| path.strip_prefix(set)).map(|path| path.trim_start_matches('/'));
        // A test holds that every template is text; what is not would be left out.
        if let (Some(path), Some(content)) = (path, file.contents_utf8()) {
            found.push(Template { path, content, syntax: syntax(path) });
        }
    }
    directory.dirs().for_each(|directory| collect(directory, set, found));
}

fn syntax(path: &str) -> Syntax {
    match path.strip_suffix(".tera") {
        Some(rest) if rest.ends_with(".angle") => Syntax::Angles,
        Some(_) => Syntax::Braces,
        None => Syntax::Verbatim,
    }
}

/// Returns the sets that an API has files of.
pub(super) fn sets_of(api: &ApiView) -> Vec<&'static str> {
    let conditions = [
        ("api/resource", api.resource),
        ("api/controller", api.controller),
        ("api/integration", api.resource && api.controller),
    ];
    conditions.into_iter().filter(|(_, applies)| *applies).map(|(set, _)| set).collect()
}

impl Template {
    /// Returns the path of the file that the template becomes.
    pub(super) fn target(&self, project: &ProjectView, api: Option<&ApiView>) -> String {
        let path = self.path.strip_suffix(".tera").unwrap_or(self.path);
        let path = path.strip_suffix(".angle").unwrap_or(path);
        let parts = path.split('/').map(|part| dotted(&spelled_out(part, project, api)));
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }
}

fn spelled_out(part: &str, project: &ProjectView, api: Option<&ApiView>) -> String {
    let part = part.replace("__name__", &project.name);
    let Some(api) = api else { return part };
    let yaml = |file: &str| file.trim_end_matches(".yaml").to_owned();
    let names = [
        ("__group__", api.group_module.clone()),
        ("__version__", api.version.clone()),
        ("__kind__", api.kind_snake.clone()),
        ("__module__", api.module.clone()),
        ("__plural__", api.plural.clone()),
        ("__crd__", yaml(&api.crd_file)),
        ("__sample__", yaml(&api.sample_file)),
    ];
    names.iter().fold(part, |part, (placeholder, name)| part.replace(placeholder, name))
}

fn dotted(part: &str) -> String {
    match part.strip_prefix('_') {
        Some(rest) if DOTTED.contains(&part) => format!(".{rest}"),
        _ => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_template_is_text_in_a_set_that_is_used() {
        fn files(directory: &'static Dir<'static>) -> Vec<&'static include_dir::File<'static>> {
            directory.files().chain(directory.dirs().flat_map(files)).collect()
        }
        for file in files(&TEMPLATES).into_iter().filter(|file| file.path() != Path::new("README.md")) {
            let path = file.path().to_str().expect("a path of text");
            assert!(file.contents_utf8().is_some(), "{path} is not text");
            assert!(SETS.iter().any(|set| path.starts_with(&format!("{set}/"))), "{path} is in no set");
        }
    }
}
