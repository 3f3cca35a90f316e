//! `rop init`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::report::UserError;
use crate::cli::write::{self, BoolFlag, Outcome, WriteArgs};
use crate::plan::Tree;
use crate::project::names::{Domain, License, NameError, Origin, Owner, ProjectName, Repository};
use crate::project::{Project, Scope};
use crate::scaffold;

/// Start a project
///
/// Write a new operator into DIR, or into the working directory if that is empty: its code, its tests, and everything that
/// is needed to ship it. Then add an API with `rop create api`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rop init shop --domain example.com
  rop init --domain example.com --owner 'The Shop Authors' --license MIT")]
pub(crate) struct InitArgs {
    /// The directory to write into; it is created if it does not exist
    dir: Option<PathBuf>,

    /// The domain that the API groups of the project end in
    #[arg(long)]
    domain: String,

    /// The name of the operator and its crate [default: the name of the directory]
    #[arg(long, value_name = "NAME")]
    project_name: Option<String>,

    /// The address of the source repository
    #[arg(long, value_name = "URL")]
    repo: Option<String>,

    /// Who owns the copyright
    #[arg(long)]
    owner: Option<String>,

    /// The license of the project: an SPDX expression, or `none`
    #[arg(long, default_value = "Apache-2.0")]
    license: String,

    /// Watch only the namespace that the operator runs in
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    namespaced: Option<BoolFlag>,

    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(ctx: &Context, args: InitArgs) -> anyhow::Result<ExitCode> {
    let directory = directory(ctx, args.dir.as_deref())?;
    let project = project(&args, &directory)?;
    let tree = Tree::open(&directory)?;
    let plan = scaffold::init(&tree, project)?;
    let shown = args.dir.as_deref().or(ctx.project_flag());
    if write::carry_out(ctx, &args.write, &plan)? == Outcome::Written {
        let into = shown.map(|dir| format!("cd {} && ", quoted(&dir.to_string_lossy()))).unwrap_or_default();
        ctx.shell.note(format_args!("add an API with `{into}rop create api --kind MyApp`"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Quotes a path for the shell where it needs it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

fn directory(ctx: &Context, dir: Option<&Path>) -> anyhow::Result<PathBuf> {
    match (dir, ctx.project_flag()) {
        (Some(_), Some(_)) => Err(UserError::new("both DIR and `--project` say where").help("pass one of them").into()),
        (Some(dir), None) | (None, Some(dir)) => ctx.resolve(dir),
        (None, None) => Ok(ctx.working_directory()?.to_path_buf()),
    }
}

fn project(args: &InitArgs, directory: &Path) -> Result<Project, NameError> {
    let mut project = Project::new(name(args, directory)?, Domain::parse(&args.domain)?);
    project.repository = args.repo.as_deref().map(Repository::parse).transpose()?;
    project.owner = args.owner.as_deref().map(Owner::parse).transpose()?;
    project.license = match args.license.as_str() {
        "none" => None,
        text => Some(License::parse(text)?),
    };
    project.watches = Scope::from_namespaced(args.namespaced.is_some_and(BoolFlag::get));
    Ok(project)
}

fn name(args: &InitArgs, directory: &Path) -> Result<ProjectName, NameError> {
    if let Some(name) = &args.project_name {
        return ProjectName::parse(name);
    }
    let name = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ProjectName::parse(&name).map_err(|error| error.at(Origin::Directory("--project-name")))
}
