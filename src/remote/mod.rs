//! Remote bases and files of kustomizations, as pinned in `pleach.lock`: they appear among the files of a repository where the
//! engine looks for them.
//!
//! Only the files of a repository that builds read are kept, in an archive in the workspace or cache, named by the digest of its
//! paths and bytes. Nothing here accesses the network; only `pleach vendor` does.

mod find;
mod store;

pub use find::{RemoteReference, RemoteReferences, remote_references};
pub use store::{StoredRemote, copy_name, digest_of, matches_pin, stored_path, unpinned_path};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::chart::{Cache, LOCK, Lock, RemotePin};
use crate::diag::{Class, Diagnostic, Diagnostics};
use crate::kustomize::remote::mount_of;
use crate::tree::{Below, Entry, EntryKind, Files, FilesError, TreePath, Unlisted};

/// The folder of a workspace with copies of the pinned content.
pub const COPIES: &str = "vendor/remotes";

/// The content at an address.
#[derive(Clone)]
pub enum Remote {
    /// The files of a repository.
    Folder(Arc<dyn Files + Send + Sync>),
    /// A file from a server.
    File(Arc<[u8]>),
}

/// The files of a repository, with remote bases and files at their mounts.
pub struct WithRemotes<'a> {
    files: &'a dyn Files,
    /// The folder of `files` with the lock, or one below it.
    root: TreePath,
    cache: Option<Cache>,
    /// The lock and its folder.
    lock: OnceLock<(TreePath, Lock)>,
    may_float: bool,
    /// Fetched content, which replaces the pinned one.
    fetched: BTreeMap<String, Remote>,
    opened: Mutex<BTreeMap<String, Option<Remote>>>,
    record: Mutex<Record>,
}

/// The remote bases and files that builds requested.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Addresses without available content.
    pub missing: BTreeSet<String>,
    /// The files of each repository that were read.
    pub read: BTreeMap<String, BTreeSet<TreePath>>,
    /// The paths that were requested in each repository and do not exist.
    pub missing_paths: BTreeMap<String, BTreeSet<TreePath>>,
    /// Diagnostics on the addresses that were opened.
    pub diagnostics: Diagnostics,
}

impl<'a> WithRemotes<'a> {
    /// Provides the content that is pinned by the lock in the folder `root` of `files`, or in the nearest folder above it with a
    /// lock; content that is not pinned is taken from the cache.
    pub fn new(files: &'a dyn Files, root: TreePath, cache: Option<Cache>) -> WithRemotes<'a> {
        WithRemotes {
            files,
            root,
            cache,
            lock: OnceLock::new(),
            may_float: true,
            fetched: BTreeMap::new(),
            opened: Mutex::default(),
            record: Mutex::default(),
        }
    }

    /// These files with a different lock, and with fetched content instead of the pinned one. There are no warnings about missing pins.
    #[must_use]
    pub fn with_fetched(self, lock: Lock, fetched: BTreeMap<String, Remote>) -> WithRemotes<'a> {
        WithRemotes {
            fetched,
            lock: OnceLock::from((self.root.clone(), lock)),
            may_float: false,
            ..self
        }
    }

    /// What was requested so far.
    pub fn record(&self) -> Record {
        let record = self.record.lock();
        record.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Diagnostics on the addresses that were opened so far: missing pins and damaged copies.
    pub fn diagnostics(&self) -> Diagnostics {
        self.record().diagnostics
    }

    fn lock(&self) -> &(TreePath, Lock) {
        // An invalid lock is reported when charts are looked up, and treated as empty here.
        self.lock.get_or_init(|| {
            let mut above = std::iter::successors(Some(self.root.clone()), TreePath::parent);
            let has_lock = |it: &TreePath| matches!(self.files.kind(&it.child(LOCK)), Ok(Some(_)));
            let folder = above.find(has_lock).unwrap_or_else(|| self.root.clone());
            let lock = Lock::read(&Below::new(self.files, folder.clone()));
            (folder, lock.unwrap_or_default())
        })
    }

    fn update_record(&self, note: impl FnOnce(&mut Record)) {
        note(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The content at an address.
    fn open(&self, address: &str) -> Option<Remote> {
        if let Some(fetched) = self.fetched.get(address) {
            return Some(fetched.clone());
        }
        let opened = self.opened.lock();
        if let Some(known) = opened.unwrap_or_else(PoisonError::into_inner).get(address) {
            return known.clone();
        }
        let found = match self.lock().1.remote(address) {
            Some(pin) => self.pinned(pin),
            None => self.unpinned(address),
        };
        if found.is_none() {
            self.update_record(|it| _ = it.missing.insert(address.to_string()));
        }
        let opened = self.opened.lock();
        let mut opened = opened.unwrap_or_else(PoisonError::into_inner);
        opened.insert(address.to_string(), found.clone());
        found
    }

    /// The stored content of a pin: in the workspace, otherwise in the cache.
    fn pinned(&self, pin: &RemotePin) -> Option<Remote> {
        let copy = TreePath::new(COPIES)?.child(&copy_name(pin));
        let copy = self.files.read(&self.lock().0.join(&copy)).ok();
        let cached = || self.cache.as_ref()?.files().read(&stored_path(pin)).ok();
        let is_here = copy.is_some();
        let read = |bytes: Arc<[u8]>| StoredRemote::read(&bytes, pin);
        let kept = copy.and_then(read).or_else(|| cached().and_then(read));
        if kept.is_none() && is_here {
            let message = format!("the copy of `{}` is not what `{LOCK}` pins", pin.address);
            let fault = Diagnostic {
                span: pin.span.clone(),
                ..Diagnostic::warning("wrong-digest", message).class(Class::WrongDigest)
            };
            let fault = fault.help("run `pleach vendor`, which fetches it again");
            self.update_record(|it| it.diagnostics.push(fault));
        }
        kept.map(StoredRemote::into_remote)
    }

    /// The cached content of an address without a pin.
    fn unpinned(&self, address: &str) -> Option<Remote> {
        let cache = self.cache.as_ref().filter(|_| self.may_float)?;
        let text = cache.files().read(&unpinned_path(address)).ok()?;
        let pin = store::floating_pin(address, &text)?;
        let kept = StoredRemote::read(&cache.files().read(&stored_path(&pin)).ok()?, &pin)?;
        let at = match &pin.commit {
            Some(commit) => format!(" at commit {}", commit.get(..12).unwrap_or(commit)),
            None => String::new(),
        };
        let message = format!("`{address}` is not pinned: it is read from the cache{at}");
        let fault = Diagnostic::warning("floating-remote", message)
            .help("run `pleach vendor`, which pins it in `pleach.lock`");
        self.update_record(|it| it.diagnostics.push(fault));
        Some(kept.into_remote())
    }

    /// Resolves a path that goes through a mount.
    fn remote(&self, path: &TreePath) -> Option<MountedPath> {
        // Most paths contain no mount.
        if !path.as_str().contains('<') {
            return None;
        }
        let (mount, address) = mount_of(path)?;
        Some(MountedPath {
            remote: self.open(&address),
            below: path.below(&mount).unwrap_or_else(TreePath::root),
            mount,
            address,
        })
    }
}

impl Record {
    fn add_missing(&mut self, location: &MountedPath) {
        let missing_paths = self
            .missing_paths
            .entry(location.address.clone())
            .or_default();
        missing_paths.insert(location.below.clone());
    }
}

/// A path that goes through a mount.
struct MountedPath {
    mount: TreePath,
    address: String,
    /// The path after the mount.
    below: TreePath,
    remote: Option<Remote>,
}

impl Files for WithRemotes<'_> {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        let Some(location) = self.remote(path) else {
            return self.files.read(path);
        };
        match &location.remote {
            Some(Remote::File(bytes)) if location.below == TreePath::root() => Ok(bytes.clone()),
            Some(Remote::Folder(files)) => {
                let read = files.read(&location.below);
                self.update_record(|it| match read {
                    Err(FilesError::NotFound) => it.add_missing(&location),
                    _ => {
                        let read = it.read.entry(location.address.clone()).or_default();
                        read.insert(location.below.clone());
                    }
                });
                read
            }
            _ => Err(FilesError::NotFound),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let Some(location) = self.remote(folder) else {
            return self.files.list(folder);
        };
        match location.remote {
            Some(Remote::Folder(files)) => files.list(&location.below),
            Some(Remote::File(_)) => Err(FilesError::NotAFolder),
            None => Err(FilesError::NotFound),
        }
    }

    fn expect(&self, paths: &[TreePath]) {
        let own = paths.iter().filter(|it| !it.as_str().contains('<'));
        let own: Vec<TreePath> = own.cloned().collect();
        self.files.expect(&own);
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        let Some(location) = self.remote(path) else {
            return self.files.real(path);
        };
        let above = location.mount.parent().unwrap_or_else(TreePath::root);
        let mount = self.files.real(&above)?.child(location.mount.name());
        match location.remote {
            Some(Remote::Folder(files)) => Ok(mount.join(&files.real(&location.below)?)),
            Some(Remote::File(_)) if location.below == TreePath::root() => Ok(mount),
            _ => Err(FilesError::NotFound),
        }
    }

    /// Indexes contain no mounts, because no existing folder has the name of a mount.
    fn files_containing(&self, folder: &TreePath, words: &[&str]) -> Option<Vec<TreePath>> {
        self.files.files_containing(folder, words)
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        self.files.unlisted()
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        let Some(location) = self.remote(path) else {
            return self.files.kind(path);
        };
        let is_mount = location.below == TreePath::root();
        match &location.remote {
            Some(Remote::Folder(files)) => {
                let kind = files.kind(&location.below);
                if kind == Ok(None) {
                    self.update_record(|it| it.add_missing(&location));
                }
                kind
            }
            Some(Remote::File(_)) if is_mount => Ok(Some(EntryKind::File)),
            _ => Ok(None),
        }
    }
}
