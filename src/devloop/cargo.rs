//! Builds an operator with cargo, and tells how far it is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{Event, Failure, Report};

/// How cargo is called.
#[derive(Debug, Clone)]
pub struct Cargo {
    /// The directory of the project.
    pub project: PathBuf,
    /// The environment of cargo, and of all that it starts.
    pub environment: BTreeMap<OsString, OsString>,
    /// Whether to build with optimisations.
    pub release: bool,
    /// Whether the compiler's messages are colored.
    pub color: bool,
}

impl Cargo {
    /// Builds the operator, and returns its binary; `None` when it does not compile, which was then reported.
    ///
    /// # Errors
    /// When cargo cannot be run, or builds no binary.
    pub async fn build(&self, report: &Report) -> Result<Option<PathBuf>, Failure> {
        let start = Instant::now();
        report(Event::Building(count_packages(&self.project)));
        let mut child = self.spawn_build()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let diagnostics = tokio::spawn(async move {
            let mut text = Vec::new();
            if let Some(mut stderr) = stderr {
                // A pipe that breaks ends the text; the exit status says the rest.
                let _ = stderr.read_to_end(&mut text).await;
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        let binary = match stdout {
            Some(stdout) => follow(BufReader::new(stdout), report).await,
            None => None,
        };
        let status = child.wait().await.map_err(|error| Failure::new("failed to wait for cargo").caused_by(error))?;
        let diagnostics = diagnostics.await.unwrap_or_default();
        if !status.success() {
            report(Event::BuildFailed(diagnostics));
            return Ok(None);
        }
        report(Event::Built(start.elapsed()));
        let missing = || Failure::new("the project builds no binary").help("keep a `src/main.rs` or a `[[bin]]`");
        binary.ok_or_else(missing).map(Some)
    }

    fn spawn_build(&self) -> Result<Child, Failure> {
        let mut command = self.command("build");
        command.args(["--bins", "--quiet", "--message-format=json-render-diagnostics"]);
        command.args(["--color", if self.color { "always" } else { "never" }]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(not_found)
    }

    /// Runs the tests of the project, with `environment` in addition, and returns how they ended.
    ///
    /// # Errors
    /// When cargo cannot be run.
    pub async fn test(&self, arguments: &[OsString], kubeconfig: &Path) -> Result<std::process::ExitStatus, Failure> {
        let mut command = self.command("test");
        command.args(["--", "--include-ignored"]).args(arguments).env("KUBECONFIG", kubeconfig).stdin(Stdio::null());
        let mut child = command.spawn().map_err(not_found)?;
        child.wait().await.map_err(|error| Failure::new("failed to wait for cargo").caused_by(error))
    }

    fn command(&self, verb: &str) -> Command {
        let cargo = self.environment.get(std::ffi::OsStr::new("CARGO")).cloned().unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.arg(verb).current_dir(&self.project).env_clear().envs(self.surroundings()).kill_on_drop(true);
        if self.release {
            command.arg("--release");
        }
        command
    }

    /// Returns the environment without what cargo itself set for rop, when rop was started by `cargo run`: it would
    /// make cargo build everything anew.
    fn surroundings(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        let inherited = |name: &OsString| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST") || name == "CARGO_BIN_NAME"
        };
        self.environment.iter().filter(move |(name, _)| !inherited(name))
    }
}

fn not_found(error: std::io::Error) -> Failure {
    Failure::new("failed to run cargo").caused_by(error).help("install Rust, and make sure that `cargo` is in PATH")
}

/// Reads cargo's messages until they end, and returns the last binary that they name.
async fn follow(mut messages: BufReader<impl tokio::io::AsyncRead + Unpin>, report: &Report) -> Option<PathBuf> {
    let (mut line, mut done, mut binary) = (String::new(), 0, None);
    loop {
        line.clear();
        match messages.read_line(&mut line).await {
            Ok(0) | Err(_) => return binary,
            Ok(_) => {}
        }
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        if let Some(path) = message["executable"].as_str() {
            binary = Some(PathBuf::from(path));
        }
        done += 1;
        let name = message["target"]["name"].as_str().unwrap_or_default().to_owned();
        report(Event::Compiled { done, name });
    }
}

/// Returns the number of packages of the lock file: about as many as cargo will tell of. 0 when there is none yet.
fn count_packages(project: &Path) -> u64 {
    let lock = std::fs::read_to_string(project.join("Cargo.lock")).unwrap_or_default();
    lock.lines().filter(|line| *line == "[[package]]").count() as u64
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn messages_of_cargo_name_the_binary_and_count() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"serde\"},\"executable\":null}\n",
            "not json\n",
            "{\"reason\":\"build-script-executed\"}\n",
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"shop\"},\"executable\":\"/t/debug/shop\"}\n",
        );
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = events.clone();
        let report: Report = Arc::new(move |event| seen.lock().expect("nobody panicked").push(event));
        let binary = follow(BufReader::new(messages.as_bytes()), &report).await;
        assert_eq!(binary, Some(PathBuf::from("/t/debug/shop")));
        let compiled = |done, name: &str| Event::Compiled { done, name: name.to_owned() };
        assert_eq!(*events.lock().expect("nobody panicked"), [compiled(1, "serde"), compiled(2, "shop")]);
    }
}
