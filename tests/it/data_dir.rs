//! A control plane that goes on where an earlier process was killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::{conditions, wait};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::json;

use crate::sandbox::Sandbox;

/// A process that serves; it is killed, not asked.
struct Cluster {
    process: Child,
    said: String,
}

impl Cluster {
    /// Starts, and waits until it serves.
    fn start(sandbox: &Sandbox, kubeconfig: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rop"))
            .args(["cluster", "start", "--data-dir", "data", "--kubeconfig", kubeconfig])
            .current_dir(sandbox.home())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("rop was started");
        let mut said = String::new();
        let mut reader = BufReader::new(process.stderr.take().expect("piped"));
        while !said.contains("Ready") {
            let length = reader.read_line(&mut said).expect("text");
            assert_ne!(length, 0, "it ended:\n{said}");
        }
        Self { process, said }
    }

    /// Does what `kill -9` does.
    fn kill(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it has ended");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn client(sandbox: &Sandbox, kubeconfig: &str) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(&sandbox.read(kubeconfig)).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("it is whole")).expect("it names certificates")
}

fn shops(client: &Client) -> Api<DynamicObject> {
    let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("example.com", "v1", "Shop"), "shops");
    Api::default_namespaced_with(client.clone(), &kind)
}

async fn install_shops(client: &Client) {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "shops.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "shops", "kind": "Shop"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    });
    let crd = serde_json::from_value(crd).expect("it is a CRD");
    crds.create(&PostParams::default(), &crd).await.expect("the CRD is valid");
    wait::await_condition(crds, "shops.example.com", conditions::is_crd_established()).await.expect("the watch works");
}

fn config_map(name: &str) -> ConfigMap {
    let mut config_map = ConfigMap::default();
    config_map.metadata.name = Some(name.to_owned());
    config_map
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_kill_9() {
    let sandbox = Sandbox::new();
    let cluster = Cluster::start(&sandbox, "first");
    let old = client(&sandbox, "first").await;
    install_shops(&old).await;
    let shop = json!({"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {"name": "a"}, "spec": {"x": 2.0}});
    let shop: DynamicObject = serde_json::from_value(shop).expect("it is an object");
    let shop = shops(&old).create(&PostParams::default(), &shop).await.expect("it is valid");
    let config_maps: Api<ConfigMap> = Api::default_namespaced(old.clone());
    for index in 0..50 {
        config_maps.create(&PostParams::default(), &config_map(&format!("c{index}"))).await.expect("the name is free");
    }
    config_maps.delete("c0", &DeleteParams::default()).await.expect("it is there");
    let last = config_maps.get("c49").await.expect("it is there");
    let second = sandbox.rop("cluster start --data-dir data --kubeconfig second").fails(1);
    assert!(second.err.contains("is in use by another process"), "{second}");
    cluster.kill();

    let journal = sandbox.path("data/journal.jsonl");
    let mut file = std::fs::OpenOptions::new().append(true).open(journal).expect("it is there");
    file.write_all(b"{\"revision\":").expect("it can be written");
    let cluster = Cluster::start(&sandbox, "third");
    assert!(cluster.said.contains("cut off 12 bytes"), "{}", cluster.said);
    // The client of the first run reads from the second: same port, same CA, same certificate.
    let old = client(&sandbox, "first").await;
    assert_eq!(shops(&old).get("a").await.expect("the kind is served at once"), shop);
    let config_maps: Api<ConfigMap> = Api::default_namespaced(old);
    assert_eq!(config_maps.get("c49").await.expect("it was acknowledged"), last);
    assert_eq!(config_maps.get_opt("c0").await.expect("a missing object is no failure"), None);
    let kept = config_maps.list(&ListParams::default()).await.expect("lists work");
    assert_eq!(kept.items.iter().filter(|item| item.name_any().starts_with('c')).count(), 49);
    let new = config_maps.create(&PostParams::default(), &config_map("new")).await.expect("the name is free");
    let revision = |object: &ConfigMap| object.resource_version().and_then(|text| text.parse::<u64>().ok());
    assert!(revision(&new) > revision(&last), "revisions go on");
    cluster.kill();
}
