//! The guides in `docs/guide`, executed: every `sh` block, from top to bottom, in one sandbox.
//!
//! A block goes on where the one before ended: in the same directory, with the same variables. A block that begins with
//! `# in a terminal of its own; ready when it says: TEXT` runs in the background until `# Ctrl-C in that terminal` or the end
//! of the guide. Blocks that use kubectl are skipped where there is none, except with `CI=true`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::sandbox::Sandbox;
use crate::workshop::{Workshop, environment};

const OWN_TERMINAL: &str = "# in a terminal of its own; ready when it says: ";
const CTRL_C: &str = "# Ctrl-C in that terminal";

/// How long a command in the background may take until it is ready; it may have to build an operator from nothing.
const PATIENCE: Duration = Duration::from_secs(1800);

#[test]
fn the_quickstart_works_as_written() {
    follow("quickstart.md");
}

#[test]
fn the_guide_for_users_of_operator_sdk_works_as_written() {
    follow("from-operator-sdk.md");
}

/// Does what a guide says.
#[track_caller]
fn follow(guide: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide").join(guide);
    let blocks = blocks(&fs::read_to_string(path).expect(guide));
    assert!(!blocks.is_empty(), "{guide} has no `sh` block");
    let mut reader = Reader::new();
    for block in blocks {
        reader.follow(guide, &block);
    }
}

/// Returns the `sh` blocks of a text, each with the number of its first line.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        match (inside, line.trim_end()) {
            (false, "```sh") => {
                inside = true;
                blocks.push((index + 2, String::new()));
            }
            (true, "```") => inside = false,
            (true, _) => {
                let (_, block) = blocks.last_mut().expect("a block was begun");
                block.push_str(line);
                block.push('\n');
            }
            (false, _) => {}
        }
    }
    blocks
}

/// Somebody with a shell who reads a guide.
struct Reader {
    sandbox: Sandbox,
    background: Option<Background>,
    _workshop: Workshop,
}

impl Reader {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        // `rop` is in the path, and the state of the shell in two files.
        sandbox.write("bin/rop", format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_rop")));
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(sandbox.path("bin/rop"), executable).expect("ours");
        fs::create_dir(sandbox.path("work")).expect("created");
        sandbox.write("directory", sandbox.path("work").to_string_lossy().as_bytes());
        sandbox.write("variables", "");
        Self { sandbox, background: None, _workshop: Workshop::enter() }
    }

    #[track_caller]
    #[expect(clippy::print_stderr, reason = "a test that is skipped in part says so")]
    fn follow(&mut self, guide: &str, (line, block): &(usize, String)) {
        let place = format!("{guide}:{line}");
        if block.contains(CTRL_C) {
            self.background.take().expect("something runs in the background").end(&place);
        }
        if block.contains("kubectl") && !has_kubectl() {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{place} wants kubectl");
            eprintln!("{place}: skipped, there is no kubectl");
            return;
        }
        match block.lines().next().and_then(|first| first.strip_prefix(OWN_TERMINAL)) {
            Some(ready) => {
                assert!(self.background.is_none(), "{place}: there is a terminal of its own already");
                self.background = Some(Background::start(self.shell(block, false), ready, &place));
            }
            None => self.run(block, &place),
        }
    }

    #[track_caller]
    fn run(&mut self, block: &str, place: &str) {
        let output = self.shell(block, true).output().expect("there is a shell");
        if !output.status.success() {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let beside = self.background.take().map(Background::said).unwrap_or_default();
            let printed = format!("{}{}\n[in the background]\n{beside}", text(output.stdout), text(output.stderr));
            panic!("{place}: {}\n{block}\n{printed}", output.status);
        }
    }

    /// Returns a shell that goes on where the last one ended.
    fn shell(&self, block: &str, keep: bool) -> Command {
        let home = self.sandbox.home().display();
        let save =
            if keep { format!("pwd > '{home}/directory'\nexport -p > '{home}/variables'\n") } else { String::new() };
        let script = format!("set -eu\n. '{home}/variables'\ncd \"$(cat '{home}/directory')\"\n{block}\n{save}");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).current_dir(self.sandbox.home()).env_clear().envs(environment());
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", format!("{home}/bin:{}", path.to_string_lossy())).stdin(Stdio::null());
        command
    }
}

fn has_kubectl() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join("kubectl").is_file())
}

/// A command in a terminal of its own.
struct Background {
    child: Child,
    lines: Receiver<String>,
    said: String,
}

impl Background {
    /// Starts a command, and waits until it is ready.
    #[track_caller]
    fn start(mut command: Command, ready: &str, place: &str) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().expect("there is a shell");
        let stderr = child.stderr.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            // When nobody listens any more, the rest is read all the same, or the command would block.
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut background = Self { child, lines, said: String::new() };
        loop {
            match background.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    background.said.push_str(&format!("{line}\n"));
                    if line.contains(ready) {
                        return background;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => panic!("{place}: it ended:\n{}", background.said),
                Err(RecvTimeoutError::Timeout) => panic!("{place}: it never said `{ready}`:\n{}", background.said),
            }
        }
    }

    /// Presses Ctrl-C, and waits until the command ends, which must be in peace.
    #[track_caller]
    fn end(mut self, place: &str) {
        self.interrupt();
        let status = self.child.wait().expect("it was started");
        // The shell that ran the command may say that it was interrupted; the command itself says 0.
        assert!(status.success() || status.code().is_none(), "{place}: {status}\n{}", self.said());
    }

    /// Returns all that the command has said so far.
    fn said(mut self) -> String {
        let rest: Vec<String> = self.lines.try_iter().collect();
        std::mem::take(&mut self.said) + &rest.join("\n")
    }

    fn interrupt(&self) {
        let group = format!("-{}", self.child.id());
        let sent = Command::new("kill").args(["-INT", "--", &group]).stderr(Stdio::null()).status();
        assert!(sent.is_ok(), "there is no `kill`");
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.interrupt();
            // It ends its own children first.
            let _ = self.child.wait();
        }
    }
}

#[test]
fn blocks_are_found_with_their_lines() {
    let text = "# A\n\n```sh\none\ntwo\n```\n```text\nno\n```\n```sh\n```\n";
    assert_eq!(blocks(text), [(4, "one\ntwo\n".to_owned()), (11, String::new())]);
}
