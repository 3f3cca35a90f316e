//! `rop generate`.

use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::looping;
use crate::cli::report::UserError;
use crate::cli::write::{self, WriteArgs};
use crate::devloop::manifests::Manifests;
use crate::devloop::{Failure, generate};

/// Write the manifests that follow from the code
///
/// Build the operator, and write its CRDs and the role that its controllers need under `config/`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rop generate
  rop generate --check     # in CI: fail when something is stale, and show it")]
pub(crate) struct GenerateArgs {
    /// Write nothing, show what is stale, and fail when anything is
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(ctx: &Context, args: GenerateArgs) -> anyhow::Result<ExitCode> {
    let GenerateArgs { check, mut write } = args;
    let directory = ctx.project_directory()?;
    let project = looping::read_project(&directory)?;
    let report = looping::printer(&ctx.shell, &project);
    let cargo = looping::cargo(ctx, directory.clone(), false);
    let manifests = looping::runtime()?.block_on(async {
        let binary = cargo.build(&report).await?.ok_or_else(|| Failure::new("the operator does not compile"))?;
        Manifests::of(&binary, &directory).await
    })?;
    let plan = generate::plan(&directory, &manifests)?;
    if check {
        write = WriteArgs { dry_run: true, diff: true };
    }
    write::carry_out(ctx, &write, &plan)?;
    if check && !plan.is_empty() {
        return Err(UserError::new("the manifests under `config/` are stale").help("run `rop generate`").into());
    }
    Ok(ExitCode::SUCCESS)
}
