//! The directory of a control plane that outlives its process: its objects, its keys and its port.
//!
//! Beside the [journal](super::storage::journal) there are the CA and the key that signs tokens, so that kubeconfigs and
//! tokens of earlier runs go on working, and the port, so that they still lead somewhere. All files are for their owner's
//! eyes only. One process at a time works on a directory: the lock is the operating system's, and ends with the process
//! however it ends.
//!
//! Serving and client certificates are not kept: each start makes its own, signed by the CA that is kept.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::env::Env;
use super::identity::ca::{Authority, CertificateError};
use super::identity::tokens::{SignerError, TokenSigner};
use super::storage::journal::{self, FileJournal, JournalError};
use super::storage::{DEFAULT_LOG_LEN, Store};

const LOCK: &str = "lock";
const JOURNAL: &str = "journal.jsonl";
const CA_CERTIFICATE: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const SIGNER_KEY: &str = "sa.key";
const PORT: &str = "port";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process works on it.
    #[error("the data directory `{}` is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The file system refuses.
    #[error("failed to access `{}`", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The journal cannot be read or begun.
    #[error("failed to restore the objects")]
    Journal(#[from] JournalError),
    /// The CA that was kept is none, or a new one cannot be made.
    #[error("failed to restore the certificate authority from `{}`", path.display())]
    Authority {
        /// The certificate.
        path: PathBuf,
        /// The reason.
        source: CertificateError,
    },
    /// The key of tokens that was kept is none, or a new one cannot be made.
    #[error("failed to restore the key of tokens from `{}`", path.display())]
    Signer {
        /// The key.
        path: PathBuf,
        /// The reason.
        source: SignerError,
    },
}

/// What a start found in its data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// How many objects there were.
    pub objects: usize,
    /// How many bytes of an unfinished write were cut off.
    pub torn_bytes: usize,
}

/// A data directory that no other process uses.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Takes a directory, which is made when missing.
    pub(super) fn open(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io { path: path.to_owned(), source };
        make_private_directory(path).map_err(failed)?;
        let lock = private_file().create(true).truncate(false).open(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Returns the CA: the one that was kept, or a new one that is kept from now on.
    pub(super) fn authority(&self, env: &Env) -> Result<Authority, DataDirError> {
        let failed = |source| DataDirError::Authority { path: self.path.join(CA_CERTIFICATE), source };
        match (self.read(CA_CERTIFICATE)?, self.read(CA_KEY)?) {
            (Some(certificate), Some(key)) => Authority::from_pem(env, &certificate, &key).map_err(failed),
            // The key is written first, so that a certificate is never without.
            _ => {
                let authority = Authority::new(env).map_err(failed)?;
                self.write(CA_KEY, authority.key_pem())?;
                self.write(CA_CERTIFICATE, authority.certificate_pem())?;
                Ok(authority)
            }
        }
    }

    /// Returns the signer of tokens, with the key that was kept, or a new one that is kept from now on.
    pub(super) fn signer(&self, env: &Env) -> Result<TokenSigner, DataDirError> {
        let failed = |source| DataDirError::Signer { path: self.path.join(SIGNER_KEY), source };
        let key = match self.read(SIGNER_KEY)? {
            Some(key) => key,
            None => {
                let key = TokenSigner::generate_key_pem().map_err(failed)?;
                self.write(SIGNER_KEY, &key)?;
                key
            }
        };
        TokenSigner::from_key_pem(env, &key).map_err(failed)
    }

    /// Returns the port at which the control plane listened last.
    pub(super) fn port(&self) -> Result<Option<u16>, DataDirError> {
        Ok(self.read(PORT)?.and_then(|text| text.trim().parse().ok()))
    }

    /// Keeps the port.
    pub(super) fn keep_port(&self, port: u16) -> Result<(), DataDirError> {
        self.write(PORT, &format!("{port}\n"))
    }

    /// Returns the store that was kept; from now on it keeps every write. The lock lives as long as the store.
    pub(super) fn into_store(self) -> Result<(Store, Recovery), DataDirError> {
        let path = self.path.join(JOURNAL);
        let history = journal::read(&path)?;
        let torn_bytes = history.as_ref().map_or(0, |history| history.torn_bytes);
        let store = history.map_or_else(Store::default, |history| Store::recover(DEFAULT_LOG_LEN, history));
        let objects = store.list_all().1.iter().map(|(_, snapshot)| snapshot.objects.len()).sum();
        store.keep_in(FileJournal::begin(&path, self.lock, &store)?);
        Ok((store, Recovery { objects, torn_bytes }))
    }

    fn read(&self, name: &str) -> Result<Option<String>, DataDirError> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DataDirError::Io { path, source }),
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), DataDirError> {
        let path = self.path.join(name);
        let staged = self.path.join(format!("{name}.new"));
        replace(&staged, &path, text).map_err(|source| DataDirError::Io { path, source })
    }
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Puts a text into a file, whole or not at all.
#[expect(clippy::disallowed_methods, reason = "the data directory is one of the few that write files")]
fn replace(staged: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut file = private_file().create(true).truncate(true).open(staged)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(staged, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_port_are_kept_for_the_owner_alone() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let path = parent.path().join("a/b");
        let env = Env::system();
        let open = || DataDir::open(&path).expect("nobody else has it");
        let keep = |directory: DataDir| {
            let authority = directory.authority(&env).expect("it is made or kept");
            let signer = directory.signer(&env).expect("it is made or kept");
            (authority.certificate_pem().to_owned(), signer.jwks())
        };
        let first = keep(open());
        let directory = open();
        assert_eq!(directory.port().expect("readable"), None);
        directory.keep_port(6443).expect("writable");
        assert_eq!(keep(directory), first);
        assert_eq!(open().port().expect("readable"), Some(6443));
        #[cfg(unix)]
        for entry in fs::read_dir(&path).expect("it is there") {
            use std::os::unix::fs::PermissionsExt as _;
            let entry = entry.expect("readable");
            let mode = entry.metadata().expect("readable").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        }
    }

    #[test]
    fn a_directory_has_one_user_until_its_store_is_gone() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let (store, recovery) = DataDir::open(parent.path()).and_then(DataDir::into_store).expect("it is fresh");
        assert_eq!(recovery, Recovery { objects: 0, torn_bytes: 0 });
        assert!(matches!(DataDir::open(parent.path()), Err(DataDirError::InUse(_))));
        drop(store);
        DataDir::open(parent.path()).expect("the store is gone");
    }

    #[test]
    fn keys_that_are_none_are_refused_with_their_file() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let directory = DataDir::open(parent.path()).expect("nobody else has it");
        for name in [CA_CERTIFICATE, CA_KEY, SIGNER_KEY] {
            directory.write(name, "nonsense").expect("writable");
        }
        let error = directory.authority(&Env::system()).expect_err("no certificate").to_string();
        assert!(error.contains("ca.crt"), "{error}");
        let error = directory.signer(&Env::system()).expect_err("no key").to_string();
        assert!(error.contains("sa.key"), "{error}");
    }
}
