//! A Kubernetes control plane in memory: the API server, and the controllers that operators depend on. With a data
//! directory it keeps what it knows there too.
//!
//! It follows Kubernetes [`KUBERNETES_VERSION`] and serves what operators and their tools send, or says loudly that it
//! does not. Nothing here knows the rest of rop, kube or k8s-openapi: the server speaks JSON and its own schema tree,
//! so that any operator's tests can link it whatever versions they use.
//!
//! ```text
//! client ── TLS ──┐                       ┌── in-process tower service, no socket
//!                 ▼                       ▼
//!    request info → faults → authentication → authorization → decode + prune + default
//!    → mutating admission → strategy → validation → validating admission → storage → watch
//!                                                                            │
//!    controllers (pure steps over snapshots)  ◄──────────────────────────────┘
//! ```

pub mod admission;
pub mod apiserver;
pub mod controllers;
pub mod cron;
pub mod data_dir;
pub mod duration;
pub mod env;
pub mod gvk;
pub mod identity;
pub mod jsonpath;
pub mod names;
pub mod object;
pub mod patch;
pub mod quantity;
pub mod resources;
pub mod schema;
pub mod status;
pub mod storage;
pub mod validation;

/// The Kubernetes version that this control plane follows and reports at `/version`.
pub const KUBERNETES_VERSION: &str = "v1.36.2";

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use apiserver::metrics::Metrics;
use apiserver::registry::Registry;
use apiserver::serve::Listener;
use apiserver::service::ApiService;
use apiserver::{ApiServer, Inner};
use controllers::{Scheduler, SchedulerHandle};
use data_dir::{DataDir, DataDirError, Recovery};
use env::Env;
use identity::authn::Authenticator;
use identity::bootstrap::Bootstrap;
use identity::ca::{Authority, CertificateError, KeyedCertificate};
use identity::kubeconfig::{Credentials, Kubeconfig};
use identity::rbac::Authorizer;
use identity::tokens::{SignerError, TokenSigner};
use identity::users::UserInfo;
use storage::{Store, StoreError};

/// What a control plane is to be like.
#[derive(Debug, Clone)]
pub struct Builder {
    env: Env,
    name: String,
    admin_token: Option<String>,
    nodes: bool,
    data_dir: Option<PathBuf>,
}

/// Why a control plane does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// No certificate can be made.
    #[error("cannot make the certificates")]
    Certificates(#[from] CertificateError),
    /// No key for tokens can be made.
    #[error("cannot make the key of ServiceAccount tokens")]
    Signer(#[from] SignerError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The objects of a fresh cluster cannot be kept.
    #[error("cannot fill the cluster")]
    Bootstrap(#[from] StoreError),
}

impl Builder {
    /// Takes time and randomness from `env`.
    #[must_use]
    pub fn env(mut self, env: Env) -> Self {
        self.env = env;
        self
    }

    /// Names the control plane; the context of its kubeconfig is `rop-<name>`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Accepts a bearer token as the administrator's.
    #[must_use]
    pub fn admin_token(mut self, token: impl Into<String>) -> Self {
        self.admin_token = Some(token.into());
        self
    }

    /// Whether there is a made-up node on which pods run; there is one unless this says otherwise.
    #[must_use]
    pub fn nodes(mut self, nodes: bool) -> Self {
        self.nodes = nodes;
        self
    }

    /// Keeps objects, keys and the port in a directory, and goes on from what is there. What an acknowledged write is
    /// safe from, [`storage::journal`] says.
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Starts without a socket: requests come through [`Handle::service`].
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_in_process(self) -> Result<Handle, StartError> {
        let origin = Origin::new(self.open_data_dir()?, &self.env)?;
        let (nodes, recovery) = (self.nodes, origin.recovery);
        let (server, authority) = self.assemble(origin, 443)?;
        let (controllers, run) = scheduler(&server, &authority, nodes);
        Ok(Handle { server, controllers, access: None, recovery, tasks: vec![run] })
    }

    /// Starts, and listens on an address; port 0 takes that of the data directory, else a free one.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(self, mut address: SocketAddr) -> Result<Handle, StartError> {
        let (name, nodes) = (self.name.clone(), self.nodes);
        let data_dir = self.open_data_dir()?;
        if let (0, Some(data_dir)) = (address.port(), &data_dir) {
            address.set_port(data_dir.port()?.unwrap_or(0));
        }
        let listener = Listener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
        let port = listener.address.port();
        if let Some(data_dir) = &data_dir {
            data_dir.keep_port(port)?;
        }
        let origin = Origin::new(data_dir, &self.env)?;
        let recovery = origin.recovery;
        let (server, authority) = self.assemble(origin, port)?;
        let serving = authority.serving_certificate(&[&address.ip().to_string()])?;
        let tls = authority.server_config(&serving)?;
        let admin = authority.client_certificate("kubernetes-admin", Some("system:masters"))?;
        let url = format!("https://{}", listener.address);
        let (controllers, run) = scheduler(&server, &authority, nodes);
        let serve = tokio::spawn(listener.serve(server.clone(), tls));
        let access = Some(Access { name, url, authority, admin });
        Ok(Handle { server, controllers, access, recovery, tasks: vec![serve, run] })
    }

    fn open_data_dir(&self) -> Result<Option<DataDir>, DataDirError> {
        self.data_dir.as_deref().map(DataDir::open).transpose()
    }

    fn assemble(self, origin: Origin, port: u16) -> Result<(ApiServer, Authority), StartError> {
        let Origin { authority, signer, store, recovery: _ } = origin;
        Bootstrap { ca_pem: authority.certificate_pem(), port }.install(&store, &self.env)?;
        let mut authenticator = Authenticator::new(Arc::new(signer), store.clone());
        authenticator.admin_token = self.admin_token;
        let server = ApiServer::new(Inner {
            registry: Registry::new(resources::builtin::rows(), resources::custom::rows),
            authorizer: Authorizer::new(store.clone()),
            authenticator,
            metrics: Metrics::default(),
            shutdown: watch::Sender::new(false),
            env: self.env,
            store,
        });
        Ok((server, authority))
    }
}

/// What a control plane starts from: made anew, or kept by an earlier run.
struct Origin {
    authority: Authority,
    signer: TokenSigner,
    store: Store,
    recovery: Option<Recovery>,
}

impl Origin {
    fn new(data_dir: Option<DataDir>, env: &Env) -> Result<Self, StartError> {
        let Some(data_dir) = data_dir else {
            let (authority, signer) = (Authority::new(env)?, TokenSigner::new(env)?);
            return Ok(Self { authority, signer, store: Store::default(), recovery: None });
        };
        let (authority, signer) = (data_dir.authority(env)?, data_dir.signer(env)?);
        let (store, recovery) = data_dir.into_store()?;
        Ok(Self { authority, signer, store, recovery: Some(recovery) })
    }
}

/// Starts the controllers. Their task ends when the server stops.
fn scheduler(server: &ApiServer, authority: &Authority, nodes: bool) -> (SchedulerHandle, JoinHandle<()>) {
    let options = controllers::Options { ca: authority.certificate_pem().to_owned(), nodes };
    let shared = Arc::new(server.clone());
    let (store, env) = (server.store().clone(), server.env().clone());
    let scheduler = Scheduler::new(store, env, shared.clone(), shared, controllers::all(&options));
    let handle = scheduler.handle();
    let mut shutdown = server.shutdown();
    let run = tokio::spawn(async move {
        tokio::select! {
            () = scheduler.run() => {}
            _ = shutdown.wait_for(|shutdown| *shutdown) => {}
        }
    });
    (handle, run)
}

/// How to reach a control plane from outside.
struct Access {
    name: String,
    url: String,
    authority: Authority,
    admin: KeyedCertificate,
}

/// A control plane that runs. Dropping it stops it at once; [`Handle::shutdown`] lets requests finish.
pub struct Handle {
    server: ApiServer,
    controllers: SchedulerHandle,
    access: Option<Access>,
    recovery: Option<Recovery>,
    tasks: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Handle {
    /// Returns what a control plane may be like.
    pub fn builder() -> Builder {
        Builder { env: Env::system(), name: "rop".to_owned(), admin_token: None, nodes: true, data_dir: None }
    }

    /// Returns the URL; empty without a socket.
    pub fn url(&self) -> &str {
        self.access.as_ref().map_or("", |access| &access.url)
    }

    /// Returns the CA certificate that clients trust; empty without a socket.
    pub fn ca_pem(&self) -> &str {
        self.access.as_ref().map_or("", |access| access.authority.certificate_pem())
    }

    /// Returns the text of a kubeconfig for the administrator; empty without a socket.
    pub fn kubeconfig(&self) -> String {
        let Some(Access { name, url, authority, admin }) = &self.access else { return String::new() };
        let ca_pem = authority.certificate_pem();
        let credentials = Credentials::Certificate(admin);
        Kubeconfig { name, server: url, ca_pem, namespace: "default", credentials }.to_text()
    }

    /// Returns the API server for clients in this process, whose requests are the administrator's.
    pub fn service(&self) -> ApiService {
        ApiService::new(self.server.clone(), Some(UserInfo::admin()))
    }

    /// Returns the API server for clients in this process, whose requests are those of a user.
    pub fn service_as(&self, user: UserInfo) -> ApiService {
        ApiService::new(self.server.clone(), Some(user))
    }

    /// Returns the API server for clients in this process whose requests show credentials themselves, or are anonymous.
    pub fn service_with_credentials(&self) -> ApiService {
        ApiService::new(self.server.clone(), None)
    }

    /// Returns who knows how far the controllers are.
    pub fn controllers(&self) -> SchedulerHandle {
        self.controllers.clone()
    }

    /// Returns the revision of the newest write.
    pub fn revision(&self) -> u64 {
        self.server.store().revision()
    }

    /// Returns what was found in the data directory; nothing without one.
    pub fn recovery(&self) -> Option<Recovery> {
        self.recovery
    }

    /// Ends watches, lets requests finish, and stops.
    pub async fn shutdown(mut self) {
        self.server.stop();
        for task in std::mem::take(&mut self.tasks) {
            // A task that was cancelled or panicked has stopped too.
            let _ = task.await;
        }
        // Every write is with the operating system already; this only spares it the next power cut.
        let _ = self.server.store().sync();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.server.stop();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
