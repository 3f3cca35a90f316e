//! All files below a folder, to be compared with others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Files and folders by path. A folder has a `/` at its end and no content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tree(pub(crate) BTreeMap<String, Vec<u8>>);

impl Tree {
    /// Reads a folder; one that does not exist is an empty tree.
    pub(crate) fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        if root.exists() {
            tree.add(root, root);
        }
        tree
    }

    fn add(&mut self, root: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            if path.is_symlink() {
                self.0.insert(name, format!("link to {:?}", fs::read_link(&path)).into_bytes());
            } else if path.is_dir() {
                self.0.insert(format!("{name}/"), Vec::new());
                self.add(root, &path);
            } else {
                self.0.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "tests prepare what rop finds")]
    pub(crate) fn write(&self, root: &Path) {
        fs::create_dir_all(root).expect("created");
        for (path, content) in &self.0 {
            let target = root.join(path);
            match path.strip_suffix('/') {
                Some(_) => fs::create_dir_all(target).expect("created"),
                None => {
                    fs::create_dir_all(target.parent().expect("below the root")).expect("created");
                    fs::write(target, content).expect("written");
                }
            }
        }
    }

    /// Returns the same tree without folders and without what rop keeps aside.
    pub(crate) fn files(&self) -> Self {
        let is_file = |path: &str| !path.ends_with('/') && !path.starts_with(".rop/");
        Self(self.0.iter().filter(|(path, _)| is_file(path)).map(|(path, text)| (path.clone(), text.clone())).collect())
    }

    pub(crate) fn paths(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|path| !path.ends_with('/')).collect()
    }

    /// Fails with the paths that differ, and the first difference.
    #[track_caller]
    pub(crate) fn assert_eq(&self, expected: &Tree, what: &str) {
        let paths: Vec<&String> = self.0.keys().chain(expected.0.keys()).collect();
        for path in paths {
            let (actual, wanted) = (self.0.get(path), expected.0.get(path));
            if actual != wanted {
                let diff = rop::plan::unified_diff(path, wanted.map(Vec::as_slice), actual.map(Vec::as_slice));
                panic!("{what}: `{path}` differs\n{diff}");
            }
        }
    }
}
