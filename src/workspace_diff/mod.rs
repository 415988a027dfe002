//! The effect of a change of a workspace on what is applied: the affected parts of both states are rendered, or their trees are
//! compared as written.
//!
//! This module does not depend on where the states come from (revisions, folders) or how the result is printed.

mod deployed;
mod indexed;
mod moved;
mod partial;
mod why;

pub use deployed::{
    NamedUnit, changed_units, chart_requests, compare_repositories, compare_workspaces, deployed,
    deployed_from, repository_origins, repository_units, sync_folder, workspace_origins,
    workspace_units,
};

pub use indexed::Memory;
pub use why::add_causes;

use std::sync::Arc;

use indexed::Indexed;

use crate::affected::{affected, claim_documents};
use crate::chart::Cache;
use crate::compare::{Claim, CodeOwners, Comparison, Origins, Side, compare};
use crate::diag::{Class, Diagnostics};
use crate::engine::ENGINES;
use crate::layout::{self, BASE, Folder, WORKSPACE, input_folders};
use crate::load::{self, WorkspaceConfig};
use crate::remote::WithRemotes;
use crate::tree::{Below, Changes, EntryKind, Files, FilesError, Tree, TreePath};
use crate::yaml::parallel::join;
use crate::{Compiled, Options, Scope, compile, compile_both};

/// One state of a workspace.
#[derive(Clone, Copy)]
pub struct State<'a> {
    /// Where files are read from.
    pub files: &'a dyn Files,
    /// The folder of the workspace.
    pub root: &'a TreePath,
    /// The folder of the repository, where `CODEOWNERS` is looked for.
    pub top: &'a TreePath,
    /// The name of the state in notes: `HEAD~1`.
    pub name: &'a str,
    /// Whether the files of a state without a workspace are compared as they are. If not, nothing is applied from such a state.
    pub is_tree: bool,
}

/// Options of a comparison.
#[derive(Clone)]
pub struct Context<'a> {
    /// Archives of charts, by digest.
    pub cache: Option<Cache>,
    /// The store that is kept between runs, if caching is allowed.
    pub memory: Option<&'a dyn Memory>,
    /// How objects are compared.
    pub options: crate::diff::Options<'a>,
}

/// A state that does not render.
#[derive(Debug)]
pub struct Unrendered {
    /// The name of the state.
    pub name: String,
    /// The errors of the rendering.
    pub diagnostics: Diagnostics,
}

impl<'a> State<'a> {
    /// Whether there is a workspace.
    pub fn is_workspace(&self) -> bool {
        self.workspace_file() == Ok(Some(EntryKind::File))
    }

    /// The kind of its `pleach.yaml`, or an error if it cannot be read.
    pub fn workspace_file(&self) -> Result<Option<EntryKind>, FilesError> {
        self.files.kind(&self.root.child(WORKSPACE))
    }

    /// Its `pleach.yaml`; `None` if there is none that can be read.
    pub fn config(&self) -> Option<WorkspaceConfig> {
        WorkspaceConfig::read(&self.below()).ok()
    }

    /// The names of its environments.
    pub fn environments(&self) -> Vec<String> {
        load::environments(&self.below())
    }

    /// The names and titles (`OperatorInstall/web`) of its claims, from the documents of its environments.
    pub fn claims(&self) -> Vec<String> {
        let files = self.below();
        let mut names = self.environments();
        names.push(BASE.to_string());
        let documents = names.iter().flat_map(|it| claim_documents(&files, it));
        let claims = documents.filter_map(|it| {
            let name = it.at_keys(&["metadata", "name"])?.as_str()?.to_string();
            let title = format!("{}/{name}", it.get("kind")?.as_str()?);
            Some([name, title])
        });
        claims.flatten().collect()
    }

    /// The folders of inputs, which may contain links to files that are read by another path.
    pub fn input_folders(&self) -> Vec<TreePath> {
        let mut folders = self.config().map(|it| it.templates).unwrap_or_default();
        folders.extend(input_folders());
        folders.iter().map(|it| self.root.join(it)).collect()
    }

    /// Its files with the remote bases that its lock pins.
    fn with_remotes(&self, context: &Context<'_>) -> WithRemotes<'a> {
        WithRemotes::new(self.files, self.root.clone(), context.cache.clone())
    }

    fn below(&self) -> Below<'a> {
        Below::new(self.files, self.root.clone())
    }

    /// The output folder, at its own path or at that of the other state.
    fn output(&self, other: &State<'_>) -> TreePath {
        let workspace = self.config().or_else(|| other.config());
        let output = workspace.map_or_else(TreePath::root, |it| it.output);
        self.root.join(&output)
    }

    /// The rendered tree, if the state is a workspace.
    fn render(&self, context: &Context<'_>) -> Option<Compiled> {
        self.render_part(&Scope::default(), context)
    }

    fn render_part(&self, scope: &Scope, context: &Context<'_>) -> Option<Compiled> {
        let options = Options {
            scope: scope.clone(),
            cache: context.cache.clone(),
            ..Options::default()
        };
        let compile = || compile(&self.below(), &options);
        self.is_workspace().then(compile)
    }

    /// Sets the owners of claims without an owner from `CODEOWNERS`.
    fn with_owners(&self, mut origins: Origins) -> Origins {
        let owners = CodeOwners::read(self.files, self.top);
        for claim in origins.claims_mut().filter(|it| it.owner.is_none()) {
            let path = claim.span.as_ref().map(|it| self.root.join(it.path()));
            let path = path.as_ref().and_then(|it| it.below(self.top));
            if let Some(owner) = path.as_ref().and_then(|it| owners.owners(it)) {
                *claim = Arc::new(Claim {
                    owner: Some(owner.into()),
                    ..Claim::clone(claim)
                });
            }
        }
        origins
    }

    /// This state with the rendered tree in place of its files.
    fn rendered(&self, compiled: Option<Compiled>) -> Result<Rendered<'a>, Unrendered> {
        let (tree, origins) = match compiled {
            None if self.is_tree => {
                return Ok(Rendered {
                    files: RenderedFiles::Given(self.files),
                    root: self.root.clone(),
                    origins: None,
                });
            }
            None => (Tree::new(), Origins::default()),
            Some(compiled) if compiled.diagnostics.has_errors() => {
                return Err(Unrendered {
                    name: self.name.to_string(),
                    diagnostics: compiled.diagnostics,
                });
            }
            Some(compiled) => (compiled.tree, self.with_owners(compiled.origins)),
        };
        Ok(Rendered {
            files: RenderedFiles::Made(tree),
            root: TreePath::root(),
            origins: Some(origins),
        })
    }
}

/// A state prepared for comparison.
struct Rendered<'a> {
    files: RenderedFiles<'a>,
    root: TreePath,
    origins: Option<Origins>,
}

enum RenderedFiles<'a> {
    Given(&'a dyn Files),
    Made(Tree),
}

impl Rendered<'_> {
    fn side<'a>(&'a self, name: &'a str) -> Side<'a> {
        Side {
            files: match &self.files {
                RenderedFiles::Given(files) => *files,
                RenderedFiles::Made(tree) => tree,
            },
            root: &self.root,
            name,
            origins: self.origins.as_ref(),
        }
    }
}

/// The environment of a folder of a rendered tree.
fn environment_of(part: &TreePath) -> Option<String> {
    let environment = layout::environment_of(part).filter(|it| !ENGINES.is_base(it));
    environment.map(str::to_string)
}

/// Compares two trees as written. The lines and owners of claims are only looked up if the trees differ.
pub fn compare_written([before, after]: [&State<'_>; 2], context: &Context<'_>) -> Comparison {
    let roots = [before.output(after), after.output(before)];
    let files = [before, after].map(|it| it.with_remotes(context));
    let compared = |[old, new]: [Option<&Origins>; 2]| {
        let [old, new] = [
            side_of(before, &files[0], &roots[0], old),
            side_of(after, &files[1], &roots[1], new),
        ];
        compare(&old, &new, &environment_of, &context.options)
    };
    let mut comparison = compared([None, None]);
    if comparison.environments.is_empty() {
        files
            .iter()
            .for_each(|it| comparison.notes.extend(it.diagnostics()));
        return comparison;
    }
    // If the claims of the state render, they show which claim each part of the tree was rendered from.
    let origins = |it: &State<'_>| {
        it.render(context)
            .map(|found| it.with_owners(found.origins))
    };
    let (old, new) = join(|| origins(before), || origins(after));
    let mut comparison = compared([old.as_ref(), new.as_ref()]);
    files
        .iter()
        .for_each(|it| comparison.notes.extend(it.diagnostics()));
    comparison
}

/// Compares two folders that contain kustomizations and plain objects.
pub fn compare_folders(states: [&State<'_>; 2], context: &Context<'_>) -> Comparison {
    let folder = |part: &TreePath| match part.as_str() {
        "" => Some(".".to_string()),
        part => Some(part.to_string()),
    };
    let files = states.map(|it| it.with_remotes(context));
    let [before, after] = [0, 1].map(|at| side_of(states[at], &files[at], states[at].root, None));
    let mut comparison = compare(&before, &after, &folder, &context.options);
    files
        .iter()
        .for_each(|it| comparison.notes.extend(it.diagnostics()));
    comparison
}

fn side_of<'a>(
    state: &State<'a>,
    files: &'a dyn Files,
    root: &'a TreePath,
    origins: Option<&'a Origins>,
) -> Side<'a> {
    Side {
        files,
        root,
        name: state.name,
        origins,
    }
}

/// Compares the rendered trees of two workspaces. If `changes` is known, only the affected part is rendered.
pub fn compare_rendered(
    states: [&State<'_>; 2],
    changes: Option<&Changes>,
    context: &Context<'_>,
) -> Result<Comparison, Unrendered> {
    let [before, after] = states;
    let is_known = before.is_workspace() && after.is_workspace();
    let ((old, new), scope) = match changes.filter(|_| is_known) {
        None => {
            let both = join(|| before.render(context), || after.render(context));
            (both, Scope::default())
        }
        Some(changes) => match render_affected(states, changes, context) {
            Some(([old, new], scope)) => ((old, new), scope),
            None => return Ok(Comparison::default()),
        },
    };
    let fails = |it: &Option<Compiled>| it.as_ref().is_some_and(|it| it.diagnostics.has_errors());
    let has_failed = [&old, &new].into_iter().any(fails);
    let part = match has_failed && is_known && !new.as_ref().is_some_and(has_unreadable) {
        true => render_common_parts(states, scope.clone(), context),
        false => None,
    };
    let (old, new, notes) = match part {
        Some(([old, new], notes)) => (Some(old), Some(new), notes),
        None => (old, new, Diagnostics::default()),
    };
    let (old, new) = (before.rendered(old)?, after.rendered(new)?);
    let (old, new) = (old.side(before.name), new.side(after.name));
    let mut comparison = compare(&old, &new, &environment_of, &context.options);
    keep_requested(&mut comparison, &scope);
    if is_known {
        moved::add(&mut comparison, states, new.files, context);
    }
    comparison.notes.extend(notes);
    Ok(comparison)
}

/// Whether a state could not be read. Claims with errors may be left out of a comparison, but a link that is broken or leads
/// outside the workspace may hide anything, so nothing is compared. On the side before, the change may be what repairs it.
fn has_unreadable(compiled: &Compiled) -> bool {
    let mut faults = compiled.diagnostics.iter();
    faults.any(|it| it.class == Class::Unreadable)
}

/// More may have been rendered than requested. The location of an unchanged object is only known if all environments were rendered.
fn keep_requested(comparison: &mut Comparison, scope: &Scope) {
    let objects = comparison.environments.iter().flat_map(|it| &it.objects);
    for object in objects {
        let claim = object
            .claim
            .as_ref()
            .and_then(|it| it.title.rsplit('/').next());
        let presence = comparison.presence.get_mut(&object.change.id);
        if let (Some(claim), Some(presence)) = (claim, presence) {
            presence.retain(|it| scope.has_claim(it, claim));
        }
    }
}

fn part_options(scope: Scope, context: &Context<'_>) -> Options {
    Options {
        scope,
        cache: context.cache.clone(),
        skip_proof: true,
        ..Options::default()
    }
}

/// The parts that render on both sides, if the whole does not.
fn render_common_parts(
    [before, after]: [&State<'_>; 2],
    scope: Scope,
    context: &Context<'_>,
) -> Option<([Compiled; 2], Diagnostics)> {
    let [old, new] = [before, after].map(State::below);
    let options = part_options(scope, context);
    partial::compile_renderable([&old, &new], [before.name, after.name], &options)
}

/// With at least this number of files, the claim kinds are read before the affected part is known.
const AHEAD_MAX: usize = 16;

/// Renders the affected part on both sides; empty if nothing is affected.
fn render_affected(
    [before, after]: [&State<'_>; 2],
    changes: &Changes,
    context: &Context<'_>,
) -> Option<([Option<Compiled>; 2], Scope)> {
    let changes = changes.within(before.root);
    let [old, new] = match context.memory {
        Some(memory) => Indexed::with_changes([before, after], &changes, memory),
        None => Indexed::without_index([before, after]),
    };
    let options = |scope: Scope| part_options(scope, context);
    let reads = |scope: &Scope| compile(&old, &options(scope.clone())).read_set;
    let inputs = Folder::Environments.path();
    let inputs: Vec<TreePath> = changes.below(&inputs).take(AHEAD_MAX).cloned().collect();
    let (mut found, ()) = join(
        || affected([&old, &new], &changes, &reads),
        || load::preload_builtin_kinds(&new, &inputs),
    );
    found.add_exceptions(&load::environments(&new));
    let scope = found.scope()?;
    let compiled = compile_both([&old, &new], &options(scope.clone()));
    // One side has none of the affected claims, so there is nothing to render on it.
    Some((compiled.map(|it| Some(it.unwrap_or_default())), scope))
}
