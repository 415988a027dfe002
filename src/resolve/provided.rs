//! Reports CRDs that two claims of an environment install although only one may, because they would revert each other's upgrades;
//! and CRDs that are installed in a version that is too old for a claim.

use std::collections::{BTreeMap, BTreeSet};

use super::instance::Instance;
use crate::diag::{Diagnostic, Diagnostics};
use crate::helm::semver::Version;
use crate::load::Environment;
use crate::yaml::Node;

/// Reports each pair of claims that install a CRD that only one claim may install. Errors: `two-owners`.
pub(super) fn check_owners(
    environment: &Environment,
    instances: &[Instance],
    diagnostics: &mut Diagnostics,
) {
    let exclusive: BTreeSet<&str> = instances.iter().flat_map(exclusive_crds).collect();
    let (mut owners, mut reported) = (BTreeMap::new(), BTreeSet::new());
    for instance in instances {
        let provided = instance.provides.iter();
        for crd in provided.filter(|it| exclusive.contains(it.as_str())) {
            let owner: &Instance = owners.entry(crd).or_insert(instance);
            if owner.name != instance.name && reported.insert((&owner.name, &instance.name)) {
                diagnostics.push(two_owners(environment, owner, instance, crd));
            }
        }
    }
}

/// The CRDs that a claim installs and that its kind declares as `exclusive`.
fn exclusive_crds(instance: &Instance) -> impl Iterator<Item = &str> {
    let exclusive = instance.kind.provides.iter().filter(|it| it.exclusive);
    exclusive
        .filter_map(|it| it.name.as_deref())
        .filter(|it| instance.provides.contains(*it))
}

fn two_owners(
    environment: &Environment,
    first: &Instance,
    second: &Instance,
    crd: &str,
) -> Diagnostic {
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
        for (crd, min_version) in &instance.min_versions {
            let providers = instances.iter().filter_map(|it| {
                let version = it.provided_versions.get(crd)?;
                Some((it, version))
            });
            let is_older = |it: &(&Instance, &Node)| {
                let parse = |it: &Node| Version::parse(it.as_str()?).ok();
                parse(it.1)
                    .zip(parse(min_version))
                    .is_some_and(|(version, min)| version < min)
            };
            for provider in providers.filter(is_older) {
                diagnostics.push(older_crd(environment, instance, crd, min_version, provider));
            }
        }
    }
}

fn older_crd(
    environment: &Environment,
    instance: &Instance,
    crd: &str,
    min_version: &Node,
    (provider, version): (&Instance, &Node),
) -> Diagnostic {
    let [min, provided] = [min_version, version].map(|it| it.as_str().unwrap_or_default());
    let (title, provider_title) = (instance.title(), provider.title());
    let message = format!(
        "{title} needs `{crd}` of version {min} or later, but {provider_title} provides {provided} in environment `{}`",
        environment.name
    );
    let fault = Diagnostic::error("older-crd", message).at(&instance.span);
    let span = match version.has_origin() {
        true => version.span(),
        false => &provider.span,
    };
    fault
        .related(span, format!("version {provided}"))
        .help(format!("upgrade {provider_title} to {min} or later"))
}
