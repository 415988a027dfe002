//! A running `git cat-file --batch`: the objects of a repository, each asked for once.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use super::command;
use crate::disk::error::DiskError;

/// So many questions fit into a pipe, whose reader may still be busy with the answers.
const QUESTIONS_MAX: usize = 256;

/// The name of an object, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(pub(super) Arc<str>);

/// The objects of a repository.
pub(super) struct Objects(Mutex<Inner>);

struct Inner {
    batch: Batch,
    known: BTreeMap<Id, Arc<[u8]>>,
}

impl Objects {
    pub(super) fn open(root: &Path) -> Result<Objects, DiskError> {
        let batch = Batch::start(root).map_err(DiskError::when("run", Path::new("git")))?;
        Ok(Objects(Mutex::new(Inner {
            batch,
            known: BTreeMap::new(),
        })))
    }

    /// The tree that a name stands for. `None` where it stands for none.
    pub(super) fn tree(&self, name: &str) -> io::Result<Option<Id>> {
        if name.contains(['\n', '\0']) {
            return Ok(None);
        }
        let mut inner = self.lock();
        inner.batch.ask(&format!("{name}^{{tree}}"))?;
        inner.batch.questions()?.flush()?;
        let Some((id, bytes)) = inner.batch.answer()? else {
            return Ok(None);
        };
        inner.known.insert(id.clone(), bytes);
        Ok(Some(id))
    }

    pub(super) fn read(&self, id: &Id) -> io::Result<Arc<[u8]>> {
        let mut inner = self.lock();
        inner.fetch(std::slice::from_ref(id))?;
        let known = inner.known.get(id).cloned();
        known.ok_or_else(|| io::Error::other(format!("git can't read the object {}", id.0)))
    }

    /// Reads many at once, so that git and this program wait for each other once and not each time.
    pub(super) fn prefetch(&self, ids: &[Id]) -> io::Result<()> {
        ids.chunks(QUESTIONS_MAX)
            .try_for_each(|it| self.lock().fetch(it))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn fetch(&mut self, ids: &[Id]) -> io::Result<()> {
        let missing: Vec<&Id> = ids
            .iter()
            .filter(|it| !self.known.contains_key(it))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        for id in &missing {
            self.batch.ask(&id.0)?;
        }
        self.batch.questions()?.flush()?;
        for _ in missing {
            if let Some((id, bytes)) = self.batch.answer()? {
                self.known.insert(id, bytes);
            }
        }
        Ok(())
    }
}

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
        let mut child = batch.spawn()?;
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
    fn answer(&mut self) -> io::Result<Option<(Id, Arc<[u8]>)>> {
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
        Ok(Some((Id(id.into()), bytes.into())))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Git ends when there is nothing more to ask.
        self.questions = None;
        let _ = self.child.wait();
    }
}
