//! Files that record reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::changes::ReadSet;
use super::files::{Entry, EntryKind, Files, FilesError, Unlisted};
use super::path::TreePath;

/// Forwards reads and records them.
pub struct Recorded<'a> {
    files: &'a dyn Files,
    read_set: Mutex<ReadSet>,
    bad_links: Mutex<BTreeMap<TreePath, FilesError>>,
}

impl<'a> Recorded<'a> {
    /// Records what is read from `files`.
    pub fn new(files: &'a dyn Files) -> Recorded<'a> {
        Recorded {
            files,
            read_set: Mutex::default(),
            bad_links: Mutex::default(),
        }
    }

    /// The requested paths behind a link that is broken or leads outside. A caller that only tests for existence may treat the
    /// error as a missing file.
    pub fn bad_links(&self) -> BTreeMap<TreePath, FilesError> {
        let links = self.bad_links.lock();
        links.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns an answer, and records a path behind an invalid link.
    fn answered<T>(&self, path: &TreePath, answer: Result<T, FilesError>) -> Result<T, FilesError> {
        if let Err(error @ (FilesError::Outside | FilesError::BrokenLink)) = &answer {
            let links = self.bad_links.lock();
            let mut links = links.unwrap_or_else(PoisonError::into_inner);
            links.insert(path.clone(), error.clone());
        }
        answer
    }

    /// Ends recording and returns the reads.
    pub fn finish(self) -> ReadSet {
        self.read_set
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: impl FnOnce(&mut ReadSet)) {
        note(&mut self.read_set.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Files for Recorded<'_> {
    fn expect(&self, paths: &[TreePath]) {
        self.files.expect(paths);
    }

    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        // Missing files are recorded, too, because the result depends on their absence.
        self.note(|set| _ = set.files.insert(path.clone()));
        self.answered(path, self.files.read(path))
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        self.note(|set| _ = set.folders.insert(folder.clone()));
        self.answered(folder, self.files.list(folder))
    }

    fn files_containing(&self, folder: &TreePath, words: &[&str]) -> Option<Vec<TreePath>> {
        self.note(|set| _ = set.folders.insert(folder.clone()));
        self.files.files_containing(folder, words)
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        self.files.unlisted()
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        self.files.real(path)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        self.note(|set| _ = set.files.insert(path.clone()));
        self.answered(path, self.files.kind(path))
    }
}
