//! The operator that rop scaffolds: what it holds, what it writes, and how fast it looks at its objects.
//!
//! Its writes are counted by the control plane (`apiserver_request_total` at `/metrics`), not by the operator. It runs
//! as the administrator, who is asked for no permissions.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::client::{Ask, Client};
use crate::cluster::Cluster;
use crate::load::Load;
use crate::process::resident;
use crate::requests::{self, OBJECTS, has_condition};
use crate::table::{Row, Table};
use crate::{Settings, block_on, target_directory};

/// The kind whose objects it is given, as `rop create api --kind MyApp` scaffolds it.
const KIND: &str = "myapps.example.com";
/// How many objects it is given, by so many clients.
const LOAD: Load = Load { clients: 4, each: 50 };
/// How long nothing must be asked until the cluster counts as steady.
const QUIET: Duration = Duration::from_secs(2);
/// How long everything may take at most.
const PATIENCE: Duration = Duration::from_secs(120);

/// Requests that write, by verb and resource.
type Writes = BTreeMap<String, u64>;

/// What came of one run.
struct Outcome {
    idle: Option<f64>,
    full: Option<f64>,
    until_steady: f64,
    new: Writes,
    again: Writes,
    reconciles_per_second: f64,
}

pub(crate) fn measure(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    if settings.build_operator {
        build()?;
    }
    let Some((profile, binary)) = built() else {
        table.note(format!("skipped: no operator in `{}`; `--operator` builds it", operators().display()));
        return Ok(());
    };
    let kinds = definitions(&binary)?;
    let names: Vec<&str> = kinds.iter().filter_map(|kind| kind["metadata"]["name"].as_str()).collect();
    if !names.contains(&KIND) {
        table.note(format!("skipped: `{}` serves no `{KIND}`; `--operator` builds one that does", binary.display()));
        return Ok(());
    }
    let outcomes =
        (0..settings.runs).map(|_| block_on(once(settings, &binary, &kinds))).collect::<anyhow::Result<Vec<_>>>()?;
    let objects = (LOAD.clients * LOAD.each) as f64;
    let row = |name: &str, unit, of: &dyn Fn(&Outcome) -> Option<f64>| {
        Row::new(name, unit, outcomes.iter().filter_map(of).collect())
    };
    let per_object = |writes: &Writes| Some(writes.values().sum::<u64>() as f64 / objects);
    let idle = row("memory, idle", "MB", &|run| run.idle);
    table.row(row("memory, with 200 objects", "MB", &|run| run.full).beside(&idle));
    table.row(idle);
    table.row(row("writes per new object", "requests", &|run| per_object(&run.new)));
    table.row(row("writes per object, restarted", "requests", &|run| per_object(&run.again)));
    table.row(row("200 objects until all steady", "s", &|run| Some(run.until_steady)));
    table.row(row("reconciles, restarted", "/s", &|run| Some(run.reconciles_per_second)));
    table.note(format!("a {profile} build of an operator for {}", names.join(" and ")));
    if let Some(run) = outcomes.first() {
        let writes = run.new.iter().map(|(what, count)| format!("{what} {}", *count as f64 / objects));
        table.note(format!("per new object: {}", writes.collect::<Vec<_>>().join(", ")));
    }
    Ok(())
}

/// Returns where operators are built.
fn operators() -> PathBuf {
    target_directory().join("operators")
}

/// Returns the operator's binary, the faster one if there are two, and how it was built.
fn built() -> Option<(&'static str, PathBuf)> {
    let binary = |profile: &str| operators().join(profile).join("shop").with_extension(std::env::consts::EXE_EXTENSION);
    ["release", "debug"].map(|profile| (profile, binary(profile))).into_iter().find(|(_, binary)| binary.is_file())
}

fn build() -> anyhow::Result<()> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/default/Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command.args(["build", "--release", "--locked", "--manifest-path"]).arg(manifest);
    command.arg("--target-dir").arg(operators());
    anyhow::ensure!(command.status().context("failed to run cargo")?.success(), "the operator cannot be built");
    Ok(())
}

/// Returns the CustomResourceDefinitions that an operator brings along.
fn definitions(binary: &Path) -> anyhow::Result<Vec<Value>> {
    let output = std::process::Command::new(binary).arg("manifests").output();
    let output = output.with_context(|| format!("failed to run `{}`", binary.display()))?;
    let list: Value = serde_json::from_slice(&output.stdout).context("the operator prints no manifests")?;
    let items = list["items"].as_array().into_iter().flatten();
    Ok(items.filter(|item| item["kind"] == "CustomResourceDefinition").cloned().collect())
}

async fn once(settings: &Settings, binary: &Path, kinds: &[Value]) -> anyhow::Result<Outcome> {
    let cluster = Cluster::with_kinds(settings, kinds).await?;
    let mut client = cluster.client().await?;
    let operator = Operator::start(binary, &cluster).await?;
    tokio::time::sleep(QUIET).await;
    let idle = operator.resident();

    let before = writes(&mut client).await?;
    let started = Instant::now();
    LOAD.per_second(&cluster.endpoint, |client, nth| requests::create(&format!("object-{client}-{nth}"))).await?;
    until("all objects are ready", async || all_ready(&mut client).await).await?;
    let until_steady = started.elapsed().as_secs_f64();
    settled(&mut client).await?;
    let mut new = difference(&before, &writes(&mut client).await?);
    // These are ours.
    if let Some(count) = new.get_mut("POST myapps") {
        *count -= (LOAD.clients * LOAD.each) as u64;
    }
    new.retain(|_, count| *count > 0);
    let full = operator.resident();
    operator.stop().await?;

    let before = writes(&mut client).await?;
    let operator = Operator::start(binary, &cluster).await?;
    let reconciles_per_second = operator.reconciles_per_second().await?;
    settled(&mut client).await?;
    let again = difference(&before, &writes(&mut client).await?);
    operator.stop().await?;
    cluster.stop().await?;
    Ok(Outcome { idle, full, until_steady, new, again, reconciles_per_second })
}

/// An operator that runs. Dropping it kills it.
struct Operator {
    child: Child,
    health: SocketAddr,
    metrics: SocketAddr,
}

impl Operator {
    /// Starts it and waits until it is ready.
    async fn start(binary: &Path, cluster: &Cluster) -> anyhow::Result<Self> {
        let (health, metrics) = (free_address()?, free_address()?);
        let mut command = Command::new(binary);
        command.env("KUBECONFIG", cluster.kubeconfig()).env("RUST_LOG", "error");
        command.env("HEALTH_PROBE_BIND_ADDRESS", health.to_string()).env("METRICS_BIND_ADDRESS", metrics.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("failed to run `{}`", binary.display()))?;
        let operator = Self { child, health, metrics };
        until("the operator serves its metrics", async || Ok(operator.reconciles().await.is_ok())).await?;
        Ok(operator)
    }

    fn resident(&self) -> Option<f64> {
        resident(self.child.id()?)
    }

    /// Returns how often it has reconciled.
    async fn reconciles(&self) -> anyhow::Result<u64> {
        let text = Client::connect_plain(self.metrics).await?.send(Ask::get("/metrics")).await?;
        let text = String::from_utf8_lossy(&text);
        Ok(counters(&text, "controller_runtime_reconcile_total").map(|(_, count)| count).sum())
    }

    /// Returns how often it reconciles in a second, from the first that it begins with to the last.
    async fn reconciles_per_second(&self) -> anyhow::Result<f64> {
        let mut first = None;
        let objects = (LOAD.clients * LOAD.each) as u64;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let (count, now) = (self.reconciles().await?, Instant::now());
            match first {
                None if count > 0 => first = Some((count, now)),
                Some((seen, since)) if count >= objects && count > seen => {
                    return Ok((count - seen) as f64 / now.duration_since(since).as_secs_f64());
                }
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        anyhow::bail!("the operator did not look at all objects in {} s", PATIENCE.as_secs())
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        until("the operator is ready", async || {
            let (status, _) = Client::connect_plain(self.health).await?.try_send(Ask::get("/readyz")).await?;
            Ok(status.is_success())
        })
        .await?;
        self.child.kill().await.context("failed to end the operator")
    }
}

/// Returns an address that nobody listens on at this moment.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits until something is so.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await? {
        anyhow::ensure!(Instant::now() < deadline, "waited {} s in vain until {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn all_ready(client: &mut Client) -> anyhow::Result<bool> {
    let list: Value = serde_json::from_slice(&client.send(Ask::get(OBJECTS)).await?)?;
    Ok(list["items"].as_array().is_some_and(|items| items.iter().all(|item| has_condition(item, "Ready"))))
}

/// Waits until nobody has written for a while.
async fn settled(client: &mut Client) -> anyhow::Result<()> {
    let mut last = (writes(client).await?, Instant::now());
    let deadline = Instant::now() + PATIENCE;
    while last.1.elapsed() < QUIET {
        anyhow::ensure!(Instant::now() < deadline, "the operator does not stop writing");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = writes(client).await?;
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    Ok(())
}

/// Returns the writes that the control plane has counted.
async fn writes(client: &mut Client) -> anyhow::Result<Writes> {
    let text = client.send(Ask::get("/metrics")).await?;
    let mut writes = Writes::new();
    for (labels, count) in counters(&String::from_utf8_lossy(&text), "apiserver_request_total") {
        let label = |name: &str| labels.get(name).map_or("", String::as_str);
        if matches!(label("verb"), "GET" | "LIST" | "WATCH") {
            continue;
        }
        let resource = [label("resource"), label("subresource")].join("/");
        *writes.entry(format!("{} {}", label("verb"), resource.trim_end_matches('/'))).or_default() += count;
    }
    Ok(writes)
}

fn difference(before: &Writes, after: &Writes) -> Writes {
    let since = |what: &String, count: u64| count - before.get(what).copied().unwrap_or_default();
    after.iter().map(|(what, count)| (what.clone(), since(what, *count))).filter(|(_, count)| *count > 0).collect()
}

/// Returns the counters of a name in the text format of Prometheus, with their labels.
fn counters<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (BTreeMap<String, String>, u64)> + 'a {
    text.lines().filter_map(move |line| {
        let (labels, count) = line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once("} ")?;
        let pairs = labels.split(',').filter_map(|label| label.split_once('='));
        let labels = pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()));
        Some((labels.collect(), count.parse().ok()?))
    })
}
