//! `rop cluster`: the embedded control plane alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::looping;
use crate::cli::report::UserError;
use crate::controlplane::data_dir::{DataDirError, Recovery};
use crate::controlplane::{Builder, Handle, StartError};
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
    /// Keep objects, keys and the port in a directory, and go on from what is there
    ///
    /// An acknowledged write survives the end of the process in any form, `kill -9` included; it is not forced to the
    /// disk one by one, so that a power cut can lose the last seconds. Without this, everything ends with the process.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
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
    let StartArgs { port, kubeconfig, token, no_node, data_dir } = args;
    let mut builder = Handle::builder().nodes(!no_node);
    if let Some(token) = token {
        builder = builder.admin_token(token);
    }
    let data_dir = data_dir.map(|directory| ctx.resolve(&directory)).transpose()?;
    if let Some(directory) = &data_dir {
        builder = builder.data_dir(directory);
    }
    let handle = listen(builder, port).await?;
    if let (Some(directory), Some(recovery)) = (&data_dir, handle.recovery()) {
        tell(ctx, directory, recovery);
    }
    let path = ctx.resolve(&kubeconfig)?;
    kubeconfig::write(&path, &handle.kubeconfig())?;
    ctx.shell.status("Ready", format!("{} (export KUBECONFIG={})", handle.url(), path.display()));
    looping::stop_signal()?.await;
    handle.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

fn tell(ctx: &Context, directory: &Path, recovery: Recovery) {
    let Recovery { objects, torn_bytes } = recovery;
    ctx.shell.status("Restored", format!("{objects} objects from {}", directory.display()));
    if torn_bytes > 0 {
        ctx.shell.warn(format!("cut off {torn_bytes} bytes of a write that was not finished when the last run ended"));
    }
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
    builder.start(address).await.map_err(|error| {
        let help = remedy(&error);
        let failed = UserError::new("failed to start the control plane").caused_by(error);
        help.into_iter().fold(failed, UserError::help).into()
    })
}

fn remedy(error: &StartError) -> Option<&'static str> {
    match error {
        StartError::Listen { .. } => Some("pass a port that is free with `--port`"),
        StartError::DataDir(DataDirError::InUse(_)) => {
            Some("stop the other `rop cluster start`, or pass another directory with `--data-dir`")
        }
        StartError::DataDir(_) => Some("mend the directory, or start afresh in another one with `--data-dir`"),
        _ => None,
    }
}
