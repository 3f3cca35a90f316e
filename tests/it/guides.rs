//! The guides in `docs/guide`, executed: every `sh` block, from top to bottom, in one sandbox.
//!
//! A block goes on where the one before ended: in the same directory, with the same variables. A block that begins with
//! `# in a terminal of its own; ready when it says: TEXT` runs in the background until `# Ctrl-C in that terminal` or the end
//! of the guide. Blocks that use kubectl are skipped where there is none, except with `CI=true`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::running::Running;
use crate::sandbox::Sandbox;
use crate::workshop::{Workshop, environment};

const OWN_TERMINAL: &str = "# in a terminal of its own; ready when it says: ";
const CTRL_C: &str = "# Ctrl-C in that terminal";

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
    background: Option<Running>,
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
            let background = self.background.take().expect("something runs in the background");
            // The shell around the command may be ended by the signal; the command itself ends in peace.
            assert!(matches!(background.interrupt(), Some(0) | None), "{place}: it did not end in peace");
        }
        if block.contains("kubectl") && !has_kubectl() {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{place} wants kubectl");
            eprintln!("{place}: skipped, there is no kubectl");
            return;
        }
        match block.lines().next().and_then(|first| first.strip_prefix(OWN_TERMINAL)) {
            Some(ready) => {
                assert!(self.background.is_none(), "{place}: there is a terminal of its own already");
                let mut background = Running::spawn(&mut self.shell(block, false));
                background.says(ready);
                self.background = Some(background);
            }
            None => self.run(block, &place),
        }
    }

    #[track_caller]
    fn run(&mut self, block: &str, place: &str) {
        let output = self.shell(block, true).output().expect("there is a shell");
        if !output.status.success() {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let beside = self.background.as_mut().map(Running::said).unwrap_or_default();
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

#[test]
fn blocks_are_found_with_their_lines() {
    let text = "# A\n\n```sh\none\ntwo\n```\n```text\nno\n```\n```sh\n```\n";
    assert_eq!(blocks(text), [(4, "one\ntwo\n".to_owned()), (11, String::new())]);
}
