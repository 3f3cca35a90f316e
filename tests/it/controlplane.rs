//! The embedded control plane under unmodified kube-rs: in process, and over TLS.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ServiceAccount};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::{conditions, wait, watcher};
use kube::{Api, Client, Config, ResourceExt};
use rop::controlplane::Handle;
use serde_json::json;

async fn start() -> (Handle, Client) {
    let handle = Handle::builder().nodes(false).start_in_process().await.expect("keys can be made");
    let client = Client::new(handle.service(), "default");
    (handle, client)
}

fn config_map(name: &str) -> ConfigMap {
    let data = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
    let mut config_map = ConfigMap { data: Some(data), ..ConfigMap::default() };
    config_map.metadata.name = Some(name.to_owned());
    config_map
}

#[tokio::test(start_paused = true)]
async fn a_kube_client_creates_reads_changes_and_deletes() {
    let (_handle, client) = start().await;
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let created = api.create(&PostParams::default(), &config_map("a")).await.expect("the name is free");
    let patch = json!({"data": {"a": "2"}});
    let patched = api.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await.expect("it is there");
    assert_eq!(patched.uid(), created.uid());
    assert_ne!(patched.resource_version(), created.resource_version());
    let stale = api.replace("a", &PostParams::default(), &created).await.expect_err("it has changed since");
    assert!(matches!(stale, kube::Error::Api(status) if status.reason == "Conflict"));
    let listed = api.list(&ListParams::default().fields("metadata.name=a")).await.expect("lists work");
    assert_eq!(listed.items, [patched]);
    api.delete("a", &DeleteParams::default()).await.expect("it is there").left();
    assert_eq!(api.get_opt("a").await.expect("a missing object is no failure"), None);
}

#[tokio::test(start_paused = true)]
async fn a_watch_begins_with_what_is_there_and_goes_on() {
    let (_handle, client) = start().await;
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    api.create(&PostParams::default(), &config_map("a")).await.expect("the name is free");
    let only_a = WatchParams::default().fields("metadata.name=a");
    let mut events = api.watch(&only_a, "0").await.expect("watches work").boxed();
    assert!(matches!(events.try_next().await, Ok(Some(WatchEvent::Added(found))) if found.name_any() == "a"));
    api.delete("a", &DeleteParams::default()).await.expect("it is there");
    assert!(matches!(events.try_next().await, Ok(Some(WatchEvent::Deleted(found))) if found.name_any() == "a"));
}

#[tokio::test(start_paused = true)]
async fn a_list_in_pages_shows_one_moment() {
    let (_handle, client) = start().await;
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    for name in ["a", "b", "c"] {
        api.create(&PostParams::default(), &config_map(name)).await.expect("the name is free");
    }
    let first = api.list(&ListParams::default().limit(2)).await.expect("lists work");
    api.delete("c", &DeleteParams::default()).await.expect("it is there");
    let token = first.metadata.continue_.as_deref().expect("there is more");
    let rest = api.list(&ListParams::default().continue_token(token)).await.expect("the log goes back that far");
    assert!(rest.items.iter().any(|item| item.name_any() == "c"), "it was there when the list began");
}

fn crd() -> serde_json::Value {
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 1}}},
        "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
    }});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "shops.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "shops", "kind": "Shop"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

async fn install_shops(client: &Client) -> Api<DynamicObject> {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let crd = serde_json::from_value(crd()).expect("it is a CRD");
    crds.create(&PostParams::default(), &crd).await.expect("the CRD is valid");
    let established = wait::await_condition(crds, "shops.example.com", conditions::is_crd_established());
    let limit = tokio::time::timeout(Duration::from_secs(30), established).await;
    limit.expect("CRDs are established soon").expect("the watch works");
    let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("example.com", "v1", "Shop"), "shops");
    Api::default_namespaced_with(client.clone(), &kind)
}

fn shop(name: &str) -> DynamicObject {
    let value = json!({"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {"name": name}, "spec": {}});
    serde_json::from_value(value).expect("it is an object")
}

#[tokio::test(start_paused = true)]
async fn custom_resources_are_defaulted_and_pruned_and_their_status_is_apart() {
    let (_handle, client) = start().await;
    let shops = install_shops(&client).await;
    let mut new = shop("a");
    new.data["spec"]["unknown"] = json!(1);
    let created = shops.create(&PostParams::default(), &new).await.expect("it is valid");
    assert_eq!(created.data["spec"], json!({"size": 1}));
    let patch = Patch::Merge(json!({"spec": {"size": 5}, "status": {"ready": true}}));
    let changed = shops.patch_status("a", &PatchParams::default(), &patch).await.expect("it is there");
    assert_eq!((&changed.data["spec"]["size"], &changed.data["status"]["ready"]), (&json!(1), &json!(true)));
    assert_eq!(changed.metadata.generation, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_kube_controller_reconciles() {
    let (_handle, client) = start().await;
    let shops = install_shops(&client).await;
    let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("example.com", "v1", "Shop"), "shops");
    let reconcile = |shop: Arc<DynamicObject>, api: Arc<Api<DynamicObject>>| async move {
        let patch = json!({"apiVersion": "example.com/v1", "kind": "Shop", "status": {"ready": true}});
        let params = PatchParams::apply("shop-controller").force();
        let mut patch: DynamicObject = serde_json::from_value(patch).expect("it is an object");
        patch.metadata.name = Some(shop.name_any());
        api.patch_status(&shop.name_any(), &params, &Patch::Apply(patch)).await?;
        Ok::<_, kube::Error>(Action::await_change())
    };
    let again =
        |_: Arc<DynamicObject>, _: &kube::Error, _: Arc<Api<DynamicObject>>| Action::requeue(Duration::from_secs(1));
    let controller = Controller::new_with(shops.clone(), watcher::Config::default(), kind);
    let run = controller.run(reconcile, again, Arc::new(shops.clone())).for_each(|_| std::future::ready(()));
    let running = tokio::spawn(run);
    shops.create(&PostParams::default(), &shop("a")).await.expect("it is valid");
    let is_ready = |shop: Option<&DynamicObject>| shop.is_some_and(|shop| shop.data["status"]["ready"] == json!(true));
    let ready = tokio::time::timeout(Duration::from_secs(60), wait::await_condition(shops, "a", is_ready)).await;
    running.abort();
    ready.expect("the controller acts").expect("the watch works");
}

#[tokio::test]
async fn the_administrators_kubeconfig_works_over_tls() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let handle = Handle::builder().nodes(false).start(address).await.expect("a port is free");
    let kubeconfig = Kubeconfig::from_yaml(&handle.kubeconfig()).expect("it is a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let client = Client::try_from(config.expect("it is complete")).expect("the certificates can be read");
    let namespaces: Api<Namespace> = Api::all(client);
    let names: Vec<_> = namespaces.list(&ListParams::default()).await.expect("it is the administrator").items;
    assert!(names.iter().any(|namespace| namespace.name_any() == "kube-system"));
    handle.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_running_container_is_refused_and_not_made_up() {
    let (_handle, client) = start().await;
    let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
    let is_there = |account: Option<&ServiceAccount>| account.is_some();
    wait::await_condition(accounts, "default", is_there).await.expect("pods run as this account");
    let pods: Api<Pod> = Api::default_namespaced(client);
    let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a"}]}});
    let pod = serde_json::from_value(pod).expect("a pod");
    let missing = pods.logs("a", &Default::default()).await.expect_err("there is no pod");
    assert!(matches!(missing, kube::Error::Api(status) if status.code == 404));
    pods.create(&PostParams::default(), &pod).await.expect("the namespace is there");
    let refused = pods.logs("a", &Default::default()).await.expect_err("there are no logs");
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 501));
}

#[tokio::test(start_paused = true)]
async fn a_proxied_deletion_is_not_one_of_the_service() {
    let (_handle, client) = start().await;
    let path = "/api/v1/namespaces/default/services/kubernetes/proxy";
    let request = http::Request::delete(path).body(Vec::new()).expect("well formed");
    let refused = client.request_text(request).await.expect_err("there is nothing behind it");
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 501), "{refused}");
    let services: Api<k8s_openapi::api::core::v1::Service> = Api::default_namespaced(client);
    services.get("kubernetes").await.expect("it was not the Service that was asked to go");
}
