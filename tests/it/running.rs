//! A command that runs while a test goes on: rop itself, or a shell that runs it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::workshop::environment;

/// How long anything may take; nothing takes that long when all is well, a cold build of all dependencies included.
const PATIENCE: Duration = Duration::from_secs(1800);

/// A command that runs. Dropping it ends it.
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
        Self::spawn(command.stdin(Stdio::null()))
    }

    /// Starts a command, in a process group of its own as a terminal does.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().expect("the program is there");
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("it was asked for"));
        std::thread::spawn(move || {
            // When nobody listens any more, the rest is read all the same, or the command would block.
            stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
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
                Err(_) => panic!("it ended, or never said `{text}`:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Returns all that it has said so far.
    pub(crate) fn said(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    /// Sends Ctrl-C, and waits for the end; returns the exit code, and none if a signal ended it.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        assert!(self.press_ctrl_c(), "the signal was sent");
        self.child.wait().expect("this test started it").code()
    }

    /// Signals the whole group, as a terminal does.
    fn press_ctrl_c(&self) -> bool {
        let group = format!("-{}", self.child.id());
        let sent = Command::new("kill").args(["-INT", "--", &group]).stderr(Stdio::null()).status();
        sent.is_ok_and(|status| status.success())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ctrl-C and not a kill, so that it can end what it has started. It may have ended already.
        if matches!(self.child.try_wait(), Ok(None)) && self.press_ctrl_c() {
            let _ = self.child.wait();
        }
    }
}
