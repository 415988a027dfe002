//! Executes a plan in the index, and in the work tree for files without other changes.

use anyhow::Result;

use pleach::disk::{Repository, Revision, StagedFile, apply, refuse_links};
use pleach::emit::{Plan, Step};
use pleach::tree::{Files, TreePath};

/// Writes the outdated files of the index. A file of the work tree that differs from the index has unstaged changes and is not
/// overwritten; returns these files, by paths below the output folder.
pub(super) fn stage(
    repository: &Repository,
    plan: &Plan,
    output: &TreePath,
    index: &Revision,
) -> Result<Vec<TreePath>> {
    refuse_links(repository.root(), output)?;
    let root = repository.root().join(output.as_str());
    let work_tree = pleach::disk::Folder::open(repository.root())?;
    let is_as_staged = |step: &Step| {
        let path = output.join(&step.path);
        work_tree.read(&path).ok() == index.read(&path).ok()
    };
    let staged = plan.steps.iter().map(|it| StagedFile {
        path: output.join(&it.path),
        bytes: it.after.clone(),
    });
    let steps = plan.steps.iter().cloned();
    let (steps, kept): (Vec<Step>, Vec<Step>) = steps.partition(is_as_staged);
    let mut own = Plan::default();
    own.steps = steps;
    // The index is updated last: as long as it is out of date, the next run of the hook reports it.
    apply(&own, &root)?;
    repository.stage(&staged.collect::<Vec<_>>())?;
    repository.refresh()?;
    Ok(kept.into_iter().map(|it| it.path).collect())
}
