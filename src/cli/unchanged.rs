#![allow(
    clippy::disallowed_methods,
    reason = "a run depends on the program itself, whose path comes from the environment"
)]
//! Skips unchanged work: if inputs and outputs are as a previous run of the same program left them, nothing is rendered.
//!
//! Only runs without diagnostics are stored. Their stamps are in the cache folder, outside the workspace, where any file can be
//! removed at any time. A machine without such a run can start from one that another machine has shared.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::cache::{Shared, SharedRun};
use super::session::Session;
use super::{Global, cache, earlier};
use pleach::disk::{CachedInputs, Difference, Inputs, Portable, Stamp, StartTime, difference};
use pleach::emit::Plan;
use pleach::incremental::{Update, update};
use pleach::tree::{Changes, ReadSet, Tree, TreePath};
use pleach::yaml::hex;
use pleach::{Compiled, Options, check};

/// A run of one command on one workspace and output folder.
pub(super) struct RunCache {
    /// The paths of the stamp, and of the stored inputs.
    files: [PathBuf; 2],
    key: String,
    pub(super) out: PathBuf,
    output: TreePath,
    begin: StartTime,
    shared: Option<Shared>,
}

impl RunCache {
    /// The identity of a run; `None` if the system has no cache folder. The output folder is given with its path in the workspace.
    pub(super) fn new(
        command: &str,
        global: &Global,
        session: &Session<'_>,
        (out, output): (&Path, &TreePath),
        shared: Option<Shared>,
    ) -> Option<RunCache> {
        let full_path = format!(
            "{command}\n{}\n{}",
            session.files.root().display(),
            out.display()
        );
        let digest: [u8; 32] = Sha256::digest(full_path).into();
        let (half, _) = digest.split_at(digest.len() / 2);
        let name = hex(half);
        let key = format!(
            "{} {:?} {:?}",
            cache::program_state()?,
            global.strict,
            session.path_in_repository()
        );
        let cache = cache::folder(global)?;
        Some(RunCache {
            files: ["unchanged", "inputs"].map(|it| cache.join(it).join(&name)),
            key,
            out: out.to_path_buf(),
            output: output.clone(),
            begin: StartTime::now(),
            shared,
        })
    }

    /// The state of the last run on this machine, then of those that other machines have shared; each is only read if the previous
    /// one cannot be used.
    pub(super) fn states<'a>(&'a self, session: &'a Session<'_>) -> impl Iterator<Item = State> {
        let own = std::iter::once_with(|| self.own_state(session)).flatten();
        let shared = self.shared.iter().flat_map(Shared::runs);
        own.chain(shared.filter_map(|it| self.shared_state(session, &it)))
    }

    /// `None` if there is no usable run. A tree in a former output folder is searched each time.
    fn own_state(&self, session: &Session<'_>) -> Option<State> {
        let difference = difference(&self.files[0], &self.key, self.begin)?;
        let summary = RunSummary::read(&difference.summary)?;
        if earlier::is_beside(session, &self.output) {
            return None;
        }
        if difference.changed.is_empty() {
            let inputs = || self.inputs(&difference, &summary);
            self.share(session, difference.stamp(), inputs, &summary);
            return Some(State::Same(summary.files));
        }
        let old = self.inputs(&difference, &summary)?;
        let changed = self.changed(session, difference, old, summary)?;
        Some(State::Changed(Box::new(changed)))
    }

    /// The stored inputs of the last run.
    fn inputs(&self, difference: &Difference, summary: &RunSummary) -> Option<Inputs> {
        let whole = RunSummary::read(difference.whole.as_ref()?)?;
        let inputs = Inputs::load(&self.files[1], &whole.id)?;
        match &difference.changed_inputs {
            Some(changes) => inputs.with_changes(changes.clone(), &summary.id),
            None => Some(inputs),
        }
    }

    fn shared_state(&self, session: &Session<'_>, found: &SharedRun) -> Option<State> {
        if earlier::is_beside(session, &self.output) {
            return None;
        }
        let run = &found.run;
        let summary = RunSummary::read(&run.summary)?;
        let difference = run.difference(session.files.root(), &self.out, self.begin)?;
        let changed = self.changed(session, difference, run.inputs().clone(), summary)?;
        if !changed.is_empty() {
            return Some(State::Changed(Box::new(changed)));
        }
        let summary = RunSummary {
            id: new_id(),
            ..changed.summary
        };
        self.shared
            .iter()
            .for_each(|it| it.store_found(found, &summary.id));
        // A run that cannot be stored only costs time.
        let _: Option<()> = self.store_shared(session, changed, &summary);
        Some(State::Same(summary.files))
    }

    /// Stores a run of another machine on this machine.
    fn store_shared(
        &self,
        session: &Session<'_>,
        same: Changed,
        summary: &RunSummary,
    ) -> Option<()> {
        let Changed {
            mut difference,
            inputs: [_, inputs],
            changed,
            ..
        } = same;
        difference.inputs(session.files.root(), changed, self.begin)?;
        self.store(&difference.into_stamp(), &inputs, summary)
    }

    /// Stores a run as a whole.
    fn store(&self, stamp: &Stamp, inputs: &Inputs, summary: &RunSummary) -> Option<()> {
        inputs.store(&self.files[1], &summary.id)?;
        stamp.keep(&self.files[0], &self.key, &summary.to_string());
        Some(())
    }

    /// Stores what has changed since a run was stored as a whole with the text `whole`. `false` if there is too much of it.
    fn store_changes(
        &self,
        whole: &str,
        stamp: &Stamp,
        inputs: &Inputs,
        summary: &RunSummary,
    ) -> bool {
        let texts = [whole, &summary.to_string()];
        let changes = inputs.changes(&summary.id);
        changes.is_some_and(|it| stamp.store_changes(&self.files[0], &self.key, texts, &it))
    }

    fn changed(
        &self,
        session: &Session<'_>,
        difference: Difference,
        old: Inputs,
        summary: RunSummary,
    ) -> Option<Changed> {
        let is_output = |it: &&PathBuf| it.starts_with(&self.out);
        let (outputs, inputs): (Vec<_>, Vec<_>) = difference.changed.iter().partition(is_output);
        let root = session.files.root();
        let path = |it: &PathBuf| TreePath::new(it.strip_prefix(root).ok()?.to_str()?);
        let inputs: Option<BTreeSet<TreePath>> = inputs.into_iter().map(path).collect();
        let (new, changes) = old.read_again(&session.files, inputs.as_ref()?)?;
        let path = |it: &PathBuf| TreePath::new(it.strip_prefix(&self.out).ok()?.to_str()?);
        let outputs: Option<Vec<TreePath>> = outputs.into_iter().map(path).collect();
        Some(Changed {
            outputs: outputs?,
            inputs: [old, new],
            changed: inputs?,
            changes,
            summary,
            difference,
        })
    }

    /// Shares a run with other machines, if requested and not yet done.
    fn share(
        &self,
        session: &Session<'_>,
        stamp: &Stamp,
        inputs: impl FnOnce() -> Option<Inputs>,
        summary: &RunSummary,
    ) {
        let shared = self.shared.as_ref();
        let Some(shared) = shared.filter(|it| it.must_store(&summary.id)) else {
            return;
        };
        let (root, text) = (session.files.root(), summary.without_id());
        let run = inputs().and_then(|it| Portable::from_stamp(stamp, &it, root, &self.out, &text));
        run.iter().for_each(|it| shared.store(it, &summary.id));
    }

    /// Stores a run after which the output folder is up to date. `existing` are the files that existed before, and `more` the
    /// inputs that were read in addition to those of the compilation.
    pub(super) fn store_up_to_date(
        &self,
        session: &Session<'_>,
        (compiled, more): (&Compiled, ReadSet),
        existing: &Tree,
        plan: &Plan,
    ) {
        let is_plain = compiled.scope.is_whole() && compiled.diagnostics.is_empty();
        if is_plain && plan.kept() == 0 && !plan.is_blocked() {
            // A run that cannot be stored only costs time.
            let _: Option<()> =
                self.try_store_up_to_date(session, (compiled, more), existing, plan);
        }
    }

    fn try_store_up_to_date(
        &self,
        session: &Session<'_>,
        (compiled, more): (&Compiled, ReadSet),
        existing: &Tree,
        plan: &Plan,
    ) -> Option<()> {
        let files = after(existing, plan);
        let mut read = compiled.read_set.clone();
        read.files.extend(more.files);
        read.folders.extend(more.folders);
        let inputs = Inputs::read(&session.files, &read);
        let mut stamp = Stamp::default();
        let paths = read.files.into_iter().chain(read.folders);
        stamp.inputs(session.files.root(), paths, self.begin)?;
        let files = files.iter().map(|(path, bytes)| (path, &**bytes));
        stamp.output(&self.out, files, self.begin)?;
        let summary = RunSummary {
            files: compiled.tree.len(),
            claims: compiled.claims,
            has_cluster_rules: check::has_cluster_rules(compiled),
            id: new_id(),
        };
        if let Some(inputs) = &inputs {
            inputs.store(&self.files[1], &summary.id);
        }
        stamp.keep(&self.files[0], &self.key, &summary.to_string());
        self.share(session, &stamp, || inputs, &summary);
        Some(())
    }

    /// Stores a partial run without diagnostics.
    pub(super) fn store_partial(&self, session: &Session<'_>, changed: Changed, part: Part) {
        let _: Option<()> = self.try_store_partial(session, changed, part);
    }

    fn try_store_partial(&self, session: &Session<'_>, changed: Changed, part: Part) -> Option<()> {
        let Changed {
            mut difference,
            inputs: [_, new],
            changed: mut paths,
            outputs,
            summary,
            ..
        } = changed;
        let has_cluster_rules = summary.has_cluster_rules;
        let root = session.files.root();
        let inputs = match &part.update.compiled {
            Some(compiled) => {
                let read = &compiled.read_set;
                let more = read.files.iter().chain(&read.folders);
                let more = more.filter(|it| !difference.has_input(&root.join(it.as_str())));
                paths.extend(more.cloned());
                new.with_more(&session.files, read)?
            }
            None => new,
        };
        difference.inputs(root, paths, self.begin)?;
        let compiled = part.update.compiled.as_ref();
        let tree = compiled.map(|it| &it.tree);
        let steps = part.plan.steps.iter();
        let steps = steps.map(|it| (it.path.clone(), it.after.clone()));
        let outputs = outputs.into_iter();
        let outputs = outputs.filter_map(|it| Some((it.clone(), tree?.get(&it)?.clone())));
        let written = outputs
            .map(|(path, bytes)| (path, Some(bytes)))
            .chain(steps);
        let whole = difference.whole.take();
        let stamp = difference.output(&self.out, written, self.begin)?;
        let summary = RunSummary {
            files: part.files,
            claims: part.update.claims,
            has_cluster_rules: has_cluster_rules || compiled.is_some_and(check::has_cluster_rules),
            id: new_id(),
        };
        let is_kept = whole.is_some_and(|it| self.store_changes(&it, &stamp, &inputs, &summary));
        if !is_kept {
            self.store(&stamp, &inputs, &summary)?;
        }
        self.share(session, &stamp, || Some(inputs), &summary);
        Some(())
    }
}

/// The state of the last run.
pub(super) enum State {
    /// Nothing has changed since; with the number of files of the tree.
    Same(usize),
    /// Some inputs or outputs have changed.
    Changed(Box<Changed>),
}

/// The changes since the last run.
pub(super) struct Changed {
    summary: RunSummary,
    difference: Difference,
    /// The inputs, before and now.
    inputs: [Inputs; 2],
    /// The changed inputs, and their differences.
    changed: BTreeSet<TreePath>,
    changes: Changes,
    /// The changed files and folders of the output folder.
    outputs: Vec<TreePath>,
}

/// The result of a change.
pub(super) struct Part {
    pub(super) update: Update,
    /// The plan for the change.
    pub(super) plan: Plan,
    /// The number of files of the whole tree after the change.
    files: usize,
}

impl Changed {
    /// Whether nothing has changed, although some files had to be read.
    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.outputs.is_empty()
    }

    /// Renders the affected part; `None` if a complete run is required.
    pub(super) fn part(
        &self,
        session: &Session<'_>,
        run_cache: &RunCache,
        options: &Options,
        force: bool,
    ) -> Option<Part> {
        let sides = self
            .inputs
            .each_ref()
            .map(|it| CachedInputs::new(it, &session.files));
        let [before, after] = &sides;
        let update = update([before, after], &self.changes, self.summary.claims, options)?;
        let none = Tree::new();
        let tree = update.compiled.as_ref().map_or(&none, |it| &it.tree);
        let output = update.compiled.as_ref().and_then(|it| it.output.as_ref());
        if output.is_some_and(|it| *it != run_cache.output) {
            return None;
        }
        let before = &update.before.tree;
        let paths: BTreeSet<&TreePath> = before.iter().chain(tree).map(|it| it.0).collect();
        let mut outputs = self.outputs.iter();
        if !outputs.all(|it| self.is_known(run_cache, it, &paths)) {
            return None;
        }
        let existing = read_files(&run_cache.out, &paths)?;
        let mut plan = pleach::emit::plan(tree, &existing, force);
        if plan.is_blocked() || plan.kept() > 0 || has_names_in_other_case(&plan, &run_cache.out) {
            return None;
        }
        let files = (self.summary.files + tree.len()).checked_sub(before.len())?;
        plan.unchanged = files.checked_sub(plan.written())?;
        Some(Part {
            update,
            plan,
            files,
        })
    }

    /// Whether any object may be subject to rules in other objects.
    pub(super) fn has_cluster_rules(&self) -> bool {
        self.summary.has_cluster_rules
    }

    /// Whether any input contains a string.
    pub(super) fn has_text(&self, text: &str) -> bool {
        self.inputs.iter().any(|it| it.has_text(text))
    }

    /// Whether a part covers everything that has changed at a path of the output folder.
    fn is_known(&self, run_cache: &RunCache, path: &TreePath, files: &BTreeSet<&TreePath>) -> bool {
        let full_path = run_cache.out.join(path.as_str());
        let Ok(entries) = full_path.read_dir() else {
            let is_above = || files.iter().any(|it| it.below(path).is_some());
            return files.contains(path) || !full_path.exists() && is_above();
        };
        for entry in entries {
            let Ok(name) = entry.map(|it| it.file_name().into_string()) else {
                return false;
            };
            let Ok(name) = name else {
                return false;
            };
            let inner = path.child(&name);
            let is_file = files.contains(&inner);
            let is_folder = || files.iter().any(|it| it.below(&inner).is_some());
            let is_seen = self.difference.has(&full_path.join(&name));
            let is_part = is_file || is_folder() && self.is_known(run_cache, &inner, files);
            if !is_seen && !is_part {
                return false;
            }
        }
        true
    }
}

/// The existing files of the output folder; `None` if one cannot be read or is a link.
fn read_files(out: &Path, paths: &BTreeSet<&TreePath>) -> Option<Tree> {
    let mut tree = Tree::new();
    for path in paths {
        let full_path = out.join(path.as_str());
        match full_path.symlink_metadata() {
            Ok(it) if it.is_file() => tree.insert((*path).clone(), std::fs::read(full_path).ok()?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            _ => return None,
        };
    }
    Some(tree)
}

/// Whether a new file is next to one whose name only differs in case.
fn has_names_in_other_case(plan: &Plan, out: &Path) -> bool {
    let new = plan.steps.iter().filter(|it| it.before.is_none());
    let mut above =
        new.flat_map(|it| std::iter::successors(Some(it.path.clone()), TreePath::parent));
    above.any(|path| {
        let folder = path.parent().map(|it| out.join(it.as_str()));
        let entries = folder.and_then(|it| it.read_dir().ok());
        let mut names = entries.into_iter().flatten().flatten();
        names.any(|it| {
            let name = it.file_name();
            let name = name.to_string_lossy();
            *name != *path.name() && name.to_lowercase() == path.name().to_lowercase()
        })
    })
}

/// The summary of a run, stored with its stamp.
struct RunSummary {
    files: usize,
    claims: usize,
    /// Whether environments contain policies or definitions, as far as the run has seen objects.
    has_cluster_rules: bool,
    /// The ID of the stored inputs.
    id: String,
}

impl RunSummary {
    fn read(text: &str) -> Option<RunSummary> {
        let mut parts = text.split(' ');
        Some(RunSummary {
            files: parts.next()?.parse().ok()?,
            claims: parts.next()?.parse().ok()?,
            has_cluster_rules: parts.next()?.parse().ok()?,
            id: parts.next()?.to_string(),
        })
    }

    /// The text that is the same on every machine.
    fn without_id(&self) -> String {
        self.text("-")
    }

    fn text(&self, id: &str) -> String {
        let RunSummary {
            files,
            claims,
            has_cluster_rules,
            ..
        } = self;
        format!("{files} {claims} {has_cluster_rules} {id}")
    }
}

impl std::fmt::Display for RunSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text(&self.id))
    }
}

/// An ID that no other run has.
fn new_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!(
        "{}-{}",
        std::process::id(),
        now.unwrap_or_default().as_nanos()
    )
}

/// The files of the output folder after the plan is executed.
fn after(existing: &Tree, plan: &Plan) -> Tree {
    let steps: BTreeSet<&TreePath> = plan.steps.iter().map(|it| &it.path).collect();
    let kept = existing.iter().filter(|it| !steps.contains(it.0));
    let written = plan
        .steps
        .iter()
        .filter_map(|it| Some((&it.path, it.after.as_ref()?)));
    kept.chain(written)
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect()
}
