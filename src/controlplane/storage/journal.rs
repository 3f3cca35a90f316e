//! The journal of a store that outlives its process: one JSON line a commit, appended before the commit is done.
//!
//! The file starts with a header and the objects of its header's revision; the lines after them are single changes,
//! whose revisions follow each other without a gap. Every start writes the file anew, with the objects as they are, and
//! renames it over the old one, so that it does not grow for ever.
//!
//! An acknowledged write has been handed to the operating system: it survives the end of the process in any form, `kill
//! -9` included. It is not forced to the disk one by one, which would cost milliseconds a write; a power cut or a crash
//! of the kernel can lose the writes of the last seconds. A last line without its end belongs to a write that nobody was
//! told of, and is cut off. Damage anywhere else is refused with its place: nothing is guessed.
//!
//! Keys, ports and locks are not here but in [`data_dir`](super::super::data_dir).

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Change, ChangeType, ObjectKey, Store, Stored};
use crate::controlplane::gvk::GroupResource;
use crate::controlplane::object::Object as _;

/// What the header of a journal says it is.
const FORMAT: &str = "rop.journal/1";

/// How deeply an object may be nested; what reads the journal follows 128 levels, those of the line included.
const MAX_DEPTH: usize = 120;

/// Takes every write before it is done.
pub trait Journal: fmt::Debug + Send {
    /// Keeps a change. After an error nothing of it is kept.
    ///
    /// # Errors
    /// The change cannot be kept.
    fn append(&mut self, change: &Change) -> io::Result<()>;

    /// Makes sure that what was kept survives a power cut too.
    ///
    /// # Errors
    /// The disk does not take it.
    fn sync(&mut self) -> io::Result<()>;
}

/// One line of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The revision of the commit.
    pub revision: u64,
    /// What it did.
    pub change_type: ChangeType,
    /// The resource.
    pub resource: GroupResource,
    /// The place of the object.
    pub key: ObjectKey,
    /// The object after the change; for a deletion its last state.
    pub value: Value,
}

/// What a journal tells.
#[derive(Debug, Default)]
pub struct History {
    /// The revision of `objects`.
    pub revision: u64,
    /// The objects when the journal was begun.
    pub objects: Vec<Record>,
    /// What has happened since, oldest first.
    pub changes: Vec<Record>,
    /// How many bytes of an unfinished write stood at the end.
    pub torn_bytes: usize,
}

/// Why a journal cannot be read or begun.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refuses.
    #[error("failed to access `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A line is not what was written.
    #[error("line {line} of `{}` is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// A journal in a file.
#[derive(Debug)]
pub struct FileJournal {
    file: File,
    /// How long the file is with nothing but whole lines.
    length: u64,
    /// Whether half a line stands at the end and could not be taken back.
    is_broken: bool,
    /// Keeps other processes out for as long as somebody may write.
    _lock: File,
}

impl FileJournal {
    /// Begins a journal with the objects of a store, in place of the one that is there; it holds `lock` while it lives.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(path: &Path, lock: File, store: &Store) -> Result<Self, JournalError> {
        Self::try_begin(path, lock, store).map_err(|source| JournalError::Io { path: path.to_owned(), source })
    }

    #[expect(clippy::disallowed_methods, reason = "the journal is one of the few that write files")]
    fn try_begin(path: &Path, lock: File, store: &Store) -> io::Result<Self> {
        let staged = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&staged)?;
        // An earlier start may have ended halfway.
        file.set_len(0)?;
        let mut writer = BufWriter::new(&file);
        let (revision, resources) = store.list_all();
        writeln!(writer, "{}", json!({"format": FORMAT, "revision": revision}))?;
        for (resource, snapshot) in &resources {
            for (key, stored) in &snapshot.objects {
                writer.write_all(&line(ChangeType::Added, resource, key, stored))?;
            }
        }
        writer.flush()?;
        drop(writer);
        file.sync_all()?;
        fs::rename(&staged, path)?;
        sync_directory_of(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length, is_broken: false, _lock: lock })
    }
}

/// A new name is as safe as its file only when the directory is on the disk too.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

impl Journal for FileJournal {
    fn append(&mut self, change: &Change) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other("an earlier write failed halfway and could not be taken back"));
        }
        if is_deeper(&change.object.value, MAX_DEPTH) {
            return Err(io::Error::other("the object is nested too deeply"));
        }
        let line = line(change.change_type, &change.resource, &change.key, &change.object);
        if let Err(error) = self.file.write_all(&line) {
            // Nothing may follow half a line.
            self.is_broken = self.file.set_len(self.length).is_err();
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else { return true };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, levels)),
        Value::Object(fields) => fields.values().any(|field| is_deeper(field, levels)),
        _ => false,
    }
}

fn line(change_type: ChangeType, resource: &GroupResource, key: &ObjectKey, stored: &Stored) -> Vec<u8> {
    let head = json!({
        "revision": stored.revision, "change": word(change_type), "group": resource.group,
        "resource": resource.resource, "namespace": key.namespace, "name": key.name,
    });
    // The object's text is the one that clients are sent, made once.
    let mut line = head.to_string().into_bytes();
    line.pop();
    line.extend_from_slice(b",\"object\":");
    line.extend_from_slice(stored.json());
    line.extend_from_slice(b"}\n");
    line
}

fn word(change_type: ChangeType) -> &'static str {
    match change_type {
        ChangeType::Added => "ADDED",
        ChangeType::Modified => "MODIFIED",
        ChangeType::Deleted => "DELETED",
    }
}

/// Reads a journal; `None` when there is none.
///
/// # Errors
/// The file cannot be read, or somebody has changed it.
pub fn read(path: &Path) -> Result<Option<History>, JournalError> {
    let failed = |source| JournalError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut reader = BufReader::new(file);
    let mut history: Option<History> = None;
    let (mut text, mut number) = (Vec::new(), 0);
    loop {
        text.clear();
        number += 1;
        let length = reader.read_until(b'\n', &mut text).map_err(failed)?;
        let is_whole = text.pop_if(|byte| *byte == b'\n').is_some();
        let damaged = |why: String| JournalError::Damaged { path: path.to_owned(), line: number, why };
        match &mut history {
            None if is_whole => history = Some(header(&text).map_err(damaged)?),
            None => return Err(damaged("it has no header".to_owned())),
            Some(history) if is_whole => add(history, &text).map_err(damaged)?,
            Some(history) => {
                history.torn_bytes = length;
                break;
            }
        }
    }
    Ok(history)
}

fn header(text: &[u8]) -> Result<History, String> {
    let header: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if header.text_at(&["format"]) != FORMAT {
        return Err(format!("it is not a `{FORMAT}`"));
    }
    let revision = header.get("revision").and_then(Value::as_u64).ok_or("it has no revision")?;
    Ok(History { revision, ..History::default() })
}

fn add(history: &mut History, text: &[u8]) -> Result<(), String> {
    let record = parse(text)?;
    let newest = history.changes.last().map_or(history.revision, |change| change.revision);
    if record.revision == newest + 1 {
        history.changes.push(record);
    } else if record.revision <= history.revision && history.changes.is_empty() {
        history.objects.push(record);
    } else {
        return Err(format!("revision {} does not follow revision {newest}", record.revision));
    }
    Ok(())
}

fn parse(text: &[u8]) -> Result<Record, String> {
    let mut line: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let value = line.get_mut("object").map(Value::take).filter(Value::is_object).ok_or("it has no object")?;
    let change_type = match line.text_at(&["change"]) {
        "ADDED" => ChangeType::Added,
        "MODIFIED" => ChangeType::Modified,
        "DELETED" => ChangeType::Deleted,
        other => return Err(format!("`{other}` is no change")),
    };
    Ok(Record {
        revision: line.get("revision").and_then(Value::as_u64).ok_or("it has no revision")?,
        change_type,
        resource: GroupResource::new(line.text_at(&["group"]), line.text_at(&["resource"])),
        key: ObjectKey::new(line.text_at(&["namespace"]), line.text_at(&["name"])),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controlplane::storage::{Compacted, DEFAULT_LOG_LEN, StoreError};

    fn pods() -> GroupResource {
        GroupResource::new("", "pods")
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("default", name)
    }

    /// Returns the store of a directory, as a start finds it, and how many bytes were cut off.
    fn start(directory: &Path) -> Result<(Store, usize), JournalError> {
        let path = directory.join("journal.jsonl");
        let history = read(&path)?;
        let torn = history.as_ref().map_or(0, |history| history.torn_bytes);
        let store = history.map_or_else(Store::default, |history| Store::recover(DEFAULT_LOG_LEN, history));
        let lock = File::create(directory.join("lock")).expect("the directory can be written");
        store.keep_in(FileJournal::begin(&path, lock, &store)?);
        Ok((store, torn))
    }

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary directory")
    }

    /// Adds what a process wrote that ended in the middle.
    fn append(directory: &Path, text: &str) {
        let mut file = OpenOptions::new().append(true).open(directory.join("journal.jsonl")).expect("it is there");
        file.write_all(text.as_bytes()).expect("it can be written");
    }

    #[test]
    fn a_store_goes_on_where_it_was() {
        let directory = directory();
        let (store, _) = start(directory.path()).expect("a fresh one");
        let spec = json!({"spec": {"text": "ä\n\u{0}\"", "float": 2.0, "big": u64::MAX, "order": {"z": 1, "a": 2}}});
        store.create(&pods(), key("a"), spec).expect("free");
        store.create(&pods(), key("b"), json!({})).expect("free");
        let last = store.update(&pods(), key("b"), 3, json!({"kind": "Pod"})).expect("at 3");
        store.delete(&pods(), key("b"), last.revision, json!({})).expect("at 4");
        for _ in 0..2 {
            let (again, torn) = start(directory.path()).expect("what was written is read");
            assert_eq!((again.revision(), torn), (5, 0));
            assert_eq!(again.list(&pods()).objects.len(), 1);
            let texts = [&store, &again].map(|store| store.get(&pods(), &key("a")).expect("kept").json().clone());
            assert_eq!(texts[0], texts[1]);
            assert_eq!(again.create(&pods(), key("a"), json!({})).err(), Some(StoreError::Exists));
        }
    }

    #[test]
    fn a_watcher_goes_on_after_one_restart_and_is_told_to_relist_after_two() {
        let directory = directory();
        let (store, _) = start(directory.path()).expect("a fresh one");
        for name in ["a", "b", "c"] {
            store.create(&pods(), key(name), json!({})).expect("free");
        }
        let (again, _) = start(directory.path()).expect("what was written is read");
        let changes =
            again.watch(&pods(), 2).and_then(|mut cursor| cursor.try_next(10)).expect("the journal knows them");
        assert_eq!(changes.iter().map(|change| change.key.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(again.list_at(&pods(), 2).expect("the journal knows it").objects.len(), 1);
        let (third, _) = start(directory.path()).expect("what was written is read");
        assert_eq!(third.watch(&pods(), 2).err(), Some(Compacted));
        assert_eq!(third.watch(&GroupResource::new("", "nodes"), 2).err(), Some(Compacted));
        assert_eq!((third.watch(&pods(), 4).is_ok(), third.resource_revision(&pods())), (true, 4));
    }

    #[test]
    fn an_unfinished_last_line_is_cut_off() {
        let directory = directory();
        let (store, _) = start(directory.path()).expect("a fresh one");
        store.create(&pods(), key("a"), json!({})).expect("free");
        append(directory.path(), "{\"revision\":3,\"chan");
        let (again, torn) = start(directory.path()).expect("the rest is whole");
        assert_eq!((again.revision(), torn), (2, 19));
        again.create(&pods(), key("b"), json!({})).expect("free");
        let (third, torn) = start(directory.path()).expect("it was cut off");
        assert_eq!((third.revision(), torn), (3, 0));
    }

    #[test]
    fn damage_is_refused_with_its_place() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let directory = directory();
            let (store, _) = start(directory.path()).expect("a fresh one");
            store.create(&pods(), key("a"), json!({})).expect("free");
            append(directory.path(), text);
            let error = start(directory.path()).expect_err("it is damaged").to_string();
            assert!(error.starts_with("line 3 of `") && error.ends_with(expected), "{error}");
        }
        check("nonsense\n", "expected ident at line 1 column 2");
        check("{\"revision\":3,\"change\":\"ADDED\"}\n", "it has no object");
        check("{\"revision\":3,\"change\":\"MOVED\",\"object\":{}}\n", "`MOVED` is no change");
        check("{\"revision\":9,\"change\":\"ADDED\",\"object\":{}}\n", "revision 9 does not follow revision 2");
        let directory = directory();
        start(directory.path()).expect("a fresh one");
        File::create(directory.path().join("journal.jsonl")).expect("it can be written");
        assert!(start(directory.path()).expect_err("it is empty").to_string().ends_with("it has no header"));
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        let directory = directory();
        let (store, _) = start(directory.path()).expect("a fresh one");
        let mut deep = json!({});
        for _ in 0..MAX_DEPTH {
            deep = json!({"a": deep});
        }
        let error = store.create(&pods(), key("deep"), deep).expect_err("it is too deep");
        assert_eq!(error, StoreError::NotKept("the object is nested too deeply".to_owned()));
        assert_eq!(store.get(&pods(), &key("deep")).map(|stored| stored.revision), None);
        let mut fits = json!({});
        for _ in 0..MAX_DEPTH - 2 {
            fits = json!({"a": fits});
        }
        store.create(&pods(), key("fits"), fits).expect("it is not too deep");
        assert_eq!(start(directory.path()).expect("it can be read").0.revision(), 2);
    }

    #[test]
    fn a_write_that_the_journal_refuses_is_not_done() {
        #[derive(Debug)]
        struct Full;
        impl Journal for Full {
            fn append(&mut self, _: &Change) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn sync(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let store = Store::default();
        let mut cursor = store.watch(&pods(), 1).expect("the log is empty");
        store.keep_in(Full);
        let refused = store.create(&pods(), key("a"), json!({}));
        assert!(matches!(refused, Err(StoreError::NotKept(_))));
        assert_eq!((store.revision(), store.list(&pods()).objects.len()), (1, 0));
        assert!(cursor.try_next(1).expect("nothing was compacted").is_empty());
    }
}
