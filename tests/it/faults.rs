//! What is left when writing is cut short: the old tree, or one that the same command completes.

use std::io;
use std::path::Path;

use rop::plan::apply::apply_with;
use rop::plan::{Plan, PlanError, Tree as PlanTree};
use rop::project::Project;
use rop::project::names::{Domain, GroupName, ImageRef, Kind, ProjectName};
use rop::scaffold::{self, NewApi};

use crate::tree::Tree;

/// A command, as the plan that it makes.
type Command = fn(&Path) -> Plan;

fn init(root: &Path) -> Plan {
    let name = ProjectName::parse("shop").expect("valid");
    let project = Project::new(name, Domain::parse("example.com").expect("valid"));
    scaffold::init(&PlanTree::open(root).expect("opened"), project).expect("planned")
}

fn create_api(root: &Path) -> Plan {
    let api = NewApi {
        group: Some(GroupName::parse("app").expect("valid")),
        version: None,
        kind: Kind::parse("Cache").expect("valid"),
        plural: None,
        scope: None,
        types: true,
        controller: true,
        image: Some(ImageRef::parse("redis:7").expect("valid")),
        port: None,
    };
    scaffold::create_api(&PlanTree::open(root).expect("opened"), api).expect("planned")
}

/// Removes the API again, as a plan of deletions and updates.
fn remove_api(root: &Path) -> Plan {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    complete(init, scratch.path());
    let wanted = Tree::read(scratch.path()).files();
    let mut plan = Plan::new(root);
    for (path, before) in Tree::read(root).files().0 {
        let change = match wanted.0.get(&path).cloned() {
            None => rop::plan::Change::Delete { before },
            Some(after) if after == before => rop::plan::Change::Unchanged,
            Some(after) => rop::plan::Change::Update { before, after },
        };
        plan.insert(path, change);
    }
    plan
}

fn complete(command: Command, root: &Path) {
    apply_with(&command(root), &mut |_| Ok(())).expect("nothing goes wrong");
}

/// How the world fails at the n-th step.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The process dies: nothing happens from then on.
    Killed,
    /// One step fails, and rop can react.
    Fails(io::ErrorKind),
}

/// A command, the tree that it finds, and the one that it leaves.
struct Case {
    name: &'static str,
    command: Command,
    before: Tree,
    after: Tree,
    directory: tempfile::TempDir,
    /// Made once over `before`, since planning takes most of the time.
    plan: Plan,
}

impl Case {
    /// Applies the plan to `before` with a fault at the n-th step, and shows what came of it; tells whether there was such
    /// a step.
    fn fails_at(&self, step: usize, fault: Fault, check: impl FnOnce(&Path, Result<(), PlanError>)) -> bool {
        let root = self.directory.path().join("shop");
        if root.exists() {
            std::fs::remove_dir_all(&root).expect("removed");
        }
        if !self.before.0.is_empty() {
            self.before.write(&root);
        }
        let mut steps = 0;
        let result = apply_with(&self.plan, &mut |_| {
            steps += 1;
            match fault {
                Fault::Killed if steps > step => Err(io::Error::other("killed")),
                Fault::Fails(kind) if steps == step + 1 => Err(kind.into()),
                _ => Ok(()),
            }
        });
        check(&root, result);
        steps > step
    }
}

fn cases() -> Vec<Case> {
    let commands: [(&str, Command); 3] = [("init", init), ("create api", create_api), ("remove api", remove_api)];
    let mut before = Tree::default();
    let mut cases = Vec::new();
    for (name, command) in commands {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().join("shop");
        if !before.0.is_empty() {
            before.write(&root);
        }
        let plan = command(&root);
        complete(command, &root);
        let after = Tree::read(&root);
        cases.push(Case { name, command, before, after: after.clone(), directory, plan });
        before = after;
    }
    cases
}

#[test]
fn a_command_that_is_killed_is_completed_by_running_it_again() {
    for case in cases() {
        let mut step = 0;
        while case.fails_at(step, Fault::Killed, |root, _| {
            let (name, left) = (case.name, Tree::read(root).files());
            // Whatever is there, each file is the old one or the new one.
            for (path, content) in &left.0 {
                let known = [case.before.0.get(path), case.after.0.get(path)];
                assert!(known.contains(&Some(content)), "{name}, step {step}: `{path}` is neither old nor new");
            }
            if left != case.before.files() {
                complete(case.command, root);
                let what = format!("{name} was killed at step {step} and run again");
                Tree::read(root).files().assert_eq(&case.after.files(), &what);
            }
        }) {
            step += 1;
        }
        assert!(step > 10, "{} has more steps than {step}", case.name);
    }
}

#[test]
fn what_a_killed_command_left_aside_is_cleared_by_the_next() {
    for case in cases() {
        // The sixth step is in the middle of staging.
        case.fails_at(5, Fault::Killed, |root, _| {
            assert!(root.join(".rop/stage").exists(), "{} was not staging", case.name);
            complete(case.command, root);
            Tree::read(root).assert_eq(&case.after, case.name);
        });
    }
}

#[test]
fn a_step_that_fails_leaves_the_tree_as_it_was() {
    let kind = io::ErrorKind::StorageFull;
    for case in cases() {
        let (name, mut step) = (case.name, 0);
        while case.fails_at(step, Fault::Fails(kind), |root, result| match result {
            // The last steps only tidy up.
            Ok(()) => Tree::read(root).files().assert_eq(&case.after.files(), name),
            Err(error) => {
                assert!(matches!(&error, PlanError::Io { source, .. } if source.kind() == kind), "{error}");
                assert!(error.help().is_some_and(|help| help.starts_with("nothing was changed")));
                Tree::read(root).assert_eq(&case.before, &format!("{name} failed at step {step}"));
            }
        }) {
            step += 1;
        }
    }
}

#[test]
fn a_tree_that_changes_meanwhile_is_not_touched() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    complete(init, directory.path());
    let plan = create_api(directory.path());
    let mut project = Tree::read(directory.path());
    project.0.insert("src/api/mod.rs".to_owned(), b"// somebody else was here\n".to_vec());
    project.write(directory.path());
    let error = apply_with(&plan, &mut |_| Ok(())).expect_err("refused");
    assert_eq!(error.to_string(), "`src/api/mod.rs` changed while rop was working");
    Tree::read(directory.path()).assert_eq(&project, "the refused plan");
}
