//! A place to run rop in that knows nothing of the machine, and what came of a run.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::tree::Tree;

/// An empty home directory, and the runs of rop in it.
pub(crate) struct Sandbox {
    home: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary directory") }
    }

    /// Returns a sandbox with the project `shop` in the folder of that name.
    pub(crate) fn with_shop() -> Self {
        let sandbox = Self::new();
        sandbox.rop("init shop --domain example.com").succeeds();
        sandbox
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Runs `rop` with words separated by blanks; a word in single quotes may hold some.
    #[must_use = "either compare the output with a snapshot or check the exit code"]
    pub(crate) fn rop(&self, line: &str) -> Output {
        self.rop_in("", line)
    }

    /// Does the same in a folder of the sandbox.
    #[must_use = "either compare the output with a snapshot or check the exit code"]
    pub(crate) fn rop_in(&self, folder: &str, line: &str) -> Output {
        self.run(folder, &words(line))
    }

    #[must_use = "either compare the output with a snapshot or check the exit code"]
    pub(crate) fn run(&self, folder: &str, arguments: &[String]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rop"));
        command.args(arguments).current_dir(self.path(folder)).env_clear().env("HOME", self.home.path());
        let output = command.stdin(Stdio::null()).output().expect("rop was started");
        let root = self.home.path().to_string_lossy().into_owned();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").replace(&root, "[HOME]");
        Output { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Returns all files in a folder.
    pub(crate) fn tree(&self, folder: &str) -> Tree {
        Tree::read(&self.path(folder))
    }

    #[expect(clippy::disallowed_methods, reason = "tests prepare what rop finds")]
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a path in the sandbox")).expect("created");
        fs::write(path, content).expect("written");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect(path)
    }

    /// Changes a file as a user would.
    pub(crate) fn edit(&self, path: &str, edit: impl FnOnce(String) -> String) {
        let text = edit(self.read(path));
        self.write(path, text);
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }
}

fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (Vec::new(), false);
    let mut word: Option<String> = None;
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// What a person would see.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Output {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.out)?;
        if !self.err.is_empty() {
            write!(f, "[stderr]\n{}", self.err)?;
        }
        match self.code {
            Some(0) => Ok(()),
            Some(code) => writeln!(f, "[exit code {code}]"),
            None => writeln!(f, "[killed]"),
        }
    }
}
