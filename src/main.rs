//! Parses, runs, exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    rop::cli::main()
}
