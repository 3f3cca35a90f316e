//! Writes in a second over TLS, by the number of clients, beside requests that ask for nothing.

use crate::client::Ask;
use crate::cluster::Cluster;
use crate::load::Load;
use crate::table::{Row, Table};
use crate::{Settings, block_on, requests};

/// Enough requests for a second or so.
const LOADS: [Load; 3] =
    [Load { clients: 1, each: 3_000 }, Load { clients: 16, each: 500 }, Load { clients: 64, each: 200 }];
/// How many objects a client applies in turn.
const APPLIED: usize = 20;

/// How a section asks for its writes: first those that prepare, then those that are measured.
struct Writes {
    name: &'static str,
    prepare: fn(usize, usize) -> Ask,
    prepared: usize,
    write: fn(usize, usize) -> Ask,
}

pub(crate) fn creates(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    let prepare = |client: usize, nth: usize| requests::create(&format!("warm-up-{client}-{nth}"));
    let write = |client: usize, nth: usize| requests::create(&format!("object-{client}-{nth}"));
    measure(settings, table, &Writes { name: "creates", prepare, prepared: 10, write })
}

pub(crate) fn applies(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    let prepare = |client: usize, nth: usize| requests::apply(&format!("object-{client}-{nth}"), 1);
    // Every one of them changes a field.
    let write =
        |client: usize, nth: usize| requests::apply(&format!("object-{client}-{}", nth % APPLIED), 2 + nth / APPLIED);
    measure(settings, table, &Writes { name: "server-side applies", prepare, prepared: APPLIED, write })?;
    table.note("each changes one field of an object that is there");
    Ok(())
}

fn measure(settings: &Settings, table: &mut Table, writes: &Writes) -> anyhow::Result<()> {
    for load in LOADS {
        let (mut empty, mut full) = (Vec::new(), Vec::new());
        for _ in 0..settings.runs {
            let (without, with) = block_on(once(settings, load, writes))?;
            empty.push(without);
            full.push(with);
        }
        let clients = if load.clients == 1 { "1 client".to_owned() } else { format!("{} clients", load.clients) };
        let empty = Row::new(format!("GET /readyz, {clients}"), "/s", empty);
        table.row(Row::new(format!("{}, {clients}", writes.name), "/s", full).beside(&empty));
        table.row(empty);
    }
    Ok(())
}

/// Returns how many empty requests, and how many writes, are answered in a second by a new control plane.
async fn once(settings: &Settings, load: Load, writes: &Writes) -> anyhow::Result<(f64, f64)> {
    let cluster = Cluster::with_kind(settings).await?;
    let preparation = Load { each: writes.prepared, ..load };
    preparation.per_second(&cluster.endpoint, writes.prepare).await?;
    let empty = load.per_second(&cluster.endpoint, |_, _| Ask::get("/readyz")).await?;
    let full = load.per_second(&cluster.endpoint, writes.write).await?;
    cluster.stop().await?;
    Ok((empty, full))
}
