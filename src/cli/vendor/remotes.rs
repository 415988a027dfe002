//! Finds the remote bases and files of kustomizations, in rounds until there are no new ones, and stores the files that builds
//! read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Result, bail};

use super::Vendor;
use super::checkout::Checkout;
use pleach::chart::{Cache, Lock, RemotePin, Request};
use pleach::diag::{Class, Diagnostic, Diagnostics};
use pleach::disk::{self, Folder};
use pleach::kustomize::remote::RemoteBase;
use pleach::remote::{
    Record, Remote, RemoteReference, RemoteReferences, StoredRemote, WithRemotes,
    remote_references, stored_path, unpinned_path,
};
use pleach::tree::{Files, Tree, TreePath};
use pleach::yaml::parallel::each;

/// The maximum depth of remote bases that refer to other remote bases.
const ROUNDS_MAX: usize = 16;
/// The maximum number of concurrent fetches, which mostly wait for servers.
const FETCHES_MAX: usize = 8;

/// Something that was fetched in this run.
enum Fetched {
    Repository(Arc<Checkout>),
    File(Arc<[u8]>),
}

impl Fetched {
    fn remote(&self) -> Remote {
        match self {
            Fetched::Repository(checkout) => Remote::Folder(checkout.clone()),
            Fetched::File(bytes) => Remote::File(bytes.clone()),
        }
    }
}

/// The result of one round.
struct Round {
    references: RemoteReferences,
    record: Record,
    /// The addresses that are available.
    available: BTreeSet<String>,
    /// The references to addresses that are not available yet, with their texts.
    missing: Vec<(String, RemoteReference)>,
}

impl Round {
    /// The files of a repository that builds have read.
    fn files_read(&self, address: &str, checkout: &Checkout) -> Tree {
        let read = self.record.read.get(address).into_iter().flatten();
        read.filter_map(|it| Some((it.clone(), checkout.read(it).ok()?)))
            .collect()
    }
}

/// Everything that was fetched in this run.
#[derive(Default)]
struct Fetches {
    fetched: BTreeMap<String, Fetched>,
    /// Texts and addresses that could not be fetched. This was reported, and is not tried again.
    failed: BTreeSet<String>,
}

impl Fetches {
    fn has_failed(&self, text: &str, reference: &RemoteReference) -> bool {
        let address = reference.base.as_ref().map(RemoteBase::address);
        self.failed.contains(text) || address.is_some_and(|it| self.failed.contains(&it))
    }
}

impl Vendor<'_> {
    /// The pins of all remote bases and files, and the charts that kustomizations inflate. `None` if something could not be fetched.
    pub(super) fn remotes(
        &self,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<(Vec<RemotePin>, Vec<Request>)>> {
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(FETCHES_MAX)
            .build()?;
        let mut fetches = Fetches::default();
        for _ in 0..ROUNDS_MAX {
            let round = self.round(&fetches);
            let files = workers.install(|| self.fetch_files(&round, diagnostics));
            let is_new = !files.is_empty();
            fetches.fetched.extend(files);
            let references = self.missing_repositories(&round, &mut fetches, diagnostics);
            let repositories = workers.install(|| self.fetch_repositories(references, diagnostics));
            let is_new = is_new || !repositories.is_empty();
            for (address, fetched) in repositories {
                match fetched {
                    Some(fetched) => drop(fetches.fetched.insert(address, fetched)),
                    None => drop(fetches.failed.insert(address)),
                }
            }
            let has_new_submodules = self.fetch_submodules(&round, &fetches, diagnostics);
            if diagnostics.has_errors() {
                return Ok(None);
            }
            if !(is_new || has_new_submodules) {
                let pins = self.store_remotes(&round, &fetches, diagnostics)?;
                return Ok(pins.map(|pins| (pins, round.references.charts)));
            }
        }
        bail!("remote bases are nested more than {ROUNDS_MAX} levels deep");
    }

    /// The lock without the pins to update.
    fn kept_remotes(&self) -> Lock {
        let kept = self
            .old
            .remotes
            .iter()
            .filter(|it| !self.is_address_updated(&it.address));
        Lock::default().with_remotes(kept.cloned())
    }

    fn is_address_updated(&self, address: &str) -> bool {
        self.is_updated(|it| is_name(it, address))
    }

    /// The pin of an address, unless it is to be updated.
    fn kept_pin(&self, address: &str) -> Option<&RemotePin> {
        let pin = self.old.remote(address);
        pin.filter(|_| !self.is_address_updated(address))
    }

    /// Finds all remote references, given what was fetched so far.
    fn round(&self, fetches: &Fetches) -> Round {
        let cache = Folder::open(&self.folder).ok();
        let cache = cache.map(|it| Cache::new(Arc::new(it)));
        let fetched = fetches.fetched.iter();
        let fetched = fetched.map(|(address, it)| (address.clone(), it.remote()));
        let files = WithRemotes::new(&self.session.files, TreePath::root(), cache)
            .with_fetched(self.kept_remotes(), fetched.collect());
        let references = remote_references(&files);
        let (mut available, mut missing) = (BTreeSet::new(), Vec::new());
        for (text, reference) in &references.remotes {
            match reference.found(text, &files) {
                Some(address) => drop(available.insert(address)),
                None if fetches.has_failed(text, reference) => {}
                None => missing.push((text.clone(), reference.clone())),
            }
        }
        Round {
            record: files.record(),
            references,
            available,
            missing,
        }
    }

    /// Fetches the missing addresses that may be files.
    fn fetch_files(&self, round: &Round, diagnostics: &mut Diagnostics) -> Vec<(String, Fetched)> {
        let may_be_files = round.missing.iter().filter(|it| it.1.may_be_file);
        let references: Vec<&(String, RemoteReference)> = may_be_files.collect();
        let found = each(references, diagnostics, |(text, reference), diagnostics| {
            self.progress.set(format!("fetching {text}"));
            let bytes = match self.network.file(text) {
                Ok(bytes) => bytes?,
                // If the server has no such file, the address may be a repository.
                Err(_) if reference.base.is_some() => return None,
                Err(fault) => {
                    diagnostics.push(self.as_warning_outside_workspace(fault.at(&reference.span)));
                    return None;
                }
            };
            let digest = StoredRemote::File(bytes.clone().into()).digest();
            let pin = self.kept_pin(text);
            if pin.is_some_and(|it| it.commit.is_none() && it.digest != digest) {
                let message = format!("`{text}` is not the file that was pinned");
                diagnostics.push(
                    Diagnostic::error("wrong-digest", message)
                        .class(Class::WrongDigest)
                        .at(&reference.span)
                        .help("if the change is intended, pin the new content with `pleach vendor --update`"),
                );
            }
            self.pulled.fetch_add(1, Ordering::Relaxed);
            Some((text.clone(), Fetched::File(bytes.into())))
        });
        found.into_iter().flatten().collect()
    }

    /// The repositories to fetch, by address, each with a reference to it. Reports references to folders that do not exist in a
    /// fetched repository.
    fn missing_repositories(
        &self,
        round: &Round,
        fetches: &mut Fetches,
        diagnostics: &mut Diagnostics,
    ) -> BTreeMap<String, RemoteReference> {
        let mut found: BTreeMap<String, RemoteReference> = BTreeMap::new();
        for (text, reference) in &round.missing {
            if fetches.fetched.contains_key(text) {
                continue;
            }
            let Some(base) = &reference.base else {
                if fetches.failed.insert(text.clone()) {
                    let fault = missing_remote(format!("`{text}`: not found"));
                    diagnostics.push(self.as_warning_outside_workspace(fault.at(&reference.span)));
                }
                continue;
            };
            match fetches.fetched.get(&base.address()) {
                None => {
                    found
                        .entry(base.address())
                        .or_insert_with(|| reference.clone());
                }
                // The folder may be in a submodule that is fetched later.
                Some(Fetched::Repository(checkout))
                    if checkout.may_be_in_submodule(&base.folder) => {}
                Some(_) => {
                    fetches.failed.insert(text.clone());
                    let message =
                        format!("folder `{}` not found in `{}`", base.folder, base.address());
                    let fault = missing_remote(message).at(&reference.span);
                    diagnostics.push(self.as_warning_outside_workspace(fault));
                }
            }
        }
        self.add_incomplete_repositories(round, fetches, &mut found);
        found
    }

    /// Adds the pinned repositories of which a build reads a file that is not stored: only the files that builds read are stored.
    fn add_incomplete_repositories(
        &self,
        round: &Round,
        fetches: &Fetches,
        found: &mut BTreeMap<String, RemoteReference>,
    ) {
        for address in round
            .record
            .missing_paths
            .keys()
            .chain(&round.record.missing)
        {
            let pin = self.kept_pin(address).filter(|it| it.commit.is_some());
            let reference = round.references.remotes.values().find(|it| {
                let base = it.base.as_ref();
                base.is_some_and(|it| it.address() == *address)
            });
            if let (Some(_), Some(reference)) = (pin, reference)
                && !fetches.fetched.contains_key(address)
                && !fetches.failed.contains(address)
            {
                found
                    .entry(address.clone())
                    .or_insert_with(|| reference.clone());
            }
        }
    }

    /// Fetches repositories. The result is `None` for an address that could not be fetched, which is reported.
    fn fetch_repositories(
        &self,
        references: BTreeMap<String, RemoteReference>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<(String, Option<Fetched>)> {
        let missing: Vec<(String, RemoteReference)> = references.into_iter().collect();
        each(missing, diagnostics, |(address, reference), diagnostics| {
            self.progress.set(format!("fetching {address}"));
            let commit = self.kept_pin(&address).and_then(|it| it.commit.as_deref());
            let base = reference.base.as_ref();
            let checkout = base.map(|it| Checkout::fetch(it, commit));
            let fetched = match checkout {
                Some(Ok(checkout)) => {
                    self.pulled.fetch_add(1, Ordering::Relaxed);
                    Some(Fetched::Repository(Arc::new(checkout)))
                }
                Some(Err(fault)) => {
                    diagnostics.push(self.as_warning_outside_workspace(fault.at(&reference.span)));
                    None
                }
                None => None,
            };
            (address, fetched)
        })
    }

    /// Fetches the submodules that may contain missing paths. Returns whether there were any.
    fn fetch_submodules(
        &self,
        round: &Round,
        fetches: &Fetches,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let mut has_new = false;
        for (address, paths) in &round.record.missing_paths {
            let Some(Fetched::Repository(checkout)) = fetches.fetched.get(address) else {
                continue;
            };
            for path in paths {
                match checkout.add_submodule(path) {
                    Ok(is_added) => has_new |= is_added,
                    Err(fault) => diagnostics.push(self.as_warning_outside_workspace(fault)),
                }
            }
        }
        has_new
    }

    /// Stores the files that builds read in the cache, and returns the pins. `None` if there were errors.
    fn store_remotes(
        &self,
        round: &Round,
        fetches: &Fetches,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Vec<RemotePin>>> {
        let mut pins = Vec::new();
        for address in &round.available {
            let fetched = match (fetches.fetched.get(address), self.old.remote(address)) {
                (Some(fetched), _) => fetched,
                (None, Some(pin)) => {
                    pins.push(pin.clone());
                    continue;
                }
                (None, None) => continue,
            };
            let (stored, commit) = match fetched {
                Fetched::File(bytes) => (StoredRemote::File(bytes.clone()), None),
                Fetched::Repository(checkout) => {
                    let files = round.files_read(address, checkout);
                    (StoredRemote::Folder(files), Some(checkout.commit.clone()))
                }
            };
            let pin = RemotePin {
                address: address.clone(),
                commit,
                digest: stored.digest(),
                span: None,
            };
            match stored.to_bytes(address) {
                Ok(bytes) => self.store_remote(&pin, &bytes)?,
                Err(fault) => diagnostics.push(fault),
            }
            pins.push(pin);
        }
        // Pins of content that could not be fetched in this run are kept.
        for (text, reference) in &round.references.remotes {
            let address = reference.base.as_ref().map(RemoteBase::address);
            let old = [Some(text.clone()), address].into_iter().flatten();
            let old = old.filter_map(|it| self.old.remote(&it));
            pins.extend(
                old.filter(|it| !round.available.contains(&it.address))
                    .cloned(),
            );
        }
        Ok((!diagnostics.has_errors()).then_some(pins))
    }

    /// Stores content in the cache by its digest, and the digest and commit by the address.
    fn store_remote(&self, pin: &RemotePin, bytes: &[u8]) -> Result<()> {
        disk::store(&self.folder.join(stored_path(pin).as_str()), bytes)?;
        let line = format!("{} {}\n", pin.digest, pin.commit.as_deref().unwrap_or(""));
        let file = self.folder.join(unpinned_path(&pin.address).as_str());
        Ok(disk::store(&file, line.as_bytes())?)
    }
}

fn missing_remote(message: String) -> Diagnostic {
    Diagnostic::error("missing-remote", message).help("check the address")
}

/// Whether a name given by the user matches an address: the whole address, or the name of the repository or file.
pub(super) fn is_name(name: &str, address: &str) -> bool {
    let path = address.split('?').next().unwrap_or("");
    let last = path.trim_end_matches('/').rsplit(['/', ':']).next();
    let last = last.unwrap_or("");
    name == address || name == path || name == last || name == last.trim_end_matches(".git")
}
