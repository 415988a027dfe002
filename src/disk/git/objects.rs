//! The objects of a repository, each read once: from its folder, or otherwise by a running `git cat-file --batch`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::command::{command, command_in_submodule, git_error, start_error};
use super::failures::Failures;
use super::id::Id;
use super::store::Store;
use super::tree_object::Layout;
use crate::disk::error::DiskError;
use crate::disk::{FILE_BYTES_MAX, too_large};
use crate::tree::TreePath;
use crate::yaml::parallel::map;

/// The maximum number of requests that are written before the responses are read. They must fit into the pipe's buffer.
const REQUESTS_MAX: usize = 256;

/// The minimum number of lookups that are distributed to all processors.
const PARALLEL_LOOKUPS_MIN: usize = 32;

/// The objects of a repository.
pub(super) struct Objects {
    pub(super) root: PathBuf,
    store: Option<Store>,
    /// The contents of the objects read so far.
    cache: Mutex<BTreeMap<Id, Arc<[u8]>>>,
    /// The layouts of trees in which names were looked up; `None` for a tree whose entries must all be parsed.
    layouts: Mutex<BTreeMap<Id, Option<Arc<Layout>>>>,
    /// Started on first use.
    batch: Mutex<Option<Batch>>,
    pub(super) failures: Arc<Failures>,
    /// The objects of submodules; `None` for one that is not checked out.
    pub(super) submodules: Mutex<BTreeMap<TreePath, Option<Arc<Objects>>>>,
    is_submodule: bool,
}

impl Objects {
    pub(super) fn open(root: &Path, failures: Arc<Failures>) -> Objects {
        Objects {
            failures,
            root: root.to_path_buf(),
            store: Store::open(root),
            cache: Mutex::default(),
            layouts: Mutex::default(),
            batch: Mutex::default(),
            submodules: Mutex::default(),
            is_submodule: false,
        }
    }

    /// The objects of a submodule, which must not be read from the repository that a hook runs in.
    pub(super) fn open_submodule(root: &Path, failures: Arc<Failures>) -> Objects {
        Objects {
            is_submodule: true,
            ..Objects::open(root, failures)
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
        let responses = self.request(&[format!("{name}^{{tree}}")])?;
        Ok(responses.into_iter().flatten().next().map(|(id, bytes)| {
            self.store_in_cache(id, bytes);
            id
        }))
    }

    /// The content of an object. Errors: it is missing, or git failed.
    pub(super) fn read(&self, id: &Id) -> Result<Arc<[u8]>, DiskError> {
        self.prefetch(std::slice::from_ref(id))?;
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = cache.get(id).cloned();
        bytes.ok_or_else(|| self.damage_error(&format!("the object {id} is missing")))
    }

    /// The layout of a tree. `bytes` is its content.
    pub(super) fn layout(&self, id: &Id, bytes: &[u8]) -> Option<Arc<Layout>> {
        let layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layout) = layouts.get(id) {
            return layout.clone();
        }
        drop(layouts);
        let layout = Layout::parse(bytes, id.digest().len()).map(Arc::new);
        let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        layouts.insert(*id, layout.clone());
        layout
    }

    /// Records a failure, because callers may treat an unreadable object as missing.
    fn record(&self, error: DiskError) -> DiskError {
        self.failures.record(&error);
        error
    }

    /// The recorded error for damage that git itself does not report.
    pub(super) fn damage_error(&self, message: &str) -> DiskError {
        self.record(git_error(&self.root, message))
    }

    /// Reads many objects into the cache. If git is needed, it gets all requests at once, so there is only one wait for it.
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
                self.store_in_cache(id, bytes);
            }
        }
        Ok(())
    }

    /// Whether an object can be read without git. If so, it is in the cache afterwards.
    pub(super) fn has(&self, id: &Id) -> bool {
        self.is_cached(id) || self.load(id)
    }

    fn is_cached(&self, id: &Id) -> bool {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.contains_key(id)
    }

    /// Reads an object from the repository's folder into the cache. Returns whether it was found.
    fn load(&self, id: &Id) -> bool {
        let object = self.store.as_ref().and_then(|it| it.object(id));
        let is_found = object.is_some();
        object
            .into_iter()
            .for_each(|it| self.store_in_cache(*id, it.bytes));
        is_found
    }

    fn store_in_cache(&self, id: Id, bytes: Arc<[u8]>) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(id, bytes);
    }

    /// Requests objects from git, and returns a response for each name.
    fn request(&self, names: &[String]) -> Result<Vec<Response>, DiskError> {
        // Git does not detect cycles of deltas: it would run until its stack overflows.
        if let Some(message) = self.store.as_ref().and_then(Store::damage) {
            return Err(self.damage_error(message));
        }
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = match &mut *batch {
            Some(batch) => batch,
            none => {
                let started = Batch::start(&self.root, self.is_submodule);
                none.insert(started.map_err(|it| self.record(start_error(it)))?)
            }
        };
        batch.request(names).map_err(|it| {
            let stderr = batch.stop();
            self.record(match stderr.trim() {
                "" => git_error(&self.root, &it.to_string()),
                stderr => git_error(&self.root, stderr),
            })
        })
    }
}

/// An object with its ID; `None` if it is missing.
type Response = Option<(Id, Arc<[u8]>)>;

/// A running `git cat-file --batch`.
struct Batch {
    child: Child,
    /// Dropped to make git exit.
    stdin: Option<io::BufWriter<ChildStdin>>,
    stdout: BufReader<ChildStdout>,
    /// Reads standard error, so that git never blocks on it; returns its beginning.
    stderr: Option<JoinHandle<String>>,
}

/// The maximum number of bytes of standard error that are kept for a message.
const STDERR_BYTES_MAX: u64 = 1 << 16;

impl Batch {
    fn start(root: &Path, is_submodule: bool) -> io::Result<Batch> {
        let mut batch = match is_submodule {
            true => command_in_submodule(root),
            false => command(root),
        };
        batch.args(["cat-file", "--batch"]);
        batch.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = batch.stderr(Stdio::piped()).spawn()?;
        let missing = || io::Error::other("git has no input or output");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().map(|mut it| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = it.by_ref().take(STDERR_BYTES_MAX).read_to_end(&mut bytes);
                let _ = io::copy(&mut it, &mut io::sink());
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        Ok(Batch {
            child,
            stdin: Some(io::BufWriter::new(stdin)),
            stdout: BufReader::new(stdout),
            stderr,
        })
    }

    /// Requests at most [`REQUESTS_MAX`] objects. Git stops reading when its output buffer is full, so more requests could block.
    fn request(&mut self, names: &[String]) -> io::Result<Vec<Response>> {
        let has_exited = || io::Error::other("git has exited");
        let stdin = self.stdin.as_mut().ok_or_else(has_exited)?;
        for name in names {
            stdin.write_all(name.as_bytes())?;
            stdin.write_all(b"\n")?;
        }
        stdin.flush()?;
        names.iter().map(|_| self.response()).collect()
    }

    /// Reads `<id> <type> <size>`, the bytes and a line break; or `<name> missing`.
    fn response(&mut self) -> io::Result<Response> {
        let mut header = String::new();
        if self.stdout.read_line(&mut header)? == 0 {
            return Err(io::Error::other("git exited without an answer"));
        }
        // From the end, because the name of a missing revision may contain spaces.
        let mut fields = header.trim_end().rsplit(' ');
        let size: Option<u64> = fields.next().and_then(|it| it.parse().ok());
        let (Some(size), Some(id)) = (size, fields.nth(1)) else {
            return Ok(None);
        };
        if size > FILE_BYTES_MAX {
            // The rest of this response would be read as the next response.
            let _ = self.child.kill();
            return Err(io::Error::other(too_large().to_string()));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        self.stdout.read_exact(&mut bytes)?;
        // The line break belongs to the protocol, not to the object.
        self.stdout.read_exact(&mut [0])?;
        Ok(Id::parse(id).map(|it| (it, bytes.into())))
    }

    /// Terminates git, and returns its standard error.
    fn stop(&mut self) -> String {
        self.stdin = None;
        let _ = self.child.kill();
        let stderr = self.stderr.take().map(JoinHandle::join);
        stderr.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Git exits at the end of its input.
        self.stdin = None;
        let _ = self.child.wait();
    }
}
