//! Runs the operator for a test, in its own namespace.
//!
//! The kubeconfig holds an administrator in its current context, who acts as the user, and may hold a context named
//! `operator`, under which the controllers run with the permissions of `config/rbac`.

use std::sync::Arc;
use std::time::Duration;

use kube::api::Api;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::NamespaceResourceScope;
use kube::runtime::wait::{Condition, await_condition, conditions};
use kube::{Client, Config, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use shop::controllers;
use shop::runtime::context::Context;

/// How long a test waits for what must happen. Nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running operator, and the namespace of one test.
pub struct Operator {
    /// The user.
    pub client: Client,
    namespace: String,
    shutdown: CancellationToken,
    controllers: JoinHandle<()>,
}

impl Operator {
    /// Starts all controllers in the operator's own namespace, the only one that it may work in.
    pub async fn start() -> anyhow::Result<Self> {
        let client = Client::try_default().await?;
        let shutdown = CancellationToken::new();
        let operator = operator_client().await?;
        let namespace = operator.default_namespace().to_owned();
        let ctx = Arc::new(Context::new(operator, Some(namespace.clone()), shutdown.clone()));
        let controllers = tokio::spawn(async move {
            futures::future::join_all(controllers::all(&ctx)).await;
        });
        Ok(Self { client, namespace, shutdown, controllers })
    }

    /// Returns the objects of a kind in the test's namespace.
    pub fn api<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Stops the controllers.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.controllers.await?;
        Ok(())
    }
}

/// Waits until an object is as it should be, and returns it.
pub async fn eventually<K>(api: &Api<K>, name: &str, condition: impl Condition<K>) -> anyhow::Result<K>
where
    K: Clone + std::fmt::Debug + Send + DeserializeOwned + Resource + 'static,
{
    let waiting = tokio::time::timeout(PATIENCE, await_condition(api.clone(), name, condition));
    let object = waiting.await.map_err(|_| anyhow::anyhow!("{name} is not as expected after {PATIENCE:?}"))??;
    object.ok_or_else(|| anyhow::anyhow!("{name} is gone"))
}

/// Waits until an object is gone.
pub async fn gone<K>(api: &Api<K>, object: &K) -> anyhow::Result<()>
where
    K: Clone + std::fmt::Debug + Send + DeserializeOwned + Resource + 'static,
{
    let (name, uid) = (object.name_any(), object.uid().unwrap_or_default());
    let waiting = await_condition(api.clone(), &name, conditions::is_deleted(&uid));
    tokio::time::timeout(PATIENCE, waiting).await??;
    Ok(())
}

async fn operator_client() -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::read()?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == "operator");
    let options = KubeConfigOptions { context: context.map(|context| context.name.clone()), ..Default::default() };
    Ok(Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &options).await?)?)
}
