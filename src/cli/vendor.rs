//! `pleach vendor`: pulls the charts that claims ask for and pins them in `pleach.lock`. It is the one command that reaches the
//! network, beside `publish`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::session::Session;
use super::{Global, Outcome, cache, output};
use crate::chart::{Cache, LOCK, Lock, Pin, Request, cache_path, copy_names, digest};
use crate::diag::{Diagnostic, Diagnostics, each};
use crate::disk::{self, Folder};
use crate::load::Workspace;
use crate::net::{Located, Network, Place};
use crate::tree::{Entry, EntryKind, Files, FilesError, TreePath};
use crate::{Options, charts};

/// A chart's values can make a claim ask for other charts; more often than that it is a circle.
const ROUNDS_MAX: usize = 16;
/// Pulls at once: they wait for servers, not for the processor.
const PULLS_MAX: usize = 8;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Move the pins of these charts to the newest version that claims admit; of all charts where none is named
    #[arg(long, value_name = "NAME", num_args = 0..)]
    update: Option<Vec<String>>,
    /// Put a copy of each archive into the workspace, for those who render without this cache; `spec.charts.vendor` in
    /// pleach.yaml does so always
    #[arg(long)]
    copies: bool,
    /// Only say whether pleach.lock pins what claims ask for, without the network
    #[arg(long, conflicts_with_all = ["update", "copies"])]
    check: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let session = Session::open(global)?;
    let _lock = disk::Lock::take(&session.workspace_file())?;
    let read = Workspace::read(&session.files).and_then(|it| Ok((it, Lock::read(&session.files)?)));
    let (workspace, old) = match read {
        Ok(read) => read,
        Err(faults) => return Ok(session.report(&faults)),
    };
    if arguments.check {
        return Ok(check(&session, &workspace, &old));
    }
    known_names(arguments, &old)?;
    let folder = cache::folder(global)
        .context("there is no folder for caches here: name one with `--cache DIR`")?;
    let vendor = Vendor {
        network: Network::new(cache::credentials()),
        folder,
        copies: arguments.copies || workspace.copies_charts,
        update: arguments.update.as_deref(),
        session: &session,
        workspace,
        old,
    };
    let mut diagnostics = Diagnostics::default();
    let pins = vendor.pins(&mut diagnostics)?;
    let found = session.report(&diagnostics);
    match pins {
        Some(pins) if found == Outcome::Clean => vendor.finish(&Lock::new(pins)),
        _ if diagnostics.iter().any(|it| it.code == "unreachable") => bail!("nothing was pinned"),
        _ => Ok(Outcome::Findings),
    }
}

/// A name that is meant for another: an update of nothing would look like one that found nothing new.
fn known_names(arguments: &Arguments, old: &Lock) -> Result<()> {
    let known = || old.pins.iter().map(|it| it.name.as_str());
    for name in arguments.update.iter().flatten() {
        if !known().any(|it| it == name) {
            let near = crate::diag::nearest(name, known());
            let help = near.map_or(String::new(), |it| format!("; did you mean `{it}`?"));
            bail!("`{LOCK}` has no chart `{name}`{help}");
        }
    }
    Ok(())
}

/// Whether the lock is what claims ask for: no more, no less, and copies are there where they are wanted.
fn check(session: &Session<'_>, workspace: &Workspace, lock: &Lock) -> Outcome {
    let options = Options {
        cache: cache::open(session.global),
        ..Options::default()
    };
    let (requests, mut diagnostics) = charts(&session.files, &options);
    let unlocked = |it: &&Request| {
        lock.pin(it)
            .is_none_or(|pin| pin.requested != it.requested())
    };
    for request in requests.iter().filter(unlocked) {
        let message = format!("chart `{}` is not in `{LOCK}`", request.title());
        let fault = Diagnostic::error("missing-chart", message);
        diagnostics.push(placed(request, fault).help("run `pleach vendor`, which pins it"));
    }
    let is_used = |pin: &&Pin| requests.iter().any(|it| it.key() == pin.key());
    for pin in lock.pins.iter().filter(|it| !is_used(it)) {
        let message = format!("no claim asks for `{}` {}", pin.name, pin.requested);
        let mut fault = Diagnostic::error("unused-pin", message);
        fault.span = pin.span.clone();
        diagnostics.push(fault.help("run `pleach vendor`, which removes the entry"));
    }
    let copies = Folder::open(&session.files.locate(&workspace.chart_copies));
    for pin in lock.pins.iter().filter(|_| workspace.copies_charts) {
        let is_there = |files: &Folder| copy(files, &TreePath::root(), pin).is_some();
        if !copies.as_ref().is_ok_and(is_there) {
            let message = format!(
                "`{}` has no copy of `{}`",
                workspace.chart_copies,
                pin.title()
            );
            let mut fault = Diagnostic::error("missing-chart", message);
            fault.span = pin.span.clone();
            diagnostics.push(fault.help("run `pleach vendor`, which puts it there"));
        }
    }
    diagnostics.tidy();
    session.report(&diagnostics)
}

/// The copy of an archive in a folder, if it is the archive.
fn copy(files: &dyn Files, folder: &TreePath, pin: &Pin) -> Option<Arc<[u8]>> {
    let mut copies = copy_names(pin).into_iter();
    copies.find_map(|it| {
        files
            .read(&folder.child(&it))
            .ok()
            .filter(|it| digest(it) == pin.digest)
    })
}

fn placed(request: &Request, fault: Diagnostic) -> Diagnostic {
    match (&request.span, &fault.span) {
        (Some(span), None) => fault.at(span),
        _ => fault,
    }
}

type Key = (String, String, String);

fn key((repository, name, requested): (&str, &str, &str)) -> Key {
    (
        repository.to_string(),
        name.to_string(),
        requested.to_string(),
    )
}

struct Vendor<'a> {
    session: &'a Session<'a>,
    workspace: Workspace,
    old: Lock,
    network: Network,
    folder: PathBuf,
    copies: bool,
    /// `None` keeps all pins, no names moves all.
    update: Option<&'a [String]>,
}

impl Vendor<'_> {
    /// The pins of all that is asked for. `None` where claims could not be rendered far enough, or a chart could not be had.
    fn pins(&self, diagnostics: &mut Diagnostics) -> Result<Option<Vec<Pin>>> {
        let mut found: BTreeMap<Key, Pin> = BTreeMap::new();
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(PULLS_MAX)
            .build()?;
        for _ in 0..ROUNDS_MAX {
            let (requests, faults) = self.requests(&found)?;
            let missing: Vec<&Request> = requests
                .iter()
                .filter(|it| !found.contains_key(&key(it.key())))
                .collect();
            if missing.is_empty() {
                let is_error = faults.has_errors();
                diagnostics.extend(
                    faults
                        .into_iter()
                        .filter(|it| it.severity == crate::diag::Severity::Error),
                );
                let asked =
                    |it: &(Key, Pin)| requests.iter().any(|request| key(request.key()) == it.0);
                let pins = found.into_iter().filter(asked).map(|it| it.1);
                return Ok((!is_error).then(|| pins.collect()));
            }
            let pins = workers.install(|| {
                each(missing, diagnostics, |request, diagnostics| {
                    diagnostics.keep(self.pin(request).map_err(|fault| placed(request, fault)))
                })
            });
            if diagnostics.has_errors() {
                return Ok(None);
            }
            found.extend(pins.into_iter().flatten().map(|it| (key(it.key()), it)));
        }
        bail!("the values of charts make claims ask for ever more charts");
    }

    /// What is asked for with the charts that are pinned so far.
    fn requests(&self, found: &BTreeMap<Key, Pin>) -> Result<(Vec<Request>, Diagnostics)> {
        let kept = self
            .old
            .pins
            .iter()
            .filter(|it| !found.contains_key(&key(it.key())));
        let lock = Lock::new(found.values().chain(kept).cloned());
        let files = WithLock {
            files: &self.session.files,
            text: lock.to_text().into_bytes().into(),
        };
        let cache = Folder::open(&self.folder).ok();
        let options = Options {
            cache: cache.map(|it| Cache(Arc::new(it))),
            ..Options::default()
        };
        Ok(charts(&files, &options))
    }

    fn is_moved(&self, request: &Request) -> bool {
        self.update
            .is_some_and(|names| names.is_empty() || names.contains(&request.name))
    }

    /// The pin of a request, with its archive at hand.
    fn pin(&self, request: &Request) -> Result<Pin, Diagnostic> {
        let place = self.place(request);
        if let Some(pin) = self.old.pin(request).filter(|_| !self.is_moved(request)) {
            self.have_again(request, &place, pin)?;
            return Ok(Pin {
                requested: request.requested().to_string(),
                ..pin.clone()
            });
        }
        let located = self.network.locate(request, &place)?;
        let digest = self.have(request, &place, &located)?;
        Ok(Pin {
            repository: request.repository.clone(),
            name: request.name.clone(),
            requested: request.requested().to_string(),
            version: located.version,
            digest,
            origin: located.origin,
            span: None,
        })
    }

    fn place(&self, request: &Request) -> Place {
        let address = self.workspace.mirrored(&request.repository);
        let source = self.workspace.source(&address);
        let insecure = source.and_then(|it| it.access.get("insecure")?.as_bool());
        Place {
            plain: request.plain || insecure == Some(true),
            address,
        }
    }

    /// Makes sure that the archive of a pin is at hand. It may have moved; it must not have changed.
    fn have_again(&self, request: &Request, place: &Place, pin: &Pin) -> Result<(), Diagnostic> {
        if copy(&self.session.files, &self.workspace.chart_copies, pin).is_some() {
            return Ok(());
        }
        match self.have(request, place, &Located::of(pin)) {
            Err(fault) if fault.code == "missing-chart" => {}
            had => return had.map(drop),
        }
        let exact = Request {
            version: Some(pin.version.clone()),
            digest: None,
            ..request.clone()
        };
        let located = self.network.locate(&exact, place)?;
        self.have(
            request,
            place,
            &Located {
                digest: Some(pin.digest.clone()),
                ..located
            },
        )?;
        Ok(())
    }

    /// Makes sure that an archive is in the cache, and gives its digest.
    fn have(
        &self,
        request: &Request,
        place: &Place,
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
        let bytes = self.network.pull(request, place, located)?;
        let digest = digest(&bytes);
        let file = self.folder.join(cache_path(&digest).as_str());
        disk::store(&file, &bytes)
            .map_err(|error| Diagnostic::error("unwritable-cache", error.to_string()))?;
        Ok(digest)
    }

    /// Writes the lock and the copies, and says what became different.
    fn finish(&self, new: &Lock) -> Result<Outcome> {
        let text = new.to_text();
        let is_first = self.old.pins.is_empty() && new.pins.is_empty();
        if !is_first && text != self.old_text() {
            disk::store(&self.session.root.join(LOCK), text.as_bytes())?;
        }
        if self.copies {
            self.write_copies(new)?;
        }
        output::text(&self.changes(new))?;
        let count = match new.pins.len() {
            0 => "no claim asks for a chart of a repository".to_string(),
            1 => format!("1 chart in {LOCK}"),
            count => format!("{count} charts in {LOCK}"),
        };
        output::note(&format!("{count}\n"));
        Ok(Outcome::Clean)
    }

    fn old_text(&self) -> String {
        let bytes = self.session.files.read(&TreePath::root().child(LOCK));
        bytes.map_or(String::new(), |it| {
            String::from_utf8_lossy(&it).into_owned()
        })
    }

    fn changes(&self, new: &Lock) -> String {
        let mut lines = String::new();
        for pin in &new.pins {
            let old = self.old.pins.iter().find(|it| it.key() == pin.key());
            let (name, version) = (&pin.name, &pin.version);
            match old {
                None => lines.push_str(&format!("pinned  {name} {} → {version}\n", pin.requested)),
                Some(old) if old.version != *version => {
                    lines.push_str(&format!("updated {name} {} → {version}\n", old.version));
                }
                Some(old) if old.digest != pin.digest => {
                    lines.push_str(&format!(
                        "updated {name} {version}: another archive of the same version\n"
                    ));
                }
                Some(_) => {}
            }
        }
        let is_gone = |it: &&Pin| !new.pins.iter().any(|pin| pin.key() == it.key());
        for pin in self.old.pins.iter().filter(is_gone) {
            lines.push_str(&format!(
                "removed {} {} ({})\n",
                pin.name, pin.version, pin.requested
            ));
        }
        lines
    }

    /// Puts the archives into the workspace, and takes out those of pins that are gone.
    fn write_copies(&self, new: &Lock) -> Result<()> {
        let folder = self.session.files.locate(&self.workspace.chart_copies);
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        for pin in &new.pins {
            let [plain, long] = copy_names(pin);
            let name = match taken.get(&plain) {
                Some(other) if *other != pin.digest => long,
                _ => plain,
            };
            taken.insert(name.clone(), &pin.digest);
            let standing = self
                .session
                .files
                .read(&self.workspace.chart_copies.child(&name));
            if standing.is_ok_and(|it| digest(&it) == pin.digest) {
                continue;
            }
            let cache = Folder::open(&self.folder)
                .ok()
                .and_then(|it| it.read(&cache_path(&pin.digest)).ok());
            let bytes =
                cache.or_else(|| copy(&self.session.files, &self.workspace.chart_copies, pin));
            let bytes = bytes.with_context(|| {
                format!("the archive of `{}` is gone from the cache", pin.title())
            })?;
            disk::store(&folder.join(&name), &bytes)?;
        }
        for (name, pin) in self
            .old
            .pins
            .iter()
            .flat_map(|pin| copy_names(pin).map(|it| (it, pin)))
        {
            let path = self.workspace.chart_copies.child(&name);
            let is_ours = self
                .session
                .files
                .read(&path)
                .is_ok_and(|it| digest(&it) == pin.digest);
            if is_ours && !taken.contains_key(&name) {
                disk::remove(&folder.join(&name))?;
            }
        }
        Ok(())
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
