//! Runs the operator as a child process: its log becomes events, and it ends when asked, or is made to.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessGroup};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::denial::Denial;
use super::{Event, Failure, Report};

/// How long an operator may take to end in peace.
const GRACE: Duration = Duration::from_secs(10);

/// The signal that asks a process to end.
const SIGTERM: i32 = 15;

/// How an operator is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Its binary.
    pub binary: PathBuf,
    /// Where it runs.
    pub directory: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: BTreeMap<OsString, OsString>,
}

/// An operator that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Operator {
    child: Box<dyn ChildWrapper>,
}

impl Operator {
    /// Starts it in a process group of its own, so that a Ctrl-C of the terminal reaches rop first.
    ///
    /// # Errors
    /// When the binary cannot be run.
    pub fn start(launch: &Launch, report: &Report) -> Result<Self, Failure> {
        let mut command = CommandWrap::with_new(&launch.binary, |command| {
            command.args(&launch.arguments).current_dir(&launch.directory).env_clear().envs(&launch.environment);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        });
        command.wrap(ProcessGroup::leader()).wrap(KillOnDrop);
        let failure = |error| Failure::new(format!("failed to run `{}`", launch.binary.display())).caused_by(error);
        let mut child = command.spawn().map_err(failure)?;
        if let Some(stdout) = child.stdout().take() {
            forward(stdout, report.clone());
        }
        if let Some(stderr) = child.stderr().take() {
            forward(stderr, report.clone());
        }
        report(Event::OperatorStarted { pid: child.id().unwrap_or_default() });
        Ok(Self { child })
    }

    /// Waits until it ends by itself, and returns its exit code. Cancel-safe.
    pub async fn ended(&mut self) -> Option<i32> {
        self.child.wait().await.ok().and_then(|status| status.code())
    }

    /// Asks it to end, and kills it when it does not.
    pub async fn stop(mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.signal(SIGTERM);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            let _ = self.child.start_kill();
            let _ = self.child.wait().await;
        }
    }
}

/// Reports each line, and each refusal that a line speaks of.
fn forward(stream: impl AsyncRead + Unpin + Send + 'static, report: Report) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        // A line that is no text ends the log; the operator itself goes on.
        while let Ok(Some(line)) = lines.next_line().await {
            let denial = Denial::in_line(&line);
            report(Event::Log(line));
            if let Some(denial) = denial {
                report(Event::Denied(denial));
            }
        }
    });
}
