//! CRDs that one claim of an environment at most may bring: two that did would undo each other's upgrades.

use std::collections::{BTreeMap, BTreeSet};

use super::instance::Instance;
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::Environment;

/// Says each pair of claims that bring a CRD which a kind wants brought once. Errors: `two-owners`.
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
        "the CRD `{crd}` of environment `{}` is installed twice: by {} and by {}",
        environment.name,
        first.title(),
        second.title()
    );
    let fault = Diagnostic::error("two-owners", message).at(&second.span);
    fault
        .related(&first.span, "installs it too")
        .help("one of them installs its CRDs; the other says that it does not, as by `installCrds: false`")
}
