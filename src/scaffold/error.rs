//! Why nothing was planned.

use std::fmt;
use std::path::PathBuf;

use crate::plan::PlanError;
use crate::project::Collision;
use crate::project::manifest::ManifestError;
use crate::project::names::NameError;

/// Why a scaffold could not be planned.
#[derive(Debug)]
pub enum ScaffoldError {
    /// A name is taken.
    Collision(Collision),
    /// There is another project.
    DifferentProject {
        /// What differs, such as `domain`.
        what: &'static str,
        /// What it is.
        is: String,
        /// What was asked for.
        asked: String,
    },
    /// The API is there, but not as asked for.
    DifferentApi {
        /// The kind.
        kind: String,
        /// What differs, such as `plural`.
        what: &'static str,
        /// What it is.
        is: String,
        /// What was asked for.
        asked: String,
    },
    /// `PROJECT` cannot be used.
    Manifest(ManifestError),
    /// A name is not valid.
    Name(NameError),
    /// The directory has something in it.
    NotEmpty {
        /// The directory.
        root: PathBuf,
        /// Something in it.
        found: String,
    },
    /// There is no `PROJECT`.
    NoProject(PathBuf),
    /// A controller was asked for without its types, and the project has no types of that kind.
    NoTypes(String),
    /// The flags ask for neither types nor a controller.
    NothingToDo,
    /// The tree cannot be read.
    Plan(PlanError),
    /// A template is wrong: a mistake of rop.
    Template(String),
}

impl ScaffoldError {
    /// Returns the remedy.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            ScaffoldError::Collision(error) => error.help(),
            ScaffoldError::DifferentProject { .. } => "choose another directory, or leave the flag out",
            ScaffoldError::DifferentApi { .. } => "leave the flag out, or change it by hand where it is used",
            ScaffoldError::Manifest(error) => return error.help(),
            ScaffoldError::Name(error) => return error.help(),
            ScaffoldError::NotEmpty { .. } => "pass a new directory, such as `rop init shop --domain example.com`",
            ScaffoldError::NoProject(_) => "start a project with `rop init --domain example.com`",
            ScaffoldError::NoTypes(_) => "leave out `--resource=false`, so that the types are written too",
            ScaffoldError::NothingToDo => "leave out `--resource=false` or `--controller=false`",
            ScaffoldError::Plan(error) => return error.help(),
            ScaffoldError::Template(_) => return None,
        };
        Some(help.to_owned())
    }

    /// Tells whether this is a mistake of rop that no user can mend.
    pub fn is_internal(&self) -> bool {
        matches!(self, ScaffoldError::Template(_))
    }
}

impl fmt::Display for ScaffoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScaffoldError::Collision(error) => error.fmt(f),
            ScaffoldError::DifferentProject { what, is, asked } => {
                write!(f, "there is a project here already, and its {what} is `{is}`, not `{asked}`")
            }
            ScaffoldError::DifferentApi { kind, what, is, asked } => {
                write!(f, "`{kind}` exists already, and its {what} is `{is}`, not `{asked}`")
            }
            ScaffoldError::Manifest(error) => error.fmt(f),
            ScaffoldError::Name(error) => error.fmt(f),
            ScaffoldError::NotEmpty { root, found } => {
                write!(f, "`{}` is not empty: it has `{}`", root.display(), found.escape_debug())
            }
            ScaffoldError::NoProject(root) => write!(f, "no PROJECT file in `{}`", root.display()),
            ScaffoldError::NoTypes(kind) => {
                write!(f, "this project has no types of kind `{kind}`, so that a controller alone would not compile")
            }
            ScaffoldError::NothingToDo => f.write_str("there is neither a resource nor a controller to create"),
            ScaffoldError::Plan(error) => error.fmt(f),
            ScaffoldError::Template(text) => write!(f, "a template is wrong: {text}"),
        }
    }
}

impl std::error::Error for ScaffoldError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ScaffoldError::Plan(error) => error.source(),
            _ => None,
        }
    }
}

impl From<Collision> for ScaffoldError {
    fn from(error: Collision) -> Self {
        ScaffoldError::Collision(error)
    }
}

impl From<ManifestError> for ScaffoldError {
    fn from(error: ManifestError) -> Self {
        ScaffoldError::Manifest(error)
    }
}

impl From<NameError> for ScaffoldError {
    fn from(error: NameError) -> Self {
        ScaffoldError::Name(error)
    }
}

impl From<PlanError> for ScaffoldError {
    fn from(error: PlanError) -> Self {
        ScaffoldError::Plan(error)
    }
}
