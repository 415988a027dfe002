#![allow(
    clippy::disallowed_methods,
    reason = "a run depends on the program itself, whose place the environment says"
)]
//! Whole runs whose inputs and outputs are as the last run of the same program has left them: nothing is rendered again.
//!
//! Only runs that have nothing to say are remembered. What a run is known by lies in the folder for caches, outside the workspace; any
//! file there can be removed at any time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::session::Session;
use super::{Global, cache, earlier};
use crate::Compiled;
use crate::disk::{Begin, Stamp, unchanged};
use crate::emit::Plan;
use crate::tree::{ReadSet, Tree, TreePath};

/// A run of one command on one workspace and output folder.
pub(super) struct Known {
    file: PathBuf,
    key: String,
    output: TreePath,
    begin: Begin,
}

impl Known {
    /// What a run is known by; `None` where the system has no folder for caches.
    pub(super) fn new(
        command: &str,
        global: &Global,
        session: &Session<'_>,
        out: &Path,
        output: &TreePath,
    ) -> Option<Known> {
        let place = format!(
            "{command}\n{}\n{}",
            session.files.root().display(),
            out.display()
        );
        let name: String = Sha256::digest(place).iter().take(16).map(hex).collect();
        let program = std::env::current_exe().ok()?;
        let metadata = program.metadata().ok()?;
        let key = format!(
            "{} {} {:?} {:?} {:?}",
            env!("CARGO_PKG_VERSION"),
            metadata.len(),
            metadata.modified().ok()?,
            global.strict,
            session.below_top()
        );
        Some(Known {
            file: cache::folder(global)?.join("unchanged").join(name),
            key,
            output: output.clone(),
            begin: Begin::now(),
        })
    }

    /// How many files the tree has, if nothing has changed since. A tree that was written to another folder before is looked for each
    /// time.
    pub(super) fn files(&self, session: &Session<'_>) -> Option<usize> {
        let words = unchanged(&self.file, &self.key, self.begin)?;
        let files = words.parse().ok()?;
        (!earlier::is_beside(session, &self.output)).then_some(files)
    }

    /// Remembers a run after which the output folder is up to date. `standing` is what was there before, and `more` what was read
    /// beside what was compiled.
    pub(super) fn keep(
        &self,
        session: &Session<'_>,
        (compiled, more): (&Compiled, ReadSet),
        standing: &Tree,
        plan: &Plan,
        out: &Path,
    ) {
        let is_plain = compiled.scope.is_whole() && compiled.diagnostics.is_empty();
        if !is_plain || plan.kept() > 0 || plan.is_blocked() {
            return;
        }
        let files = after(standing, plan);
        let read = compiled
            .read_set
            .files
            .iter()
            .chain(&compiled.read_set.folders);
        let read = read.cloned().chain(more.files).chain(more.folders);
        let mut stamp = Stamp::default();
        let inputs = stamp.inputs(session.files.root(), read, self.begin);
        let files = files.iter().map(|(path, bytes)| (path, &**bytes));
        let output = inputs.and_then(|()| stamp.output(out, files, self.begin));
        if output.is_some() {
            stamp.keep(&self.file, &self.key, &compiled.tree.len().to_string());
        }
    }
}

/// What the output folder holds when the plan is carried out.
fn after(standing: &Tree, plan: &Plan) -> Tree {
    let steps: BTreeSet<&TreePath> = plan.steps.iter().map(|it| &it.path).collect();
    let kept = standing.iter().filter(|it| !steps.contains(it.0));
    let written = plan
        .steps
        .iter()
        .filter_map(|it| Some((&it.path, it.after.as_ref()?)));
    kept.chain(written)
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect()
}

fn hex(byte: &u8) -> String {
    format!("{byte:02x}")
}
