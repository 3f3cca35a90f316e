//! A read-only view of the directory that a plan is made over.
//!
//! Paths are relative, with `/` between their parts. Links are refused wherever a path leads through one: a tree that a
//! stranger prepared must not make rop write elsewhere.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::PlanError;

/// A directory, which need not exist yet.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Opens a directory. Links on the way to it are the user's own choice; what is below is checked.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, PlanError> {
        let root = root.into();
        match fs::metadata(&root) {
            Ok(metadata) if !metadata.is_dir() => Err(PlanError::NotADirectory(root)),
            Ok(_) => Ok(Self { root }),
            // A link to nowhere exists, and creating a directory in its place would fail.
            Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(&root) {
                Ok(_) => Err(PlanError::Symlink(root)),
                Err(_) => Ok(Self { root }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(PlanError::NotADirectory(root)),
            Err(error) => Err(PlanError::io("open", root)(error)),
        }
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the content of a file, or nothing when there is none.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, PlanError> {
        let Some(file) = self.locate(path)? else { return Ok(None) };
        fs::read(&file).map(Some).map_err(PlanError::io("read", file))
    }

    /// Returns where a file is, or nothing when there is none; fails on anything that is neither.
    fn locate(&self, path: &str) -> Result<Option<PathBuf>, PlanError> {
        let mut place = self.root.clone();
        let mut parts = checked_parts(path)?.peekable();
        while let Some(part) = parts.next() {
            place.push(part);
            let metadata = match fs::symlink_metadata(&place) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(PlanError::io("read", place)(error)),
            };
            match (metadata.file_type(), parts.peek().is_some()) {
                (kind, _) if kind.is_symlink() => return Err(PlanError::Symlink(place)),
                (kind, true) if !kind.is_dir() => return Err(PlanError::NotADirectory(place)),
                (kind, false) if !kind.is_file() => return Err(PlanError::NotAFile(place)),
                _ => {}
            }
        }
        Ok(Some(place))
    }

    /// Returns the paths of all files, links and other things in the tree, sorted; folders named in `skipped` at the top
    /// are left out. Stops at `limit`, since the tree may be somebody's home.
    pub fn entries(&self, skipped: &[&str], limit: usize) -> Result<Vec<String>, PlanError> {
        let walk = walkdir::WalkDir::new(&self.root).sort_by_file_name().into_iter();
        let skips =
            |entry: &walkdir::DirEntry| entry.depth() == 1 && skipped.iter().any(|name| entry.file_name() == *name);
        let mut paths = Vec::new();
        for entry in walk.filter_entry(|entry| !skips(entry)) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => paths.push(self.relative(entry.path())),
                Err(error) if error.depth() == 0 => return Ok(Vec::new()),
                Err(error) => {
                    let path = error.path().unwrap_or(&self.root).to_path_buf();
                    return Err(PlanError::io("read", path)(error.into()));
                }
            }
            if paths.len() >= limit {
                break;
            }
        }
        Ok(paths)
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().replace('\\', "/")
    }
}

/// Returns the parts of a relative path that does not leave its root.
pub(super) fn checked_parts(path: &str) -> Result<impl Iterator<Item = &str>, PlanError> {
    let normal = |component| matches!(component, Component::Normal(_));
    if path.is_empty() || !Path::new(path).components().all(normal) {
        return Err(PlanError::NotAFile(PathBuf::from(path)));
    }
    Ok(path.split('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Tree) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(directory.path().join("src/api")).expect("created");
        fs::copy(file!(), directory.path().join("src/api/mod.rs")).expect("copied");
        let tree = Tree::open(directory.path()).expect("opened");
        (directory, tree)
    }

    #[test]
    fn what_is_not_there_reads_as_nothing() {
        let (_guard, tree) = tree();
        assert!(tree.read("src/api/mod.rs").expect("read").is_some());
        assert!(tree.read("src/nowhere/mod.rs").expect("read").is_none());
        assert_eq!(tree.entries(&[], 10).expect("listed"), ["src/api/mod.rs"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_refused_wherever_they_lead() {
        use std::os::unix::fs::symlink;
        let (directory, tree) = tree();
        symlink("/etc", directory.path().join("config")).expect("linked");
        symlink("src/api/mod.rs", directory.path().join("Makefile")).expect("linked");
        assert!(matches!(tree.read("config/passwd"), Err(PlanError::Symlink(_))));
        assert!(matches!(tree.read("Makefile"), Err(PlanError::Symlink(_))));
    }

    #[test]
    fn paths_out_of_the_tree_are_refused() {
        let (_guard, tree) = tree();
        for path in ["../x", "a/../../x", "/etc/passwd", "", "./../x"] {
            assert!(tree.read(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_is_named() {
        let (_guard, tree) = tree();
        assert!(matches!(tree.read("src/api/mod.rs/x"), Err(PlanError::NotADirectory(_))));
        assert!(matches!(tree.read("src/api"), Err(PlanError::NotAFile(_))));
    }
}
