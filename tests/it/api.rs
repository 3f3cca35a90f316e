//! `rop create api`.

use snapbox::assert_data_eq;
use snapbox::str;

use crate::sandbox::Sandbox;

const CACHE: &str = "create api --group app --version v1alpha1 --kind Cache --image redis:7 --port 6379";

#[track_caller]
fn refused(sandbox: &Sandbox, line: &str, expected: impl snapbox::IntoData) {
    let before = sandbox.tree("shop");
    let output = sandbox.rop_in("shop", line);
    assert_data_eq!(output.to_string(), expected.into_data());
    sandbox.tree("shop").assert_eq(&before, "a refused command wrote something");
}

#[test]
fn an_api_touches_what_belongs_to_it_and_the_lists() {
    let sandbox = Sandbox::with_shop();
    assert_data_eq!(
        sandbox.rop_in("shop", CACHE).to_string(),
        str![[r#"
[stderr]
     Updated PROJECT
     Created config/crd/bases/app.example.com_caches.yaml
     Updated config/crd/kustomization.yaml
     Updated config/rbac/role.yaml
     Created config/samples/app_v1alpha1_cache.yaml
     Updated config/samples/kustomization.yaml
     Created src/api/app/mod.rs
     Created src/api/app/v1alpha1/cache.rs
     Created src/api/app/v1alpha1/mod.rs
     Updated src/api/mod.rs
     Created src/controllers/app/cache.rs
     Created src/controllers/app/mod.rs
     Updated src/controllers/mod.rs
     Created tests/integration/app_v1alpha1_cache.rs
     Updated tests/integration/main.rs
note: Cache is ready to be changed: its types, its reconciler and their tests are yours

"#]]
    );
}

#[test]
fn it_works_from_any_folder_of_the_project_and_from_outside() {
    let sandbox = Sandbox::with_shop();
    sandbox.rop_in("shop/src/runtime", "create api --kind MyApp").succeeds();
    sandbox.rop(&format!("--project shop {CACHE}")).succeeds();
    assert!(sandbox.read("shop/PROJECT").contains("kind: Cache"));
}

#[test]
fn a_second_run_changes_nothing() {
    let sandbox = Sandbox::with_shop();
    sandbox.rop_in("shop", CACHE).succeeds();
    let before = sandbox.tree("shop");
    let output = sandbox.rop_in("shop", CACHE).succeeds();
    assert_eq!(output.err, "   Unchanged [HOME]/shop\n");
    sandbox.tree("shop").assert_eq(&before, "the second run");
}

#[test]
fn a_dry_run_with_a_diff_shows_every_line_and_writes_nothing() {
    let sandbox = Sandbox::with_shop();
    let before = sandbox.tree("shop");
    let output = sandbox.rop_in("shop", &format!("{CACHE} --dry-run --diff")).succeeds();
    assert!(
        output.out.contains("--- a/config/crd/kustomization.yaml\n+++ b/config/crd/kustomization.yaml\n"),
        "{output}"
    );
    assert!(output.out.contains("+pub struct CacheSpec {\n"), "{output}");
    sandbox.tree("shop").assert_eq(&before, "the dry run");
}

#[test]
fn edits_survive_everything() {
    let sandbox = Sandbox::with_shop();
    sandbox.rop_in("shop", "create api --kind MyApp").succeeds();
    let edited = [
        "src/api/v1alpha1/my_app.rs",
        "src/controllers/my_app.rs",
        "src/main.rs",
        "Cargo.toml",
        "README.md",
        "Makefile",
        "config/samples/v1alpha1_my_app.yaml",
    ];
    for path in edited {
        let comment = if path.ends_with(".rs") { "// mine" } else { "# mine" };
        sandbox.edit(&format!("shop/{path}"), |text| format!("{text}{comment}\n"));
    }
    let before = sandbox.tree("shop");
    sandbox.rop_in("shop", CACHE).succeeds();
    let after = sandbox.tree("shop");
    for path in edited {
        assert_eq!(after.0[path], before.0[path], "{path} was changed");
    }
}

#[test]
fn a_permission_added_by_hand_survives_the_next_api() {
    let sandbox = Sandbox::with_shop();
    sandbox.rop_in("shop", "create api --kind MyApp").succeeds();
    let own = "- apiGroups:\n  - ''\n  resources:\n  - configmaps\n  verbs:\n  - get\n";
    sandbox.edit("shop/config/rbac/role.yaml", |text| text.replacen("rules:\n", &format!("rules:\n{own}"), 1));
    sandbox.rop_in("shop", CACHE).succeeds();
    let role = sandbox.read("shop/config/rbac/role.yaml");
    assert!(role.contains("- configmaps") && role.contains("- caches/status"), "{role}");
}

#[test]
fn a_file_that_is_in_the_way_is_not_overwritten() {
    let sandbox = Sandbox::with_shop();
    sandbox.write("shop/src/controllers/app/cache.rs", "// mine\n");
    refused(
        &sandbox,
        CACHE,
        str![[r#"
--- a/src/controllers/app/cache.rs
+++ b/src/controllers/app/cache.rs
@@ -1 +1,280 @@
-// mine
+//! Runs a Deployment and a Service for each Cache, and reports how they fare.
+
+use std::collections::BTreeMap;
+use std::sync::Arc;
+use std::time::Duration;
+
+use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
+use k8s_openapi::api::core::v1::{
+    Capabilities, Container, ContainerPort, PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile,
+    SecurityContext, Service, ServicePort, ServiceSpec,
+};
+use k8s_openapi::api::rbac::v1::PolicyRule;
+use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, ObjectMeta};
+use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
+use kube::runtime::controller::Action;
+use kube::{Resource, ResourceExt};
+
+use crate::api::app::v1alpha1::cache::Cache;
+use crate::api::app::v1alpha1::cache::CacheStatus;
+use crate::runtime::conditions::{self, not_ready, ready};
+use crate::runtime::context::Context;
+use crate::runtime::error::Error;
+use crate::runtime::rbac::{OWN, READ, rule, status_rule};
+use crate::runtime::{controller, readiness};
+
+/// What came of applying the children.
+type Outcome = Result<Deployment, Error>;
+
+/// How often an object is looked at although nothing has changed.
+const RESYNC: Duration = Duration::from_secs(600);
+
+/// Returns what this controller may do. `rop generate` writes config/rbac/role.yaml from it, and the unit tests enforce
+/// it.
+pub fn rules() -> Vec<PolicyRule> {
+    vec![
+        // Its own kind: to watch, and to report.
+        rule::<Cache>(READ),
+        status_rule::<Cache>(&["patch"]),
+        // The children.
+        rule::<Deployment>(OWN),
+        rule::<Service>(OWN),
+    ]
+}
+
+/// Runs the controller until the operator shuts down.
+pub async fn run(ctx: Arc<Context>) {
+    let controller = controller::watching(ctx.api::<Cache>())
+        .owns(ctx.api_metadata::<Deployment>(), controller::watch_config())
+        .owns(ctx.api_metadata::<Service>(), controller::watch_config());
+    controller::run("cache", controller, reconcile, ctx).await;
+}
+
+/// Brings the world closer to what one Cache asks for. Called whenever it or one of its children changes; may be called
+/// at any time, any number of times.
+async fn reconcile(object: Arc<Cache>, ctx: Arc<Context>) -> Result<Action, Error> {
+    if object.meta().deletion_timestamp.is_some() {
+        // The children are garbage-collected through their owner references.
+        return Ok(Action::await_change());
+    }
+    let outcome = apply_children(&object, &ctx).await;
+    let reported = ctx.update_status(object.as_ref(), status(&object, &outcome)).await;
+    outcome?;
+    reported?;
+    Ok(Action::requeue(RESYNC))
+}
+
+async fn apply_children(object: &Cache, ctx: &Context) -> Outcome {
+    let deployment = ctx.apply(deployment(object)).await?;
+    ctx.apply(service(object)).await?;
+    Ok(deployment)
+}
+
+/// Returns the Deployment that should be there.
+fn deployment(object: &Cache) -> Deployment {
+    let pod = PodSpec {
+        containers: vec![Container {
+            name: "cache".to_owned(),
+            image: Some(object.spec.image.clone()),
+            ports: Some(vec![ContainerPort {
+                name: Some("http".to_owned()),
+                container_port: object.spec.port,
+                ..Default::default()
+            }]),
+            security_context: Some(SecurityContext {
+                allow_privilege_escalation: Some(false),
+                capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Default::default() }),
+                ..Default::default()
+            }),
+            ..Default::default()
+        }],
+        security_context: Some(PodSecurityContext {
+            run_as_non_root: Some(true),
+            run_as_user: Some(65532),
+            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..Default::default() }),
+            ..Default::default()
+        }),
+        ..Default::default()
+    };
+    Deployment {
+        metadata: child_metadata(object),
+        spec: DeploymentSpec {
+            replicas: Some(object.spec.replicas),
+            selector: LabelSelector { match_labels: Some(selector_labels(object)), ..Default::default() },
+            template: PodTemplateSpec {
+                metadata: Some(ObjectMeta { labels: Some(selector_labels(object)), ..Default::default() }),
+                spec: Some(pod),
+            },
+            ..Default::default()
+        }
+        .into(),
+        ..Default::default()
+    }
+}
+
+/// Returns the Service that should be there.
+fn service(object: &Cache) -> Service {
+    Service {
+        metadata: child_metadata(object),
+        spec: Some(ServiceSpec {
+            selector: Some(selector_labels(object)),
+            ports: Some(vec![ServicePort {
+                name: Some("http".to_owned()),
+                port: object.spec.port,
+                target_port: Some(IntOrString::String("http".to_owned())),
+                ..Default::default()
+            }]),
+            ..Default::default()
+        }),
+        ..Default::default()
+    }
+}
+
+/// Returns the status that is true after the children were applied, or could not be.
+fn status(object: &Cache, outcome: &Outcome) -> CacheStatus {
+    let mut status = object.status.clone().unwrap_or_default();
+    let condition = match outcome {
+        Ok(deployment) => {
+            let observed = deployment.status.clone().unwrap_or_default();
+            status.replicas = observed.replicas.unwrap_or(0);
+            status.ready_replicas = observed.ready_replicas.unwrap_or(0);
+            status.selector = selector_text(object);
+            deployment_condition(deployment)
+        }
+        Err(error) => not_ready(error.reason(), error.to_string()),
+    };
+    status.observed_generation = object.metadata.generation;
+    conditions::set(&mut status.conditions, condition, object.metadata.generation);
+    status
+}
+
+fn deployment_condition(deployment: &Deployment) -> Condition {
+    match readiness::deployment(deployment) {
+        Ok(()) => ready("Available", "All pods are ready"),
+        Err(waiting) => not_ready("Progressing", waiting),
+    }
+}
+
+/// Metadata of a child: named after its owner, removed with it.
+fn child_metadata(object: &Cache) -> ObjectMeta {
+    let mut labels = selector_labels(object);
+    labels.insert("app.kubernetes.io/managed-by".to_owned(), env!("CARGO_PKG_NAME").to_owned());
+    ObjectMeta {
+        name: Some(object.name_any()),
+        namespace: object.namespace(),
+        labels: Some(labels),
+        owner_references: object.controller_owner_ref(&()).map(|owner| vec![owner]),
+        ..Default::default()
+    }
+}
+
+/// Labels that select the pods of one Cache. They may never change: a Deployment's selector is immutable.
+fn selector_labels(object: &Cache) -> BTreeMap<String, String> {
+    BTreeMap::from([
+        ("app.kubernetes.io/name".to_owned(), "cache".to_owned()),
+        ("app.kubernetes.io/instance".to_owned(), object.name_any()),
+    ])
+}
+
+fn selector_text(object: &Cache) -> String {
+    let labels: Vec<_> = selector_labels(object).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
+    labels.join(",")
+}
+
+#[cfg(test)]
+mod tests {
+    use serde_json::json;
+
+    use super::*;
+    use crate::api::app::v1alpha1::cache::CacheSpec;
+    use crate::runtime::testing::FakeCluster;
+
+    async fn cluster_with(spec: CacheSpec) -> FakeCluster {
+        let cluster = FakeCluster::new(rules());
+        cluster.create(&Cache::new("web", spec));
+        cluster.settle(reconcile).await;
+        cluster
+    }
+
+    fn ready_condition(object: &Cache) -> (&str, &str) {
+        let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
+        conditions.iter().find(|c| c.type_ == "Ready").map_or(("", ""), |c| (&c.status, &c.reason))
+    }
+
+    #[tokio::test]
+    async fn a_new_object_costs_one_write_a_child_and_one_for_the_status() {
+        let cluster = cluster_with(CacheSpec::default()).await;
+        let deployment: Deployment = cluster.get("web");
+        assert_eq!(deployment.owner_references()[0].kind, "Cache");
+        let port = cluster.get::<Service>("web").spec.unwrap().ports.unwrap()[0].port;
+        assert_eq!(port, CacheSpec::default().port);
+        assert_eq!(ready_condition(&cluster.get("web")), ("False", "Progressing"));
+        let status = "patch caches/web/status";
+        assert_eq!(cluster.take_writes(), ["patch deployments/web", "patch services/web", status]);
+        cluster.settle(reconcile).await;
+        assert_eq!(cluster.take_writes(), [""; 0], "nothing is written when nothing has changed");
+    }
+
+    #[tokio::test]
+    async fn status_follows_the_deployment() {
+        let cluster = cluster_with(CacheSpec::default()).await;
+        cluster.make_deployment_ready("web");
+        cluster.settle(reconcile).await;
+        let object: Cache = cluster.get("web");
+        assert_eq!(ready_condition(&object), ("True", "Available"));
+        let status = object.status.unwrap();
+        assert_eq!((status.ready_replicas, status.observed_generation), (1, object.metadata.generation));
+    }
+
+    #[tokio::test]
+    async fn drift_is_put_right() {
+        let cluster = cluster_with(CacheSpec::default()).await;
+        cluster.merge::<Deployment>("web", json!({"spec": {"replicas": 7}}));
+        cluster.delete::<Service>("web");
+        cluster.settle(reconcile).await;
+        assert_eq!(cluster.get::<Deployment>("web").spec.unwrap().replicas, Some(1));
+        assert_eq!(cluster.get::<Service>("web").name_any(), "web");
+    }
+
+    #[tokio::test]
+    async fn an_edit_reaches_the_children() {
+        let cluster = cluster_with(CacheSpec::default()).await;
+        let edit = json!({"spec": {"replicas": 3, "image": "example/other:2"}});
+        cluster.merge::<Cache>("web", edit);
+        cluster.settle(reconcile).await;
+        let spec = cluster.get::<Deployment>("web").spec.unwrap();
+        assert_eq!(spec.replicas, Some(3));
+        assert_eq!(spec.template.spec.unwrap().containers[0].image.as_deref(), Some("example/other:2"));
+    }
+
+    #[tokio::test]
+    async fn deletion_takes_the_children_along() {
+        let cluster = cluster_with(CacheSpec::default()).await;
+        cluster.delete::<Cache>("web");
+        cluster.settle(reconcile).await;
+        assert!(cluster.find::<Deployment>("web").is_none());
+        assert!(cluster.find::<Service>("web").is_none());
+    }
+
+    #[tokio::test]
+    async fn a_failure_is_reported_and_overcome() {
+        let cluster = FakeCluster::new(rules());
+        cluster.fail_next("patch services/web", 503);
+        cluster.create(&Cache::new("web", CacheSpec::default()));
+        cluster.reconcile_once(reconcile).await.expect_err("the Service could not be applied");
+        assert_eq!(ready_condition(&cluster.get("web")), ("False", "ServerError"));
+        cluster.settle(reconcile).await;
+        assert_eq!(ready_condition(&cluster.get("web")), ("False", "Progressing"));
+    }
+
+    #[tokio::test]
+    async fn a_child_of_somebody_else_is_left_alone() {
+        let cluster = FakeCluster::new(rules());
+        let metadata = ObjectMeta { name: Some("web".to_owned()), ..Default::default() };
+        cluster.create(&Service { metadata, ..Default::default() });
+        cluster.create(&Cache::new("web", CacheSpec::default()));
+        cluster.reconcile_once(reconcile).await.expect_err("the Service is not ours");
+        assert_eq!(ready_condition(&cluster.get("web")), ("False", "NotControlled"));
+        assert!(cluster.get::<Service>("web").spec.is_none());
+    }
+}
[stderr]
    Conflict src/controllers/app/cache.rs
error: nothing was written, since rop does not overwrite what you changed: `src/controllers/app/cache.rs`
help: undo what you changed there, or pass `--force` to lose it
[exit code 1]

"#]],
    );
    sandbox.rop_in("shop", &format!("{CACHE} --force")).succeeds();
    assert!(sandbox.read("shop/src/controllers/app/cache.rs").contains("fn reconcile"));
}

#[test]
fn a_list_that_was_edited_is_not_overwritten() {
    let sandbox = Sandbox::with_shop();
    sandbox.edit("shop/src/api/mod.rs", |text| format!("{text}\n// mine\n"));
    refused(
        &sandbox,
        "create api --kind MyApp --quiet",
        str![[r#"
--- a/src/api/mod.rs
+++ b/src/api/mod.rs
@@ -1,11 +1,17 @@
 // Managed by rop from PROJECT: do not edit.
 //! The custom resources.
 
+pub mod v1alpha1;
+
 use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
+use kube::CustomResourceExt;
 
 /// Returns the CRDs of all kinds.
 pub fn crds() -> Vec<CustomResourceDefinition> {
-    Vec::new()
+    vec![
+        // One a kind.
+        v1alpha1::my_app::MyApp::crd(),
+    ]
 }
 
 #[cfg(test)]
@@ -17,5 +23,3 @@
         }
     }
 }
-
-// mine
[stderr]
error: nothing was written, since rop does not overwrite what you changed: `src/api/mod.rs`
help: undo what you changed there, or pass `--force` to lose it
[exit code 1]

"#]],
    );
}

#[test]
fn an_api_that_exists_is_not_changed() {
    let sandbox = Sandbox::with_shop();
    sandbox.rop_in("shop", CACHE).succeeds();
    refused(
        &sandbox,
        "create api --group app --kind Cache --plural cachees",
        str![[r#"
[stderr]
error: `Cache` exists already, and its plural is `caches`, not `cachees`
help: leave the flag out, or change it by hand where it is used
[exit code 1]

"#]],
    );
    refused(
        &sandbox,
        "create api --group app --kind Cache --version v1",
        str![[r#"
[stderr]
error: `Cache` exists already, and its version is `v1alpha1`, not `v1`
help: leave the flag out, or change it by hand where it is used
[exit code 1]

"#]],
    );
}

#[test]
fn what_needs_a_project_says_how_to_start_one() {
    let sandbox = Sandbox::new();
    assert_data_eq!(
        sandbox.rop("create api --kind MyApp").to_string(),
        str![[r#"
[stderr]
error: no PROJECT file in this directory or any above it
help: start a project with `rop init --domain example.com`, or pass its directory with `--project DIR`
[exit code 1]

"#]]
    );
}

#[test]
fn a_project_that_is_damaged_is_left_alone() {
    let sandbox = Sandbox::with_shop();
    sandbox.edit("shop/PROJECT", |text| text.replace("domain: example.com", "domain: Example.com"));
    refused(
        &sandbox,
        "create api --kind MyApp",
        str![[r#"
[stderr]
error: PROJECT is not valid: domain `Example.com` has a part that must be lower-case letters, digits and `-`; it has an upper-case `E`
help: write `domain: example.com` in PROJECT
[exit code 1]

"#]],
    );
    sandbox.write("shop/PROJECT", b"\xff\xfe");
    refused(
        &sandbox,
        "create api --kind MyApp",
        str![[r#"
[stderr]
error: PROJECT is not one that rop wrote: it is not text
help: restore PROJECT from version control
[exit code 1]

"#]],
    );
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_links() {
    let sandbox = Sandbox::with_shop();
    sandbox.write("elsewhere/keep", "");
    std::fs::remove_dir_all(sandbox.path("shop/src/api")).expect("removed");
    std::os::unix::fs::symlink(sandbox.path("elsewhere"), sandbox.path("shop/src/api")).expect("linked");
    refused(
        &sandbox,
        "create api --kind MyApp",
        str![[r#"
[stderr]
error: `[HOME]/shop/src/api` is a symbolic link, through which rop does not write
help: nothing was changed; replace the link by what it points to
[exit code 1]

"#]],
    );
    assert_eq!(sandbox.tree("elsewhere").paths(), ["keep"]);
}

#[test]
fn unknown_keys_of_the_project_file_are_kept() {
    let sandbox = Sandbox::with_shop();
    sandbox.edit("shop/PROJECT", |text| format!("{text}plugins:\n  acme: 1\n"));
    sandbox.rop_in("shop", CACHE).succeeds();
    assert!(sandbox.read("shop/PROJECT").ends_with("plugins:\n  acme: 1\n"));
}
