//! The memory of the control plane, idle and full.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::load::Load;
use crate::table::{Row, Table};
use crate::{Settings, block_on, requests};

const OBJECTS: usize = 10_000;
const CLIENTS: usize = 16;

pub(crate) fn measure(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    let (mut idle, mut full, mut each) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.runs {
        let (before, after) = block_on(once(settings))?;
        if let (Some(before), Some(after)) = (before, after) {
            idle.push(before);
            full.push(after);
            each.push((after - before) * 1e3 / OBJECTS as f64);
        }
    }
    if idle.is_empty() {
        table.note("not measured: this system does not tell what memory another process holds");
        return Ok(());
    }
    let idle = Row::new("idle, with one CRD", "MB", idle);
    table.row(Row::new("with 10,000 custom resources", "MB", full).beside(&idle));
    table.row(idle);
    table.row(Row::new("difference, by object", "kB", each));
    Ok(())
}

async fn once(settings: &Settings) -> anyhow::Result<(Option<f64>, Option<f64>)> {
    let cluster = Cluster::with_kind(settings).await?;
    let calm = Duration::from_millis(500);
    tokio::time::sleep(calm).await;
    let before = cluster.resident();
    let load = Load { clients: CLIENTS, each: OBJECTS / CLIENTS };
    load.per_second(&cluster.endpoint, |client, nth| requests::create(&format!("object-{client}-{nth}"))).await?;
    tokio::time::sleep(calm).await;
    let after = cluster.resident();
    cluster.stop().await?;
    Ok((before, after))
}
