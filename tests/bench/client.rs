//! An HTTP client with nothing between it and the server, so that what is measured is the server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// A server and the credentials for it, as a kubeconfig names them.
#[derive(Clone)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    tls: TlsConnector,
}

/// What a client asks.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Ask {
    /// Returns a request for a document.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), content_type: "application/json", body: String::new() }
    }

    fn into_request(self, host: &str) -> anyhow::Result<Request<Full<Bytes>>> {
        let Self { method, path, content_type, body } = self;
        let request = Request::builder().method(method).uri(path).header(header::HOST, host);
        let request = request.header(header::CONTENT_TYPE, content_type).header(header::ACCEPT, "application/json");
        Ok(request.body(Full::new(Bytes::from(body)))?)
    }
}

impl Endpoint {
    /// Reads a kubeconfig with a client certificate.
    pub(crate) fn from_kubeconfig(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).context("failed to read the kubeconfig")?;
        let config: Value = serde_yaml::from_str(&text).context("failed to read the kubeconfig")?;
        let (cluster, user) = (&config["clusters"][0]["cluster"], &config["users"][0]["user"]);
        let pem = |value: &Value| STANDARD.decode(value.as_str().unwrap_or_default());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem(&cluster["certificate-authority-data"])?)?)?;
        let certificate = CertificateDer::from_pem_slice(&pem(&user["client-certificate-data"])?)?;
        let key = PrivateKeyDer::from_pem_slice(&pem(&user["client-key-data"])?)?;
        let tls = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)?;
        let server = cluster["server"].as_str().unwrap_or_default().trim_start_matches("https://");
        let address = server.parse().with_context(|| format!("`{server}` is no address"))?;
        Ok(Self { address, tls: TlsConnector::from(Arc::new(tls)) })
    }
}

/// A connection, which is a client of its own.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    /// Connects with TLS.
    pub(crate) async fn connect(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let stream = tcp(endpoint.address).await?;
        let name = ServerName::IpAddress(endpoint.address.ip().into());
        let stream = endpoint.tls.connect(name, stream).await.context("the TLS handshake failed")?;
        Self::over(stream, endpoint.address).await
    }

    /// Connects without TLS.
    pub(crate) async fn connect_plain(address: SocketAddr) -> anyhow::Result<Self> {
        Self::over(tcp(address).await?, address).await
    }

    async fn over<S>(stream: S, address: SocketAddr) -> anyhow::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // When the connection ends early, the request in flight says so.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, host: address.to_string() })
    }

    /// Asks, and reads the whole answer.
    pub(crate) async fn send(&mut self, ask: Ask) -> anyhow::Result<Bytes> {
        let (status, body) = self.try_send(ask).await?;
        anyhow::ensure!(status.is_success(), "answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    /// Asks, and reads the whole answer, which may be a failure.
    pub(crate) async fn try_send(&mut self, ask: Ask) -> anyhow::Result<(StatusCode, Bytes)> {
        self.sender.ready().await?;
        let response = self.sender.send_request(ask.into_request(&self.host)?).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// Spends the connection on a watch.
    pub(crate) async fn watch(mut self, path: impl Into<String>) -> anyhow::Result<Watch> {
        self.sender.ready().await?;
        let response = self.sender.send_request(Ask::get(path).into_request(&self.host)?).await?;
        anyhow::ensure!(response.status().is_success(), "the watch was answered by {}", response.status());
        Ok(Watch { body: response.into_body(), buffer: BytesMut::new(), _client: self })
    }
}

async fn tcp(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A watch that runs.
pub(crate) struct Watch {
    body: Incoming,
    buffer: BytesMut,
    _client: Client,
}

impl Watch {
    /// Waits for the next event and returns its text.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Bytes> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                return Ok(self.buffer.split_to(end + 1).freeze());
            }
            let frame = self.body.frame().await.context("the watch has ended")??;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}
