//! Whole projects as they should come out, in `tests/golden`. Never edited by hand.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sandbox::Sandbox;
use crate::tree::Tree;

/// Runs commands in a new project and compares the project with the one in `tests/golden/NAME`.
#[track_caller]
fn check(name: &str, init: &str, apis: &[&str]) {
    let sandbox = Sandbox::new();
    sandbox.rop(&format!("init shop --domain example.com {init}")).succeeds();
    for api in apis {
        sandbox.rop_in("shop", &format!("create api {api}")).succeeds();
    }
    let mut actual = sandbox.tree("shop").files();
    if name != "default" {
        // It is big and the same everywhere.
        actual.0.remove("Cargo.lock");
    }
    compare(&golden(name), &actual);
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

#[track_caller]
fn compare(golden: &Path, actual: &Tree) {
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        if golden.exists() {
            fs::remove_dir_all(golden).expect("removed");
        }
        actual.write(golden);
    }
    let what = "not as in tests/golden (refresh with `SNAPSHOTS=overwrite cargo test --test it golden`)";
    actual.assert_eq(&Tree::read(golden).files(), what);
}

#[test]
fn the_default_project_is_as_expected() {
    check("default", "", &["--kind MyApp"]);
}

#[test]
fn a_project_without_apis_is_as_expected() {
    check("empty", "", &[]);
}

#[test]
fn a_group_with_an_image_and_a_port_is_as_expected() {
    check("image", "", &["--group app --version v1alpha1 --kind Cache --image redis:7 --port 6379"]);
}

#[test]
fn two_groups_are_as_expected() {
    check("groups", "", &["--kind MyApp", "--group app --kind Cache", "--group data --version v1 --kind SearchIndex"]);
}

#[test]
fn a_kind_of_the_cluster_is_as_expected() {
    check("cluster-scoped", "", &["--kind Tenant --namespaced=false"]);
}

#[test]
fn types_alone_are_as_expected() {
    check("types-only", "", &["--kind MyApp --controller=false"]);
}

#[test]
fn a_controller_added_later_gives_what_comes_from_both_at_once() {
    let sandbox = Sandbox::with_shop();
    sandbox.rop_in("shop", "create api --kind MyApp --controller=false").succeeds();
    sandbox.rop_in("shop", "create api --kind MyApp --resource=false").succeeds();
    compare(&golden("default"), &sandbox.tree("shop").files());
}

#[test]
fn an_operator_for_its_own_namespace_is_as_expected() {
    check("namespaced", "--namespaced --owner 'The Shop Authors' --license MIT", &["--kind MyApp"]);
}

#[test]
fn the_order_of_commands_does_not_matter() {
    let (one, other) = (Sandbox::with_shop(), Sandbox::with_shop());
    for api in ["--kind MyApp", "--group app --kind Cache"] {
        one.rop_in("shop", &format!("create api {api}")).succeeds();
    }
    for api in ["--group app --kind Cache", "--kind MyApp"] {
        other.rop_in("shop", &format!("create api {api}")).succeeds();
    }
    one.tree("shop").assert_eq(&other.tree("shop"), "the second order");
}
