//! How soon a watcher hears of a new object, at one client.

use std::time::Instant;

use tokio::sync::mpsc;

use crate::client::Ask;
use crate::cluster::Cluster;
use crate::process::milliseconds;
use crate::requests::{self, OBJECTS};
use crate::table::{Row, Table, percentile};
use crate::{Settings, block_on};

const WARM_UP: usize = 200;
const CREATES: usize = 2_000;

/// The latencies of one run, sorted, in milliseconds.
struct Latencies {
    empty: Vec<f64>,
    answer: Vec<f64>,
    event: Vec<f64>,
}

pub(crate) fn measure(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    for _ in 0..settings.runs {
        runs.push(block_on(once(settings))?);
    }
    let row = |name: &str, part: f64, of: fn(&Latencies) -> &Vec<f64>| {
        Row::new(name, "ms", runs.iter().map(|run| percentile(of(run), part)).collect())
    };
    let empty = row("GET /readyz to answer, p50", 0.5, |run| &run.empty);
    table.row(row("create to watch event, p50", 0.5, |run| &run.event).beside(&empty));
    table.row(row("create to watch event, p99", 0.99, |run| &run.event));
    table.row(row("create to answer, p50", 0.5, |run| &run.answer).beside(&empty));
    table.row(row("create to answer, p99", 0.99, |run| &run.answer));
    table.row(empty);
    table.note(format!("percentiles of {CREATES} creates a run, one at a time"));
    Ok(())
}

async fn once(settings: &Settings) -> anyhow::Result<Latencies> {
    let cluster = Cluster::with_kind(settings).await?;
    let mut client = cluster.client().await?;
    let mut watch = cluster.client().await?.watch(format!("{OBJECTS}?watch=true")).await?;
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        // Ends with the control plane.
        while watch.next().await.is_ok() && arrived.send(Instant::now()).is_ok() {}
    });
    let mut latencies = Latencies { empty: Vec::new(), answer: Vec::new(), event: Vec::new() };
    for nth in 0..WARM_UP + CREATES {
        let empty = Instant::now();
        client.send(Ask::get("/readyz")).await?;
        let empty = milliseconds(empty);
        let sent = Instant::now();
        client.send(requests::create(&format!("object-{nth}"))).await?;
        let answer = milliseconds(sent);
        let Some(arrival) = arrivals.recv().await else { anyhow::bail!("the watch has ended") };
        if nth >= WARM_UP {
            latencies.empty.push(empty);
            latencies.answer.push(answer);
            latencies.event.push(arrival.duration_since(sent).as_secs_f64() * 1e3);
        }
    }
    cluster.stop().await?;
    let Latencies { empty, answer, event } = &mut latencies;
    [empty, answer, event].into_iter().for_each(|samples| samples.sort_by(f64::total_cmp));
    Ok(latencies)
}
