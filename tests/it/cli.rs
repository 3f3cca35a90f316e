//! The command line as a whole.

use std::io::Read;
use std::process::{Command, Stdio};

use snapbox::{assert_data_eq, file, str};

use crate::sandbox::Sandbox;

#[test]
fn the_reference_is_what_the_commands_say() {
    assert_data_eq!(rop::cli::reference(), file!["../../docs/reference/cli.md"].raw());
}

#[test]
fn no_command_prints_the_help() {
    let output = Sandbox::new().rop("").fails(2);
    assert!(output.err.contains("Usage: rop [OPTIONS] <COMMAND>"), "{output}");
}

#[test]
fn versions_are_for_people_and_programs() {
    let sandbox = Sandbox::new();
    assert!(sandbox.rop("version").succeeds().out.starts_with("rop 0."));
    let json: serde_json::Value =
        serde_json::from_str(&sandbox.rop("version --output json").succeeds().out).expect("JSON");
    assert!(json["kubernetes"].as_str().is_some_and(|version| version.starts_with("v1.")));
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(Sandbox::new().rop(&format!("completion {shell}")).succeeds().out.contains("rop"));
    }
}

#[test]
fn quiet_means_quiet() {
    let output = Sandbox::new().rop("init shop --domain example.com --quiet").succeeds();
    assert_eq!((output.out.as_str(), output.err.as_str()), ("", ""));
}

#[test]
fn colors_appear_only_where_asked_for() {
    let sandbox = Sandbox::new();
    assert!(!sandbox.rop("init a --domain example.com").succeeds().err.contains('\u{1b}'));
    let colored = sandbox.rop("init b --domain example.com --color always").succeeds();
    assert!(colored.err.starts_with("\u{1b}[1;32m     Created\u{1b}[0m .dockerignore\n"), "{colored}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rop"))
        .args(["completion", "bash"])
        .current_dir(sandbox.home())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("rop was started");
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
    assert!(child.wait().expect("ended").success(), "{err}");
    assert_eq!(err, "");
}

#[test]
fn a_flag_that_does_not_exist_is_refused_with_the_nearest() {
    assert_data_eq!(
        Sandbox::new().rop("init shop --domian example.com").to_string(),
        str![[r#"
[stderr]
error: unexpected argument '--domian' found

  tip: a similar argument exists: '--domain'

Usage: rop init --domain <DOMAIN> <DIR>

For more information, try '--help'.
[exit code 2]

"#]]
    );
}
