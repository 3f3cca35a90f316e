//! Serves /healthz, /readyz and /metrics.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::context::Context;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves the probes of the kubelet in the background.
///
/// # Errors
/// When the address is not free.
pub async fn serve_health(address: SocketAddr, ctx: Arc<Context>) -> anyhow::Result<()> {
    // An answer at all means that the event loop runs.
    let router = Router::new().route("/healthz", get("ok")).route("/readyz", get(ready)).with_state(ctx.clone());
    serve("health probes", address, router, &ctx).await
}

/// Serves the metrics in the background.
///
/// # Errors
/// When the address is not free.
pub async fn serve_metrics(address: SocketAddr, ctx: Arc<Context>) -> anyhow::Result<()> {
    let router = Router::new().route("/metrics", get(metrics)).with_state(ctx.clone());
    serve("metrics", address, router, &ctx).await
}

async fn serve(what: &'static str, address: SocketAddr, router: Router, ctx: &Context) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot serve {what} on {address}"))?;
    info!(address = %listener.local_addr()?, "serving {what}");
    let shutdown = ctx.shutdown.clone().cancelled_owned();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(shutdown).await {
            warn!(%error, "serving {what} ended");
        }
    });
    Ok(())
}

async fn ready(State(ctx): State<Arc<Context>>) -> impl IntoResponse {
    match ctx.health.waiting_for().as_slice() {
        [] => (StatusCode::OK, "ok".to_owned()),
        waiting => (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {}", waiting.join(", "))),
    }
}

async fn metrics(State(ctx): State<Arc<Context>>) -> impl IntoResponse {
    match ctx.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
