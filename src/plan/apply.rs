//! The only hand that writes a user's tree.
//!
//! Everything is staged in `.rop/stage` first and then renamed into place, the file that tells of the rest last. If
//! anything fails, what was done is undone from links that were kept to the old files, which takes no room on a full disk. A process that is killed leaves the old tree or one that the same command
//! completes when run again: each file is the old one or the new one, never half of it. Surviving a loss of power is left
//! to the file system (nothing is synced). A lock on the directory keeps a second rop out.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::change::{Change, Plan};
use super::{PlanError, Tree};

/// Where rop keeps what is its own in a project; ignored by git.
const OWN: &str = ".rop";
const STAGE: &str = ".rop/stage";

/// A step that touches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation<'a> {
    /// Makes a folder.
    CreateDirectory(&'a Path),
    /// Writes a file aside.
    Stage(&'a Path),
    /// Keeps a link to a file that will be replaced or removed.
    Keep(&'a Path),
    /// Puts a staged file in its place, or a kept one back.
    Rename(&'a Path),
    /// Removes a file.
    Remove(&'a Path),
    /// Removes an empty folder.
    RemoveDirectory(&'a Path),
}

/// Writes what the plan says, all of it or nothing.
pub fn apply(plan: &Plan) -> Result<(), PlanError> {
    apply_with(plan, &mut |_| Ok(()))
}

/// Writes what the plan says, asking `permit` before each step. Tests make steps fail with it.
pub fn apply_with(plan: &Plan, permit: &mut dyn FnMut(Operation<'_>) -> io::Result<()>) -> Result<(), PlanError> {
    let unresolved: Vec<String> = plan.conflicts().map(|(path, _)| path.to_owned()).collect();
    if !unresolved.is_empty() {
        return Err(PlanError::Unresolved(unresolved));
    }
    if plan.is_empty() {
        return Ok(());
    }
    let mut hand = Hand { root: plan.root().to_path_buf(), permit, made: Vec::new(), done: Vec::new() };
    let result = hand.write(plan);
    match result {
        Ok(()) => Ok(()),
        Err(error) => Err(hand.undo(error)),
    }
}

struct Hand<'a> {
    root: PathBuf,
    permit: &'a mut dyn FnMut(Operation<'_>) -> io::Result<()>,
    /// Folders that were made, parents first.
    made: Vec<PathBuf>,
    /// Changes that are in place, in order, with the numbers of their staged files.
    done: Vec<(usize, String)>,
}

impl Hand<'_> {
    fn write(&mut self, plan: &Plan) -> Result<(), PlanError> {
        self.make_directory(plan.root())?;
        let _lock = lock(plan.root())?;
        self.clear_stage()?;
        check_still_as_planned(plan)?;
        let changes: Vec<(&str, &Change)> = plan.in_order().collect();
        for (index, (path, change)) in changes.iter().enumerate() {
            if let Some((before, after)) = change.sides() {
                self.stage(index, path, before.is_some(), after)?;
            }
        }
        for (index, (path, change)) in changes.iter().enumerate() {
            self.put_in_place(index, path, change)?;
        }
        // All is in place; what is left aside is cleared by the next run at the latest.
        self.clear_stage().ok();
        Ok(())
    }

    fn put_in_place(&mut self, index: usize, path: &str, change: &Change) -> Result<(), PlanError> {
        let target = self.root.join(path);
        match change {
            Change::Create { .. } | Change::Update { .. } => {
                if let Some(parent) = target.parent() {
                    self.make_directory(parent)?;
                }
                self.rename(&self.staged(index), &target)?;
            }
            Change::Delete { .. } => self.remove(&target)?,
            Change::Unchanged | Change::Conflict { .. } => return Ok(()),
        }
        self.done.push((index, path.to_owned()));
        if matches!(change, Change::Delete { .. }) {
            self.remove_empty_parents(&target);
        }
        Ok(())
    }

    fn staged(&self, index: usize) -> PathBuf {
        self.root.join(STAGE).join(format!("{index}.new"))
    }

    fn kept(&self, index: usize) -> PathBuf {
        self.root.join(STAGE).join(format!("{index}.old"))
    }

    /// Writes a file aside, with the permissions of the file that it will replace, of which a link is kept.
    fn stage(&mut self, index: usize, path: &str, replaces: bool, content: Option<&[u8]>) -> Result<(), PlanError> {
        self.make_directory(&self.root.join(STAGE))?;
        let (staged, kept, target) = (self.staged(index), self.kept(index), self.root.join(path));
        if replaces {
            (self.permit)(Operation::Keep(&target)).map_err(PlanError::io("read", &target))?;
            let linked = fs::hard_link(&target, &kept);
            linked.or_else(|_| fs::copy(&target, &kept).map(drop)).map_err(PlanError::io("read", &target))?;
        }
        let Some(content) = content else { return Ok(()) };
        (self.permit)(Operation::Stage(&target)).map_err(PlanError::io("write", &target))?;
        write_file(&staged, content).map_err(PlanError::io("write", &target))?;
        if replaces && let Ok(metadata) = fs::metadata(&target) {
            fs::set_permissions(&staged, metadata.permissions()).map_err(PlanError::io("write", &target))?;
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "this is plan/apply.rs")]
    fn rename(&mut self, from: &Path, target: &Path) -> Result<(), PlanError> {
        (self.permit)(Operation::Rename(target)).map_err(PlanError::io("write", target))?;
        fs::rename(from, target).map_err(PlanError::io("write", target))
    }

    fn remove(&mut self, target: &Path) -> Result<(), PlanError> {
        (self.permit)(Operation::Remove(target)).map_err(PlanError::io("remove", target))?;
        fs::remove_file(target).map_err(PlanError::io("remove", target))
    }

    /// Makes a folder and those above it, and remembers which ones are new.
    fn make_directory(&mut self, directory: &Path) -> Result<(), PlanError> {
        let missing: Vec<&Path> =
            directory.ancestors().take_while(|path| fs::symlink_metadata(path).is_err()).collect();
        for path in missing.into_iter().rev().filter(|path| !path.as_os_str().is_empty()) {
            (self.permit)(Operation::CreateDirectory(path)).map_err(PlanError::io("create", path))?;
            fs::create_dir(path).map_err(PlanError::io("create", path))?;
            self.made.push(path.to_path_buf());
        }
        Ok(())
    }

    /// Removes what this run, or one that was killed, has staged.
    fn clear_stage(&mut self) -> Result<(), PlanError> {
        let (own, stage) = (self.root.join(OWN), self.root.join(STAGE));
        for directory in [&own, &stage] {
            match fs::symlink_metadata(directory) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => return Err(PlanError::NotADirectory(directory.clone())),
                Err(_) => return Ok(()),
            }
        }
        (self.permit)(Operation::RemoveDirectory(&stage)).map_err(PlanError::io("remove", &stage))?;
        fs::remove_dir_all(&stage).map_err(PlanError::io("remove", &stage))?;
        self.made.retain(|made| *made != stage);
        // Others keep things there too, such as a kubeconfig: only an empty one goes.
        if fs::remove_dir(&own).is_ok() {
            self.made.retain(|made| *made != own);
        }
        Ok(())
    }

    /// A folder that became empty goes with its last file; one that does not go does no harm.
    fn remove_empty_parents(&mut self, target: &Path) {
        for parent in target.ancestors().skip(1).take_while(|parent| *parent != self.root) {
            if (self.permit)(Operation::RemoveDirectory(parent)).is_err() || fs::remove_dir(parent).is_err() {
                return;
            }
        }
    }

    /// Puts everything back, and returns the error that the user is to see.
    fn undo(&mut self, error: PlanError) -> PlanError {
        let mut lost = Vec::new();
        for (index, path) in std::mem::take(&mut self.done).into_iter().rev() {
            if self.undo_one(index, &path).is_err() {
                lost.push(path);
            }
        }
        if !lost.is_empty() {
            // The old files are in the stage still, and their folders are in use.
            return PlanError::NotRestored { paths: lost, source: Box::new(error) };
        }
        self.clear_stage().ok();
        for directory in std::mem::take(&mut self.made).into_iter().rev() {
            // A folder that something else lives in by now stays.
            if (self.permit)(Operation::RemoveDirectory(&directory)).is_ok() {
                fs::remove_dir(&directory).ok();
            }
        }
        error
    }

    fn undo_one(&mut self, index: usize, path: &str) -> Result<(), PlanError> {
        let (kept, target) = (self.kept(index), self.root.join(path));
        if fs::symlink_metadata(&kept).is_err() {
            return self.remove(&target);
        }
        if let Some(parent) = target.parent() {
            // It was there before, so it stays: it is not among the folders that this run made.
            let made = self.made.len();
            self.make_directory(parent)?;
            self.made.truncate(made);
        }
        self.rename(&kept, &target)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is plan/apply.rs")]
fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    fs::write(path, content)
}

/// Locks a directory for as long as the returned handle lives; the lock dies with the process.
fn lock(root: &Path) -> Result<Option<File>, PlanError> {
    // Only on Unix can a directory be opened; elsewhere the check against what was planned must do.
    if !cfg!(unix) {
        return Ok(None);
    }
    let handle = File::open(root).map_err(PlanError::io("open", root))?;
    match handle.try_lock() {
        Ok(()) => Ok(Some(handle)),
        Err(TryLockError::WouldBlock) => Err(PlanError::Busy(root.to_path_buf())),
        // Some network file systems have no locks.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

fn check_still_as_planned(plan: &Plan) -> Result<(), PlanError> {
    let tree = Tree::open(plan.root())?;
    for (path, change) in plan.changes() {
        let Some((before, _)) = change.sides() else { continue };
        if tree.read(path)?.as_deref() != before {
            return Err(PlanError::Changed(path.clone()));
        }
    }
    Ok(())
}
