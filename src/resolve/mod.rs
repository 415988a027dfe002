//! Claim × environment: merge, defaults, schema, references between claims, computed names, rules.
//!
//! An [`Instance`] is a claim as one environment has it, valid and with all its names computed. `environments/base` is
//! resolved like any environment, with neutral values: it must be valid alone, since the base folders of the tree are
//! rendered from it.

use std::collections::BTreeSet;

mod effects;
mod instance;
mod merge;
mod normalize;
mod provided;
mod reference;
mod select;
mod written;

pub use instance::{Answer, Instance};
pub use written::{Written, written};

use crate::diag::{Diagnostic, Diagnostics};
use crate::load::{Environment, Workspace};
use crate::yaml::parallel::each;

/// An environment with its instances, in the order of their names.
pub struct Resolved<'a> {
    /// The environment that the instances belong to.
    pub environment: &'a Environment,
    /// The environment's claims, sorted by name.
    pub instances: Vec<Instance>,
}

/// All environments, and base for what they share.
#[derive(Default)]
pub struct Resolution<'a> {
    /// `environments/base`, for each engine: the shared claims that some environment of the engine takes.
    pub bases: Vec<Resolved<'a>>,
    /// The environments requested.
    pub environments: Vec<Resolved<'a>>,
    /// Whether what is asked for says all about the effect of its fields.
    pub is_conclusive: bool,
}

/// Resolves what of the workspace is requested.
pub fn resolve<'a>(workspace: &'a Workspace<'a>, diagnostics: &mut Diagnostics) -> Resolution<'a> {
    let Some(selections) = selections(workspace, diagnostics) else {
        return Resolution::default();
    };
    unknown_environments(workspace, diagnostics);
    select::check_base(&workspace.base, diagnostics);
    let bases = workspace.bases.iter().map(|environment| {
        let claims = select::base(workspace, environment, &selections);
        let mut instances = base_instances(workspace, environment, claims, diagnostics);
        instances.retain(|it| workspace.scope.has_base_claim(&it.name));
        Resolved {
            environment,
            instances,
        }
    });
    let bases = bases.collect();
    let environments = each(selections, diagnostics, |selection, diagnostics| {
        let environment = selection.environment;
        let mut instances =
            instance::resolve_all(workspace, environment, selection.claims, diagnostics);
        provided::check(environment, &instances, diagnostics);
        provided::check_versions(environment, &instances, diagnostics);
        if environment.has_unread || workspace.base.has_unread {
            drop_consequences(diagnostics);
        }
        // The others were there to be referred to.
        instances.retain(|it| workspace.scope.has_claim(&environment.name, &it.name));
        Resolved {
            environment,
            instances,
        }
    });
    let instances = environments
        .iter()
        .flat_map(|it: &Resolved<'_>| &it.instances);
    let is_conclusive = effects::report(workspace, instances, diagnostics);
    Resolution {
        bases,
        environments,
        is_conclusive,
    }
}

/// Takes out what may only follow from a file that cannot be read, which is reported itself.
fn drop_consequences(diagnostics: &mut Diagnostics) {
    let all = std::mem::take(diagnostics).into_iter();
    *diagnostics = all
        .filter(|it| !["unknown-reference", "missing-field"].contains(&it.code))
        .collect();
}

/// How many claims all environments together may have: a few files of base and many environments come to many.
pub const CLAIMS_MAX: usize = 20_000;
/// The code of that fault.
pub const TOO_MANY_CLAIMS: &str = "too-many-claims";

/// The claims of each environment; `None` where they are too many.
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
            let fault = Diagnostic::error(TOO_MANY_CLAIMS, message).at(&environment.span);
            diagnostics.push(
                fault.help("render one environment at a time with `--env`, or split the workspace"),
            );
            return None;
        }
    }
    Some(selections)
}

/// Adds to the faults of base that base must be valid alone: what an environment adds does not help.
fn base_instances(
    workspace: &Workspace<'_>,
    base: &Environment,
    claims: Vec<select::Selected<'_>>,
    diagnostics: &mut Diagnostics,
) -> Vec<Instance> {
    const ALONE: &str = "set the field to a neutral value in `environments/base`, which must be valid alone, or move the whole claim to the environments";
    let mut faults = Diagnostics::default();
    let instances = instance::resolve_all(workspace, base, claims, &mut faults);
    diagnostics.extend(faults.into_iter().map(|fault| {
        if fault.code == "missing-field" || fault.code == "broken-rule" {
            fault.help(ALONE)
        } else {
            fault
        }
    }));
    instances
}

fn unknown_environments(workspace: &Workspace, diagnostics: &mut Diagnostics) {
    let read = || workspace.environments.iter().map(|it| it.name.as_str());
    let known = || read().chain(workspace.others.iter().map(String::as_str));
    let wanted = workspace.scope.environments.iter().map(|it| (it, None));
    let ordered = workspace.workspace.environment_order.iter();
    let wanted = wanted.chain(ordered.map(|(name, place)| (name, Some(place))));
    let names: BTreeSet<&str> = known().collect();
    for (name, place) in wanted.filter(|it| !names.contains(it.0.as_str())) {
        let mut fault = Diagnostic::error(
            "unknown-environment",
            format!("unknown environment `{name}`"),
        )
        .did_you_mean(name, known());
        fault.span = place.cloned();
        diagnostics.push(fault.help(format!(
            "environments: {}",
            known().collect::<Vec<_>>().join(", ")
        )));
    }
}
