//! `rop run`.

use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::looping::{self, TargetArgs};
use crate::devloop::install::Identity;
use crate::devloop::session::{Options, Session};

/// Run the operator on this machine
///
/// Build the operator, install its CRDs, and run it as its own ServiceAccount with the permissions of its own role, against
/// a Kubernetes API inside rop, or against a cluster. A kubeconfig for kubectl is written to `.rop/kubeconfig`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rop run --samples
  rop run --watch
  rop run --context kind-dev
  RUST_LOG=debug rop run -- --log-format=json")]
pub(crate) struct RunArgs {
    /// Apply the samples of config/samples
    #[arg(long)]
    samples: bool,

    /// Rebuild and restart the operator whenever a source file is saved; the API and its objects live on
    #[arg(long)]
    watch: bool,

    /// Build with optimizations
    #[arg(long)]
    release: bool,

    #[command(flatten)]
    target: TargetArgs,

    /// Arguments of the operator
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<String>,
}

pub(crate) fn run(ctx: &Context, args: RunArgs) -> anyhow::Result<ExitCode> {
    let RunArgs { samples, watch, release, target, arguments } = args;
    let directory = ctx.project_directory()?;
    let project = looping::read_project(&directory)?;
    let options = Options {
        target: target.target(ctx, &project)?,
        cargo: looping::cargo(ctx, directory, release),
        identity: Identity::of(project.name.as_str()),
        namespaced: project.watches.is_namespaced(),
        samples,
        watch,
        arguments: looping::trailing(arguments),
    };
    let report = looping::printer(&ctx.shell, &project);
    looping::runtime()?.block_on(async {
        let stop = looping::stop_signal()?;
        let session = Session::open(options, report).await?;
        let code = session.run(stop).await?;
        Ok(code.map_or(ExitCode::SUCCESS, |code| looping::exit_code(Some(code))))
    })
}
