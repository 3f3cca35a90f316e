//! Notices that a source file of a project was saved.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::Failure;

/// Editors save in several steps; what follows so soon belongs to the same save.
const SAME_SAVE: Duration = Duration::from_millis(100);

/// Files directly in the project that matter, beside everything in `src`.
const FILES: &[&str] = &["Cargo.toml", "Cargo.lock", "build.rs"];

/// Watches the source files of a project.
#[derive(Debug)]
pub struct Sources {
    changes: mpsc::Receiver<PathBuf>,
    _watcher: RecommendedWatcher,
}

impl Sources {
    /// Starts to watch.
    ///
    /// # Errors
    /// When the operating system cannot watch files, such as when it has too many watches.
    pub fn watch(project: &Path) -> Result<Self, Failure> {
        // One place is enough: a change that finds it taken belongs to a save that nobody has looked at yet.
        let (sender, changes) = mpsc::channel(1);
        let root = project.to_path_buf();
        let failure = |error| Failure::new("failed to watch the source files").caused_by(error);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if let Some(path) = event.paths.iter().find(|path| is_saved(event.kind) && matters(&root, path)) {
                // A full place is as good as a message, a closed one means that nobody listens any more.
                let _ = sender.try_send(path.clone());
            }
        })
        .map_err(failure)?;
        watcher.watch(&project.join("src"), RecursiveMode::Recursive).map_err(failure)?;
        watcher.watch(project, RecursiveMode::NonRecursive).map_err(failure)?;
        Ok(Self { changes, _watcher: watcher })
    }

    /// Waits for the next save, and returns one of its files. Cancel-safe.
    pub async fn saved(&mut self) -> PathBuf {
        let Some(path) = self.changes.recv().await else { return std::future::pending().await };
        while let Ok(Some(_)) = tokio::time::timeout(SAME_SAVE, self.changes.recv()).await {}
        path
    }
}

fn is_saved(kind: EventKind) -> bool {
    match kind {
        EventKind::Create(_) | EventKind::Remove(_) => true,
        EventKind::Modify(kind) => !matches!(kind, ModifyKind::Metadata(_)),
        EventKind::Any | EventKind::Access(_) | EventKind::Other => false,
    }
}

/// Whether the operator could be another one because of this file. Editors' own files do not count.
fn matters(project: &Path, path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else { return false };
    if name.starts_with(['.', '#']) || name.ends_with('~') || name.ends_with(".swp") || name == "4913" {
        return false;
    }
    path.starts_with(project.join("src")) || (path.parent() == Some(project) && FILES.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_matter_and_editors_own_files_do_not() {
        let project = Path::new("/p");
        for (path, expected) in [
            ("/p/src/controllers/my_app.rs", true),
            ("/p/Cargo.toml", true),
            ("/p/README.md", false),
            ("/p/src/.main.rs.swp", false),
            ("/p/src/main.rs~", false),
            ("/p/target/debug/x.rs", false),
        ] {
            assert_eq!(matters(project, Path::new(path)), expected, "{path}");
        }
    }
}
