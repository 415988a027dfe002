//! Resolves the charts that claims require, in rounds until there are no new requests, and makes each archive available.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Result, bail};

use super::{Vendor, at_request, read_copy};
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

/// The repository, the name and the requested version.
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
        let mut failed: BTreeSet<Key> = BTreeSet::new();
        for _ in 0..ROUNDS_MAX {
            let (mut requests, faults) = self.requests(&found, remotes)?;
            requests.extend(charts.iter().cloned());
            requests.sort_by(|a, b| a.key().cmp(&b.key()));
            requests.dedup_by(|a, b| a.key() == b.key());
            let missing: Vec<&Request> = requests
                .iter()
                .filter(|it| {
                    !found.contains_key(&key(it.key())) && !failed.contains(&key(it.key()))
                })
                .collect();
            if missing.is_empty() {
                let has_errors = faults.has_errors();
                let errors = faults.into_iter();
                diagnostics.extend(errors.filter(|it| it.severity == Severity::Error));
                let required: BTreeSet<Key> = requests.iter().map(|it| key(it.key())).collect();
                let pins = found.into_iter().filter(|it| required.contains(&it.0));
                return Ok((!has_errors).then(|| pins.map(|it| it.1).collect()));
            }
            let pins = workers.install(|| self.pin_all(&missing, diagnostics));
            if diagnostics.has_errors() {
                return Ok(None);
            }
            let without_pin = missing.iter().zip(&pins).filter(|it| it.1.is_none());
            failed.extend(without_pin.map(|it| key(it.0.key())));
            found.extend(pins.into_iter().flatten().map(|it| (key(it.key()), it)));
        }
        bail!(
            "the required charts still change after {ROUNDS_MAX} rounds; set exact chart versions in the claims"
        );
    }

    /// The pins of these requests; `None` for each that could not be pinned, which is reported.
    fn pin_all(&self, requests: &[&Request], diagnostics: &mut Diagnostics) -> Vec<Option<Pin>> {
        each(requests.to_vec(), diagnostics, |request, diagnostics| {
            let pin = self
                .pin(request)
                .map_err(|fault| self.as_warning_outside_workspace(at_request(request, fault)));
            diagnostics.keep(pin)
        })
    }

    /// The charts that are required, given the charts pinned so far.
    fn requests(
        &self,
        found: &BTreeMap<Key, Pin>,
        remotes: &[RemotePin],
    ) -> Result<(Vec<Request>, Diagnostics)> {
        let old = self
            .old
            .pins
            .iter()
            .filter(|it| !found.contains_key(&key(it.key())));
        let lock = Lock::new(found.values().chain(old).cloned());
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

    /// The pin of a request. Ensures that its archive is available.
    fn pin(&self, request: &Request) -> Result<Pin, Diagnostic> {
        let location = self.location(request);
        let is_updated = self.is_updated(|it| it == request.name);
        if let Some(pin) = self.old.pin(request).filter(|_| !is_updated) {
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
            // A query may contain a signature, which must not be shared and is only valid for one pull.
            origin: located.origin.split('?').next().unwrap_or("").to_string(),
            span: None,
        })
    }

    /// The address to pull from: a mirror if there is one.
    fn location(&self, request: &Request) -> RepositoryAddress {
        let address = self.workspace.mirrored(&request.repository);
        let source = self.workspace.source(&address);
        let insecure = source.and_then(|it| it.access.get("insecure")?.as_bool());
        RepositoryAddress {
            plain: request.plain || insecure == Some(true),
            address,
        }
    }

    /// Ensures that the archive of a pin is available. If the archive has moved on the server, it is located again; its digest must
    /// be the same.
    fn ensure_pinned(
        &self,
        request: &Request,
        location: &RepositoryAddress,
        pin: &Pin,
    ) -> Result<(), Diagnostic> {
        if read_copy(&self.session.files, &self.workspace.chart_copies, pin).is_some() {
            return Ok(());
        }
        match self.ensure_cached(request, location, &Located::from_pin(pin)) {
            // With any error except a wrong digest, the archive may still be found at another location.
            Err(fault) if fault.class != Class::WrongDigest => {}
            result => return result.map(drop),
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
        let cached = |expected: &String| {
            let cache = Folder::open(&self.folder).ok()?;
            let bytes = cache.read(&cache_path(expected)).ok()?;
            (digest(&bytes) == *expected).then(|| expected.clone())
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

/// The files of the workspace, with another lock.
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
