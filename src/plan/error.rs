//! What can be wrong with a tree, or go wrong while writing it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a tree could not be read or written.
#[derive(Debug)]
pub enum PlanError {
    /// Another rop is writing this directory.
    Busy(PathBuf),
    /// A file changed between planning and writing.
    Changed(String),
    /// The operating system refused.
    Io {
        /// What was tried, such as `write`.
        intent: &'static str,
        /// On what.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// Something that must be a folder is not.
    NotADirectory(PathBuf),
    /// Something that must be a file is not.
    NotAFile(PathBuf),
    /// Writing failed, and so did putting back what was there.
    NotRestored {
        /// What could not be put back.
        paths: Vec<String>,
        /// Why writing failed.
        source: Box<PlanError>,
    },
    /// A path leads through a symbolic link.
    Symlink(PathBuf),
    /// There is a question that only the user can answer.
    Unresolved(Vec<String>),
}

impl PlanError {
    pub(super) fn io(intent: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| PlanError::Io { intent, path, source }
    }

    /// Returns the remedy.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            PlanError::Busy(_) => "wait until it is done, then run the command again",
            PlanError::Changed(_) => "nothing was changed; run the command again",
            PlanError::Io { source, .. } => return help_for(source).map(str::to_owned),
            PlanError::NotADirectory(_) | PlanError::NotAFile(_) => {
                "nothing was changed; move it away, then run the command again"
            }
            PlanError::NotRestored { .. } => {
                "run the command again to complete it, or restore these files from version control"
            }
            PlanError::Symlink(_) => "nothing was changed; replace the link by what it points to",
            PlanError::Unresolved(_) => return None,
        };
        Some(help.to_owned())
    }
}

fn help_for(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("nothing was changed; make room, then run the command again")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("nothing was changed; check the permissions of the directory, or choose another")
        }
        _ => None,
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::Busy(root) => write!(f, "another rop is writing `{}`", root.display()),
            PlanError::Changed(path) => write!(f, "`{path}` changed while rop was working"),
            PlanError::Io { intent, path, .. } => write!(f, "failed to {intent} `{}`", path.display()),
            PlanError::NotADirectory(path) => write!(f, "`{}` must be a folder, but is not", path.display()),
            PlanError::NotAFile(path) => write!(f, "`{}` must be a file, but is not", path.display()),
            PlanError::NotRestored { paths, .. } => {
                write!(f, "writing failed half-way, and these could not be put back: {}", paths.join(", "))
            }
            PlanError::Symlink(path) => {
                write!(f, "`{}` is a symbolic link, through which rop does not write", path.display())
            }
            PlanError::Unresolved(paths) => write!(f, "rop does not overwrite what you changed: {}", paths.join(", ")),
        }
    }
}

impl std::error::Error for PlanError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PlanError::Io { source, .. } => Some(source),
            PlanError::NotRestored { source, .. } => Some(source),
            _ => None,
        }
    }
}
