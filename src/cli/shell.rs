//! The only writer to the terminal: status and problems on standard error, data on standard output.
//!
//! Lines look as cargo's do, since that is what the users of rop read all day: a green verb, right-aligned, then what it
//! is about. Everything is understandable without color. A write to standard error that fails is ignored (there is
//! nobody left to tell); a write of data that fails is an error, because the caller may count on the data.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::ValueEnum;

/// When to use colors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Also into a pipe or a file
    Always,
    /// Not at all
    Never,
}

/// How a piece of text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// A step that succeeded; an added line.
    Good,
    /// An error; a removed line.
    Bad,
    /// A warning.
    Warning,
    /// A hint, a heading of a diff.
    Note,
    /// Emphasis.
    Bold,
}

impl Style {
    fn start(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Good => "\x1b[1;32m",
            Style::Bad => "\x1b[1;31m",
            Style::Warning => "\x1b[1;33m",
            Style::Note => "\x1b[1;36m",
            Style::Bold => "\x1b[1m",
        }
    }
}

/// The terminal; clones write to the same one.
#[derive(Clone)]
pub struct Shell {
    out: Arc<Stream>,
    err: Arc<Stream>,
    color: ColorChoice,
    quiet: bool,
}

struct Stream {
    /// A std mutex: it is held for one write and never across an `.await`.
    writer: Mutex<Box<dyn Write + Send>>,
    is_terminal: bool,
    no_color: bool,
}

impl Stream {
    fn new(writer: impl Write + Send + 'static, is_terminal: bool, no_color: bool) -> Arc<Self> {
        Arc::new(Self { writer: Mutex::new(Box::new(writer)), is_terminal, no_color })
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn colored(&self, choice: ColorChoice) -> bool {
        match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => self.is_terminal && !self.no_color,
        }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut writer = self.lock();
        writer.write_all(text.as_bytes())?;
        writer.flush()
    }
}

impl fmt::Debug for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell").field("color", &self.color).field("quiet", &self.quiet).finish_non_exhaustive()
    }
}

impl Shell {
    /// Returns the terminal of this process.
    pub fn of_this_process(no_color: bool) -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let (out_is_terminal, err_is_terminal) = (out.is_terminal(), err.is_terminal());
        Self {
            out: Stream::new(out, out_is_terminal, no_color),
            err: Stream::new(err, err_is_terminal, no_color),
            color: ColorChoice::Auto,
            quiet: false,
        }
    }

    /// Returns a shell that writes data to `out` and everything else to `err`, neither of them a terminal.
    pub fn writing_to(out: impl Write + Send + 'static, err: impl Write + Send + 'static) -> Self {
        let (out, err) = (Stream::new(out, false, false), Stream::new(err, false, false));
        Self { out, err, color: ColorChoice::Auto, quiet: false }
    }

    /// Returns the same shell with the user's wishes.
    #[must_use]
    pub fn configured(&self, color: ColorChoice, quiet: bool) -> Self {
        Self { color, quiet, ..self.clone() }
    }

    /// Tells whether a progress bar may be drawn: on a terminal, and not when asked to be quiet.
    pub fn shows_progress(&self) -> bool {
        self.err.is_terminal && !self.quiet
    }

    /// Tells whether standard output shows colors.
    pub fn colors_out(&self) -> bool {
        self.out.colored(self.color)
    }

    /// Tells whether standard error shows colors.
    pub fn colors_err(&self) -> bool {
        self.err.colored(self.color)
    }

    /// Says what was done: a verb and its object, as in `Created src/main.rs`.
    pub fn status(&self, verb: &str, object: impl Display) {
        self.status_styled(Style::Good, verb, object);
    }

    /// Says what was done in another color, for steps that deserve a second look.
    pub fn status_styled(&self, style: Style, verb: &str, object: impl Display) {
        if !self.quiet {
            self.to_err(&format!("{} {object}\n", self.paint_err(style, &format!("{verb:>12}"))));
        }
    }

    /// Says something of note that is no step.
    pub fn note(&self, message: impl Display) {
        if !self.quiet {
            self.labelled(Style::Note, "note", &message);
        }
    }

    /// Says what the user may do next.
    pub fn help(&self, message: impl Display) {
        self.labelled(Style::Note, "help", &message);
    }

    /// Warns of something that may be wrong; also when asked to be quiet.
    pub fn warn(&self, message: impl Display) {
        self.labelled(Style::Warning, "warning", &message);
    }

    /// Reports an error; also when asked to be quiet.
    pub fn error(&self, message: impl Display) {
        self.labelled(Style::Bad, "error", &message);
    }

    /// Continues an error with one of its causes.
    pub fn cause(&self, message: impl Display) {
        self.labelled(Style::Plain, "  caused by", &message);
    }

    /// Writes a line as it is to standard error, such as the log of an operator.
    pub fn line(&self, text: impl Display) {
        self.to_err(&format!("{text}\n"));
    }

    /// Writes data to standard output as it is.
    pub fn data(&self, text: impl Display) -> io::Result<()> {
        self.out.write(&text.to_string())
    }

    /// Writes a JSON document to standard output, indented, with a final newline.
    pub fn json(&self, value: &serde_json::Value) -> io::Result<()> {
        self.out.write(&format!("{value:#}\n"))
    }

    /// Returns `text` in a style for standard output; plain where that shows no colors.
    pub fn paint(&self, style: Style, text: &str) -> String {
        paint(self.colors_out(), style, text)
    }

    /// Returns `text` in a style for standard error; plain where that shows no colors.
    pub fn paint_err(&self, style: Style, text: &str) -> String {
        paint(self.colors_err(), style, text)
    }

    fn labelled(&self, style: Style, label: &str, message: &dyn Display) {
        self.to_err(&format!("{}: {message}\n", self.paint_err(style, label)));
    }

    fn to_err(&self, text: &str) {
        // Nobody is left to be told that the place for telling is gone.
        self.err.write(text).ok();
    }
}

fn paint(colored: bool, style: Style, text: &str) -> String {
    if !colored || style == Style::Plain { text.to_owned() } else { format!("{}{text}\x1b[0m", style.start()) }
}

/// A shell whose output a test can read.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// What was written so far.
    #[derive(Clone, Default)]
    pub(crate) struct Transcript(Arc<Mutex<Vec<u8>>>);

    impl Transcript {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no writer panicked").clone()).expect("text")
        }
    }

    impl Write for Transcript {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panicked").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns a shell and the transcript of both its streams.
    pub(crate) fn shell() -> (Shell, Transcript) {
        let transcript = Transcript::default();
        (Shell::writing_to(transcript.clone(), transcript.clone()), transcript)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_has_its_verb_right_aligned() {
        let (shell, transcript) = testing::shell();
        shell.status("Created", "src/main.rs");
        assert_eq!(transcript.text(), "     Created src/main.rs\n");
    }

    #[test]
    fn quiet_leaves_data_errors_and_warnings() {
        let (shell, transcript) = testing::shell();
        let shell = shell.configured(ColorChoice::Auto, true);
        shell.status("Created", "src/main.rs");
        shell.note("nothing to do");
        shell.warn("look out");
        shell.error("it broke");
        shell.data("data\n").expect("written");
        assert_eq!(transcript.text(), "warning: look out\nerror: it broke\ndata\n");
    }

    #[test]
    fn color_is_used_into_a_pipe_only_when_asked_for() {
        let (shell, _) = testing::shell();
        assert_eq!(shell.paint(Style::Good, "x"), "x");
        assert_eq!(shell.configured(ColorChoice::Always, false).paint(Style::Good, "x"), "\x1b[1;32mx\x1b[0m");
    }
}
