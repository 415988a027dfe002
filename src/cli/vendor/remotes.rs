//! Finds the remote bases and files of kustomizations, in rounds until there are no new ones, and keeps the files that builds read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Result, bail};

use super::Vendor;
use super::checkout::Checkout;
use pleach::chart::{Cache, Lock, RemotePin, Request};
use pleach::diag::{Class, Diagnostic, Diagnostics, Severity};
use pleach::disk::{self, Folder};
use pleach::kustomize::remote::RemoteBase;
use pleach::remote::{
    Record, Remote, RemoteReference, RemoteReferences, StoredRemote, WithRemotes, floating_path,
    remote_references, stored_path,
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
            Fetched::Repository(clone) => Remote::Folder(clone.clone()),
            Fetched::File(bytes) => Remote::File(bytes.clone()),
        }
    }
}

/// The result of one round.
struct Round {
    references: RemoteReferences,
    record: Record,
    /// The addresses that are available, and the texts of those that are missing.
    there: BTreeSet<String>,
    open: Vec<(String, RemoteReference)>,
}

/// Everything that was fetched in this run.
#[derive(Default)]
struct Fetches {
    fetched: BTreeMap<String, Fetched>,
    /// Texts and addresses that were not found, which was reported.
    lost: BTreeSet<String>,
}

impl Fetches {
    fn is_lost(&self, text: &str, named: &RemoteReference) -> bool {
        let address = named.base.as_ref().map(RemoteBase::address);
        self.lost.contains(text) || address.is_some_and(|it| self.lost.contains(&it))
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
            let references = self.repositories(&round, &mut fetches, diagnostics);
            let cloned = workers.install(|| self.fetch_repositories(references, diagnostics));
            let is_new = is_new || !cloned.is_empty();
            for (address, fetched) in cloned {
                match fetched {
                    Some(fetched) => drop(fetches.fetched.insert(address, fetched)),
                    // A failed fetch is not repeated.
                    None => drop(fetches.lost.insert(address)),
                }
            }
            let has_more = self.fetch_submodules(&round, &fetches, diagnostics);
            if diagnostics.has_errors() {
                return Ok(None);
            }
            if !(is_new || has_more) {
                let pins = self.keep(&round, &fetches, diagnostics)?;
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
            .filter(|it| !self.moves(&it.address));
        Lock::default().with_remotes(kept.cloned())
    }

    fn moves(&self, address: &str) -> bool {
        self.update
            .is_some_and(|names| names.is_empty() || names.iter().any(|it| is_name(it, address)))
    }

    fn round(&self, fetches: &Fetches) -> Round {
        let cache = Folder::open(&self.folder).ok();
        let cache = cache.map(|it| Cache::new(Arc::new(it)));
        let fetched = fetches.fetched.iter();
        let fetched = fetched.map(|(address, it)| (address.clone(), it.remote()));
        let files = WithRemotes::new(&self.session.files, TreePath::root(), cache)
            .with_fetched(self.kept_remotes(), fetched.collect());
        let references = remote_references(&files);
        let (mut there, mut open) = (BTreeSet::new(), Vec::new());
        for (text, named) in &references.remotes {
            match named.found(text, &files) {
                Some(address) => drop(there.insert(address)),
                None if fetches.is_lost(text, named) => {}
                None => open.push((text.clone(), named.clone())),
            }
        }
        Round {
            record: files.record(),
            references,
            there,
            open,
        }
    }

    /// Fetches the addresses that may be files.
    fn fetch_files(&self, round: &Round, diagnostics: &mut Diagnostics) -> Vec<(String, Fetched)> {
        let may_be_files = round.open.iter().filter(|it| it.1.may_be_file);
        let files: Vec<&(String, RemoteReference)> = may_be_files.collect();
        let found = each(files, diagnostics, |(text, named), diagnostics| {
            self.progress.set(format!("fetching {text}"));
            let pin = self.old.remote(text).filter(|_| !self.moves(text));
            let bytes = match self.network.file(text) {
                Ok(bytes) => bytes?,
                // If the server has no such file, the address may be a repository.
                Err(_) if named.base.is_some() => return None,
                Err(fault) => {
                    diagnostics.push(self.as_warning_outside_workspace(fault.at(&named.span)));
                    return None;
                }
            };
            let kept = StoredRemote::File(bytes.clone().into());
            if pin.is_some_and(|it| it.commit.is_none() && it.digest != kept.digest()) {
                let message = format!("`{text}` is not the file that was pinned");
                diagnostics.push(
                    Diagnostic::error("wrong-digest", message)
                        .class(Class::WrongDigest)
                        .at(&named.span)
                        .help("if the change is intended, pin the new content with `pleach vendor --update`"),
                );
            }
            self.pulled.fetch_add(1, Ordering::Relaxed);
            Some((text.clone(), Fetched::File(bytes.into())))
        });
        found.into_iter().flatten().collect()
    }

    /// The repositories to fetch, each with the location that refers to it. A folder that does not exist in a fetched repository is
    /// reported.
    fn repositories(
        &self,
        round: &Round,
        fetches: &mut Fetches,
        diagnostics: &mut Diagnostics,
    ) -> BTreeMap<String, RemoteReference> {
        let mut found: BTreeMap<String, RemoteReference> = BTreeMap::new();
        for (text, named) in &round.open {
            if fetches.fetched.contains_key(text) {
                continue;
            }
            let Some(base) = &named.base else {
                if fetches.lost.insert(text.clone()) {
                    let fault = missing(format!("`{text}`: not found"));
                    diagnostics.push(self.as_warning_outside_workspace(fault.at(&named.span)));
                }
                continue;
            };
            match fetches.fetched.get(&base.address()) {
                None => drop(found.entry(base.address()).or_insert_with(|| named.clone())),
                // The folder may be in a submodule that is fetched later.
                Some(Fetched::Repository(clone)) if clone.may_have(&base.folder) => {}
                Some(_) => {
                    fetches.lost.insert(text.clone());
                    let message =
                        format!("folder `{}` not found in `{}`", base.folder, base.address());
                    diagnostics
                        .push(self.as_warning_outside_workspace(missing(message).at(&named.span)));
                }
            }
        }
        // Only files that builds read are stored of pinned content. If other files are needed, it is fetched again.
        for address in round.record.lacking.keys().chain(&round.record.missing) {
            let pinned = self.old.remote(address).filter(|_| !self.moves(address));
            let named = round.references.remotes.values().find(|it| {
                let base = it.base.as_ref();
                base.is_some_and(|it| it.address() == *address)
            });
            if let (Some(_), Some(named)) = (pinned.filter(|it| it.commit.is_some()), named)
                && !fetches.fetched.contains_key(address)
                && !fetches.lost.contains(address)
            {
                found
                    .entry(address.clone())
                    .or_insert_with(|| named.clone());
            }
        }
        found
    }

    fn fetch_repositories(
        &self,
        references: BTreeMap<String, RemoteReference>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<(String, Option<Fetched>)> {
        let references: Vec<(String, RemoteReference)> = references.into_iter().collect();
        each(references, diagnostics, |(address, named), diagnostics| {
            self.progress.set(format!("fetching {address}"));
            let pin = self.old.remote(&address).filter(|_| !self.moves(&address));
            let commit = pin.and_then(|it| it.commit.as_deref());
            let base = named.base.as_ref();
            let checkout = base.map(|it| Checkout::fetch(it, commit));
            let fetched = match checkout {
                Some(Ok(checkout)) => {
                    self.pulled.fetch_add(1, Ordering::Relaxed);
                    Some(Fetched::Repository(Arc::new(checkout)))
                }
                Some(Err(fault)) => {
                    diagnostics.push(self.as_warning_outside_workspace(fault.at(&named.span)));
                    None
                }
                None => None,
            };
            (address, fetched)
        })
    }

    /// Fetches the submodules that may contain missing paths.
    fn fetch_submodules(
        &self,
        round: &Round,
        fetches: &Fetches,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let mut has_more = false;
        for (address, paths) in &round.record.lacking {
            let Some(Fetched::Repository(clone)) = fetches.fetched.get(address) else {
                continue;
            };
            for path in paths {
                match clone.add_submodule(path) {
                    Ok(added) => has_more |= added,
                    Err(fault) => diagnostics.push(self.as_warning_outside_workspace(fault)),
                }
            }
        }
        has_more
    }

    /// Stores the files that are read, and returns the pins.
    fn keep(
        &self,
        round: &Round,
        fetches: &Fetches,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Vec<RemotePin>>> {
        let mut pins = Vec::new();
        for address in &round.there {
            let fetched = match (fetches.fetched.get(address), self.old.remote(address)) {
                (Some(fetched), _) => fetched,
                (None, Some(pin)) => {
                    pins.push(pin.clone());
                    continue;
                }
                (None, None) => continue,
            };
            let (kept, commit) = match fetched {
                Fetched::File(bytes) => (StoredRemote::File(bytes.clone()), None),
                Fetched::Repository(clone) => {
                    let read = round.record.read.get(address).into_iter().flatten();
                    let files = read.filter_map(|it| Some((it.clone(), clone.read(it).ok()?)));
                    (
                        StoredRemote::Folder(files.collect::<Tree>()),
                        Some(clone.commit.clone()),
                    )
                }
            };
            let pin = RemotePin {
                address: address.clone(),
                commit,
                digest: kept.digest(),
                span: None,
            };
            match kept.to_bytes(address) {
                Ok(bytes) => self.store_remote(&pin, &bytes)?,
                Err(fault) => diagnostics.push(fault),
            }
            pins.push(pin);
        }
        // Pins of content that could not be fetched now are kept.
        for (text, named) in &round.references.remotes {
            let address = named.base.as_ref().map(RemoteBase::address);
            let old = [Some(text.clone()), address].into_iter().flatten();
            let old = old.filter_map(|it| self.old.remote(&it));
            pins.extend(old.filter(|it| !round.there.contains(&it.address)).cloned());
        }
        Ok((!diagnostics.has_errors()).then_some(pins))
    }

    fn store_remote(&self, pin: &RemotePin, bytes: &[u8]) -> Result<()> {
        disk::store(&self.folder.join(stored_path(pin).as_str()), bytes)?;
        let note = format!("{} {}\n", pin.digest, pin.commit.as_deref().unwrap_or(""));
        let file = self.folder.join(floating_path(&pin.address).as_str());
        Ok(disk::store(&file, note.as_bytes())?)
    }

    /// Outside of a workspace, errors become warnings: a repository may refer to addresses that this user cannot access.
    fn as_warning_outside_workspace(&self, fault: Diagnostic) -> Diagnostic {
        match self.session.is_workspace() {
            true => fault,
            false => Diagnostic {
                severity: Severity::Warning,
                ..fault
            },
        }
    }
}

fn missing(message: String) -> Diagnostic {
    Diagnostic::error("missing-remote", message).help("check the address")
}

/// Whether a name given by the user matches an address: the whole address, or the name of the repository or file.
pub(super) fn is_name(name: &str, address: &str) -> bool {
    let path = address.split('?').next().unwrap_or("");
    let last = path.trim_end_matches('/').rsplit(['/', ':']).next();
    let last = last.unwrap_or("");
    name == address || name == path || name == last || name == last.trim_end_matches(".git")
}
