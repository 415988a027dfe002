//! Claim × environment: merge, defaults, schema, references between claims, computed names, rules.
//!
//! An [`Instance`] is a claim as one environment has it, valid and with all its names computed. `environments/base` is
//! resolved like any environment, with neutral values: it must be valid alone, since the base folders of the tree are
//! rendered from it.

mod instance;
mod merge;
mod normal;
mod provided;
mod reference;
mod select;
mod written;

pub use instance::{Answer, Instance, is_true};
pub use written::{Written, written};

use crate::diag::{Diagnostic, Diagnostics, each};
use crate::load::{Environment, Repository};

/// An environment with its instances, in the order of their names.
pub struct Resolved<'a> {
    /// The environment.
    pub environment: &'a Environment,
    /// Its claims.
    pub instances: Vec<Instance>,
}

/// All environments, and base for what they share.
pub struct Resolution<'a> {
    /// `environments/base`, for each engine: the shared claims that some environment of the engine takes.
    pub bases: Vec<Resolved<'a>>,
    /// The environments asked for.
    pub environments: Vec<Resolved<'a>>,
}

/// Resolves the environments that `wanted` names, all of them where it names none.
pub fn resolve<'a>(
    repository: &'a Repository<'a>,
    wanted: &[String],
    diagnostics: &mut Diagnostics,
) -> Resolution<'a> {
    let selections: Vec<_> = repository
        .environments
        .iter()
        .map(|it| select::select(it, &repository.base, diagnostics))
        .collect();
    unknown_environments(repository, wanted, diagnostics);
    let is_wanted = |name: &String| wanted.is_empty() || wanted.contains(name);
    select::check_base(&repository.base, diagnostics);
    let bases = repository.bases.iter().map(|environment| Resolved {
        environment,
        instances: base_instances(
            repository,
            environment,
            select::base(environment, &selections),
            diagnostics,
        ),
    });
    let bases = bases.collect();
    let wanted: Vec<_> = selections
        .into_iter()
        .filter(|it| is_wanted(&it.environment.name))
        .collect();
    let environments = each(wanted, diagnostics, |selection, diagnostics| {
        let environment = selection.environment;
        let instances =
            instance::resolve_all(repository, environment, selection.claims, diagnostics);
        provided::check(environment, &instances, diagnostics);
        Resolved {
            environment,
            instances,
        }
    });
    Resolution {
        bases,
        environments,
    }
}

/// Base's own faults say that they are base's: what an environment adds does not help it.
fn base_instances(
    repository: &Repository<'_>,
    base: &Environment,
    claims: Vec<select::Selected<'_>>,
    diagnostics: &mut Diagnostics,
) -> Vec<Instance> {
    const ALONE: &str = "`environments/base` must be valid alone: give the field a neutral value there, or move the whole claim to the environments";
    let mut faults = Diagnostics::default();
    let instances = instance::resolve_all(repository, base, claims, &mut faults);
    diagnostics.extend(faults.into_iter().map(|fault| {
        if fault.code == "missing-field" || fault.code == "broken-rule" {
            fault.help(ALONE)
        } else {
            fault
        }
    }));
    instances
}

fn unknown_environments(repository: &Repository, wanted: &[String], diagnostics: &mut Diagnostics) {
    let known = || repository.environments.iter().map(|it| it.name.as_str());
    for name in wanted
        .iter()
        .filter(|name| !known().any(|it| it == name.as_str()))
    {
        let fault = Diagnostic::error(
            "unknown-environment",
            format!("there is no environment `{name}`"),
        )
        .did_you_mean(name, known());
        diagnostics.push(fault.help(format!(
            "environments: {}",
            known().collect::<Vec<_>>().join(", ")
        )));
    }
}
