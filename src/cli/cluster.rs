//! `rop cluster`: the embedded control plane alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::looping;
use crate::controlplane::{Builder, Handle};
use crate::devloop::kubeconfig;

/// Run the embedded control plane alone
///
/// A Kubernetes API server and the controllers that operators depend on, in memory: for kubectl, for an operator in
/// any language, for CI.
#[derive(Debug, Args)]
pub(super) struct ClusterArgs {
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    Start(StartArgs),
    Exec(ExecArgs),
}

/// Start a control plane and keep it running until Ctrl-C
#[derive(Debug, Args)]
struct StartArgs {
    /// Port to listen on at 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where to write the administrator's kubeconfig
    #[arg(long, value_name = "FILE", default_value = ".rop/kubeconfig")]
    kubeconfig: PathBuf,
    /// Accept this bearer token as the administrator's
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Leave out the made-up node, so that pods stay Pending
    #[arg(long)]
    no_node: bool,
}

/// Run a command against a control plane that lives as long as the command
#[derive(Debug, Args)]
struct ExecArgs {
    /// Command and its arguments; it finds the control plane by KUBECONFIG
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs `rop cluster`.
///
/// # Errors
/// The control plane does not start, or the command cannot be run.
pub(super) fn run(ctx: &Context, args: ClusterArgs) -> anyhow::Result<ExitCode> {
    let runtime = looping::runtime()?;
    match args.command {
        ClusterCommand::Start(args) => runtime.block_on(start(ctx, args)),
        ClusterCommand::Exec(args) => runtime.block_on(exec(ctx, args)),
    }
}

async fn start(ctx: &Context, args: StartArgs) -> anyhow::Result<ExitCode> {
    let StartArgs { port, kubeconfig, token, no_node } = args;
    let mut builder = Handle::builder().nodes(!no_node);
    if let Some(token) = token {
        builder = builder.admin_token(token);
    }
    let handle = listen(builder, port).await?;
    let path = ctx.resolve(&kubeconfig)?;
    kubeconfig::write(&path, &handle.kubeconfig())?;
    ctx.shell.status("Ready", format!("{} (export KUBECONFIG={})", handle.url(), path.display()));
    looping::stop_signal()?.await;
    handle.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

async fn exec(ctx: &Context, args: ExecArgs) -> anyhow::Result<ExitCode> {
    let handle = listen(Handle::builder(), 0).await?;
    let file = kubeconfig::Temporary::new(&ctx.temporary_directory(), &handle.kubeconfig())?;
    let (program, rest) = args.command.split_first().context("no command was given")?;
    let mut command = tokio::process::Command::new(program);
    command.args(rest).env("KUBECONFIG", file.path()).current_dir(ctx.working_directory()?);
    let status = command.status().await.with_context(|| format!("failed to run `{program}`"))?;
    handle.shutdown().await;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

async fn listen(builder: Builder, port: u16) -> anyhow::Result<Handle> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    builder.start(address).await.context("failed to start the control plane")
}
