//! The objects of a repository, each looked up once: in its folder, or else by a running `git cat-file --batch`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::command::{command, failure, not_started};
use super::failures::Failures;
use super::id::Id;
use super::store::Store;
use super::tree_object::Layout;
use crate::disk::error::DiskError;
use crate::disk::{FILE_BYTES_MAX, too_large};
use crate::yaml::parallel::map;

/// The number of requests that fit into a pipe while its reader is still busy with the answers.
const REQUESTS_MAX: usize = 256;

/// From this number of lookups on, all processors share them.
const PARALLEL_LOOKUPS_MIN: usize = 32;

/// The objects of a repository.
pub(super) struct Objects {
    root: PathBuf,
    store: Option<Store>,
    known: Mutex<BTreeMap<Id, Arc<[u8]>>>,
    /// The layouts of trees in which names were looked up; `None` for a tree that must be read completely.
    layouts: Mutex<BTreeMap<Id, Option<Arc<Layout>>>>,
    /// Started on first use.
    git: Mutex<Option<Batch>>,
    failures: Arc<Failures>,
}

impl Objects {
    pub(super) fn open(root: &Path, failures: Arc<Failures>) -> Objects {
        Objects {
            failures,
            root: root.to_path_buf(),
            store: Store::open(root),
            known: Mutex::default(),
            layouts: Mutex::default(),
            git: Mutex::default(),
        }
    }

    /// The tree that a name resolves to, if any.
    pub(super) fn tree(&self, name: &str) -> Result<Option<Id>, DiskError> {
        if name.contains(['\n', '\0']) {
            return Ok(None);
        }
        if let Some(id) = self.store.as_ref().and_then(|it| it.tree(name)) {
            return Ok(Some(id));
        }
        let answers = self.request(&[format!("{name}^{{tree}}")])?;
        Ok(answers.into_iter().flatten().next().map(|(id, bytes)| {
            self.keep(id, bytes);
            id
        }))
    }

    pub(super) fn read(&self, id: &Id) -> Result<Arc<[u8]>, DiskError> {
        self.prefetch(std::slice::from_ref(id))?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(id).cloned();
        known.ok_or_else(|| {
            let words = format!("the object {id} is missing");
            self.failed(failure(&self.root, &words))
        })
    }

    /// The layout of a tree with these bytes.
    pub(super) fn layout(&self, id: &Id, bytes: &[u8]) -> Option<Arc<Layout>> {
        let layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = layouts.get(id) {
            return known.clone();
        }
        drop(layouts);
        let layout = Layout::parse(bytes, id.digest().len()).map(Arc::new);
        let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        layouts.insert(*id, layout.clone());
        layout
    }

    /// Records a failure: callers treat what cannot be read as missing.
    pub(super) fn failed(&self, error: DiskError) -> DiskError {
        self.failures.note(&error);
        error
    }

    /// A failure that git would not detect, or that would crash it.
    pub(super) fn damaged(&self, words: &str) -> DiskError {
        self.failed(failure(&self.root, words))
    }

    /// Reads many objects at once, so that git (if it is needed) and this program only wait for each other once.
    pub(super) fn prefetch(&self, ids: &[Id]) -> Result<(), DiskError> {
        let found = map(PARALLEL_LOOKUPS_MIN, ids, |it| self.has(it));
        let missing: Vec<&Id> = ids
            .iter()
            .zip(found)
            .filter(|it| !it.1)
            .map(|it| it.0)
            .collect();
        for ids in missing.chunks(REQUESTS_MAX) {
            let names: Vec<String> = ids.iter().map(|it| it.to_string()).collect();
            for (id, bytes) in self.request(&names)?.into_iter().flatten() {
                self.keep(id, bytes);
            }
        }
        Ok(())
    }

    /// Whether an object is in the repository's folder.
    pub(super) fn has(&self, id: &Id) -> bool {
        self.is_known(id) || self.find(id)
    }

    fn is_known(&self, id: &Id) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains_key(id)
    }

    /// Looks up an object in the repository's folder.
    fn find(&self, id: &Id) -> bool {
        let found = self.store.as_ref().and_then(|it| it.object(id));
        let is_found = found.is_some();
        found.into_iter().for_each(|it| self.keep(*id, it.bytes));
        is_found
    }

    fn keep(&self, id: Id, bytes: Arc<[u8]>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(id, bytes);
    }

    /// Requests objects from git. The result for each name is an object, or nothing.
    fn request(&self, names: &[String]) -> Result<Vec<Answer>, DiskError> {
        // Git does not detect such a cycle, and runs until its stack overflows.
        if let Some(words) = self.store.as_ref().and_then(Store::damage) {
            return Err(self.damaged(words));
        }
        let mut git = self.git.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = match &mut *git {
            Some(batch) => batch,
            none => {
                let started = Batch::start(&self.root);
                none.insert(started.map_err(|it| self.failed(not_started(it)))?)
            }
        };
        batch.answers(names).map_err(|it| {
            let words = batch.words();
            self.failed(match words.trim() {
                "" => failure(&self.root, &it.to_string()),
                words => failure(&self.root, words),
            })
        })
    }
}

/// An object with its ID, or nothing.
type Answer = Option<(Id, Arc<[u8]>)>;

struct Batch {
    child: Child,
    /// `None` when git is to exit.
    questions: Option<io::BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
    /// Reads standard error, so that git never blocks on it; returns its beginning.
    words: Option<JoinHandle<String>>,
}

/// The maximum length of git's message.
const WORDS_MAX: u64 = 1 << 16;

impl Batch {
    fn start(root: &Path) -> io::Result<Batch> {
        let mut batch = command(root);
        batch.args(["cat-file", "--batch"]);
        batch.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = batch.stderr(Stdio::piped()).spawn()?;
        let missing = || io::Error::other("git has no input or output");
        let questions = child.stdin.take().ok_or_else(missing)?;
        let answers = child.stdout.take().ok_or_else(missing)?;
        let words = child.stderr.take().map(|mut it| {
            thread::spawn(move || {
                let mut words = Vec::new();
                let _ = it.by_ref().take(WORDS_MAX).read_to_end(&mut words);
                let _ = io::copy(&mut it, &mut io::sink());
                String::from_utf8_lossy(&words).into_owned()
            })
        });
        Ok(Batch {
            child,
            questions: Some(io::BufWriter::new(questions)),
            answers: BufReader::new(answers),
            words,
        })
    }

    fn answers(&mut self, names: &[String]) -> io::Result<Vec<Answer>> {
        let ended = || io::Error::other("git has exited");
        let questions = self.questions.as_mut().ok_or_else(ended)?;
        // All are written before the first answer is read, which is why their number is limited: git stops reading when its output is full.
        for name in names {
            questions.write_all(name.as_bytes())?;
            questions.write_all(b"\n")?;
        }
        questions.flush()?;
        names.iter().map(|_| self.answer()).collect()
    }

    /// `<id> <type> <size>`, the bytes and a line end; or `<name> missing`.
    fn answer(&mut self) -> io::Result<Answer> {
        let mut head = String::new();
        if self.answers.read_line(&mut head)? == 0 {
            return Err(io::Error::other("git exited without an answer"));
        }
        // From the end: the name of a revision that is missing may contain spaces.
        let mut words = head.trim_end().rsplit(' ');
        let size: Option<u64> = words.next().and_then(|it| it.parse().ok());
        let (Some(size), Some(id)) = (size, words.nth(1)) else {
            return Ok(None);
        };
        if size > FILE_BYTES_MAX {
            // The rest of the answer would be read as the next answer.
            let _ = self.child.kill();
            return Err(io::Error::other(too_large().to_string()));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        self.answers.read_exact(&mut bytes)?;
        // The line ending belongs to the protocol, not to the object.
        self.answers.read_exact(&mut [0])?;
        Ok(Id::read(id).map(|it| (it, bytes.into())))
    }

    /// Ends git, and returns its message.
    fn words(&mut self) -> String {
        self.questions = None;
        let _ = self.child.kill();
        let words = self.words.take().map(JoinHandle::join);
        words.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Git exits at the end of its input.
        self.questions = None;
        let _ = self.child.wait();
    }
}
