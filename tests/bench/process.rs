//! Child processes: how long a command takes, and how much memory it needs.
//!
//! The kernel says only what the biggest of all awaited children needed. So this program runs itself a second time as a
//! meter that has a single child. That one can need no less than the meter, from which it was forked: the row `true` is
//! this floor.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::Context as _;
use nix::sys::resource::{UsageWho, getrusage};

/// The argument that makes this program a meter.
const METER: &str = "--meter";

/// What a command cost.
pub(crate) struct Cost {
    /// From start to end, in milliseconds.
    pub(crate) wall: f64,
    /// The most memory that it held, in MB.
    pub(crate) peak: f64,
}

/// Runs a command in a directory.
///
/// # Errors
/// It cannot be run, or fails.
pub(crate) fn cost<A: AsRef<OsStr>>(directory: &Path, program: impl AsRef<OsStr>, args: &[A]) -> anyhow::Result<Cost> {
    let meter = std::env::current_exe().context("failed to find this program")?;
    let mut command = Command::new(meter);
    command.arg(METER).arg(&program).args(args).current_dir(directory).stdin(Stdio::null());
    let output = command.stderr(Stdio::inherit()).output().context("failed to run the meter")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut figures = text.split_whitespace().filter_map(|figure| figure.parse::<f64>().ok());
    match (output.status.success(), figures.next(), figures.next()) {
        (true, Some(wall), Some(peak)) => Ok(Cost { wall, peak }),
        _ => anyhow::bail!("`{}` failed", program.as_ref().display()),
    }
}

/// Is the meter, if this process was started as one.
pub(crate) fn run_as_meter() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != METER {
        return None;
    }
    Some(meter(&args.next()?, args).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
}

fn meter(program: &OsStr, args: impl Iterator<Item = OsString>) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status()?;
    let wall = milliseconds(started);
    anyhow::ensure!(status.success(), "the command failed");
    let kilobytes = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    // Apple counts bytes.
    let divisor = if cfg!(target_os = "macos") { 1e6 } else { 1e6 / 1024.0 };
    println!("{wall} {}", kilobytes as f64 / divisor);
    Ok(())
}

/// Returns the time since then in milliseconds.
pub(crate) fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Returns the memory that a process holds at this moment, in MB. Only Linux tells.
pub(crate) fn resident(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}
