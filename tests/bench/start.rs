//! From nothing to the first event of the first object: what every `rop run` and `rop test` waits for.

use crate::cluster::Cluster;
use crate::requests::{self, OBJECTS, custom_resource_definition, established};
use crate::table::{Row, Table};
use crate::{Settings, block_on};

/// A start is so short that more runs are needed than elsewhere.
const RUNS: usize = 4;

/// How long after its start the control plane has done what.
#[derive(Default)]
struct Milestones {
    ready: Vec<f64>,
    established: Vec<f64>,
    stored: Vec<f64>,
    event: Vec<f64>,
    resident: Vec<f64>,
}

pub(crate) fn measure(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    let mut milestones = Milestones::default();
    for _ in 0..settings.runs * RUNS {
        block_on(once(settings, &mut milestones))?;
    }
    let Milestones { ready, established, stored, event, resident } = milestones;
    table.row(Row::new("process start to ready", "ms", ready));
    table.row(Row::new("… to CRD established", "ms", established));
    table.row(Row::new("… to first object stored", "ms", stored));
    table.row(Row::new("… to its watch event", "ms", event));
    table.row(Row::new("memory at that point", "MB", resident));
    Ok(())
}

async fn once(settings: &Settings, milestones: &mut Milestones) -> anyhow::Result<()> {
    let definition = custom_resource_definition()?;
    let cluster = Cluster::start(settings).await?;
    milestones.ready.push(cluster.ready);
    let mut client = cluster.client().await?;
    let mut definitions = cluster.client().await?.watch(requests::watch_definitions()).await?;
    client.send(requests::define(&definition)).await?;
    established(&mut definitions, &definition).await?;
    milestones.established.push(cluster.age());
    let mut objects = cluster.client().await?.watch(format!("{OBJECTS}?watch=true")).await?;
    client.send(requests::create("first")).await?;
    milestones.stored.push(cluster.age());
    objects.next().await?;
    milestones.event.push(cluster.age());
    milestones.resident.extend(cluster.resident());
    cluster.stop().await
}
