//! `rop cluster start` in a process of its own, as users start it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::Settings;
use crate::client::{Client, Endpoint};
use crate::process::{milliseconds, resident};
use crate::requests::{self, custom_resource_definition};

/// A control plane. Dropping it kills it.
pub(crate) struct Cluster {
    child: Child,
    directory: tempfile::TempDir,
    /// What it says must be taken from it, or it would be told that nobody listens.
    _log: Lines<BufReader<ChildStderr>>,
    /// How to reach it.
    pub(crate) endpoint: Endpoint,
    /// When its process was started.
    pub(crate) started: Instant,
    /// How long it took until it was ready, in milliseconds.
    pub(crate) ready: f64,
}

impl Cluster {
    /// Starts one and waits until it says that it is ready.
    pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("failed to make a temporary directory")?;
        let kubeconfig = directory.path().join("kubeconfig");
        let mut command = Command::new(&settings.rop);
        command.args(["cluster", "start", "--kubeconfig"]).arg(&kubeconfig).current_dir(directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("failed to run `{}`", settings.rop.display()))?;
        let stderr = child.stderr.take().context("the control plane has no standard error")?;
        let mut log = BufReader::new(stderr).lines();
        loop {
            let line = log.next_line().await?.context("the control plane did not start")?;
            if line.contains("Ready") {
                break;
            }
        }
        let ready = milliseconds(started);
        let endpoint = Endpoint::from_kubeconfig(&kubeconfig)?;
        Ok(Self { child, directory, _log: log, endpoint, started, ready })
    }

    /// Starts one that serves the kind of which objects are made.
    pub(crate) async fn with_kind(settings: &Settings) -> anyhow::Result<Self> {
        Self::with_kinds(settings, &[custom_resource_definition()?]).await
    }

    /// Starts one that serves some kinds.
    pub(crate) async fn with_kinds(settings: &Settings, definitions: &[Value]) -> anyhow::Result<Self> {
        let cluster = Self::start(settings).await?;
        let mut client = cluster.client().await?;
        let mut watch = cluster.client().await?.watch(requests::watch_definitions()).await?;
        for definition in definitions {
            client.send(requests::define(definition)).await?;
            requests::established(&mut watch, definition).await?;
        }
        Ok(cluster)
    }

    /// Returns a new client.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        Client::connect(&self.endpoint).await
    }

    /// Returns the file with the administrator's credentials.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }

    /// Returns the memory that it holds at this moment, in MB.
    pub(crate) fn resident(&self) -> Option<f64> {
        resident(self.child.id()?)
    }

    /// Returns the time since its process was started, in milliseconds.
    pub(crate) fn age(&self) -> f64 {
        milliseconds(self.started)
    }

    /// Kills it and waits for its end, so that it does not disturb what is measured next.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("failed to end the control plane")
    }
}
