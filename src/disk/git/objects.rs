//! The objects of a repository, each looked for once: in its own folder, and else by a running `git cat-file --batch`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use super::command;
use super::id::Id;
use super::store::Store;
use crate::diag::parallel::map;

/// So many questions fit into a pipe, whose reader may still be busy with the answers.
const QUESTIONS_MAX: usize = 256;

/// To look for so many is shared by all processors.
const LOOKS_MANY: usize = 32;

/// The objects of a repository.
pub(super) struct Objects {
    root: PathBuf,
    store: Option<Store>,
    known: Mutex<BTreeMap<Id, Arc<[u8]>>>,
    /// Started when it is first needed.
    git: Mutex<Option<Batch>>,
}

impl Objects {
    pub(super) fn open(root: &Path) -> Objects {
        Objects {
            root: root.to_path_buf(),
            store: Store::open(root),
            known: Mutex::default(),
            git: Mutex::default(),
        }
    }

    /// The tree that a name stands for. `None` where it stands for none.
    pub(super) fn tree(&self, name: &str) -> io::Result<Option<Id>> {
        if name.contains(['\n', '\0']) {
            return Ok(None);
        }
        if let Some(id) = self.store.as_ref().and_then(|it| it.tree(name)) {
            return Ok(Some(id));
        }
        let answers = self.ask(&[format!("{name}^{{tree}}")])?;
        Ok(answers.into_iter().flatten().next().map(|(id, bytes)| {
            self.keep(id, bytes);
            id
        }))
    }

    pub(super) fn read(&self, id: &Id) -> io::Result<Arc<[u8]>> {
        self.prefetch(std::slice::from_ref(id))?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(id).cloned();
        known.ok_or_else(|| io::Error::other(format!("git can't read the object {id}")))
    }

    /// Reads many at once, so that git, where it is needed, and this program wait for each other once and not each time.
    pub(super) fn prefetch(&self, ids: &[Id]) -> io::Result<()> {
        let found = map(LOOKS_MANY, ids, |it| self.is_known(it) || self.find(it));
        let missing: Vec<&Id> = ids
            .iter()
            .zip(found)
            .filter(|it| !it.1)
            .map(|it| it.0)
            .collect();
        for ids in missing.chunks(QUESTIONS_MAX) {
            let names: Vec<String> = ids.iter().map(|it| it.to_string()).collect();
            for (id, bytes) in self.ask(&names)?.into_iter().flatten() {
                self.keep(id, bytes);
            }
        }
        Ok(())
    }

    fn is_known(&self, id: &Id) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains_key(id)
    }

    /// Looks into the repository's folder.
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

    /// Asks git, which gives an object or nothing for each question.
    fn ask(&self, names: &[String]) -> io::Result<Vec<Answer>> {
        let mut git = self.git.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = match &mut *git {
            Some(batch) => batch,
            none => none.insert(Batch::start(&self.root)?),
        };
        names.iter().try_for_each(|it| batch.ask(it))?;
        batch.questions()?.flush()?;
        names.iter().map(|_| batch.answer()).collect()
    }
}

/// An object with its name, or nothing.
type Answer = Option<(Id, Arc<[u8]>)>;

struct Batch {
    child: Child,
    /// `None` once it is told to end.
    questions: Option<io::BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
}

impl Batch {
    fn start(root: &Path) -> io::Result<Batch> {
        let mut batch = command(root);
        batch.args(["cat-file", "--batch"]);
        batch.stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |it| io::Error::other(format!("git can't be run: {it}"));
        let mut child = batch.spawn().map_err(failed)?;
        let missing = || io::Error::other("git has no input or output");
        let questions = child.stdin.take().ok_or_else(missing)?;
        let answers = child.stdout.take().ok_or_else(missing)?;
        Ok(Batch {
            child,
            questions: Some(io::BufWriter::new(questions)),
            answers: BufReader::new(answers),
        })
    }

    fn questions(&mut self) -> io::Result<&mut io::BufWriter<ChildStdin>> {
        let ended = || io::Error::other("git has ended");
        self.questions.as_mut().ok_or_else(ended)
    }

    fn ask(&mut self, name: &str) -> io::Result<()> {
        let questions = self.questions()?;
        questions.write_all(name.as_bytes())?;
        questions.write_all(b"\n")
    }

    /// `<id> <type> <size>`, the bytes and a line end; or `<name> missing`.
    fn answer(&mut self) -> io::Result<Answer> {
        let mut head = String::new();
        if self.answers.read_line(&mut head)? == 0 {
            return Err(io::Error::other("git ended without an answer"));
        }
        let mut words = head.trim_end().rsplit(' ');
        let size = words.next().and_then(|it| it.parse().ok());
        let (Some(size), Some(id)) = (size, words.nth(1)) else {
            return Ok(None);
        };
        let mut bytes = vec![0; size];
        self.answers.read_exact(&mut bytes)?;
        self.answers.read_exact(&mut [0])?;
        Ok(Id::read(id).map(|it| (it, bytes.into())))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Git ends when there is nothing more to ask.
        self.questions = None;
        let _ = self.child.wait();
    }
}
