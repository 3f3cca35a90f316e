//! `rop test`.

use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::looping::{self, TargetArgs};
use crate::devloop::install::Identity;
use crate::devloop::session::{Options, Session};

/// Run all tests of the project
///
/// Run the unit tests, and the integration tests against a Kubernetes API inside rop, or against a cluster. The CRDs are
/// installed, and the operator has the permissions of its own role.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rop test
  rop test -- objects_become_ready --nocapture
  rop test --context kind-dev")]
pub(crate) struct TestArgs {
    /// Build with optimizations
    #[arg(long)]
    release: bool,

    #[command(flatten)]
    target: TargetArgs,

    /// Arguments of the test binaries, such as a part of a test's name
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<String>,
}

pub(crate) fn run(ctx: &Context, args: TestArgs) -> anyhow::Result<ExitCode> {
    let TestArgs { release, target, arguments } = args;
    let directory = ctx.project_directory()?;
    let project = looping::read_project(&directory)?;
    let options = Options {
        target: target.target(ctx, &project)?,
        cargo: looping::cargo(ctx, directory, release),
        identity: Identity::of(project.name.as_str()),
        namespaced: project.watches.is_namespaced(),
        samples: false,
        watch: false,
        arguments: Vec::new(),
    };
    let report = looping::printer(&ctx.shell, &project);
    looping::runtime()?.block_on(async {
        let stop = looping::stop_signal()?;
        let session = Session::open(options, report).await?;
        let status = session.test(&looping::trailing(arguments), stop).await?;
        Ok(status.map_or(ExitCode::FAILURE, |status| looping::exit_code(status.code())))
    })
}
