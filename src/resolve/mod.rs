//! Resolves the claims of each environment: merges them with base, applies defaults, validates them with the schema of their kind,
//! follows references between claims, and evaluates the kind's `let`, `rules` and `outputs`.
//!
//! The result is an [`Instance`] for each claim of each environment. `environments/base` is resolved like an environment, with
//! neutral values. It must be valid alone, because the base folders of the tree are rendered from it.

use std::collections::BTreeSet;

mod ambiguous_booleans;
mod claims;
mod draft;
mod effects;
mod instance;
mod merge;
mod normalize;
mod provided;
mod reference;
mod select;
mod written;

pub use effects::report as report_effects;
pub use instance::{FieldEffect, Instance, ResolvedClaim};
pub use select::Selection;
pub use written::{Written, written};

use crate::diag::{Class, Diagnostic, Diagnostics};
use crate::load::{Environment, Workspace};
use crate::yaml::parallel::each;

/// An environment with its resolved claims.
pub struct Resolved<'a> {
    /// The environment that the instances belong to.
    pub environment: &'a Environment,
    /// The environment's claims, sorted by name.
    pub instances: Vec<Instance>,
}

impl Resolved<'_> {
    /// Removes the fields whose effect depends on a condition from the instances and returns them, because they are checked in all
    /// environments together.
    pub fn take_effects(&mut self) -> Vec<FieldEffect> {
        let instances = self.instances.iter_mut();
        instances
            .flat_map(|it| std::mem::take(&mut it.effects))
            .collect()
    }
}

/// The resolved claims of a workspace.
#[derive(Default)]
pub struct Resolution<'a> {
    /// For each engine: the claims of `environments/base` that an environment of the engine uses.
    pub bases: Vec<Resolved<'a>>,
    /// The requested environments, sorted by name.
    pub environments: Vec<Resolved<'a>>,
}

/// The claims of the requested environments before they are resolved.
pub struct Selections<'a>(Vec<select::Selection<'a>>);

impl<'a> Selections<'a> {
    /// The requested environments, each with its claims.
    pub fn environments(&self) -> &[Selection<'a>] {
        &self.0
    }

    /// The number of claims of all environments. A claim of base is counted in each environment that uses it.
    pub fn claims(&self) -> usize {
        self.0.iter().map(|it| it.claims.len()).sum()
    }
}

/// Selects the claims of the requested environments. `None` if there are too many.
pub fn select<'a>(
    workspace: &'a Workspace<'a>,
    diagnostics: &mut Diagnostics,
) -> Option<Selections<'a>> {
    let selections = selections(workspace, diagnostics)?;
    check_environment_names(workspace, diagnostics);
    select::check_base(&workspace.base, diagnostics);
    Some(Selections(selections))
}

/// Resolves the claims of base, once for each engine.
pub fn resolve_bases<'a>(
    workspace: &'a Workspace<'a>,
    selections: &Selections<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Resolved<'a>> {
    let bases = workspace.bases.iter().map(|environment| {
        let claims = select::used_base_claims(workspace, environment, &selections.0);
        let mut instances = resolve_base(workspace, environment, &claims, diagnostics);
        instances.retain(|it| workspace.scope.has_base_claim(&it.name));
        Resolved {
            environment,
            instances,
        }
    });
    bases.collect()
}

/// Resolves the claims of one environment.
pub fn resolve_environment<'a>(
    workspace: &Workspace<'a>,
    selection: &Selection<'a>,
    diagnostics: &mut Diagnostics,
) -> Resolved<'a> {
    let environment = selection.environment;
    let mut found = Diagnostics::default();
    let mut instances = claims::resolve_all(workspace, environment, &selection.claims, &mut found);
    provided::check_owners(environment, &instances, &mut found);
    provided::check_versions(environment, &instances, &mut found);
    if environment.has_unreadable_file || workspace.base.has_unreadable_file {
        drop_consequences(&mut found);
    }
    diagnostics.extend(found);
    // The claims that were not requested are only needed as targets of references.
    instances.retain(|it| workspace.scope.has_claim(&environment.name, &it.name));
    Resolved {
        environment,
        instances,
    }
}

/// Resolves the claims of the requested environments and of base.
pub fn resolve<'a>(workspace: &'a Workspace<'a>, diagnostics: &mut Diagnostics) -> Resolution<'a> {
    let Some(selections) = select(workspace, diagnostics) else {
        return Resolution::default();
    };
    let bases = resolve_bases(workspace, &selections, diagnostics);
    let mut environments = each(
        selections.environments(),
        diagnostics,
        |selection, diagnostics| resolve_environment(workspace, selection, diagnostics),
    );
    let effects = environments.iter_mut().flat_map(Resolved::take_effects);
    report_effects(workspace, &effects.collect::<Vec<_>>(), diagnostics);
    Resolution {
        bases,
        environments,
    }
}

/// Removes errors that may only be consequences of a file that cannot be read. The file itself is reported.
fn drop_consequences(diagnostics: &mut Diagnostics) {
    let all = std::mem::take(diagnostics).into_iter();
    *diagnostics = all
        .filter(|it| !matches!(it.class, Class::UnknownReference | Class::MissingField))
        .collect();
}

/// The maximum number of claims of all environments. Because each claim of base is counted in each environment, a small workspace
/// can exceed it.
pub const CLAIMS_MAX: usize = 20_000;

/// The claims of each environment; `None` if there are too many.
fn selections<'a>(
    workspace: &'a Workspace<'a>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<select::Selection<'a>>> {
    let mut count = 0;
    let mut selections = Vec::new();
    for environment in &workspace.environments {
        let selection = select::select(workspace, environment, diagnostics);
        count += selection.claims.len();
        selections.push(selection);
        if count > CLAIMS_MAX {
            let message = format!(
                "the environments together have more than {CLAIMS_MAX} claims, counting those of base in each"
            );
            let fault = Diagnostic::error("too-many-claims", message)
                .class(Class::Unreadable)
                .at(&environment.span);
            diagnostics.push(
                fault.help("render one environment at a time with `--env`, or split the workspace"),
            );
            return None;
        }
    }
    Some(selections)
}

/// Resolves claims of base. Errors for missing values get the help that base must be valid alone.
fn resolve_base(
    workspace: &Workspace<'_>,
    base: &Environment,
    claims: &[select::Selected<'_>],
    diagnostics: &mut Diagnostics,
) -> Vec<Instance> {
    const HELP: &str = "set the field to a neutral value in `environments/base`, which must be valid alone, or move the whole claim to the environments";
    let mut faults = Diagnostics::default();
    let instances = claims::resolve_all(workspace, base, claims, &mut faults);
    diagnostics.extend(faults.into_iter().map(|fault| match fault.class {
        Class::MissingField | Class::BrokenRule => fault.help(HELP),
        _ => fault,
    }));
    instances
}

/// Reports names of environments that do not exist, in the options and in `pleach.yaml`. Errors: `unknown-environment`.
fn check_environment_names(workspace: &Workspace, diagnostics: &mut Diagnostics) {
    let loaded = || workspace.environments.iter().map(|it| it.name.as_str());
    let known = || loaded().chain(workspace.others.iter().map(String::as_str));
    let requested = workspace.scope.environments.iter().map(|it| (it, None));
    let ordered = workspace.config.environment_order.iter();
    let policies = &workspace.config.policies;
    let selected = policies.availability.iter().flat_map(|it| &it.1);
    let selected = selected.zip(policies.environment_spans.iter().map(Some));
    let used = requested.chain(ordered.map(|(name, span)| (name, Some(span))));
    let used = used.chain(selected);
    // The error of an environment that cannot be read is already reported.
    let unread = workspace.unread.iter().map(String::as_str);
    let names: BTreeSet<&str> = known().chain(unread).collect();
    for (name, span) in used.filter(|it| !names.contains(it.0.as_str())) {
        let mut fault = Diagnostic::error(
            "unknown-environment",
            format!("unknown environment `{name}`"),
        )
        .did_you_mean(name, known());
        fault.span = span.cloned();
        diagnostics.push(fault.help(format!(
            "environments: {}",
            known().collect::<Vec<_>>().join(", ")
        )));
    }
}
