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
    let before = sandbox.tree("shop");
    let output = sandbox.rop_in("shop", CACHE).fails(1);
    assert!(output.out.starts_with("--- a/src/controllers/app/cache.rs\n"), "{output}");
    assert_data_eq!(
        output.err,
        str![[r#"
    Conflict src/controllers/app/cache.rs
error: nothing was written, since rop does not overwrite what you changed: `src/controllers/app/cache.rs`
help: undo what you changed there, or pass `--force` to lose it

"#]]
    );
    sandbox.tree("shop").assert_eq(&before, "a refused command wrote something");
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

#[test]
fn a_controller_without_types_is_refused() {
    let sandbox = Sandbox::with_shop();
    let before = sandbox.tree("shop");
    let output = sandbox.rop_in("shop", "create api --kind Foo --resource=false").fails(1);
    let reason = "this project has no types of kind `Foo`, so that a controller alone would not compile";
    let remedy = "leave out `--resource=false`, so that the types are written too";
    assert_eq!(output.err, format!("error: {reason}\nhelp: {remedy}\n"));
    assert_eq!(sandbox.tree("shop"), before);
}
