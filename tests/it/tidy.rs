//! The rules of the house, as tests: who may know whom, who may write, print, exit, and ask the environment.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A file of ours, without its tests.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Returns the lines that are code, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root().join(folder)) {
        let entry = entry.expect("readable");
        let path = entry.path().strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
        if let (true, Ok(text)) = (entry.file_type().is_file(), fs::read_to_string(entry.path())) {
            files.insert(path, text);
        }
    }
    files
}

/// Returns the code of rop without its tests: modules that are declared under `#[cfg(test)]`, in a file or in place.
fn sources() -> Vec<Source> {
    let rust: BTreeMap<String, String> = files("src").into_iter().filter(|(path, _)| path.ends_with(".rs")).collect();
    let tests: Vec<String> = rust.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let is_test = |path: &str| tests.iter().any(|module| path.starts_with(module));
    let code = rust.into_iter().filter(|(path, _)| !is_test(path));
    code.map(|(path, text)| Source { path, text: without_tests(&text) }).collect()
}

/// Returns how the paths of the test modules start that a file declares.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let folder = path.trim_end_matches("mod.rs").trim_end_matches("lib.rs");
    let folder = folder.strip_suffix(".rs").map_or(folder.to_owned(), |module| format!("{module}/"));
    let declared = text.split("#[cfg(test)]").skip(1).filter_map(|rest| rest.trim_start().lines().next());
    let names = declared.filter_map(|line| line.strip_suffix(';')).filter_map(|line| line.split("mod ").nth(1));
    names.flat_map(|name| [format!("{folder}{name}.rs"), format!("{folder}{name}/")]).collect()
}

/// Cuts off the tests in place, which by our habit end a file.
fn without_tests(text: &str) -> String {
    let in_place = text.match_indices("\n#[cfg(test)]\n").find(|(index, start)| {
        let line = text[index + start.len()..].lines().next().unwrap_or_default();
        line.contains("mod ") && line.ends_with('{')
    });
    text[..in_place.map_or(text.len(), |(index, _)| index)].to_owned()
}

/// Fails with every line of `sources` for which `is_wrong` says why.
#[track_caller]
fn forbid(sources: &[Source], is_wrong: impl Fn(&Source, &str) -> Option<String>) {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.code() {
            if let Some(why) = is_wrong(source, line) {
                found.push(format!("{}:{number}: {why}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Fails where one of `words` stands outside the files that start with one of `allowed`.
#[track_caller]
fn only_in(allowed: &[&str], words: &[&str], why: &str) {
    forbid(&sources(), |source, line| {
        let inside = allowed.iter().any(|prefix| source.path.starts_with(prefix));
        (!inside && words.iter().any(|word| line.contains(word))).then(|| why.to_owned())
    });
}

/// Fails where a file below `folder` names one of `others`.
#[track_caller]
fn does_not_know(folder: &str, others: &[&str]) {
    forbid(&sources(), |source, line| {
        let names = |other: &&str| line.contains(*other);
        let known = source.path.starts_with(folder).then(|| others.iter().find(|other| names(other))).flatten();
        known.map(|other| format!("`{folder}` must not know `{other}`"))
    });
}

#[test]
fn dependencies_point_in_one_direction() {
    let siblings = ["cli", "controlplane", "devloop", "plan", "project", "scaffold"];
    let allowed: [(&str, &[&str]); 5] = [
        ("controlplane", &[]),
        ("devloop", &["controlplane", "plan", "project", "scaffold"]),
        ("plan", &[]),
        ("project", &[]),
        ("scaffold", &["plan", "project"]),
    ];
    for (folder, known) in allowed {
        let unknown = siblings.iter().filter(|sibling| **sibling != folder && !known.contains(sibling));
        let paths: Vec<String> = unknown.map(|sibling| format!("crate::{sibling}")).collect();
        does_not_know(&format!("src/{folder}/"), &paths.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn the_control_plane_could_be_a_crate_of_its_own() {
    does_not_know("src/controlplane/", &["kube::", "k8s_openapi::", "tera::", "clap::"]);
}

#[test]
fn the_layers_of_the_control_plane_do_not_reach_around_each_other() {
    let layer = |name: &str| format!("controlplane::{name}");
    let (apiserver, admission, schema) = (layer("apiserver"), layer("admission"), layer("schema"));
    let (patch, storage) = (layer("patch"), layer("storage"));
    does_not_know("src/controlplane/storage/", &[&apiserver, &admission, &schema, &patch, "hyper::", "http::"]);
    does_not_know("src/controlplane/schema/", &[&storage, &apiserver]);
    does_not_know("src/controlplane/admission/", &[&storage]);
}

#[test]
fn few_files_write_and_one_prints() {
    // Projects, kubeconfigs, and the data directory of a control plane that is to outlive its process.
    let writers = [
        "src/plan/apply.rs",
        "src/devloop/kubeconfig.rs",
        "src/controlplane/data_dir.rs",
        "src/controlplane/storage/journal.rs",
    ];
    let writing = [
        "fs::write(",
        "fs::rename(",
        "File::create",
        "OpenOptions::",
        "fs::create_dir",
        "fs::remove_",
        "fs::hard_link(",
        "fs::copy(",
    ];
    only_in(&writers, &writing, "only plan/apply.rs, devloop/kubeconfig.rs and the data directory write files");
    let printing = ["println!", "print!(", "io::stdout", "io::stderr"];
    only_in(&["src/cli/shell.rs", "src/build.rs"], &printing, "only cli/shell.rs prints");
}

#[test]
fn one_file_asks_the_environment_and_none_exits() {
    let asking = ["env::var", "env::current_dir", "env::args", "env::set_var", "env::home_dir", "env::temp_dir"];
    only_in(&["src/cli/context.rs"], &asking, "only cli/context.rs reads the environment");
    only_in(&["src/main.rs"], &["process::exit", "process::abort"], "only main.rs ends the process");
}

#[test]
fn clocks_and_dice_are_injected_into_the_control_plane() {
    let sources: Vec<Source> =
        sources().into_iter().filter(|source| source.path.starts_with("src/controlplane/")).collect();
    let chance = ["SystemTime::now", "Timestamp::now(", "Zoned::now(", "Uuid::new_v4(", " rand::"];
    forbid(&sources, |source, line| {
        let inside = source.path == "src/controlplane/env.rs";
        (!inside && chance.iter().any(|word| line.contains(word))).then(|| "ask `Env`".to_owned())
    });
}

#[test]
fn yaml_can_be_swapped_in_few_places() {
    only_in(
        &["src/project/manifest.rs", "src/devloop/", "src/controlplane/apiserver/", "src/controlplane/controllers/"],
        &["serde_yaml::"],
        "keep serde_yaml where it can be swapped",
    );
}

#[test]
fn the_model_is_not_a_file_format() {
    only_in(
        &[
            "src/project/manifest.rs",
            "src/project/names/reserved.rs",
            "src/scaffold/",
            "src/controlplane/",
            "src/devloop/",
        ],
        &["Serialize)", "Serialize,", "Deserialize)", "serde::"],
        "the model does not derive serde",
    );
}

#[test]
fn nothing_panics_on_purpose() {
    forbid(&sources(), |_, line| {
        let panics = [".unwrap()", "panic!(", "todo!(", "unimplemented!(", "dbg!("];
        panics.iter().any(|word| line.contains(word)).then(|| "return an error, or `expect` with the proof".to_owned())
    });
}

#[test]
fn an_exception_to_a_lint_has_a_reason() {
    forbid(&sources(), |_, line| {
        (line.contains("#[allow(") || line.contains("#![allow("))
            .then(|| "write `#[expect(…, reason = \"…\")]`".to_owned())
    });
    forbid(&sources(), |_, line| {
        (line.contains("#[expect(") && line.contains(")]") && !line.contains("reason"))
            .then(|| "give a reason".to_owned())
    });
}

#[test]
fn every_module_says_what_it_is() {
    let silent: Vec<String> =
        sources().into_iter().filter(|source| !source.text.starts_with("//!")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "these files do not open with `//!`: {silent:?}");
}

#[test]
fn no_file_is_too_long_to_be_read() {
    let long: Vec<String> = (sources().into_iter())
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > 500)
        .map(|(lines, path)| format!("{path} ({lines} lines)"))
        .collect();
    assert!(long.is_empty(), "split by topic: {long:?}");
}

#[test]
fn templates_hold_no_logic() {
    let tags = ["if", "elif", "else", "endif", "for", "endfor"];
    let mut found = Vec::new();
    for (path, text) in files("templates").into_iter().filter(|(path, _)| path.ends_with(".tera")) {
        let braces: [(&str, &str, &str); 2] = if path.ends_with(".angle.tera") {
            [("<%", "%>", "tag"), ("<<", ">>", "variable")]
        } else {
            [("{%", "%}", "tag"), ("{{", "}}", "variable")]
        };
        for (start, end, what) in braces {
            for piece in text.split(start).skip(1) {
                let inner = piece.split(end).next().unwrap_or_default().trim_matches('-').trim();
                let word = inner.split_whitespace().next().unwrap_or_default();
                if inner.contains('|') || (what == "tag" && !tags.contains(&word)) {
                    found.push(format!("{path}: `{inner}`"));
                }
            }
        }
    }
    assert!(found.is_empty(), "the view has every spelling, and templates only `if` and `for`:\n{}", found.join("\n"));
}

#[test]
fn a_generated_project_does_not_depend_on_rop() {
    let manifest = &files("templates")["templates/project/Cargo.toml.tera"];
    assert!(!manifest.lines().any(|line| line.starts_with("rop ") || line.starts_with("rop=")), "{manifest}");
    let imports = |text: &String| text.contains("use rop::");
    let found: Vec<String> =
        files("templates").into_iter().filter(|(_, text)| imports(text)).map(|(path, _)| path).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_folder_of_tests_is_known_to_the_binary() {
    let main = &files("tests/it")["tests/it/main.rs"];
    for path in files("tests/it").into_keys() {
        let name = path.trim_start_matches("tests/it/");
        let module = name.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("mod {module};")), "`{path}` is never run");
    }
}
