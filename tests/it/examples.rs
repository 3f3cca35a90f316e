//! The operators in `examples`: formatted, linted, in step with their manifests, and their tests pass.

use std::path::{Path, PathBuf};

use crate::workshop::Workshop;

/// Does with an example what its author does before a commit.
#[track_caller]
fn check(name: &str) {
    let directory = directory(name);
    let workshop = Workshop::enter();
    let rop = env!("CARGO_BIN_EXE_rop");
    workshop.run(&directory, "cargo", &["fmt", "--check"]);
    workshop.run(&directory, "cargo", &["clippy", "--quiet", "--locked", "--all-targets", "--", "-D", "warnings"]);
    workshop.run(&directory, rop, &["generate", "--check"]);
    workshop.run(&directory, rop, &["test"]);
}

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

#[test]
fn the_classic_exercise_is_in_order() {
    check("myapp-operator");
}

#[test]
fn the_operator_for_something_outside_the_cluster_is_in_order() {
    check("dns-operator");
}

#[test]
fn every_example_is_checked() {
    let this = include_str!("examples.rs");
    for entry in directory("").read_dir().expect("there are examples") {
        let entry = entry.expect("readable");
        let name = entry.file_name().into_string().expect("text");
        let is_checked = this.contains(&format!("check(\"{name}\")"));
        assert!(is_checked || !entry.path().is_dir(), "nobody checks examples/{name}");
    }
}
