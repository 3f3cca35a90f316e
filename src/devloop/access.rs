//! The Kubernetes API that a loop uses: the control plane inside rop, or a cluster that a kubeconfig names.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Instant;

use kube::Client;
use kube::config::{AuthInfo, Config, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedContext};
use serde_json::{Value, json};

use super::error::refused;
use super::{Event, Failure, Report, kubeconfig};
use crate::controlplane::{Builder, Handle};

/// The name of the context under which the operator's own permissions apply. Integration tests look for it.
pub const OPERATOR_CONTEXT: &str = "operator";

/// How long the token of a local operator is good for, in seconds: longer than anybody keeps a session open.
const TOKEN_LIFETIME: u32 = 30 * 24 * 3600;

/// Beginnings of the names that tools give to the contexts of clusters on this machine.
const LOCAL_CONTEXTS: &[&str] =
    &["kind-", "k3d-", "minikube", "docker-desktop", "rancher-desktop", "colima", "orbstack", "microk8s", "rop-"];

/// Which API is asked for.
#[derive(Debug, Clone)]
pub enum Target {
    /// The control plane inside rop.
    Embedded(Builder),
    /// A cluster.
    Cluster {
        /// Where kubeconfigs are, in order of precedence.
        kubeconfigs: Vec<PathBuf>,
        /// The context; the current one when absent.
        context: Option<String>,
        /// Whether a cluster that does not look local may be used.
        any: bool,
    },
}

/// An API that is open for use.
pub struct Access {
    /// Talks to it as the user who opened it: an administrator.
    pub client: Client,
    admin: Kubeconfig,
    control_plane: Option<Handle>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("control_plane", &self.control_plane).finish_non_exhaustive()
    }
}

impl Access {
    /// Starts the control plane inside rop, or connects to a cluster.
    ///
    /// # Errors
    /// When it does not start, no such context exists, or the cluster does not look local and that was not allowed.
    pub async fn open(target: Target, report: &Report) -> Result<Self, Failure> {
        match target {
            Target::Embedded(builder) => Self::embedded(builder, report).await,
            Target::Cluster { kubeconfigs, context, any } => {
                let admin = read_kubeconfigs(&kubeconfigs)?;
                Self::cluster(admin, context, any, report).await
            }
        }
    }

    async fn embedded(builder: Builder, report: &Report) -> Result<Self, Failure> {
        let start = Instant::now();
        let failure = |error| Failure::new("failed to start the control plane").caused_by(error);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let handle = builder.start(address).await.map_err(failure)?;
        let admin = parse(&handle.kubeconfig())?;
        let client = client(admin.clone(), None).await?;
        report(Event::ControlPlaneReady { url: handle.url().to_owned(), took: start.elapsed() });
        Ok(Self { client, admin, control_plane: Some(handle) })
    }

    async fn cluster(
        mut admin: Kubeconfig,
        context: Option<String>,
        any: bool,
        report: &Report,
    ) -> Result<Self, Failure> {
        let context = choose(&admin, context)?;
        let server = server_of(&admin, &context);
        report(Event::ClusterChosen { context: context.clone(), server: server.clone() });
        if !any && !looks_local(&context, &server) {
            let message = format!("context `{context}` ({server}) does not look like a cluster on this machine");
            return Err(Failure::new(message).help("pass `--yes` if you mean it, or another `--context NAME`"));
        }
        admin.current_context = Some(context);
        let client = client(admin.clone(), None).await?;
        Ok(Self { client, admin, control_plane: None })
    }

    /// Returns a kubeconfig with two contexts: the administrator's, which is current, and [`OPERATOR_CONTEXT`] for a
    /// ServiceAccount.
    ///
    /// # Errors
    /// When no token can be had for the ServiceAccount.
    pub async fn kubeconfig_for(&self, namespace: &str, service_account: &str) -> Result<Kubeconfig, Failure> {
        let auth_info = match &self.control_plane {
            Some(_) => self.token(namespace, service_account).await?,
            None => self.impersonation(namespace, service_account)?,
        };
        let mut kubeconfig = self.admin.clone();
        let current = kubeconfig.current_context.clone().unwrap_or_default();
        let cluster = find_context(&kubeconfig, &current).map(|context| context.cluster.clone()).unwrap_or_default();
        let user = Some(OPERATOR_CONTEXT.to_owned());
        let context = Context { cluster, user, namespace: Some(namespace.to_owned()), ..Context::default() };
        kubeconfig.contexts.retain(|context| context.name == current);
        kubeconfig.contexts.push(NamedContext {
            name: OPERATOR_CONTEXT.to_owned(),
            context: Some(context),
            ..Default::default()
        });
        kubeconfig.auth_infos.push(NamedAuthInfo {
            name: OPERATOR_CONTEXT.to_owned(),
            auth_info: Some(auth_info),
            ..Default::default()
        });
        Ok(kubeconfig)
    }

    /// A token, as a pod has it.
    async fn token(&self, namespace: &str, service_account: &str) -> Result<AuthInfo, Failure> {
        use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
        use k8s_openapi::api::core::v1::ServiceAccount;
        let accounts: kube::Api<ServiceAccount> = kube::Api::namespaced(self.client.clone(), namespace);
        let spec = TokenRequestSpec { expiration_seconds: Some(TOKEN_LIFETIME.into()), ..Default::default() };
        let request = TokenRequest { spec: spec.into(), ..Default::default() };
        let granted = accounts.create_token_request(service_account, &Default::default(), &request).await;
        let granted = granted.map_err(|error| refused("failed to get a token for the operator", error))?;
        auth_info(json!({"token": granted.status.unwrap_or_default().token}))
    }

    /// The user's own credentials, made to act as the ServiceAccount: clusters hand out tokens in many ways.
    fn impersonation(&self, namespace: &str, service_account: &str) -> Result<AuthInfo, Failure> {
        let current = self.admin.current_context.clone().unwrap_or_default();
        let user = find_context(&self.admin, &current).and_then(|context| context.user.clone());
        let named = self.admin.auth_infos.iter().find(|info| Some(&info.name) == user.as_ref());
        let mut info = named.and_then(|named| named.auth_info.clone()).unwrap_or_default();
        info.impersonate = Some(format!("system:serviceaccount:{namespace}:{service_account}"));
        Ok(info)
    }

    /// Returns the control plane inside rop, unless a cluster is used.
    pub fn control_plane(&self) -> Option<&Handle> {
        self.control_plane.as_ref()
    }

    /// Ends the control plane, if it is ours.
    pub async fn close(self) {
        if let Some(control_plane) = self.control_plane {
            control_plane.shutdown().await;
        }
    }
}

/// Returns the kubeconfig for the operator's process: only its own context, which is current.
pub fn as_operator(mut kubeconfig: Kubeconfig) -> Kubeconfig {
    kubeconfig.contexts.retain(|context| context.name == OPERATOR_CONTEXT);
    kubeconfig.auth_infos.retain(|info| info.name == OPERATOR_CONTEXT);
    kubeconfig.current_context = Some(OPERATOR_CONTEXT.to_owned());
    kubeconfig
}

/// Writes a kubeconfig.
///
/// # Errors
/// When the file system refuses.
pub fn save(kubeconfig: &Kubeconfig, path: &std::path::Path) -> Result<(), Failure> {
    let value = serde_json::to_value(kubeconfig);
    let value = value.map_err(|error| Failure::new("failed to write a kubeconfig").caused_by(error))?;
    kubeconfig::write(path, &format!("{:#}\n", without_nulls(value)))
        .map_err(|error| Failure::new("failed to write a kubeconfig").caused_by(error))
}

/// kubectl takes nulls; other readers of kubeconfigs do not all.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// Returns a client for a context of a kubeconfig; the current one when none is named.
///
/// # Errors
/// When the kubeconfig does not say how to connect.
pub async fn client(kubeconfig: Kubeconfig, context: Option<&str>) -> Result<Client, Failure> {
    let failure = "the kubeconfig cannot be used";
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..Default::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let config = config.map_err(|error| Failure::new(failure).caused_by(error))?;
    Client::try_from(config).map_err(|error| refused(failure, error))
}

fn auth_info(value: Value) -> Result<AuthInfo, Failure> {
    serde_json::from_value(value).map_err(|error| Failure::new("failed to write a kubeconfig").caused_by(error))
}

fn parse(text: &str) -> Result<Kubeconfig, Failure> {
    Kubeconfig::from_yaml(text).map_err(|error| Failure::new("the kubeconfig is not valid").caused_by(error))
}

fn read_kubeconfigs(paths: &[PathBuf]) -> Result<Kubeconfig, Failure> {
    let mut merged = Kubeconfig::default();
    for path in paths.iter().filter(|path| path.exists()) {
        let failure = |error| Failure::new(format!("failed to read `{}`", path.display())).caused_by(error);
        let next = Kubeconfig::read_from(path).map_err(failure)?;
        merged = merged.merge(next).map_err(failure)?;
    }
    if merged.contexts.is_empty() {
        let places: Vec<_> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
        let message = format!("there is no context in {}", places.join(", "));
        return Err(Failure::new(message).help("leave `--context` away to use the control plane inside rop"));
    }
    Ok(merged)
}

fn choose(kubeconfig: &Kubeconfig, context: Option<String>) -> Result<String, Failure> {
    let names: Vec<_> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    let known = format!("pass one of these with `--context`: {}", names.join(", "));
    let Some(context) = context.or_else(|| kubeconfig.current_context.clone()).filter(|name| !name.is_empty()) else {
        return Err(Failure::new("the kubeconfig has no current context").help(known));
    };
    if !names.contains(&context.as_str()) {
        return Err(Failure::new(format!("there is no context `{context}` in the kubeconfig")).help(known));
    }
    Ok(context)
}

fn find_context<'a>(kubeconfig: &'a Kubeconfig, name: &str) -> Option<&'a Context> {
    kubeconfig.contexts.iter().find(|context| context.name == name)?.context.as_ref()
}

fn server_of(kubeconfig: &Kubeconfig, context: &str) -> String {
    let cluster = find_context(kubeconfig, context).map(|context| context.cluster.as_str());
    let named = kubeconfig.clusters.iter().find(|named| Some(named.name.as_str()) == cluster);
    named.and_then(|named| named.cluster.as_ref()?.server.clone()).unwrap_or_default()
}

/// Whether a cluster looks as if it ran on this machine: by the name of its context, or by the host of its API server.
fn looks_local(context: &str, server: &str) -> bool {
    let host = server.split_once("://").map_or(server, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host).trim_matches(['[', ']']);
    let address: Result<std::net::IpAddr, _> = host.parse();
    LOCAL_CONTEXTS.iter().any(|start| context.starts_with(start))
        || address.is_ok_and(|address| address.is_loopback())
        || ["localhost", "host.docker.internal", "kubernetes.docker.internal"].contains(&host)
        || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(context: &str, server: &str, expected: bool) {
        assert_eq!(looks_local(context, server), expected, "{context} at {server}");
    }

    #[test]
    fn clusters_on_this_machine_are_recognised() {
        check("kind-dev", "https://10.0.0.1:6443", true);
        check("mine", "https://127.0.0.1:34567", true);
        check("mine", "https://[::1]:6443", true);
        check("mine", "https://api.localhost:6443/", true);
        check("prod", "https://api.example.com", false);
        check("prod", "https://127.0.0.1.example.com:6443", false);
        check("arn:aws:eks:prod", "https://abc.eks.amazonaws.com", false);
    }

    #[test]
    fn an_unknown_context_is_refused_with_those_that_are_known() {
        let kubeconfig = parse("contexts: [{name: a}, {name: b}]\ncurrent-context: a").expect("it is a kubeconfig");
        assert_eq!(choose(&kubeconfig, None).expect("there is a current one"), "a");
        let error = choose(&kubeconfig, Some("c".to_owned())).expect_err("there is no c");
        assert_eq!(error.to_string(), "there is no context `c` in the kubeconfig");
        assert_eq!(error.remedy(), Some("pass one of these with `--context`: a, b"));
    }
}
