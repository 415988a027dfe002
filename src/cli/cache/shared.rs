#![allow(
    clippy::disallowed_methods,
    reason = "a run depends on the program itself, whose place the environment says"
)]
//! The cache that machines share: a run stores its inputs and digests there, and a fresh clone starts from them.
//!
//! Errors never fail a run. If something cannot be fetched or stored, a warning is printed once and the run continues.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;

use super::{credentials, folder, program_state, s3};
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::timings::Timings;
use pleach::chart::digest;
use pleach::diag::Diagnostic;
use pleach::disk::{Portable, store_private};
use pleach::fetch::{Store, StoreAddress};

/// The flags for the shared cache.
#[derive(Debug, Args)]
pub(in crate::cli) struct SharedFlags {
    /// Start from a run that another machine has stored at this address: `oci://HOST/REPOSITORY` or `s3://BUCKET/FOLDER`
    /// (repeatable; the first usable run is used)
    #[arg(
        long,
        value_name = "URL",
        env = "PLEACH_CACHE_FROM",
        hide_env_values = true,
        value_delimiter = ','
    )]
    cache_from: Vec<OptionalAddress>,
    /// Store this run at this address for other machines, if it has no diagnostics
    #[arg(
        long,
        value_name = "URL",
        env = "PLEACH_CACHE_TO",
        hide_env_values = true
    )]
    cache_to: Option<OptionalAddress>,
}

/// An address, or none: CI services often set unused variables to an empty string.
#[derive(Clone, Debug)]
struct OptionalAddress(Option<StoreAddress>);

impl FromStr for OptionalAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<OptionalAddress, String> {
        let address = Some(text).filter(|it| !it.is_empty());
        address.map(str::parse).transpose().map(OptionalAddress)
    }
}

/// The digest of this program, because two builds of the same version may render differently. It is stored with the state of the
/// program, because hashing takes longer than a run without changes.
fn program_digest(note: &Path) -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let state = format!("{} {}", program_state()?, program.display());
    let stored = std::fs::read_to_string(note).unwrap_or_default();
    match stored.rsplit_once('\n') {
        Some((known, digest)) if known == state => Some(digest.to_string()),
        _ => {
            let digest = digest(&std::fs::read(program).ok()?);
            // If it cannot be stored, the next run hashes the program again.
            let _ = store_private(note, format!("{state}\n{digest}").as_bytes());
            Some(digest)
        }
    }
}

/// The stores of a run, and its key in them.
pub(in crate::cli) struct Shared {
    from: Vec<Store>,
    to: Option<Store>,
    /// The properties that a usable run must share with this one.
    key: String,
    /// The digest of the key, the same on every machine: a tag in a registry, or the name of an object in a bucket.
    name: String,
    /// The file with the ID and the store of the run that was last stored from this machine.
    note: PathBuf,
    timings: Option<Arc<Timings>>,
}

/// A run in a store.
pub(in crate::cli) struct SharedRun {
    pub(in crate::cli) run: Portable,
    /// Whether it is in the store that this run would be stored in.
    is_stored: bool,
}

impl Shared {
    /// The stores of the flags; `None` if there are none. `out` is the output folder.
    pub(in crate::cli) fn new(
        flags: &SharedFlags,
        command: &str,
        session: &Session<'_>,
        out: &Path,
        timings: Option<&Arc<Timings>>,
    ) -> Option<Shared> {
        let store = |it: &OptionalAddress| Some(Store::new(it.0.clone()?, credentials(), s3()));
        let from: Vec<Store> = flags.cache_from.iter().filter_map(store).collect();
        let to = flags.cache_to.as_ref().and_then(store);
        if from.is_empty() && to.is_none() {
            return None;
        }
        let here = format!("{command}\n{}\n{}", session.root.display(), out.display());
        // The path of the workspace differs between machines.
        let out = out.strip_prefix(&session.root).unwrap_or(out);
        let cache = folder(session.global)?;
        let program = program_digest(&cache.join("program"))?;
        let key = format!(
            "{program} {command} {:?} {:?} {}",
            session.global.strict,
            session.path_in_repository(),
            out.display()
        );
        let notes = cache.join("stored");
        Some(Shared {
            from,
            to,
            name: name_of(&key)?,
            key,
            note: notes.join(name_of(&here)?),
            timings: timings.cloned(),
        })
    }

    /// The matching run of each store, requested one after the other.
    pub(in crate::cli) fn runs(&self) -> impl Iterator<Item = SharedRun> {
        self.from.iter().filter_map(|store| {
            self.start_stage("asking the shared cache");
            let bytes = store.get(&self.name);
            let bytes = bytes.inspect_err(|it| warn("read", store, it)).ok()??;
            let to = self.to.as_ref();
            Some(SharedRun {
                run: self.read(store, &bytes)?,
                is_stored: to.is_some_and(|it| it.address() == store.address()),
            })
        })
    }

    fn start_stage(&self, stage: &str) {
        self.timings.iter().for_each(|it| it.start_stage(stage));
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

    /// Whether a run must be stored. `id` is its ID on this machine.
    pub(in crate::cli) fn must_store(&self, id: &str) -> bool {
        let note = std::fs::read_to_string(&self.note).unwrap_or_default();
        let to = self.to.as_ref();
        to.is_some_and(|it| note != Shared::record_name(it, id))
    }

    fn record_name(to: &Store, id: &str) -> String {
        format!("{}\n{id}\n", to.address())
    }

    pub(in crate::cli) fn store(&self, run: &Portable, id: &str) {
        self.start_stage("writing to the shared cache");
        let Some((to, bytes)) = self.to.as_ref().zip(run.bytes(&self.key)) else {
            return;
        };
        match to.put(&self.name, &bytes) {
            Ok(()) => self.record(to, id),
            Err(fault) => warn("write", to, &fault),
        }
    }

    /// Stores a run that was found in another store. If it came from the same store, it is only recorded.
    pub(in crate::cli) fn store_found(&self, found: &SharedRun, id: &str) {
        match &self.to {
            Some(to) if found.is_stored => self.record(to, id),
            Some(_) => self.store(&found.run, id),
            None => {}
        }
    }

    /// Records the stored run. A failure only costs time.
    fn record(&self, to: &Store, id: &str) {
        let _ = store_private(&self.note, Shared::record_name(to, id).as_bytes());
    }
}

/// A digest that is a valid name of a file, tag or object.
fn name_of(text: &str) -> Option<String> {
    let digest = digest(text.as_bytes());
    digest.strip_prefix("sha256:").map(str::to_string)
}

fn warn(what: &str, store: &Store, fault: &Diagnostic) {
    let (store, message) = (store.address(), &fault.message);
    let message = format!("cannot {what} the shared cache `{store}`: {message}");
    output::warning(&message, &fault.help);
}
