//! What a command runs in: global flags, environment, working directory, terminal.
//!
//! This is the only place that reads the environment and the working directory, so that everything below is a function
//! of its arguments and a test can run any command in made-up surroundings.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::report::UserError;
use crate::cli::shell::{ColorChoice, Shell};

/// The name of the file that makes a directory a project.
const PROJECT_FILE: &str = "PROJECT";

/// The flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Print the result for people or for programs
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: OutputFormat,

    /// Say nothing but results and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// When to use colors
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,

    /// The directory of the project, instead of the working directory or one above it
    #[arg(long, global = true, value_name = "DIR")]
    pub project: Option<PathBuf>,
}

/// The form of what goes to standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON document
    Json,
}

/// What surrounds a run of rop, before any flag is read.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The command line; the first word is the program's name.
    pub arguments: Vec<OsString>,
    /// The working directory; absent when it has been deleted.
    pub directory: Option<PathBuf>,
    /// The environment variables.
    pub environment: BTreeMap<OsString, OsString>,
    /// The terminal.
    pub shell: Shell,
}

impl Surroundings {
    /// Returns the surroundings of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the working directory")]
    pub fn of_this_process() -> Self {
        let environment: BTreeMap<_, _> = std::env::vars_os().collect();
        let shell = Shell::of_this_process(wants_no_color(&environment));
        let arguments = std::env::args_os().collect();
        Self { arguments, directory: std::env::current_dir().ok(), environment, shell }
    }
}

/// See <https://no-color.org>: set and not empty means no; a dumb terminal has none.
fn wants_no_color(environment: &BTreeMap<OsString, OsString>) -> bool {
    let get = |name: &str| environment.get(OsStr::new(name));
    get("NO_COLOR").is_some_and(|value| !value.is_empty()) || get("TERM").is_some_and(|value| value == "dumb")
}

/// Everything a command may know besides its own arguments.
#[derive(Debug, Clone)]
pub struct Context {
    /// The only way to the terminal.
    pub shell: Shell,
    /// What the user asked results to look like.
    pub output: OutputFormat,
    project: Option<PathBuf>,
    directory: Option<PathBuf>,
    environment: BTreeMap<OsString, OsString>,
}

impl Context {
    /// Applies the global flags to the surroundings.
    pub fn new(global: GlobalArgs, surroundings: Surroundings) -> Self {
        let GlobalArgs { output, quiet, color, project } = global;
        let Surroundings { arguments: _, directory, environment, shell } = surroundings;
        Self { shell: shell.configured(color, quiet), output, project, directory, environment }
    }

    /// Returns an environment variable; an empty one counts as unset.
    pub fn env(&self, name: &str) -> Option<&OsStr> {
        self.environment.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Returns the whole environment, for a child process that must see the same.
    pub fn environment(&self) -> &BTreeMap<OsString, OsString> {
        &self.environment
    }

    /// Returns the working directory.
    pub fn working_directory(&self) -> anyhow::Result<&Path> {
        let error = || {
            UserError::new("the working directory does not exist any more")
                .help("change to an existing directory, or pass an absolute path")
        };
        self.directory.as_deref().ok_or_else(|| error().into())
    }

    /// Returns the directory for files that do not outlive the command.
    pub fn temporary_directory(&self) -> PathBuf {
        self.env("TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from)
    }

    /// Makes a path that the user typed absolute.
    pub fn resolve(&self, path: &Path) -> anyhow::Result<PathBuf> {
        if path.is_absolute() {
            return Ok(path.to_path_buf());
        }
        Ok(self.working_directory()?.join(path))
    }

    /// Returns `--project`, as typed.
    pub fn project_flag(&self) -> Option<&Path> {
        self.project.as_deref()
    }

    /// Returns the directory of the project: `--project`, or the nearest directory upwards that holds a `PROJECT` file.
    pub fn project_directory(&self) -> anyhow::Result<PathBuf> {
        if let Some(project) = &self.project {
            let directory = self.resolve(project)?;
            return match has_project_file(&directory) {
                true => Ok(directory),
                false => Err(no_project(project.display().to_string()).into()),
            };
        }
        let start = self.working_directory()?;
        let found = start.ancestors().find(|directory| has_project_file(directory));
        found.map(Path::to_path_buf).ok_or_else(|| no_project("this directory or any above it".to_owned()).into())
    }
}

fn has_project_file(directory: &Path) -> bool {
    directory.join(PROJECT_FILE).symlink_metadata().is_ok()
}

fn no_project(place: String) -> UserError {
    let place = if place.starts_with("this") { place } else { format!("`{place}`") };
    UserError::new(format!("no PROJECT file in {place}"))
        .help("start a project with `rop init --domain example.com`, or pass its directory with `--project DIR`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shell::testing;

    fn context_in(directory: &Path, project: Option<&str>) -> Context {
        let global = GlobalArgs { project: project.map(PathBuf::from), ..GlobalArgs::default() };
        let (shell, _) = testing::shell();
        let surroundings = Surroundings {
            arguments: Vec::new(),
            directory: Some(directory.to_path_buf()),
            environment: BTreeMap::new(),
            shell,
        };
        Context::new(global, surroundings)
    }

    #[test]
    fn the_project_is_found_from_a_folder_inside_it() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let inner = root.path().join("src/api");
        std::fs::create_dir_all(&inner).expect("created");
        std::fs::File::create(root.path().join("PROJECT")).expect("created");
        assert_eq!(context_in(&inner, None).project_directory().expect("found"), root.path());
    }

    #[test]
    fn a_missing_project_says_how_to_start_one() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let error = context_in(root.path(), Some("nowhere")).project_directory().expect_err("refused");
        assert_eq!(error.to_string(), "no PROJECT file in `nowhere`");
    }

    #[test]
    fn no_color_counts_only_when_it_says_something() {
        #[track_caller]
        fn check(name: &str, value: &str, expected: bool) {
            assert_eq!(wants_no_color(&BTreeMap::from([(name.into(), value.into())])), expected);
        }
        check("NO_COLOR", "1", true);
        check("NO_COLOR", "", false);
        check("TERM", "dumb", true);
        check("TERM", "xterm", false);
    }
}
