//! Checks CRDs that only one claim of an environment may install, because two claims would revert each other's upgrades; and CRDs
//! that are installed in a version that is too old for a claim.

use std::collections::{BTreeMap, BTreeSet};

use super::instance::Instance;
use crate::diag::{Diagnostic, Diagnostics};
use crate::helm::semver::Version;
use crate::load::Environment;
use crate::yaml::Node;

/// Reports each pair of claims that install a CRD that may only be installed once. Errors: `two-owners`.
pub(super) fn check(
    environment: &Environment,
    instances: &[Instance],
    diagnostics: &mut Diagnostics,
) {
    let exclusive: BTreeSet<&str> = instances.iter().flat_map(exclusive).collect();
    let (mut owners, mut reported) = (BTreeMap::new(), BTreeSet::new());
    for instance in instances {
        let wanted = instance.provides.iter();
        for crd in wanted.filter(|it| exclusive.contains(it.as_str())) {
            let owner: &Instance = owners.entry(crd).or_insert(instance);
            if owner.name != instance.name && reported.insert((&owner.name, &instance.name)) {
                diagnostics.push(two(environment, owner, instance, crd));
            }
        }
    }
}

fn exclusive(instance: &Instance) -> impl Iterator<Item = &str> {
    let wanted = instance.kind.provides.iter().filter(|it| it.exclusive);
    wanted
        .filter_map(|it| it.name.as_deref())
        .filter(|it| instance.provides.contains(*it))
}

fn two(environment: &Environment, first: &Instance, second: &Instance, crd: &str) -> Diagnostic {
    let message = format!(
        "CRD `{crd}` is installed twice in environment `{}`: by {} and by {}",
        environment.name,
        first.title(),
        second.title()
    );
    let fault = Diagnostic::error("two-owners", message).at(&second.span);
    fault.related(&first.span, "also installed here").help(
        "let only one of them install CRDs, for example with `installCrds: false` in the other",
    )
}

/// Compares the installed versions of CRDs with those that claims need. Errors: `older-crd`.
pub(super) fn check_versions(
    environment: &Environment,
    instances: &[Instance],
    diagnostics: &mut Diagnostics,
) {
    for instance in instances {
        for (crd, wanted) in &instance.min_versions {
            let others = instances.iter().filter_map(|it| {
                let version = it.provided_versions.get(crd)?;
                Some((it, version))
            });
            let is_older = |it: &(&Instance, &Node)| {
                let version = |it: &Node| Version::parse(it.as_str()?).ok();
                version(it.1)
                    .zip(version(wanted))
                    .is_some_and(|(it, min)| it < min)
            };
            for (provider, version) in others.filter(is_older) {
                let provided = (provider, version);
                diagnostics.push(older(environment, instance, crd, wanted, provided));
            }
        }
    }
}

fn older(
    environment: &Environment,
    instance: &Instance,
    crd: &str,
    wanted: &Node,
    (provider, version): (&Instance, &Node),
) -> Diagnostic {
    let [wanted, given] = [wanted, version].map(|it| it.as_str().unwrap_or_default());
    let (title, provider_title) = (instance.title(), provider.title());
    let message = format!(
        "{title} needs `{crd}` of version {wanted} or later, but {provider_title} provides {given} in environment `{}`",
        environment.name
    );
    let fault = Diagnostic::error("older-crd", message).at(&instance.span);
    let place = match version.has_origin() {
        true => version.span(),
        false => &provider.span,
    };
    fault
        .related(place, format!("version {given}"))
        .help(format!("upgrade {provider_title} to {wanted} or later"))
}
