//! The API server on a socket: TLS, HTTP/1.1 and HTTP/2.
//!
//! A connection is a task; a request that panics is answered by 500 and takes nothing else down. When the server
//! stops, watches end first, so that connections can finish.

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower_service::Service;

use super::ApiServer;
use super::render::{self, HttpResponse};
use super::service::ApiService;
use crate::controlplane::identity::ca::user_of_certificate;
use crate::controlplane::status::Status;

/// How long a client may take for its part of the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open connections get to finish.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// A socket that listens, before anything is accepted.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Listener {
    /// Binds an address; port 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Accepts connections until the server stops, and then waits for those that are open.
    pub(crate) async fn serve(self, server: ApiServer, tls: Arc<ServerConfig>) {
        let acceptor = TlsAcceptor::from(tls);
        let graceful = GracefulShutdown::new();
        let mut shutdown = server.shutdown();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut shutdown) => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let watcher = graceful.watcher();
                    tokio::spawn(connection(server.clone(), acceptor.clone(), stream, watcher));
                }
                // Out of file descriptors, most likely: let some connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        drop(self.listener);
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
    }
}

async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // A server that is gone has stopped too.
    let _ = shutdown.wait_for(|shutdown| *shutdown).await;
}

async fn connection(server: ApiServer, acceptor: TlsAcceptor, stream: TcpStream, watcher: Watcher) {
    let mut shutdown = server.shutdown();
    // Small writes are answers that somebody waits for.
    let _ = stream.set_nodelay(true);
    let handshake = tokio::select! {
        () = stopped(&mut shutdown) => return,
        handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)) => handshake,
    };
    let Ok(Ok(stream)) = handshake else { return };
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let user = certificate.and_then(|certificate| user_of_certificate(certificate));
    let service = ApiService::new(server, user);
    let respond = service_fn(move |request: http::Request<Incoming>| {
        let mut service = service.clone();
        async move {
            let response = AssertUnwindSafe(async move { service.call(request).await }).catch_unwind().await;
            Ok::<HttpResponse, std::convert::Infallible>(match response {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(_) => render::status(&panicked(), None),
            })
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(1000).adaptive_window(true);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), respond).into_owned();
    // A client that goes away is no error.
    let _ = watcher.watch(connection).await;
}

/// Source: `k8s.io/apiserver/pkg/server/filters/wrap.go`.
fn panicked() -> Status {
    Status::internal("apiserver panic'd")
}
