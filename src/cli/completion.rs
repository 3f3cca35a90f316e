//! `rop completion`.

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use crate::cli::context::Context;

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = "Example: rop completion bash > ~/.local/share/bash-completion/completions/rop")]
pub(crate) struct CompletionArgs {
    /// The shell that is to complete
    shell: Shell,
}

pub(crate) fn run(ctx: &Context, CompletionArgs { shell }: CompletionArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "rop", &mut script);
    ctx.shell.data(String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
