//! Changes, and how a file's past and present decide which one it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Fragment, PlanError, Tree, merge};

/// What would happen to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is not there and will be.
    Create {
        /// Its content.
        after: Vec<u8>,
    },
    /// It gets another content.
    Update {
        /// What it is.
        before: Vec<u8>,
        /// What it will be.
        after: Vec<u8>,
    },
    /// It goes away.
    Delete {
        /// What it is.
        before: Vec<u8>,
    },
    /// It is what it should be.
    Unchanged,
    /// Only the user can tell what it should be.
    Conflict {
        /// What it is.
        before: Vec<u8>,
        /// What rop would write.
        after: Vec<u8>,
        /// Why rop does not.
        doubt: Doubt,
    },
}

/// Why rop stops before a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// It is there already and rop did not write it so.
    Exists,
    /// It is kept by rop, but somebody changed it.
    Edited,
    /// These lines belong into it, but the place for them is gone.
    NoPlaceFor(Vec<Fragment>),
}

/// What a file is, and what it would be; absent where it does not exist.
pub type Sides<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl Change {
    /// Returns what the file is now, and what it would be.
    pub fn sides(&self) -> Option<Sides<'_>> {
        match self {
            Change::Create { after } => Some((None, Some(after))),
            Change::Update { before, after } | Change::Conflict { before, after, .. } => {
                Some((Some(before), Some(after)))
            }
            Change::Delete { before } => Some((Some(before), None)),
            Change::Unchanged => None,
        }
    }
}

/// What rop knows of a file's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Previously<'a> {
    /// rop has not written it before.
    Absent,
    /// This is what rop wrote, or would have written.
    Written(&'a str),
}

/// A sorted map from path to change in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    root: PathBuf,
    changes: BTreeMap<String, Change>,
    last: Option<String>,
    notes: Vec<String>,
}

impl Plan {
    /// Returns a plan that changes nothing.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), changes: BTreeMap::new(), last: None, notes: Vec::new() }
    }

    /// Returns the directory that would change.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the changes by path.
    pub fn changes(&self) -> &BTreeMap<String, Change> {
        &self.changes
    }

    /// Returns what the user should know besides.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Adds something that the user should know.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Tells whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.changes.values().all(|change| matches!(change, Change::Unchanged))
    }

    /// Returns the paths at which only the user can decide.
    pub fn conflicts(&self) -> impl Iterator<Item = (&str, &Doubt)> {
        self.changes.iter().filter_map(|(path, change)| match change {
            Change::Conflict { doubt, .. } => Some((path.as_str(), doubt)),
            _ => None,
        })
    }

    /// Adds a change.
    pub fn insert(&mut self, path: impl Into<String>, change: Change) {
        self.changes.insert(path.into(), change);
    }

    /// Plans a file that is written after all others, so that it tells whether the rest is complete.
    pub fn write_last(&mut self, tree: &Tree, path: &str, after: &str) -> Result<(), PlanError> {
        self.insert(path, replacement(tree.read(path)?, after));
        self.last = Some(path.to_owned());
        Ok(())
    }

    /// Returns the changes in the order in which they are written.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (&str, &Change)> {
        let is_last = |path: &str| self.last.as_deref() == Some(path);
        let others = self.changes.iter().filter(move |(path, _)| !is_last(path));
        let last = self.last.iter().filter_map(|path| self.changes.get_key_value(path));
        others.chain(last).map(|(path, change)| (path.as_str(), change))
    }

    /// Turns the conflicts that `accepts` into updates.
    pub fn force(&mut self, accepts: impl Fn(&Doubt) -> bool) {
        for change in self.changes.values_mut() {
            if let Change::Conflict { before, after, doubt } = change
                && accepts(doubt)
            {
                *change = Change::Update { before: std::mem::take(before), after: std::mem::take(after) };
            }
        }
    }
}

fn replacement(present: Option<Vec<u8>>, after: &str) -> Change {
    match present {
        None => Change::Create { after: after.into() },
        Some(before) if before == after.as_bytes() => Change::Unchanged,
        Some(before) => Change::Update { before, after: after.into() },
    }
}

impl Change {
    /// Returns the change that writes a file which rop keeps: only what rop itself wrote is replaced.
    pub fn rewrite(present: Option<Vec<u8>>, previously: Previously<'_>, after: &str) -> Self {
        match (replacement(present, after), previously) {
            (Change::Update { before, after }, Previously::Written(text)) if before == text.as_bytes() => {
                Change::Update { before, after }
            }
            (Change::Update { before, after }, Previously::Written(_)) => {
                Change::Conflict { before, after, doubt: Doubt::Edited }
            }
            (Change::Update { before, after }, Previously::Absent) => {
                Change::Conflict { before, after, doubt: Doubt::Exists }
            }
            (other, _) => other,
        }
    }

    /// Returns the change that carries the difference from `base` to `after` into a file that may have been edited. A file
    /// that was deleted stays deleted.
    pub fn merged(present: Option<Vec<u8>>, base: &str, after: &str) -> Self {
        let Some(present) = present else { return Change::Unchanged };
        let Ok(ours) = std::str::from_utf8(&present) else {
            return Change::Conflict { before: present, after: after.into(), doubt: Doubt::Edited };
        };
        match merge(base, ours, after) {
            Ok(merged) => replacement(Some(present), &merged),
            Err(fragments) => {
                Change::Conflict { before: present, after: after.into(), doubt: Doubt::NoPlaceFor(fragments) }
            }
        }
    }

    /// Returns the change that removes a file which is still as rop wrote it.
    pub fn removal(present: Option<Vec<u8>>, written: &str) -> Self {
        match present {
            None => Change::Unchanged,
            Some(before) if before == written.as_bytes() => Change::Delete { before },
            Some(before) => Change::Conflict { before, after: Vec::new(), doubt: Doubt::Edited },
        }
    }
}
