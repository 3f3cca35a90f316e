//! Starts the operator: probes and metrics, leader election, controllers, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use kube::Client;

use shop::runtime::{context::Context, leader, manifests, probes, shutdown, telemetry};
use shop::{api, controllers};

/// The shop operator.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// Where /healthz and /readyz are served.
    #[arg(long, env = "HEALTH_PROBE_BIND_ADDRESS", default_value = "127.0.0.1:8081")]
    health_probe_bind_address: SocketAddr,

    /// Where /metrics is served; not at all when absent.
    #[arg(long, env = "METRICS_BIND_ADDRESS")]
    metrics_bind_address: Option<SocketAddr>,

    /// Run the controllers only while holding a Lease, so that several replicas can stand by.
    #[arg(long)]
    leader_elect: bool,

    /// Watch one namespace instead of the whole cluster.
    #[arg(long, env = "WATCH_NAMESPACE")]
    watch_namespace: Option<String>,

    /// How logs are written; which of them, RUST_LOG says.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    log_format: telemetry::Format,
}

#[derive(Subcommand)]
enum Command {
    /// Print the CRDs and the role that the controllers need, as a JSON List.
    Manifests,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(Command::Manifests) = args.command {
        return manifests::print(&api::crds(), controllers::rules());
    }
    telemetry::init(args.log_format);

    let client = Client::try_default().await?;
    let shutdown = shutdown::on_signal()?;
    let ctx = Arc::new(Context::new(client, args.watch_namespace, shutdown.clone()));

    probes::serve_health(args.health_probe_bind_address, ctx.clone()).await?;
    if let Some(address) = args.metrics_bind_address {
        probes::serve_metrics(address, ctx.clone()).await?;
    }
    let controllers = futures::future::join_all(controllers::all(&ctx));
    if args.leader_elect {
        leader::run_while_leading(&ctx, controllers).await?;
    } else {
        controllers.await;
    }
    // Controllers end when asked to. Ending on their own is a failure, and a restart is the remedy.
    anyhow::ensure!(shutdown.is_cancelled(), "the controllers have stopped");
    Ok(())
}
