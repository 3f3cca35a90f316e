//! A rop that runs while a test talks to it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::workshop::environment;

/// How long anything may take; nothing takes that long when all is well, a cold build of all dependencies included.
const PATIENCE: Duration = Duration::from_secs(1800);

/// A rop that runs. Dropping it ends it.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    /// Starts rop in a directory, with arguments separated by blanks.
    pub(crate) fn start(directory: &Path, arguments: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rop"));
        command.args(arguments.split_whitespace()).current_dir(directory).env_clear().envs(environment());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("rop was started");
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("it was asked for"));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits for a line that holds a text, and returns it.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("rop ended, or never said `{text}`:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Sends Ctrl-C, and waits for the end; returns the exit code.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().expect("kill was started");
        assert!(sent.success(), "the signal was sent");
        self.child.wait().expect("rop was started by this test").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
