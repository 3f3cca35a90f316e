//! A loop from start to end: opens an API, builds, installs, runs, rebuilds, and cleans up.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitStatus;

use super::access::{self, Access, Target};
use super::cargo::Cargo;
use super::install::{self, Identity};
use super::manifests::Manifests;
use super::operator::{Launch, Operator};
use super::watch::Sources;
use super::{Event, Failure, Report, kubeconfig};

/// The folder below a project for everything that must not be committed.
const FOLDER: &str = ".rop";

/// What a loop is to be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// The API to use.
    pub target: Target,
    /// How to build.
    pub cargo: Cargo,
    /// Who the operator is.
    pub identity: Identity,
    /// Whether the operator watches its own namespace only.
    pub namespaced: bool,
    /// Whether the samples are applied.
    pub samples: bool,
    /// Whether to rebuild and restart when a source file is saved.
    pub watch: bool,
    /// Arguments of the operator.
    pub arguments: Vec<OsString>,
}

/// A loop that is open.
pub struct Session {
    /// The API that it uses.
    pub access: Access,
    options: Options,
    report: Report,
    operator: Option<Operator>,
    /// The kubeconfigs of this session.
    written: Vec<PathBuf>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Ends a loop when it resolves.
pub type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Session {
    /// Opens the API.
    ///
    /// # Errors
    /// As [`Access::open`].
    pub async fn open(options: Options, report: Report) -> Result<Self, Failure> {
        let access = Access::open(options.target.clone(), &report).await?;
        Ok(Self { access, options, report, operator: None, written: Vec::new() })
    }

    /// Runs the operator until `stop` resolves or the operator ends; returns the exit code in the latter case.
    ///
    /// # Errors
    /// When it does not compile, cannot be installed, or cannot be run. With `watch`, only when it never could.
    pub async fn run(mut self, mut stop: Stop) -> Result<Option<i32>, Failure> {
        let result = self.run_until(&mut stop).await;
        (self.report)(Event::Stopping);
        self.close().await;
        result
    }

    async fn run_until(&mut self, stop: &mut Stop) -> Result<Option<i32>, Failure> {
        let project = &self.options.cargo.project;
        let mut sources = if self.options.watch { Some(Sources::watch(project)?) } else { None };
        loop {
            let started = tokio::select! {
                started = self.start_operator() => started,
                () = &mut *stop => return Ok(None),
            };
            if let Err(failure) = started {
                if sources.is_none() {
                    return Err(failure);
                }
                (self.report)(Event::Failed(failure.to_string()));
            }
            match self.next(&mut sources, stop).await {
                Next::Rebuild(path) => (self.report)(Event::Changed(path)),
                Next::End(code) => return Ok(code),
            }
        }
    }

    /// Waits for what ends the operator that runs, or replaces it.
    async fn next(&mut self, sources: &mut Option<Sources>, stop: &mut Stop) -> Next {
        loop {
            let code = tokio::select! {
                () = &mut *stop => return Next::End(None),
                path = saved(sources) => return Next::Rebuild(path),
                code = ended(&mut self.operator) => code,
            };
            self.operator = None;
            (self.report)(Event::OperatorEnded(code));
            if sources.is_none() {
                return Next::End(Some(code.unwrap_or(1)));
            }
        }
    }

    /// Builds, installs and starts the operator. The one that runs is stopped only when the new one is ready to start.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn start_operator(&mut self) -> Result<(), Failure> {
        let binary = self.install("kubeconfig").await?;
        let launch = self.launch(binary);
        if let Some(old) = self.operator.take() {
            old.stop().await;
        }
        self.operator = Some(Operator::start(&launch, &self.report)?);
        if std::mem::take(&mut self.options.samples) {
            self.apply_samples().await?;
        }
        Ok(())
    }

    /// Builds the operator, installs what it needs, and writes a kubeconfig. Returns its binary.
    async fn install(&mut self, kubeconfig: &str) -> Result<PathBuf, Failure> {
        let Options { cargo, identity, .. } = &self.options;
        let does_not_compile = || Failure::new("the operator does not compile");
        let binary = cargo.build(&self.report).await?.ok_or_else(does_not_compile)?;
        let manifests = Manifests::of(&binary, &cargo.project).await?;
        install::crds(&self.access.client, &manifests.crds, &self.report).await?;
        install::identity(&self.access.client, identity, &manifests.role).await?;
        let config = self.access.kubeconfig_for(&identity.namespace, &identity.service_account()).await?;
        let (path, operators) = (self.path(kubeconfig), self.path(&format!("operator.{kubeconfig}")));
        self.written = vec![path.clone(), operators.clone()];
        access::save(&config, &path)?;
        access::save(&access::as_operator(config), &operators)?;
        (self.report)(Event::KubeconfigWritten(path));
        Ok(binary)
    }

    fn launch(&self, binary: PathBuf) -> Launch {
        let Options { cargo, arguments, identity, namespaced, .. } = &self.options;
        let mut environment: BTreeMap<_, _> = cargo.environment.clone();
        let kubeconfig = self.path("operator.kubeconfig").into_os_string();
        environment.insert("KUBECONFIG".into(), kubeconfig);
        // A free port: another operator may run on this machine.
        environment.entry("HEALTH_PROBE_BIND_ADDRESS".into()).or_insert_with(|| "127.0.0.1:0".into());
        if !cargo.color {
            environment.insert("NO_COLOR".into(), "1".into());
        }
        if *namespaced {
            environment.insert("WATCH_NAMESPACE".into(), identity.namespace.clone().into());
        }
        Launch { binary, directory: cargo.project.clone(), arguments: arguments.clone(), environment }
    }

    /// Applies the samples of the project.
    ///
    /// # Errors
    /// As [`install::samples`].
    pub async fn apply_samples(&self) -> Result<(), Failure> {
        install::samples(&self.access.client, &self.options.cargo.project, self.user_namespace(), &self.report).await
    }

    /// Returns the namespace for objects that name none: one that the operator watches.
    pub fn user_namespace(&self) -> &str {
        if self.options.namespaced { &self.options.identity.namespace } else { "default" }
    }

    /// Runs all tests of the project, those that need an API included, and returns how cargo ended; `None` when `stop`
    /// resolved first.
    ///
    /// # Errors
    /// When the operator does not compile or cannot be installed.
    pub async fn test(mut self, arguments: &[OsString], stop: Stop) -> Result<Option<ExitStatus>, Failure> {
        let result = tokio::select! {
            result = self.run_tests(arguments) => result.map(Some),
            () = stop => Ok(None),
        };
        self.close().await;
        result
    }

    async fn run_tests(&mut self, arguments: &[OsString]) -> Result<ExitStatus, Failure> {
        self.install("test.kubeconfig").await?;
        self.options.cargo.test(arguments, &self.path("test.kubeconfig")).await
    }

    /// Stops the operator and the control plane, and removes the kubeconfigs that lead nowhere then.
    pub async fn close(mut self) {
        if let Some(operator) = self.operator.take() {
            operator.stop().await;
        }
        if self.access.control_plane().is_some() {
            self.written.iter().for_each(|path| kubeconfig::remove(path));
        }
        self.access.close().await;
    }

    fn path(&self, name: &str) -> PathBuf {
        self.options.cargo.project.join(FOLDER).join(name)
    }
}

/// What ends the wait for an operator that runs.
enum Next {
    Rebuild(PathBuf),
    End(Option<i32>),
}

async fn saved(sources: &mut Option<Sources>) -> PathBuf {
    match sources {
        Some(sources) => sources.saved().await,
        None => std::future::pending().await,
    }
}

async fn ended(operator: &mut Option<Operator>) -> Option<i32> {
    match operator {
        Some(operator) => operator.ended().await,
        None => std::future::pending().await,
    }
}
