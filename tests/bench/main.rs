//! How fast rop is and what it costs: the figures of `docs/reference/benchmarks.md`, measured anew on this machine.
//!
//! One file a section. Everything is measured from outside, on the binary that users run, and nothing is asserted: a
//! figure says something only beside another of the same run, so rows name the one that they are compared with. It
//! links no part of rop, so that the process which measures stays small beside the one that is measured.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program of its own: it prints its table and writes its JSON"
)]

mod client;
mod cluster;
mod creates;
mod latency;
mod load;
mod machine;
mod memory;
mod operator;
mod process;
mod requests;
mod scaffold;
mod start;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use table::Table;

/// Measure rop
#[derive(Debug, Parser)]
struct Args {
    /// Measure only the sections whose name contains one of these
    filters: Vec<String>,
    /// How often each figure is measured
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Measure this binary instead of the one of this build
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_rop"))]
    rop: PathBuf,
    /// Build the operator that rop scaffolds in release mode, and measure that one; takes minutes the first time
    #[arg(long)]
    operator: bool,
    /// Show the names of the sections
    #[arg(long)]
    list: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a section measures with.
struct Settings {
    /// The binary.
    rop: PathBuf,
    /// How often.
    runs: usize,
    /// Whether the operator may be built.
    build_operator: bool,
}

type Section = fn(&Settings, &mut Table) -> anyhow::Result<()>;

const SECTIONS: [(&str, Section); 7] = [
    ("scaffold", scaffold::measure),
    ("start", start::measure),
    ("memory", memory::measure),
    ("creates", creates::creates),
    ("applies", creates::applies),
    ("latency", latency::measure),
    ("operator", operator::measure),
];

fn main() -> ExitCode {
    if let Some(code) = process::run_as_meter() {
        return code;
    }
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let Args { filters, runs, rop, operator, list, bench } = args;
    if list {
        SECTIONS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    }
    if !bench {
        println!("nothing is measured: run `cargo bench`");
        return Ok(());
    }
    let settings = Settings { rop, runs: runs.max(1), build_operator: operator };
    let is_wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let mut table = Table::new(machine::describe());
    print!("{}", table.head());
    for (name, section) in SECTIONS.iter().filter(|(name, _)| is_wanted(name)) {
        table.section(name);
        section(&settings, &mut table).with_context(|| format!("failed to measure `{name}`"))?;
        print!("{}", table.last_section());
    }
    let path = target_directory().join("bench.json");
    std::fs::write(&path, table.to_json()).with_context(|| format!("failed to write `{}`", path.display()))?;
    println!("\nwritten to {}", path.display());
    Ok(())
}

/// Returns the folder into which Cargo builds.
fn target_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().map(PathBuf::from).unwrap_or_default()
}

/// Runs a section that talks to servers.
fn block_on<T>(section: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Runtime::new().context("failed to start the async runtime")?.block_on(section)
}
