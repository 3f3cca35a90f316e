//! Turns SIGTERM and SIGINT into one token that everything listens to.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Returns a token that is cancelled by the first signal to stop. The second one ends the process at once.
///
/// # Errors
/// When signals cannot be listened to.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut stop = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        stop().await;
        info!("shutting down");
        cancelled.cancel();
        stop().await;
        std::process::exit(1);
    });
    Ok(token)
}
