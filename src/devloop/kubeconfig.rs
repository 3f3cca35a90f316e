//! Kubeconfig files: written for the user's eyes only, and whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Writes a kubeconfig so that only its owner can read it; directories on the way are made when missing.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory).with_context(|| format!("failed to create `{}`", directory.display()))?;
    let name = path.file_name().with_context(|| format!("`{}` names no file", path.display()))?;
    let staged = directory.join(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let written = write_private(&staged, text).and_then(|()| replace(&staged, path));
    if written.is_err() {
        // What is left of the attempt is of no use to anybody.
        let _ = fs::remove_file(&staged);
    }
    written.with_context(|| format!("failed to write `{}`", path.display()))
}

/// Removes a kubeconfig whose server is gone.
pub fn remove(path: &Path) {
    // One that stays behind leads nowhere, and is replaced by the next.
    let _ = fs::remove_file(path);
}

#[expect(clippy::disallowed_methods, reason = "one of the two places that write files")]
fn replace(staged: &Path, path: &Path) -> std::io::Result<()> {
    fs::rename(staged, path)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A kubeconfig that is gone when this is.
#[derive(Debug)]
pub struct Temporary {
    directory: PathBuf,
}

impl Temporary {
    /// Writes a kubeconfig into a directory of its own below `parent`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn new(parent: &Path, text: &str) -> anyhow::Result<Self> {
        let name = format!("rop-{}-{}", std::process::id(), uuid::Uuid::new_v4().simple());
        let temporary = Self { directory: parent.join(name) };
        write(&temporary.path(), text)?;
        Ok(temporary)
    }

    /// Returns the file.
    pub fn path(&self) -> PathBuf {
        self.directory.join("kubeconfig")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // The system clears what cannot be removed.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_kubeconfig_is_private_and_leaves_nothing() {
        let temporary =
            Temporary::new(&std::env::temp_dir(), "text").expect("the directory for temporary files can be written");
        let path = temporary.path();
        assert_eq!(fs::read_to_string(&path).expect("it was just written"), "text");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).expect("it was just written").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        drop(temporary);
        assert!(!path.exists());
    }
}
