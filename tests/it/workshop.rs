//! Where operators are built: one at a time, in one target directory, so that their dependencies are compiled once.
//!
//! Two operators of one name would overwrite each other's binary there, and two builds at once would only wait for each
//! other; so a test holds the workshop for as long as it needs it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What operators, cargo, kubectl and git may know of this machine.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "TMPDIR",
    // How this machine reaches the package registry.
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "https_proxy",
    "http_proxy",
    "no_proxy",
];

static OCCUPIED: Mutex<()> = Mutex::new(());

/// The workshop, held by one test.
pub(crate) struct Workshop {
    _held: MutexGuard<'static, ()>,
}

impl Workshop {
    /// Waits until the workshop is free.
    pub(crate) fn enter() -> Self {
        // A test that failed in here leaves nothing behind that the next would trip over.
        Self { _held: OCCUPIED.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Runs a program in a directory, and returns all that it printed; fails the test with that when it fails.
    #[track_caller]
    pub(crate) fn run(&self, directory: &Path, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory).env_clear().envs(environment()).stdin(Stdio::null());
        let output = command.output().unwrap_or_else(|error| panic!("failed to run {program}: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let line = format!("{program} {}", arguments.join(" "));
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{}: `{line}`: {}\n{printed}", directory.display(), output.status);
        printed
    }
}

/// The environment in which operators are built and run.
pub(crate) fn environment() -> BTreeMap<OsString, OsString> {
    let inherited = INHERITED.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    let mut environment: BTreeMap<_, _> = inherited.collect();
    environment.insert("CARGO_TARGET_DIR".into(), target().into());
    environment.insert("CARGO_TERM_COLOR".into(), "never".into());
    environment
}

/// The target directory of all operators: `operators` below rop's own, or what `ROP_TEST_TARGET` says.
fn target() -> PathBuf {
    if let Some(path) = std::env::var_os("ROP_TEST_TARGET") {
        return path.into();
    }
    let rop = Path::new(env!("CARGO_BIN_EXE_rop"));
    rop.ancestors().nth(2).expect("target/PROFILE/rop").join("operators")
}
