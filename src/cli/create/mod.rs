//! `rop create`: one file for each thing that can be created.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::context::Context;

mod api;

/// Add something to a project
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Api(api::ApiArgs),
}

pub(crate) fn run(ctx: &Context, CreateArgs { what }: CreateArgs) -> anyhow::Result<ExitCode> {
    match what {
        What::Api(args) => api::run(ctx, args),
    }
}
