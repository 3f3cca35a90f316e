//! Many clients at once.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::try_join_all;

use crate::client::{Ask, Client, Endpoint};

/// How many clients send how many requests, one after the other, each over a connection of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) clients: usize,
    pub(crate) each: usize,
}

impl Load {
    /// Sends requests, of which `ask` makes the nth of a client, and returns how many were answered in a second.
    ///
    /// # Errors
    /// A connection breaks, or a request is refused.
    pub(crate) async fn per_second<F>(self, endpoint: &Endpoint, ask: F) -> anyhow::Result<f64>
    where
        F: Fn(usize, usize) -> Ask + Send + Sync + 'static,
    {
        let Self { clients, each } = self;
        let ask = Arc::new(ask);
        let connections = try_join_all((0..clients).map(|_| Client::connect(endpoint))).await?;
        let started = Instant::now();
        let tasks = connections.into_iter().enumerate().map(|(client, mut connection)| {
            let ask = ask.clone();
            tokio::spawn(async move {
                for nth in 0..each {
                    connection.send(ask(client, nth)).await?;
                }
                anyhow::Ok(())
            })
        });
        for done in try_join_all(tasks).await? {
            done?;
        }
        Ok((clients * each) as f64 / started.elapsed().as_secs_f64())
    }
}
