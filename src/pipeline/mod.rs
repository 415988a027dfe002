//! Renders the claims of a workspace to its tree, environment by environment.
//!
//! Base is rendered first. Each environment then passes through all stages by itself, so that only its files are kept when the next
//! one begins, and memory is bounded by the largest environment. Checks that need all environments run at the end.

mod charts;
mod environment;
mod origins;

use std::collections::BTreeMap;

use crate::Options;
use crate::check::Cluster;
use crate::compare::Origin;
use crate::compose::{self, Composer, Exports};
use crate::delivery;
use crate::diag::Diagnostics;
use crate::load::{Environment, Workspace};
use crate::object::Object;
use crate::prove::{self, Bases};
use crate::resolve::{self, Selections};
use crate::tree::{Files, Tree, TreePath};
use crate::yaml::parallel::each;
pub(crate) use charts::add_charts;
use environment::{ClusterDefinitions, EnvironmentOutput, Pipeline, RenderedParts, sign};
pub(crate) use environment::{clusters, deliver, deliver_all};

#[derive(Default)]
pub(crate) struct PipelineOutput {
    pub(crate) tree: Tree,
    pub(crate) bases: Vec<&'static str>,
    pub(crate) exports: BTreeMap<(String, String), Exports>,
    pub(crate) origins: Vec<(TreePath, Origin)>,
    pub(crate) shared_paths: Vec<TreePath>,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) claims: usize,
    pub(crate) is_conclusive: bool,
}

/// Diagnostics by stage. Those of a later stage may only be consequences of errors in an earlier one, in any environment, so they
/// are only reported if the earlier stages have no errors.
#[derive(Default)]
struct Stages {
    /// In claims, their kinds and their templates.
    claims: Diagnostics,
    /// In overlays, and in names and files that environments share.
    overlays: Diagnostics,
    /// In the proof, which builds the written files.
    proof: Diagnostics,
}

impl Stages {
    fn extend(&mut self, more: Stages) {
        self.claims.extend(more.claims);
        self.overlays.extend(more.overlays);
        self.proof.extend(more.proof);
    }

    fn has_errors(&self) -> bool {
        self.claims.has_errors() || self.overlays.has_errors()
    }

    /// The diagnostics to report.
    fn finish(self) -> Diagnostics {
        let mut found = self.claims;
        for later in [self.overlays, self.proof] {
            if !found.has_errors() {
                found.extend(later);
            }
        }
        found
    }
}

/// Renders the requested part of a workspace. `None` if its claims have errors.
pub(crate) fn run(
    files: &dyn Files,
    workspace: &Workspace<'_>,
    options: &Options,
    is_proven: bool,
    diagnostics: &mut Diagnostics,
) -> Option<PipelineOutput> {
    let mut stages = Stages::default();
    std::mem::swap(&mut stages.claims, diagnostics);
    let output = match resolve::select(workspace, &mut stages.claims) {
        Some(selections) => {
            let is_proven = is_proven && !options.skip_proof;
            run_selected(
                files,
                workspace,
                options,
                is_proven,
                &selections,
                &mut stages,
            )
        }
        None => PipelineOutput::default(),
    };
    let has_output = !stages.claims.has_errors();
    diagnostics.extend(stages.finish());
    has_output.then_some(output)
}

fn run_selected(
    files: &dyn Files,
    workspace: &Workspace<'_>,
    options: &Options,
    is_proven: bool,
    selections: &Selections<'_>,
    stages: &mut Stages,
) -> PipelineOutput {
    let activity = format!("rendering {} claims", selections.claims());
    options.observer.begins(&activity);
    let bases = resolve::resolve_bases(workspace, selections, &mut stages.claims);
    let bases = each(&bases, &mut stages.claims, |base, diagnostics| {
        deliver(workspace, base, diagnostics)
    });
    let (composer, base) = Composer::new(files, workspace, bases, &mut stages.overlays);
    let base_tree = sign(&base);
    let proven_bases = Bases::default();
    if is_proven && !stages.has_errors() {
        let (files, found) = (&base_tree, &mut stages.proof);
        prove::prove(files, files, &base, &proven_bases, found);
    }
    let base = RenderedParts::new(base, base_tree.clone(), !options.skip_objects);
    let pipeline = Pipeline {
        workspace,
        composer: &composer,
        base: &base_tree,
        proven_bases,
        observer: &options.observer,
        cluster_definitions: options
            .with_clusters
            .then(|| ClusterDefinitions::read(files)),
        is_composed: !stages.claims.has_errors(),
        is_proven,
        has_objects: !options.skip_objects,
    };
    let outputs = each(
        selections.environments(),
        &mut Diagnostics::default(),
        |selection, _| pipeline.run(selection),
    );
    let (mut output, applications) = join(workspace, &composer, base, outputs, stages);
    if options.with_clusters && !stages.has_errors() && !stages.proof.has_errors() {
        let origins = output.origins.iter().map(|it| (&it.0, &it.1));
        let clusters = &mut output.clusters;
        add_charts(clusters, origins, &applications, files, workspace, options);
    }
    output
}

/// Combines the environments, and runs the checks that need all of them. Also returns their Applications of charts.
fn join(
    workspace: &Workspace<'_>,
    composer: &Composer<'_>,
    base: RenderedParts,
    environments: Vec<EnvironmentOutput<'_>>,
    stages: &mut Stages,
) -> (PipelineOutput, Vec<(String, Object)>) {
    let (mut parts, mut effects, mut shared) = (base, Vec::new(), Vec::new());
    let mut applications = Vec::new();
    let mut output = PipelineOutput {
        is_conclusive: true,
        ..PipelineOutput::default()
    };
    let mut found = Vec::new();
    for it in environments {
        stages.extend(it.stages);
        effects.extend(it.effects);
        shared.push(it.shared);
        applications.extend(it.applications);
        output.claims += it.claims;
        output.is_conclusive &= it.has_only_own_names;
        let name = &it.environment.name;
        output
            .clusters
            .extend(it.cluster.map(|it| (name.clone(), it)));
        found.push((it.environment, it.parts));
    }
    output.is_conclusive &= resolve::report_effects(workspace, &effects, &mut stages.claims);
    report_run_limit(workspace, &mut stages.claims);
    if !stages.claims.has_errors() && workspace.scope.is_whole() {
        stages
            .claims
            .extend(delivery::unused_pins(&workspace.charts));
    }
    Composer::check_names(&shared, &mut stages.overlays);
    add_parts(&mut parts, found, stages);
    composer.check_all_environments(&parts.missing, parts.unmatched, &mut stages.overlays);
    output.is_conclusive &= composer.is_conclusive();
    output.is_conclusive |= workspace.scope.is_whole();
    let output = PipelineOutput {
        tree: parts.tree,
        bases: workspace.bases.iter().map(|it| it.engine.base).collect(),
        exports: parts.exports,
        origins: parts.origins,
        shared_paths: parts.shared_paths,
        ..output
    };
    (output, applications)
}

/// Adds the files of each environment, and reports files whose content differs between environments.
fn add_parts(
    parts: &mut RenderedParts,
    environments: Vec<(&Environment, RenderedParts)>,
    stages: &mut Stages,
) {
    for (environment, more) in environments {
        if let Some(path) = parts.differing_file(&more).filter(|_| !stages.has_errors()) {
            let fault = compose::differing_file(path, environment);
            stages.overlays.push(fault);
        }
        parts.extend(more);
    }
}

/// If the limits of the run are exceeded, replaces the errors of all claims about it by a single one, because it depends on timing
/// which claims have such an error.
fn report_run_limit(workspace: &Workspace<'_>, diagnostics: &mut Diagnostics) {
    if workspace.templates.is_over_limit() {
        let at = workspace.config.span.source().clone();
        let fault = workspace.templates.run_limit(at);
        let all = std::mem::take(diagnostics).into_iter();
        *diagnostics = all.filter(|it| it.message != fault.message).collect();
        diagnostics.push(fault);
    }
}
