//! How errors are told and what exit code they give.
//!
//! `error: …` says what and which, `caused by: …` why, `help: …` what to do next. Blame decides the exit code: 1 when the
//! user can mend it, 2 when the command line was not understood, 101 when rop itself is wrong. A reader that went away
//! (a broken pipe) is no error. Commands return `anyhow::Error`; what helps is found in its chain.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::cli::shell::Shell;
use crate::devloop::Failure;
use crate::plan::PlanError;
use crate::project::names::NameError;
use crate::scaffold::ScaffoldError;

/// The exit code for mistakes of rop itself, which is also that of a panic.
const INTERNAL: u8 = 101;

/// An error that the user can mend, and how.
#[derive(Debug)]
pub struct UserError {
    message: Cow<'static, str>,
    help: Vec<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl UserError {
    /// Returns an error without a remedy; add one with [`help`](Self::help).
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), help: Vec::new(), source: None }
    }

    /// Adds a remedy, best a command that can be pasted.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for UserError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// A mistake of rop itself: something that no input may cause.
#[derive(Debug)]
pub struct InternalError(pub String);

impl fmt::Display for InternalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for InternalError {}

/// Reports a command that failed and returns the exit code.
pub fn failure(shell: &Shell, error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    shell.error(error);
    for cause in error.chain().skip(1) {
        shell.cause(cause);
    }
    let internal = error.chain().any(is_internal);
    for help in error.chain().flat_map(remedies) {
        shell.help(help);
    }
    if internal {
        shell.help(PLEASE_REPORT);
        return ExitCode::from(INTERNAL);
    }
    ExitCode::FAILURE
}

const PLEASE_REPORT: &str = "this is a mistake of rop, not yours; please report it with the command that you ran";

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(is)
}

/// Every error type below `cli` that knows a remedy has a line here.
fn remedies(cause: &(dyn Error + 'static)) -> Vec<String> {
    if let Some(error) = cause.downcast_ref::<UserError>() {
        return error.help.clone();
    }
    let help = (cause.downcast_ref::<NameError>().and_then(NameError::help))
        .or_else(|| cause.downcast_ref::<ScaffoldError>().and_then(ScaffoldError::help))
        .or_else(|| cause.downcast_ref::<PlanError>().and_then(PlanError::help))
        .or_else(|| cause.downcast_ref::<Failure>().and_then(Failure::remedy).map(str::to_owned));
    help.into_iter().collect()
}

fn is_internal(cause: &(dyn Error + 'static)) -> bool {
    cause.is::<InternalError>() || cause.downcast_ref::<ScaffoldError>().is_some_and(ScaffoldError::is_internal)
}

/// Reports a command line that was not understood, or prints the help that was asked for.
pub fn command_line(shell: &Shell, error: &clap::Error) -> ExitCode {
    let text = error.render();
    if error.use_stderr() {
        let text = if shell.colors_err() { text.ansi().to_string() } else { text.to_string() };
        shell.line(text.trim_end());
        return ExitCode::from(2);
    }
    let text = if shell.colors_out() { text.ansi().to_string() } else { text.to_string() };
    match shell.data(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

/// Makes a panic anywhere say that it is a mistake of rop; the process then ends with 101.
pub fn report_panics_to(shell: Shell) {
    std::panic::set_hook(Box::new(move |panic| {
        shell.error(format_args!("rop panicked: {panic}"));
        shell.help(PLEASE_REPORT);
    }));
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;
    use crate::cli::shell::testing;

    #[track_caller]
    fn check(error: anyhow::Error, code: ExitCode, expected: &str) {
        let (shell, transcript) = testing::shell();
        let actual = failure(&shell, &error);
        assert_eq!(transcript.text(), expected);
        assert_eq!(format!("{actual:?}"), format!("{code:?}"));
    }

    #[test]
    fn an_error_says_what_why_and_what_next() {
        let root = UserError::new("no PROJECT file in `x`").help("run `rop init`");
        let error = Err::<(), _>(root).context("failed to read the project").expect_err("an error");
        let text = "error: failed to read the project\n  caused by: no PROJECT file in `x`\nhelp: run `rop init`\n";
        check(error, ExitCode::FAILURE, text);
    }

    #[test]
    fn a_broken_pipe_is_silence() {
        let error = anyhow::Error::new(io::Error::from(io::ErrorKind::BrokenPipe)).context("failed to print");
        check(error, ExitCode::SUCCESS, "");
    }

    #[test]
    fn a_mistake_of_rop_asks_for_a_report() {
        let text = format!("error: a template is broken\nhelp: {PLEASE_REPORT}\n");
        check(InternalError("a template is broken".into()).into(), ExitCode::from(INTERNAL), &text);
    }
}
