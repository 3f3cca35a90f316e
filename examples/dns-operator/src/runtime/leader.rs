//! Leader election by a Lease, with the rules and times of client-go: of several replicas one works, the others wait.
//!
//! A lease has expired when it has not changed for its duration *as observed here*, so clocks need not agree.

use std::time::Duration;

use anyhow::{Context as _, bail};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use super::backoff::jitter;
use super::context::{Context, FIELD_MANAGER};

const LEASE_DURATION: Duration = Duration::from_secs(15);
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// Waits until this replica leads, then works until the work ends or the lead is lost.
///
/// # Errors
/// When the lead is lost: the process must end, since another replica may be working by now.
pub async fn run_while_leading<T>(ctx: &Context, work: impl Future<Output = T>) -> anyhow::Result<()> {
    let mut election = Election::new(ctx)?;
    tokio::select! {
        result = election.acquire() => result?,
        () = ctx.shutdown.cancelled() => return Ok(()),
    }
    info!(identity = election.identity, "leading");
    tokio::select! {
        result = election.renew() => result?,
        _ = work => {}
    }
    election.release().await;
    Ok(())
}

struct Election {
    leases: Api<Lease>,
    identity: String,
    /// The lease as last read, and since when it has looked like that.
    observed: Option<(Lease, Instant)>,
}

impl Election {
    fn new(ctx: &Context) -> anyhow::Result<Self> {
        let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/etc/hostname"));
        let host = host.context("cannot tell the host name, which identifies a leader")?;
        Ok(Self {
            leases: Api::namespaced(ctx.client.clone(), ctx.namespace()),
            identity: format!("{}_{}", host.trim(), std::process::id()),
            observed: None,
        })
    }

    async fn acquire(&mut self) -> anyhow::Result<()> {
        loop {
            match self.try_hold().await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => warn!(%error, "cannot take the lead; trying again"),
            }
            sleep(RETRY_PERIOD.mul_f64(jitter())).await;
        }
    }

    /// Keeps the lead. Ends only when it is lost.
    async fn renew(&mut self) -> anyhow::Result<()> {
        let mut deadline = Instant::now() + RENEW_DEADLINE;
        loop {
            sleep(RETRY_PERIOD).await;
            match timeout_at(deadline, self.try_hold()).await {
                Ok(Ok(true)) => deadline = Instant::now() + RENEW_DEADLINE,
                Ok(Ok(false)) => bail!("another replica leads now"),
                Ok(Err(error)) if Instant::now() < deadline => warn!(%error, "cannot renew the lead; trying again"),
                Ok(Err(_)) | Err(_) => bail!("the lead could not be renewed for {RENEW_DEADLINE:?}"),
            }
        }
    }

    /// Takes or keeps the lease if it is free, ours or expired. Returns whether we hold it.
    async fn try_hold(&mut self) -> Result<bool, kube::Error> {
        let Some(lease) = self.leases.get_opt(FIELD_MANAGER).await? else {
            let metadata = ObjectMeta { name: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
            let lease = Lease { metadata, spec: Some(self.holding(None)) };
            return won(self.leases.create(&PostParams::default(), &lease).await);
        };
        self.observe(&lease);
        if !self.is_free(&lease) {
            return Ok(false);
        }
        let spec = Some(self.holding(lease.spec.as_ref()));
        // The resource version makes this a compare-and-swap.
        won(self.leases.replace(FIELD_MANAGER, &PostParams::default(), &Lease { spec, ..lease }).await)
    }

    fn observe(&mut self, lease: &Lease) {
        if self.observed.as_ref().is_none_or(|(old, _)| old.spec != lease.spec) {
            self.observed = Some((lease.clone(), Instant::now()));
        }
    }

    fn is_free(&self, lease: &Lease) -> bool {
        let Some(spec) = &lease.spec else { return true };
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let duration = spec.lease_duration_seconds.map_or(LEASE_DURATION, |s| Duration::from_secs(s.max(0) as u64));
        let expired = self.observed.as_ref().is_some_and(|(_, since)| since.elapsed() > duration);
        holder.is_empty() || holder == self.identity || expired
    }

    fn holding(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let ours = before.filter(|spec| spec.holder_identity.as_deref() == Some(&self.identity));
        let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(LEASE_DURATION.as_secs() as i32),
            acquire_time: ours.map_or(Some(now.clone()), |spec| spec.acquire_time.clone()),
            renew_time: Some(now),
            lease_transitions: Some(if ours.is_some() || before.is_none() { transitions } else { transitions + 1 }),
            ..Default::default()
        }
    }

    /// Gives the lead up, so that the next leader need not wait.
    async fn release(&self) {
        let Some((lease, _)) = &self.observed else { return };
        let Ok(mut lease) = self.leases.get(lease.metadata.name.as_deref().unwrap_or(FIELD_MANAGER)).await else {
            return;
        };
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
        }
        if let Err(error) = self.leases.replace(FIELD_MANAGER, &PostParams::default(), &lease).await {
            warn!(%error, "cannot release the lead; the next leader will wait for it to expire");
        }
    }
}

/// A conflict means that another replica was quicker.
fn won(result: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match result {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
