//! `rop version`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::cli::context::{Context, OutputFormat};
use crate::controlplane::KUBERNETES_VERSION;

/// Print the version of rop and of the Kubernetes that it follows
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {}

pub(crate) fn run(ctx: &Context, VersionArgs {}: VersionArgs) -> anyhow::Result<ExitCode> {
    let version = env!("CARGO_PKG_VERSION");
    match ctx.output {
        OutputFormat::Text => ctx.shell.data(format_args!("rop {version}\nkubernetes {KUBERNETES_VERSION}\n"))?,
        OutputFormat::Json => ctx.shell.json(&json!({"rop": version, "kubernetes": KUBERNETES_VERSION}))?,
    }
    Ok(ExitCode::SUCCESS)
}
