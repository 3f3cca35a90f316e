//! Generated projects, built and run: what no snapshot can tell.

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::runtime::wait::await_condition;

use crate::running::Running;
use crate::sandbox::Sandbox;
use crate::workshop::Workshop;

const ROP: &str = env!("CARGO_BIN_EXE_rop");

/// A sandbox, and the workshop to build in it.
struct Site {
    sandbox: Sandbox,
    workshop: Workshop,
}

impl Site {
    fn new() -> Self {
        Self { workshop: Workshop::enter(), sandbox: Sandbox::new() }
    }

    /// Runs a program in a folder, which must succeed; returns all that it printed.
    #[track_caller]
    fn succeeds(&self, folder: &str, program: &str, arguments: &str) -> String {
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        self.workshop.run(&self.sandbox.path(folder), program, &arguments)
    }

    fn start(&self, folder: &str, arguments: &str) -> Running {
        Running::start(&self.sandbox.path(folder), arguments)
    }
}

/// Formats, lints and tests, and compares the manifests with the code.
#[track_caller]
fn check(site: &Site, project: &str) {
    site.succeeds(project, "cargo", "fmt --check");
    site.succeeds(project, "cargo", "clippy --locked --all-targets -- -D warnings");
    site.succeeds(project, ROP, "generate --check");
    let tests = site.succeeds(project, ROP, "test");
    assert!(!tests.contains(" 0 passed; 0 failed; 1 ignored"), "the integration tests ran:\n{tests}");
}

#[test]
fn an_operator_of_many_kinds_is_formatted_linted_tested_and_runs() {
    let site = Site::new();
    let rop = |line: &str| site.succeeds("shop", ROP, line);
    site.succeeds("", ROP, "init shop --domain example.com");
    rop("create api --kind MyApp");
    rop("create api --group app --version v1beta1 --kind Cache --image redis:7 --port 6379");
    rop("create api --group app --kind AKindWithALongNameOfThirtyOne --namespaced=false");
    rop("create api --kind Db --controller=false");
    check(&site, "shop");

    let mut running = site.start("shop", "run --samples");
    let line = running.says("Running the operator");
    let pid: String = line.chars().filter(char::is_ascii_digit).collect();
    running.says("Applied MyApp myapp-sample");
    becomes_ready(&site, "shop");
    assert_eq!(running.interrupt(), Some(0));
    assert!(!std::path::Path::new("/proc").join(pid).exists(), "no process is left behind");
    assert!(!site.sandbox.path("shop/.rop/kubeconfig").exists(), "a kubeconfig that leads nowhere is removed");
}

#[test]
fn an_operator_of_one_namespace_and_one_without_apis_are_whole_too() {
    let site = Site::new();
    site.succeeds("", ROP, "init one-namespace --domain example.com --namespaced");
    site.succeeds("one-namespace", "cargo", "clippy --locked --all-targets -- -D warnings");
    site.succeeds("one-namespace", ROP, "create api --kind MyApp");
    check(&site, "one-namespace");
}

#[test]
fn saving_a_file_rebuilds_and_restarts_while_the_objects_live_on() {
    let site = Site::new();
    site.succeeds("", ROP, "init watched --domain example.com");
    site.succeeds("watched", ROP, "create api --kind MyApp");
    let mut running = site.start("watched", "run --samples --watch");
    running.says("Running the operator");
    running.says("Applied MyApp myapp-sample");
    becomes_ready(&site, "watched");

    let reconciler = "watched/src/controllers/my_app.rs";
    let original = site.sandbox.read(reconciler);
    site.sandbox.edit(reconciler, |text| text + "\nthis does not compile\n");
    running.says("Changed");
    running.says("error: ");
    running.says("the operator does not compile");
    becomes_ready(&site, "watched");

    // A permission that is missing is shown with the rule to add and the file to add it to.
    site.sandbox.write(reconciler, original.replace("        rule::<Service>(OWN),\n", ""));
    running.says("Running the operator");
    running.says("the operator's role does not allow it to");
    assert!(running.says("help: ").contains("src/controllers/my_app.rs"));

    site.sandbox.write(reconciler, original);
    running.says("Changed");
    running.says("Running the operator");
    assert_eq!(running.interrupt(), Some(0));
}

/// Waits until the sample is ready, as the user sees it with the kubeconfig that rop wrote.
#[track_caller]
fn becomes_ready(site: &Site, project: &str) {
    let path = site.sandbox.path(project).join(".rop/kubeconfig");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let kubeconfig = Kubeconfig::read_from(path).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let client = kube::Client::try_from(config.expect("a usable kubeconfig")).expect("a client");
        let kind = GroupVersionKind::gvk("example.com", "v1alpha1", "MyApp");
        let objects: Api<DynamicObject> =
            Api::namespaced_with(client, "default", &ApiResource::from_gvk_with_plural(&kind, "myapps"));
        await_condition(objects, "myapp-sample", |object: Option<&DynamicObject>| object.is_some_and(is_ready))
            .await
            .expect("the sample becomes ready");
    });
}

fn is_ready(object: &DynamicObject) -> bool {
    let conditions = object.data["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
