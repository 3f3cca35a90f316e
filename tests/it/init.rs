//! `rop init`.

use snapbox::assert_data_eq;
use snapbox::str;

use crate::sandbox::Sandbox;

#[test]
fn an_empty_folder_becomes_a_project() {
    let sandbox = Sandbox::new();
    let output = sandbox.rop("init shop --domain example.com").succeeds();
    assert!(output.err.starts_with("     Created .dockerignore\n"), "{output}");
    assert!(output.err.ends_with("note: add an API with `cd shop && rop create api --kind MyApp`\n"), "{output}");
    assert_eq!(output.out, "");
    let tree = sandbox.tree("shop");
    for path in
        ["PROJECT", "Cargo.toml", "Cargo.lock", "src/main.rs", ".gitignore", "config/default/kustomization.yaml"]
    {
        assert!(tree.paths().contains(&path), "{path} is missing");
    }
    assert!(!tree.0.contains_key(".rop/"), "something was left aside");
}

#[test]
fn the_working_directory_can_become_the_project() {
    let sandbox = Sandbox::new();
    sandbox.write("shop/.git/config", "");
    let output = sandbox.rop_in("shop", "init --domain example.com").succeeds();
    assert!(output.err.ends_with("note: add an API with `rop create api --kind MyApp`\n"), "{output}");
}

#[test]
fn a_second_run_changes_nothing() {
    let sandbox = Sandbox::with_shop();
    let before = sandbox.tree("");
    assert_data_eq!(
        sandbox.rop("init shop --domain example.com").to_string(),
        str![[r#"
[stderr]
   Unchanged [HOME]/shop

"#]]
    );
    sandbox.tree("").assert_eq(&before, "the second run");
}

#[test]
fn a_dry_run_shows_everything_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let output = sandbox.rop("init shop --domain example.com --dry-run").succeeds();
    assert!(output.err.contains("Would create src/main.rs\n"), "{output}");
    assert!(!sandbox.path("shop").exists());
}

#[test]
fn programs_get_json() {
    let sandbox = Sandbox::new();
    let output = sandbox.rop("init shop --domain example.com --output json").succeeds();
    let answer: serde_json::Value = serde_json::from_str(&output.out).expect("JSON");
    assert_eq!(answer["written"], true);
    assert_eq!(answer["changes"][0], serde_json::json!({"path": ".dockerignore", "action": "create"}));
}

#[track_caller]
fn refused(sandbox: &Sandbox, line: &str, expected: impl snapbox::IntoData) {
    let before = sandbox.tree("");
    let output = sandbox.rop(line);
    assert_data_eq!(output.to_string(), expected.into_data());
    sandbox.tree("").assert_eq(&before, "a refused command wrote something");
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("shop/notes.txt", "mine");
    refused(
        &sandbox,
        "init shop --domain example.com",
        str![[r#"
[stderr]
error: `[HOME]/shop` is not empty: it has `notes.txt`
help: pass a new directory, such as `rop init shop --domain example.com`
[exit code 1]

"#]],
    );
}

#[test]
fn a_file_is_no_folder() {
    let sandbox = Sandbox::new();
    sandbox.write("shop", "mine");
    refused(
        &sandbox,
        "init shop --domain example.com",
        str![[r#"
[stderr]
error: `[HOME]/shop` must be a folder, but is not
help: nothing was changed; move it away, then run the command again
[exit code 1]

"#]],
    );
}

#[test]
fn another_project_is_not_overwritten() {
    let sandbox = Sandbox::with_shop();
    refused(
        &sandbox,
        "init shop --domain other.org",
        str![[r#"
[stderr]
error: there is a project here already, and its domain is `example.com`, not `other.org`
help: choose another directory, or leave the flag out
[exit code 1]

"#]],
    );
}

#[test]
fn a_project_of_kubebuilder_is_recognised() {
    let sandbox = Sandbox::new();
    sandbox.write("shop/PROJECT", "domain: example.com\nlayout:\n- go.kubebuilder.io/v4\nversion: \"3\"\n");
    refused(
        &sandbox,
        "init shop --domain example.com",
        str![[r#"
[stderr]
error: PROJECT belongs to kubebuilder or operator-sdk
help: rop does not change projects of Go; start a new one beside it with `rop init ../NAME --domain DOMAIN` and create its APIs with the same groups, versions and kinds
[exit code 1]

"#]],
    );
}

#[test]
fn the_name_of_the_folder_must_be_one_for_a_project() {
    let sandbox = Sandbox::new();
    refused(
        &sandbox,
        "init 'My Shop' --domain example.com",
        str![[r#"
[stderr]
error: project name `My Shop` must be lower-case letters, digits and `-`; it has an upper-case `M`
help: pass `--project-name my-shop`, or choose another directory
[exit code 1]

"#]],
    );
    sandbox.rop("init 'My Shop' --domain example.com --project-name my-shop").succeeds();
}

#[test]
fn a_command_line_that_is_not_understood_exits_with_2() {
    let sandbox = Sandbox::new();
    refused(
        &sandbox,
        "init shop",
        str![[r#"
[stderr]
error: the following required arguments were not provided:
  --domain <DOMAIN>

Usage: rop init --domain <DOMAIN> <DIR>

For more information, try '--help'.
[exit code 2]

"#]],
    );
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_links() {
    let sandbox = Sandbox::new();
    sandbox.write("elsewhere/keep", "");
    std::fs::create_dir(sandbox.path("shop")).expect("created");
    std::os::unix::fs::symlink(sandbox.path("elsewhere"), sandbox.path("shop/src")).expect("linked");
    refused(
        &sandbox,
        "init shop --domain example.com",
        str![[r#"
[stderr]
error: `[HOME]/shop` is not empty: it has `src`
help: pass a new directory, such as `rop init shop --domain example.com`
[exit code 1]

"#]],
    );
    std::os::unix::fs::symlink(sandbox.path("nowhere"), sandbox.path("dangling")).expect("linked");
    refused(
        &sandbox,
        "init dangling --domain example.com --project-name shop",
        str![[r#"
[stderr]
error: `[HOME]/dangling` is a symbolic link, through which rop does not write
help: nothing was changed; replace the link by what it points to
[exit code 1]

"#]],
    );
}

#[cfg(unix)]
#[test]
fn two_runs_at_once_do_not_mix() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("shop")).expect("created");
    let other = std::fs::File::open(sandbox.path("shop")).expect("opened");
    other.lock().expect("locked");
    refused(
        &sandbox,
        "init shop --domain example.com",
        str![[r#"
[stderr]
error: another rop is writing `[HOME]/shop`
help: wait until it is done, then run the command again
[exit code 1]

"#]],
    );
}
