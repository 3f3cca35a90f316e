//! The command line: the only part that knows of a terminal.
//!
//! One file a command, each an `XArgs` and a `run(ctx, args)` that validates, plans, shows and applies; the doc comment
//! of the arguments is the help text and stands nowhere else. To add a command: its file, a variant of [`Command`], and
//! a line in [`dispatch`]. Nothing below this folder prints, exits, or reads the environment.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::context::{Context, GlobalArgs, Surroundings};
pub use crate::cli::reference::reference;

mod cluster;
mod completion;
pub mod context;
mod create;
mod demo;
mod generate;
mod init;
mod looping;
mod reference;
pub mod report;
mod run;
pub mod shell;
mod test;
mod version;
mod write;

/// The operator SDK for Rust
///
/// Scaffold Kubernetes operators on kube-rs, run them on a laptop against a Kubernetes API that rop carries inside
/// itself, test them, and ship them.
#[derive(Debug, Parser)]
#[command(name = "rop", version, disable_help_subcommand = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    Create(create::CreateArgs),
    Generate(generate::GenerateArgs),
    Run(run::RunArgs),
    Test(test::TestArgs),
    Cluster(cluster::ClusterArgs),
    Completion(completion::CompletionArgs),
    Version(version::VersionArgs),
}

fn dispatch(ctx: &Context, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(args) => demo::run(ctx, args),
        Command::Init(args) => init::run(ctx, args),
        Command::Create(args) => create::run(ctx, args),
        Command::Generate(args) => generate::run(ctx, args),
        Command::Run(args) => run::run(ctx, args),
        Command::Test(args) => test::run(ctx, args),
        Command::Cluster(args) => cluster::run(ctx, args),
        Command::Completion(args) => completion::run(ctx, args),
        Command::Version(args) => version::run(ctx, args),
    }
}

/// Parses the arguments of this process, runs the command, and returns the exit code.
pub fn main() -> ExitCode {
    let surroundings = Surroundings::of_this_process();
    report::report_panics_to(surroundings.shell.clone());
    run(surroundings)
}

/// Runs rop in the given surroundings.
///
/// Exit codes: 0 done, 1 the user can mend it, 2 the command line was not understood, 101 a mistake of rop itself.
pub fn run(surroundings: Surroundings) -> ExitCode {
    let cli = match parse(&surroundings.arguments) {
        Ok(cli) => cli,
        Err(error) => return report::command_line(&surroundings.shell, &error),
    };
    let ctx = Context::new(cli.global, surroundings);
    dispatch(&ctx, cli.command).unwrap_or_else(|error| report::failure(&ctx.shell, &error))
}

fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Returns the whole grammar of the command line, for completion scripts and the reference.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_has_a_help_text() {
        fn walk(command: &clap::Command) {
            assert!(command.get_about().is_some(), "`{}` has no help", command.get_name());
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty(), "`{} {}` has no help", command.get_name(), argument.get_id());
                assert!(
                    !help.ends_with('.'),
                    "help of `{} {}` ends in a full stop",
                    command.get_name(),
                    argument.get_id()
                );
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&command());
    }
}
