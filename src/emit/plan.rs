//! Plans the writes and deletes that turn the existing tree into the rendered one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Class, Diagnostic, Diagnostics, MERGE_CONFLICT, Source, Span, conflict_marker};
use crate::tree::{Tree, TreePath};

use super::ownership::{Ownership, equal_except_line_endings, ownership};

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The file does not exist yet.
    Create,
    /// The file exists with other bytes.
    Update,
    /// The file is no longer part of the tree.
    Delete,
}

/// One file that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The path of the file.
    pub path: TreePath,
    /// What happens to the file.
    pub change: Change,
    /// The current bytes; `None` for a new file.
    pub before: Option<Arc<[u8]>>,
    /// The rendered bytes; `None` for an obsolete file.
    pub after: Option<Arc<[u8]>>,
}

/// The steps to execute, in order, and the obstacles. Paths are relative to the output folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// First removals of files that block new ones, then files to write, then the other removals. Empty if anything is blocked.
    pub steps: Vec<Step>,
    /// The number of files that are up to date.
    pub unchanged: usize,
    kept: Vec<KeptFile>,
    /// By path: why the file blocks the plan.
    blocked: BTreeMap<TreePath, String>,
}

/// A generated file that is not overwritten or removed, because it was edited.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KeptFile {
    path: TreePath,
    ownership: Ownership,
    bytes: Arc<[u8]>,
    /// Its rendered content; `None` for an obsolete file.
    rendered: Option<Arc<[u8]>>,
}

/// Compares the rendered tree with the existing one.
///
/// Edited files are kept unless `force` is set; files that are not generated are never changed.
pub fn plan(rendered: &Tree, existing: &Tree, force: bool) -> Plan {
    let mut plan = Plan::default();
    let mut written = Vec::new();
    for (path, bytes) in rendered {
        written.extend(plan.plan_write(path, bytes, existing, force));
    }
    let mut removed = Vec::new();
    let mut remaining = BTreeSet::new();
    for (path, bytes) in existing {
        if rendered.get(path).is_none() {
            match plan.plan_removal(path, bytes, force) {
                Some(step) => removed.push(step),
                None => _ = remaining.insert(path.clone()),
            }
        }
    }
    let obstacles = Obstacles::new(rendered);
    plan.find_obstacles(&obstacles, &remaining);
    if plan.blocked.is_empty() {
        let (first, last): (Vec<Step>, Vec<Step>) = removed
            .into_iter()
            .partition(|it| obstacles.reason(&it.path).is_some());
        plan.steps = first.into_iter().chain(written).chain(last).collect();
    }
    plan
}

impl Plan {
    /// A plan of these steps, without obstacles.
    pub fn from_steps(steps: Vec<Step>) -> Plan {
        Plan {
            steps,
            ..Plan::default()
        }
    }

    /// A plan for this number of files, all of which are up to date.
    pub fn up_to_date(files: usize) -> Plan {
        Plan {
            unchanged: files,
            ..Plan::default()
        }
    }

    /// Whether nothing may be written because files that are not generated are in the way.
    pub fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// Whether everything is up to date.
    pub fn is_clean(&self) -> bool {
        self.steps.is_empty() && self.kept.is_empty() && !self.is_blocked()
    }

    /// The number of files that the plan writes.
    pub fn written(&self) -> usize {
        self.steps.len() - self.removed()
    }

    /// The number of files that the plan removes.
    pub fn removed(&self) -> usize {
        let steps = self.steps.iter();
        steps.filter(|it| it.change == Change::Delete).count()
    }

    /// The step for a rendered file; `None` if nothing is written.
    fn plan_write(
        &mut self,
        path: &TreePath,
        bytes: &Arc<[u8]>,
        existing: &Tree,
        force: bool,
    ) -> Option<Step> {
        let before = existing.get(path);
        let change = match before {
            None => Change::Create,
            Some(before) if equal_except_line_endings(before, bytes) => {
                self.unchanged += 1;
                return None;
            }
            Some(before) => match ownership(path, before) {
                Ownership::Ours => Change::Update,
                Ownership::Foreign => {
                    let reason = "pleach needs to write a file with this name";
                    self.blocked.insert(path.clone(), reason.to_string());
                    return None;
                }
                _ if force => Change::Update,
                changed => {
                    self.keep(path, changed, before, Some(bytes));
                    return None;
                }
            },
        };
        Some(Step {
            path: path.clone(),
            change,
            before: before.cloned(),
            after: Some(bytes.clone()),
        })
    }

    /// The step for a file that is not rendered; `None` if it is not removed.
    fn plan_removal(&mut self, path: &TreePath, bytes: &Arc<[u8]>, force: bool) -> Option<Step> {
        match ownership(path, bytes) {
            Ownership::Foreign => return None,
            changed if changed != Ownership::Ours && !force => {
                self.keep(path, changed, bytes, None);
                return None;
            }
            _ => {}
        }
        Some(Step {
            path: path.clone(),
            change: Change::Delete,
            before: Some(bytes.clone()),
            after: None,
        })
    }

    fn keep(
        &mut self,
        path: &TreePath,
        ownership: Ownership,
        bytes: &Arc<[u8]>,
        rendered: Option<&Arc<[u8]>>,
    ) {
        self.kept.push(KeptFile {
            path: path.clone(),
            ownership,
            bytes: bytes.clone(),
            rendered: rendered.cloned(),
        });
    }

    /// The steps that `force` would add for edited files that are still part of the tree.
    pub fn kept_steps(&self) -> impl Iterator<Item = Step> {
        let edited = self
            .kept
            .iter()
            .filter(|it| it.ownership == Ownership::Edited);
        edited.filter_map(|it| {
            Some(Step {
                path: it.path.clone(),
                change: Change::Update,
                before: Some(it.bytes.clone()),
                after: Some(it.rendered.clone()?),
            })
        })
    }

    /// Adds the files that block rendered ones, among the remaining files and the rendered ones themselves.
    fn find_obstacles(&mut self, obstacles: &Obstacles<'_>, remaining: &BTreeSet<TreePath>) {
        let all = obstacles.rendered.iter().map(|it| it.0).chain(remaining);
        for path in all {
            if let Some(reason) = obstacles.reason(path) {
                self.blocked.insert(path.clone(), reason);
            }
        }
    }

    /// The number of edited files, which are kept.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Diagnostics on why the plan cannot be executed completely. `folder` is the path of the output folder, and `command` renders the
    /// tree.
    pub fn faults(&self, folder: &TreePath, command: &str) -> Diagnostics {
        let mut faults = Diagnostics::default();
        for (path, reason) in &self.blocked {
            let message = format!("a file that pleach did not create is in the way: {reason}");
            let fault = about("foreign-file", message, folder.join(path));
            faults.push(fault.help("move or remove it; nothing was written"));
        }
        faults.extend(self.kept.iter().map(|it| it.fault(folder, command)));
        faults
    }

    /// For `check`: each file that differs from the rendered tree.
    pub fn findings(&self, folder: &TreePath, command: &str) -> Diagnostics {
        let mut findings = self.faults(folder, command);
        for step in &self.steps {
            let (code, message) = match step.change {
                Change::Create => ("missing-file", "a generated file is missing"),
                Change::Update => ("outdated-file", "a generated file is out of date"),
                Change::Delete => ("unwanted-file", "a generated file is obsolete"),
            };
            let finding = about(code, message.to_string(), folder.join(&step.path));
            findings.push(finding.help(format!("run `{command}`")));
        }
        findings
    }
}

/// An error about a file as a whole, without an excerpt.
fn about(code: &'static str, message: String, path: TreePath) -> Diagnostic {
    Diagnostic::error(code, message).at(Span::of_file(&path))
}

impl KeptFile {
    fn fault(&self, folder: &TreePath, command: &str) -> Diagnostic {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        let marker = match self.ownership {
            Ownership::Conflicted => conflict_marker(text.as_bytes()),
            _ => None,
        };
        let range = marker.unwrap_or(0..text.lines().next().unwrap_or_default().len());
        let span = Span::new(&Source::new(folder.join(&self.path), text), range);
        if self.ownership == Ownership::Conflicted {
            let message = "a generated file contains merge conflict markers";
            return Diagnostic::error(MERGE_CONFLICT, message)
                .class(Class::MergeConflict)
                .at(span)
                .help(format!("merge the claims, then run `{command} --force`"));
        }
        if self.rendered.is_none() {
            let message = "an edited or copied generated file does not belong to the tree";
            let help = format!(
                "`{command} --force` removes it; to keep it, remove its first line or move it out of `{folder}`"
            );
            return Diagnostic::error("edited-by-hand", message)
                .at(span)
                .label("the digest does not match the path and content")
                .help(help);
        }
        let help =
            format!("move the change to a claim or to `overlays/`, then run `{command} --force`");
        Diagnostic::error("edited-by-hand", "a generated file was edited")
            .at(span)
            .label("the digest does not match the path and content")
            .help(help)
    }
}

/// An index of the rendered files, to find files that cannot exist at the same time.
struct Obstacles<'a> {
    rendered: &'a Tree,
    /// All folders that contain rendered files.
    folders: BTreeSet<TreePath>,
    /// By path in lower case: the rendered path.
    lower_case: BTreeMap<String, &'a TreePath>,
}

impl<'a> Obstacles<'a> {
    fn new(rendered: &'a Tree) -> Obstacles<'a> {
        let folders = rendered.iter().flat_map(|it| parents(it.0)).collect();
        let mut lower_case = BTreeMap::new();
        for (path, _) in rendered {
            lower_case
                .entry(path.as_str().to_lowercase())
                .or_insert(path);
        }
        Obstacles {
            rendered,
            folders,
            lower_case,
        }
    }

    /// Why a file blocks a rendered one; `None` if it does not. Two files whose names only differ in case are the same file on many
    /// file systems.
    fn reason(&self, path: &TreePath) -> Option<String> {
        if self.folders.contains(path) {
            return Some("it is a file, but a folder with that name must be written".to_string());
        }
        if parents(path).any(|it| self.rendered.get(&it).is_some()) {
            return Some("it is in a folder where a file must be written".to_string());
        }
        let same = self.lower_case.get(&path.as_str().to_lowercase())?;
        (*same != path).then(|| format!("its name differs only in case from `{same}`"))
    }
}

/// The parent folders of a path, without the root.
fn parents(path: &TreePath) -> impl Iterator<Item = TreePath> {
    let parent = |it: &TreePath| it.parent().filter(|it| *it != TreePath::root());
    std::iter::successors(parent(path), parent)
}
