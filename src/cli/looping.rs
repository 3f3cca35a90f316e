//! What `run`, `test`, `generate` and `demo` share: which API to use, how to build, and showing what happens.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::context::Context;
use crate::cli::shell::Shell;
use crate::controlplane::Handle;
use crate::devloop::access::Target;
use crate::devloop::cargo::Cargo;
use crate::devloop::denial::Denial;
use crate::devloop::session::Stop;
use crate::devloop::{Event, Report};
use crate::plan::Tree;
use crate::project::Project;
use crate::scaffold::{self, ScaffoldError};

/// The flags that say which Kubernetes API is used.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Kubernetes API")]
pub(crate) struct TargetArgs {
    /// Use the cluster of this context of your kubeconfig, instead of the API server inside rop
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// Use the cluster of this kubeconfig, instead of the API server inside rop
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Use the cluster even if it does not look like one on this machine
    #[arg(long, short)]
    yes: bool,
}

impl TargetArgs {
    /// Returns the API that was asked for; the control plane inside rop is called after the project.
    pub(crate) fn target(&self, ctx: &Context, project: &Project) -> anyhow::Result<Target> {
        if self.context.is_none() && self.kubeconfig.is_none() {
            return Ok(Target::Embedded(Handle::builder().name(project.name.as_str())));
        }
        let kubeconfigs = match &self.kubeconfig {
            Some(file) => vec![ctx.resolve(file)?],
            None => default_kubeconfigs(ctx),
        };
        Ok(Target::Cluster { kubeconfigs, context: self.context.clone(), any: self.yes })
    }
}

/// KUBECONFIG is a list of files, like PATH; without it there is one file in the home directory.
fn default_kubeconfigs(ctx: &Context) -> Vec<PathBuf> {
    match ctx.env("KUBECONFIG") {
        Some(list) => std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => ctx.env("HOME").map(|home| Path::new(home).join(".kube/config")).into_iter().collect(),
    }
}

/// Reads the project that a command is about.
pub(crate) fn read_project(directory: &Path) -> anyhow::Result<Project> {
    let manifest = scaffold::read_manifest(&Tree::open(directory)?)?;
    Ok(manifest.ok_or_else(|| ScaffoldError::NoProject(directory.to_path_buf()))?.project)
}

/// Returns how cargo is called for a project.
pub(crate) fn cargo(ctx: &Context, project: PathBuf, release: bool) -> Cargo {
    Cargo { project, environment: ctx.environment().clone(), release, color: ctx.shell.colors_err() }
}

/// Returns the runtime of a command that waits for several things at once.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("failed to start the async runtime")
}

/// Resolves with the first Ctrl-C, or the first request to end from elsewhere.
pub(crate) fn stop_signal() -> anyhow::Result<Stop> {
    let failure = "failed to listen to signals";
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).context(failure)?;
        let mut terminate = signal(SignalKind::terminate()).context(failure)?;
        Ok(Box::pin(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }))
    }
    #[cfg(not(unix))]
    Ok(Box::pin(async move {
        // Without signals the process is ended from outside, which needs no help.
        let _ = tokio::signal::ctrl_c().await.context(failure);
    }))
}

/// Returns the arguments behind `--`.
pub(crate) fn trailing(arguments: Vec<String>) -> Vec<OsString> {
    arguments.into_iter().map(OsString::from).collect()
}

/// Returns a report that prints each event as it happens.
pub(crate) fn printer(shell: &Shell, project: &Project) -> Report {
    let controllers = project.resources().iter().filter(|resource| resource.controller);
    let controllers = controllers.map(|resource| (resource.kind.kebab(), resource.controller_file()));
    let printer = Printer {
        shell: shell.clone(),
        controllers: controllers.collect(),
        bar: Mutex::default(),
        denied: Mutex::default(),
    };
    let printer = Arc::new(printer);
    Arc::new(move |event| printer.show(event))
}

struct Printer {
    shell: Shell,
    /// The name and the file of each controller.
    controllers: Vec<(String, String)>,
    bar: Mutex<Option<ProgressBar>>,
    /// A refusal is explained once, however often the operator tries.
    denied: Mutex<BTreeSet<Denial>>,
}

impl Printer {
    fn show(&self, event: Event) {
        let shell = &self.shell;
        match event {
            Event::ControlPlaneReady { url, took } => {
                shell.status("Serving", format_args!("a Kubernetes API at {url} (ready in {} ms)", took.as_millis()));
            }
            Event::ClusterChosen { context, server } => {
                shell.status("Using", format_args!("context `{context}` ({server})"));
            }
            Event::KubeconfigWritten(path) => {
                shell.status("Wrote", format_args!("a kubeconfig: export KUBECONFIG={}", path.display()));
            }
            Event::Building(packages) => self.start_bar(packages),
            Event::Compiled { done, name } => self.advance_bar(done, name),
            Event::Built(took) => {
                self.clear_bar();
                shell.status("Built", format_args!("the operator in {:.1} s", took.as_secs_f64()));
            }
            Event::BuildFailed(diagnostics) => {
                self.clear_bar();
                shell.line(diagnostics.trim_end());
            }
            Event::Applied(what) => shell.status("Applied", what),
            Event::OperatorStarted { pid } => shell.status("Running", format_args!("the operator (process {pid})")),
            Event::Log(line) => shell.line(line),
            Event::Denied(denial) => self.explain(&denial),
            Event::OperatorEnded(code) => {
                let code = code.map_or("by a signal".to_owned(), |code| format!("with exit code {code}"));
                shell.warn(format_args!("the operator ended {code}; it is started again after the next save"));
            }
            Event::Failed(message) => shell.error(message),
            Event::Changed(path) => shell.status("Changed", path.display()),
            Event::Step(text) => shell.status("Done", text),
            Event::Stopping => shell.status("Stopping", "the operator and the control plane"),
        }
    }

    /// Says which rule to add where, in text that can be pasted.
    fn explain(&self, denial: &Denial) {
        if !self.denied.lock().unwrap_or_else(PoisonError::into_inner).insert(denial.clone()) {
            return;
        }
        let controllers = self.controllers.iter().map(|(name, file)| (name.as_str(), file.as_str()));
        let file = denial.file(controllers);
        let resource = match denial.group.as_str() {
            "" => denial.resource.clone(),
            group => format!("{}.{group}", denial.resource),
        };
        self.shell.warn(format_args!("the operator's role does not allow it to {} {resource}", denial.verb));
        self.shell.help(format_args!("add this to `rules()` in {file}:\n    {}", denial.rule()));
    }

    fn start_bar(&self, packages: u64) {
        if !self.shell.shows_progress() {
            self.shell.status("Building", "the operator");
            return;
        }
        let template = "{prefix:>12.green.bold} [{bar:30}] {pos}/{len} {wide_msg}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(packages), ProgressDrawTarget::stderr());
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix("Building");
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn advance_bar(&self, done: u64, name: String) {
        if let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            // A package may have several parts, so that there may be more steps than packages.
            bar.set_length(bar.length().unwrap_or_default().max(done));
            bar.set_position(done);
            bar.set_message(name);
        }
    }

    fn clear_bar(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

/// Returns the exit code of a child as that of rop; one that was ended by a signal has none.
pub(crate) fn exit_code(code: Option<i32>) -> ExitCode {
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
