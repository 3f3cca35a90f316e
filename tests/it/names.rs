//! Names that would do harm, through every flag.

use crate::sandbox::Sandbox;

/// What would break out of a shell word, YAML, TOML, Rust or Make, or out of the project.
const NASTY: &[&str] = &[
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "a\n- b: c",
    "a\"]\n[package]\nname = \"b",
    "a: b #",
    "{{ api.kind }}",
    "{% raw %}",
    "*/ fn main() {}",
    "$(shell touch pwned)",
    "../../pwned",
    "/etc/pwned",
    "\u{1b}[2J",
    "",
];

#[track_caller]
fn refuses_all(folder: &str, before: &[&str], flag: &str) {
    let sandbox = Sandbox::with_shop();
    let tree = sandbox.tree("");
    for value in NASTY {
        let mut arguments: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
        arguments.push(format!("{flag}={value}"));
        let output = sandbox.run(folder, &arguments).fails(1);
        assert!(output.err.starts_with("error: ") && output.err.contains("\nhelp: "), "{value:?}: {output}");
        assert!(!output.err.contains('\u{1b}'), "{value:?} reached the terminal");
        sandbox.tree("").assert_eq(&tree, value);
    }
}

#[test]
fn init_lets_no_name_do_harm() {
    for flag in ["--project-name", "--owner", "--license", "--repo"] {
        refuses_all("", &["init", "new", "--domain", "example.com"], flag);
    }
    refuses_all("", &["init", "new"], "--domain");
}

#[test]
fn create_api_lets_no_name_do_harm() {
    for flag in ["--group", "--version", "--plural", "--image", "--port"] {
        refuses_all("shop", &["create", "api", "--kind", "MyApp"], flag);
    }
    refuses_all("shop", &["create", "api"], "--kind");
}
