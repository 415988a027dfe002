//! Resolves the charts that claims require, in rounds until there are no new requests, and makes each archive available.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Result, bail};

use super::{Vendor, at_request, copy};
use pleach::chart::{Cache, LOCK, Lock, Pin, RemotePin, Request, cache_path, digest};
use pleach::diag::{Class, Diagnostic, Diagnostics, Severity};
use pleach::disk::{self, Folder};
use pleach::fetch::{Located, RepositoryAddress};
use pleach::tree::{Entry, EntryKind, Files, FilesError, TreePath};
use pleach::workspace_diff::chart_requests;
use pleach::yaml::parallel::each;
use pleach::{Options, charts};

/// The maximum number of rounds: the values of a chart can make a claim require more charts. More rounds indicate a cycle.
const ROUNDS_MAX: usize = 16;
/// The maximum number of concurrent pulls, which mostly wait for servers.
const PULLS_MAX: usize = 8;

type Key = (String, String, String);

fn key((repository, name, requested): (&str, &str, &str)) -> Key {
    (
        repository.to_string(),
        name.to_string(),
        requested.to_string(),
    )
}

impl Vendor<'_> {
    /// The pins of all required charts. `None` if claims could not be rendered or a chart could not be pulled.
    pub(super) fn pins(
        &self,
        remotes: &[RemotePin],
        charts: &[Request],
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Vec<Pin>>> {
        let mut found: BTreeMap<Key, Pin> = BTreeMap::new();
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(PULLS_MAX)
            .build()?;
        let mut lost: BTreeSet<Key> = BTreeSet::new();
        for _ in 0..ROUNDS_MAX {
            let (mut requests, faults) = self.requests(&found, remotes)?;
            requests.extend(charts.iter().cloned());
            requests.sort_by(|a, b| a.key().cmp(&b.key()));
            requests.dedup_by(|a, b| a.key() == b.key());
            let missing: Vec<&Request> = requests
                .iter()
                .filter(|it| !found.contains_key(&key(it.key())) && !lost.contains(&key(it.key())))
                .collect();
            if missing.is_empty() {
                let is_error = faults.has_errors();
                diagnostics.extend(
                    faults
                        .into_iter()
                        .filter(|it| it.severity == Severity::Error),
                );
                let asked =
                    |it: &(Key, Pin)| requests.iter().any(|request| key(request.key()) == it.0);
                let pins = found.into_iter().filter(asked).map(|it| it.1);
                return Ok((!is_error).then(|| pins.collect()));
            }
            let is_workspace = self.session.is_workspace();
            let pins = workers.install(|| {
                each(missing.clone(), diagnostics, |request, diagnostics| {
                    let pinned = self
                        .pin(request)
                        .map_err(|fault| at_request(request, fault));
                    match pinned {
                        Ok(pin) => Some(pin),
                        // A repository may refer to charts on servers that this user cannot access; all others are pinned.
                        Err(fault) if !is_workspace => {
                            diagnostics.push(Diagnostic {
                                severity: Severity::Warning,
                                ..fault
                            });
                            None
                        }
                        Err(fault) => diagnostics.keep(Err(fault)),
                    }
                })
            });
            if diagnostics.has_errors() {
                return Ok(None);
            }
            let failed = missing.iter().zip(&pins).filter(|it| it.1.is_none());
            lost.extend(failed.map(|it| key(it.0.key())));
            found.extend(pins.into_iter().flatten().map(|it| (key(it.key()), it)));
        }
        bail!("chart resolution did not converge");
    }

    /// The charts that are required, given those pinned so far.
    fn requests(
        &self,
        found: &BTreeMap<Key, Pin>,
        remotes: &[RemotePin],
    ) -> Result<(Vec<Request>, Diagnostics)> {
        let kept = self
            .old
            .pins
            .iter()
            .filter(|it| !found.contains_key(&key(it.key())));
        let lock = Lock::new(found.values().chain(kept).cloned());
        let lock = lock.with_remotes(remotes.iter().cloned());
        let files = WithLock {
            files: &self.session.files,
            text: lock.to_text().into_bytes().into(),
        };
        let cache = Folder::open(&self.folder).ok();
        let cache = cache.map(|it| Cache::new(Arc::new(it)));
        if !self.session.is_workspace() {
            return Ok((chart_requests(&files, cache), Diagnostics::default()));
        }
        let options = Options {
            cache,
            ..Options::default()
        };
        Ok(charts(&files, &options))
    }

    fn is_moved(&self, request: &Request) -> bool {
        self.update
            .is_some_and(|names| names.is_empty() || names.contains(&request.name))
    }

    /// The pin of a request, with its archive available.
    fn pin(&self, request: &Request) -> Result<Pin, Diagnostic> {
        let location = self.location(request);
        if let Some(pin) = self.old.pin(request).filter(|_| !self.is_moved(request)) {
            self.ensure_pinned(request, &location, pin)?;
            return Ok(Pin {
                requested: request.requested().to_string(),
                ..pin.clone()
            });
        }
        let located = self.network.locate(request, &location)?;
        let digest = self.ensure_cached(request, &location, &located)?;
        Ok(Pin {
            repository: request.repository.clone(),
            name: request.name.clone(),
            requested: request.requested().to_string(),
            version: located.version,
            digest,
            // A query may contain a signature, which is only valid for one pull and must not be shared.
            origin: located.origin.split('?').next().unwrap_or("").to_string(),
            span: None,
        })
    }

    fn location(&self, request: &Request) -> RepositoryAddress {
        let address = self.workspace.mirrored(&request.repository);
        let source = self.workspace.source(&address);
        let insecure = source.and_then(|it| it.access.get("insecure")?.as_bool());
        RepositoryAddress {
            plain: request.plain || insecure == Some(true),
            address,
        }
    }

    /// Ensures that the archive of a pin is available. Its location may have changed, but not its content.
    fn ensure_pinned(
        &self,
        request: &Request,
        location: &RepositoryAddress,
        pin: &Pin,
    ) -> Result<(), Diagnostic> {
        if copy(&self.session.files, &self.workspace.chart_copies, pin).is_some() {
            return Ok(());
        }
        match self.ensure_cached(request, location, &Located::from_pin(pin)) {
            // A different archive is reported because of its digest; any other error may be specific to this mirror.
            Err(fault) if fault.class != Class::WrongDigest => {}
            had => return had.map(drop),
        }
        let exact = Request {
            version: Some(pin.version.clone()),
            digest: None,
            ..request.clone()
        };
        let located = self.network.locate(&exact, location)?;
        self.ensure_cached(
            request,
            location,
            &Located {
                digest: Some(pin.digest.clone()),
                ..located
            },
        )?;
        Ok(())
    }

    /// Ensures that an archive is in the cache, and returns its digest.
    fn ensure_cached(
        &self,
        request: &Request,
        location: &RepositoryAddress,
        located: &Located,
    ) -> Result<String, Diagnostic> {
        let cached = |wanted: &String| {
            let cache = Folder::open(&self.folder).ok()?;
            let bytes = cache.read(&cache_path(wanted)).ok()?;
            (digest(&bytes) == *wanted).then(|| wanted.clone())
        };
        if let Some(digest) = located.digest.as_ref().and_then(cached) {
            return Ok(digest);
        }
        self.progress.set(format!("pulling {}", request.name));
        let bytes = self.network.pull(request, location, located)?;
        self.pulled.fetch_add(1, Ordering::Relaxed);
        let digest = digest(&bytes);
        let file = self.folder.join(cache_path(&digest).as_str());
        disk::store(&file, &bytes).map_err(|error| {
            Diagnostic::error("unwritable-cache", error.to_string()).class(Class::Unreachable)
        })?;
        Ok(digest)
    }
}

/// The workspace with another lock.
struct WithLock<'a> {
    files: &'a Folder,
    text: Arc<[u8]>,
}

impl Files for WithLock<'_> {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match path.as_str() == LOCK {
            true => Ok(self.text.clone()),
            false => self.files.read(path),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        self.files.list(folder)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        match path.as_str() == LOCK {
            true => Ok(Some(EntryKind::File)),
            false => self.files.kind(path),
        }
    }
}
