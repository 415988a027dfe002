//! `pleach vendor`: pulls charts, and the remote bases and files of kustomizations, and pins them in `pleach.lock`. The charts are
//! those that claims use, or, without a `pleach.yaml`, those that the Flux and Argo CD objects of the repository install.

mod check;
mod checkout;
mod pins;
mod remotes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::progress::Progress;
use super::session::Session;
use super::{Global, Outcome, cache, output};
use pleach::chart::{LOCK, Lock, Pin, RemotePin, Request, cache_path, copy_names, digest};
use pleach::diag::{Class, Diagnostic, Diagnostics, Severity};
use pleach::disk::{self, Folder, refuse_links};
use pleach::fetch::Network;
use pleach::load::WorkspaceConfig;
use pleach::remote::{COPIES, copy_name, matches_pin, stored_path};
use pleach::tree::{Files, TreePath};
use remotes::is_name;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Update these charts, or all charts if none is named, to the newest version that their claims allow
    #[arg(long, value_name = "NAME", num_args = 0..)]
    update: Option<Vec<String>>,
    /// Copy each archive into the workspace, for machines without this cache; `spec.charts.vendor` in pleach.yaml always
    /// does so
    #[arg(long)]
    copies: bool,
    /// Check that pleach.lock pins all charts and remote bases, without network access
    #[arg(long, conflicts_with_all = ["update", "copies"])]
    check: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let session = Session::open_any(global)?;
    let _lock = session.lock()?;
    let (workspace, old) = match read_files(&session) {
        Ok(read) => read,
        Err(faults) => return Ok(session.report(&faults)),
    };
    if arguments.check {
        return Ok(check::check(&session, &workspace, &old));
    }
    check_names(arguments, &old)?;
    let folder =
        cache::folder(global).context("no cache folder found; set one with `--cache DIR`")?;
    // Created before anything is pulled, so that an unusable cache is not reported as an error of a claim.
    disk::make_folder(&folder.join("charts"))?;
    disk::make_folder(&folder.join("remotes"))?;
    let _cache_lock = disk::Lock::share(&folder.join("charts"));
    disk::remove_leftovers(&session.root);
    let vendor = Vendor {
        network: Network::new(cache::credentials()),
        folder,
        copies: arguments.copies || workspace.copies_charts,
        update: arguments.update.as_deref(),
        pulled: AtomicUsize::new(0),
        progress: Progress::start(global, "reading the workspace"),
        session: &session,
        workspace,
        old,
    };
    let mut diagnostics = Diagnostics::default();
    // Remote bases come first, because they may require further charts.
    let lock = match vendor.remotes(&mut diagnostics)? {
        Some((remotes, charts)) => vendor.lock(&remotes, &charts, &mut diagnostics)?,
        None => None,
    };
    let outcome = session.report(&diagnostics);
    let is_unreachable = diagnostics.iter().any(|it| it.class == Class::Unreachable);
    match lock.filter(|it| !(is_unreachable && it.is_empty())) {
        Some(lock) if outcome == Outcome::Clean => vendor.finish(&lock, is_unreachable),
        // Another run may reach a server that this one could not.
        _ if is_unreachable => {
            bail!("nothing was pinned")
        }
        _ => {
            output::error("nothing was pinned");
            Ok(Outcome::Findings)
        }
    }
}

/// Reads `pleach.yaml`, which may be absent, and `pleach.lock`.
fn read_files(session: &Session<'_>) -> Result<(WorkspaceConfig, Lock), Diagnostics> {
    let workspace = match session.is_workspace() {
        true => WorkspaceConfig::read(&session.files)?,
        false => WorkspaceConfig::absent()?,
    };
    Ok((workspace, Lock::read(&session.files)?))
}

/// Rejects unknown names after `--update`, which would otherwise look like an update without changes.
fn check_names(arguments: &Arguments, old: &Lock) -> Result<()> {
    let charts = || old.pins.iter().map(|it| it.name.as_str());
    let remotes = || old.remotes.iter().map(|it| it.address.as_str());
    for name in arguments.update.iter().flatten() {
        let is_known = charts().any(|it| it == name) || remotes().any(|it| is_name(name, it));
        if !is_known {
            let near = pleach::diag::nearest(name, charts().chain(remotes()));
            let help = near.map_or(String::new(), |it| format!("; did you mean `{it}`?"));
            bail!("`{LOCK}` has no chart, remote base or file `{name}`{help}");
        }
    }
    Ok(())
}

/// The copy of a pinned archive in a folder, if its digest matches.
fn read_copy(files: &dyn Files, folder: &TreePath, pin: &Pin) -> Option<Arc<[u8]>> {
    let mut copies = copy_names(pin).into_iter();
    copies.find_map(|it| {
        files
            .read(&folder.child(&it))
            .ok()
            .filter(|it| digest(it) == pin.digest)
    })
}

/// The diagnostic, at the location of the request unless it has its own.
fn at_request(request: &Request, fault: Diagnostic) -> Diagnostic {
    match (&request.span, &fault.span) {
        (Some(span), None) => fault.at(span),
        _ => fault,
    }
}

struct Vendor<'a> {
    progress: Progress,
    session: &'a Session<'a>,
    workspace: WorkspaceConfig,
    /// The lock before this run.
    old: Lock,
    network: Network,
    /// The folder of the cache.
    folder: PathBuf,
    /// Whether archives are copied into the workspace.
    copies: bool,
    /// The names whose pins are updated. `None` keeps all pins; an empty list updates all.
    update: Option<&'a [String]>,
    /// The number of archives, repositories and files that were pulled.
    pulled: AtomicUsize,
}

impl Vendor<'_> {
    /// The lock with these remote bases and files, and with all required charts. `None` if there were errors.
    fn lock(
        &self,
        remotes: &[RemotePin],
        charts: &[Request],
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Lock>> {
        let pins = self.pins(remotes, charts, diagnostics)?;
        Ok(pins.map(|it| Lock::new(it).with_remotes(remotes.iter().cloned())))
    }

    /// Writes the lock and the copies, and prints the changes.
    fn finish(&self, new: &Lock, is_unreachable: bool) -> Result<Outcome> {
        let text = new.to_text();
        let is_unneeded = self.old.is_empty() && new.is_empty();
        if !is_unneeded && text != self.old_text() {
            disk::store(&self.session.root.join(LOCK), text.as_bytes())?;
        }
        if self.copies {
            self.write_copies(new)?;
            self.write_remote_copies(new)?;
        }
        output::text(&self.changes(new))?;
        let count = match new.pins.len() {
            0 if is_unreachable => "no chart was pinned".to_string(),
            0 if self.session.is_workspace() => {
                "no claim uses a chart from a repository".to_string()
            }
            0 => "no deployed object uses a chart from a repository".to_string(),
            1 => format!("1 chart in {LOCK}"),
            count => format!("{count} charts in {LOCK}"),
        };
        let pulled = match self.pulled.load(Ordering::Relaxed) {
            0 => String::new(),
            pulled => format!(", {pulled} pulled"),
        };
        let remotes = match new.remotes.len() {
            0 => String::new(),
            1 => ", 1 remote base or file".to_string(),
            count => format!(", {count} remote bases and files"),
        };
        output::status(&format!("{count}{remotes}{pulled}\n"));
        Ok(Outcome::Clean)
    }

    /// Outside of a workspace, errors become warnings: a repository may refer to addresses that this user cannot access. Everything
    /// else is pinned.
    fn as_warning_outside_workspace(&self, fault: Diagnostic) -> Diagnostic {
        match self.session.is_workspace() {
            true => fault,
            false => Diagnostic {
                severity: Severity::Warning,
                ..fault
            },
        }
    }

    /// Whether `--update` applies to a pin. `is_name` tells whether a given name means this pin.
    fn is_updated(&self, is_name: impl Fn(&str) -> bool) -> bool {
        self.update
            .is_some_and(|names| names.is_empty() || names.iter().any(|it| is_name(it)))
    }

    fn old_text(&self) -> String {
        let bytes = self.session.files.read(&TreePath::root().child(LOCK));
        bytes.map_or(String::new(), |it| {
            String::from_utf8_lossy(&it).into_owned()
        })
    }

    /// The changes of the lock, one per line.
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
                        "updated {name} {version}: new archive of the same version\n"
                    ));
                }
                Some(_) => {}
            }
        }
        let is_removed = |it: &&Pin| !new.pins.iter().any(|pin| pin.key() == it.key());
        for pin in self.old.pins.iter().filter(is_removed) {
            lines.push_str(&format!(
                "removed {} {} ({})\n",
                pin.name, pin.version, pin.requested
            ));
        }
        lines + &self.remote_changes(new)
    }

    fn remote_changes(&self, new: &Lock) -> String {
        let mut lines = String::new();
        let short = |pin: &RemotePin| {
            let id = pin.commit.as_deref().unwrap_or(pin.hex());
            id.get(..12).unwrap_or(id).to_string()
        };
        for pin in &new.remotes {
            let (address, id) = (&pin.address, short(pin));
            match self.old.remote(address) {
                None => lines.push_str(&format!("pinned  {address} → {id}\n")),
                Some(old) if short(old) != id => {
                    lines.push_str(&format!("updated {address} {} → {id}\n", short(old)));
                }
                Some(old) if old.digest != pin.digest => {
                    lines.push_str(&format!(
                        "updated {address}: different files of {id} are stored\n"
                    ));
                }
                Some(_) => {}
            }
        }
        let is_removed = |it: &&RemotePin| new.remote(&it.address).is_none();
        for pin in self.old.remotes.iter().filter(is_removed) {
            lines.push_str(&format!("removed {}\n", pin.address));
        }
        lines
    }

    /// Copies the stored remote bases and files into the workspace, and removes copies without a pin.
    fn write_remote_copies(&self, new: &Lock) -> Result<()> {
        let copies = TreePath::new(COPIES).context("invalid path of copies")?;
        refuse_links(&self.session.root, &copies)?;
        let folder = self.session.files.locate(&copies);
        let mut names = BTreeSet::new();
        for pin in &new.remotes {
            let name = copy_name(pin);
            let existing = self.session.files.read(&copies.child(&name));
            if !existing.is_ok_and(|it| matches_pin(pin, &it)) {
                let cache = Folder::open(&self.folder).ok();
                let bytes = cache.and_then(|it| it.read(&stored_path(pin)).ok());
                let bytes = bytes.with_context(|| {
                    format!("the files of `{}` are no longer in the cache", pin.address)
                })?;
                disk::store(&folder.join(&name), &bytes)?;
            }
            names.insert(name);
        }
        for pin in &self.old.remotes {
            let name = copy_name(pin);
            let bytes = self.session.files.read(&copies.child(&name));
            if bytes.is_ok_and(|it| matches_pin(pin, &it)) && !names.contains(&name) {
                disk::remove(&folder.join(&name))?;
            }
        }
        Ok(())
    }

    /// Copies the archives into the workspace, and removes copies without a pin.
    fn write_copies(&self, new: &Lock) -> Result<()> {
        refuse_links(&self.session.root, &self.workspace.chart_copies)?;
        let folder = self.session.files.locate(&self.workspace.chart_copies);
        disk::remove_leftovers(&folder);
        // The digest of each copy, by file name: two repositories may have charts of the same name and version.
        let mut digests: BTreeMap<String, &str> = BTreeMap::new();
        for pin in &new.pins {
            let [short, long] = copy_names(pin);
            let name = match digests.get(&short) {
                Some(other) if *other != pin.digest => long,
                _ => short,
            };
            digests.insert(name.clone(), &pin.digest);
            let existing = self
                .session
                .files
                .read(&self.workspace.chart_copies.child(&name));
            if existing.is_ok_and(|it| digest(&it) == pin.digest) {
                continue;
            }
            let cache = Folder::open(&self.folder)
                .ok()
                .and_then(|it| it.read(&cache_path(&pin.digest)).ok());
            let bytes =
                cache.or_else(|| read_copy(&self.session.files, &self.workspace.chart_copies, pin));
            let bytes = bytes.with_context(|| {
                format!("the archive of `{}` is no longer in the cache", pin.title())
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
            let is_copy = self
                .session
                .files
                .read(&path)
                .is_ok_and(|it| digest(&it) == pin.digest);
            if is_copy && !digests.contains_key(&name) {
                disk::remove(&folder.join(&name))?;
            }
        }
        Ok(())
    }
}
