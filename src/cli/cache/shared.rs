#![allow(
    clippy::disallowed_methods,
    reason = "a run depends on the program itself, whose place the environment says"
)]
//! The cache that machines share: a run stores there what it knows, and a fresh clone begins from it.
//!
//! Nothing here may fail a run. What cannot be fetched or stored is said once, and the run goes on without it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;

use super::{credentials, folder, s3};
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::timings::Timings;
use pleach::chart::digest;
use pleach::diag::Diagnostic;
use pleach::disk::{Portable, store_private};
use pleach::fetch::{Store, StoreAddress};

/// Where what runs know is shared.
#[derive(Debug, Args)]
pub(in crate::cli) struct SharedFlags {
    /// Begin from the run that another machine has stored at this address: `oci://HOST/REPOSITORY` or `s3://BUCKET/FOLDER`
    /// (repeatable; the first that helps is used)
    #[arg(
        long,
        value_name = "URL",
        env = "PLEACH_CACHE_FROM",
        hide_env_values = true,
        value_delimiter = ','
    )]
    cache_from: Vec<Place>,
    /// Store this run at this address for other machines, if it has nothing to report
    #[arg(
        long,
        value_name = "URL",
        env = "PLEACH_CACHE_TO",
        hide_env_values = true
    )]
    cache_to: Option<Place>,
}

/// An address, or none: services set a variable that is not wanted to an empty text.
#[derive(Clone, Debug)]
struct Place(Option<StoreAddress>);

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let address = Some(text).filter(|it| !it.is_empty());
        address.map(str::parse).transpose().map(Place)
    }
}

/// The stores of a run, and what it has there.
pub(in crate::cli) struct Shared {
    from: Vec<Store>,
    to: Option<Store>,
    /// What a run must have in common with this one.
    key: String,
    /// A digest of it: a tag in a registry, an object in a bucket. Of every machine the same.
    name: String,
    /// Which run was last stored from here, and where.
    note: PathBuf,
    timings: Option<Arc<Timings>>,
}

/// What a store has.
pub(in crate::cli) struct SharedRun {
    pub(in crate::cli) run: Portable,
    /// Whether it is where this run would be stored.
    is_stored: bool,
}

impl Shared {
    /// The stores that a user names; `None` where there are none. `out` is the output folder.
    pub(in crate::cli) fn new(
        flags: &SharedFlags,
        command: &str,
        session: &Session<'_>,
        out: &Path,
        timings: Option<&Arc<Timings>>,
    ) -> Option<Shared> {
        let store = |it: &Place| Some(Store::new(it.0.clone()?, credentials(), s3()));
        let from: Vec<Store> = flags.cache_from.iter().filter_map(store).collect();
        let to = flags.cache_to.as_ref().and_then(store);
        if from.is_empty() && to.is_none() {
            return None;
        }
        let here = format!("{command}\n{}\n{}", session.root.display(), out.display());
        // Where the workspace lies is another place on each machine.
        let out = out.strip_prefix(&session.root).unwrap_or(out);
        // Two builds may have one version, and render differently.
        let program = digest(&std::fs::read(std::env::current_exe().ok()?).ok()?);
        let key = format!(
            "{program} {command} {:?} {:?} {}",
            session.global.strict,
            session.below_top(),
            out.display()
        );
        let notes = folder(session.global)?.join("stored");
        Some(Shared {
            from,
            to,
            name: name_of(&key)?,
            key,
            note: notes.join(name_of(&here)?),
            timings: timings.cloned(),
        })
    }

    /// What each store has of a run like this one, asked for one after the other.
    pub(in crate::cli) fn runs(&self) -> impl Iterator<Item = SharedRun> {
        self.from.iter().filter_map(|store| {
            self.begins("asking the shared cache");
            let bytes = store.get(&self.name);
            let bytes = bytes.inspect_err(|it| warn("read", store, it)).ok()??;
            let to = self.to.as_ref();
            Some(SharedRun {
                run: self.read(store, &bytes)?,
                is_stored: to.is_some_and(|it| it.address() == store.address()),
            })
        })
    }

    fn begins(&self, stage: &str) {
        self.timings.iter().for_each(|it| it.begins(stage));
    }

    fn read(&self, store: &Store, bytes: &[u8]) -> Option<Portable> {
        let run = Portable::read(bytes, &self.key);
        if run.is_none() {
            let (name, store) = (&self.name, store.address());
            let message = format!("ignoring `{name}` in the shared cache `{store}`: it is damaged");
            output::warning(&message, &[]);
        }
        run
    }

    /// Whether a run is to be stored. `id` names it on this machine.
    pub(in crate::cli) fn is_wanted(&self, id: &str) -> bool {
        let note = std::fs::read_to_string(&self.note).unwrap_or_default();
        let to = self.to.as_ref();
        to.is_some_and(|it| note != Shared::noted(it, id))
    }

    fn noted(to: &Store, id: &str) -> String {
        format!("{}\n{id}\n", to.address())
    }

    /// Stores a run.
    pub(in crate::cli) fn store(&self, run: &Portable, id: &str) {
        self.begins("writing to the shared cache");
        let Some((to, bytes)) = self.to.as_ref().zip(run.bytes(&self.key)) else {
            return;
        };
        match to.put(&self.name, &bytes) {
            Ok(()) => self.note(to, id),
            Err(fault) => warn("write", to, &fault),
        }
    }

    /// Stores a run that another store has; what came from there is only noted.
    pub(in crate::cli) fn pass_on(&self, found: &SharedRun, id: &str) {
        match &self.to {
            Some(to) if found.is_stored => self.note(to, id),
            Some(_) => self.store(&found.run, id),
            None => {}
        }
    }

    /// A note that cannot be kept costs time, and nothing else.
    fn note(&self, to: &Store, id: &str) {
        let _ = store_private(&self.note, Shared::noted(to, id).as_bytes());
    }
}

/// A name for files, tags and objects.
fn name_of(text: &str) -> Option<String> {
    let digest = digest(text.as_bytes());
    digest.strip_prefix("sha256:").map(str::to_string)
}

fn warn(what: &str, store: &Store, fault: &Diagnostic) {
    let (store, message) = (store.address(), &fault.message);
    let message = format!("cannot {what} the shared cache `{store}`: {message}");
    output::warning(&message, &fault.help);
}
