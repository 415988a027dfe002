//! Variables that Flux substitutes and nothing sets.

use std::collections::BTreeSet;

use super::environment::{EnvironmentObjects, SourcedObject};
use super::substitution::{is_settable, substitutions, text_kind, texts};
use super::{Check, Faults, RuleKind};
use crate::deploy::envsubst::mentions;
use crate::diag::Severity;
use crate::yaml::FieldPath;

pub(super) const CHECK: Check = Check {
    code: "unset-variable",
    severity: Severity::Warning,
    summary: "Flux substitutes a variable that is not set",
    explain: "\
A Flux Kustomization that sets variables in `postBuild` replaces every `${NAME}` in its objects, including those in scripts and \
configuration files. Since Flux 2.9, a variable that is not set fails the whole Kustomization. In earlier versions, and if the \
feature gate StrictPostBuildSubstitutions is off, it is silently replaced by an empty string.

Set it under `postBuild.substitute`, or give it a default (`${NAME:=value}`). To keep the text, write `$${NAME}`, or exclude the \
whole object with the annotation `kustomize.toolkit.fluxcd.io/substitute: disabled`. If variables come from a ConfigMap or \
Secret outside the repository, nothing is reported.",
    check: RuleKind::Objects(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    for substitution in substitutions(environment) {
        for target in &substitution.targets {
            let mut reported = BTreeSet::new();
            texts(&target.object.node, &mut |text, field| {
                let variables = mentions(text).0.into_iter();
                for variable in variables.filter(|it| !it.has_default) {
                    let name = variable.name;
                    // No object can set a variable with an invalid name.
                    let is_unset = match &substitution.set {
                        Some(set) => !set.contains(name),
                        None => !is_settable(name),
                    };
                    if is_unset && reported.insert(name.to_string()) {
                        report(target, field, name, text, faults);
                    }
                }
            });
        }
    }
}

fn report(
    target: &SourcedObject<'_>,
    field: &FieldPath,
    name: &str,
    text: &str,
    faults: &mut Faults,
) {
    let (id, what) = (target.object.id(), text_kind(text));
    let message = format!(
        "`${{{name}}}` in {what} {id} is not set: Flux fails, or before 2.9 substitutes an empty string"
    );
    let help = match is_settable(name) {
        true => format!(
            "set it under `postBuild.substitute`, give it a default (`${{{name}:=…}}`), or write `$${{{name}}}` to keep the text"
        ),
        false => {
            format!("write `$${{{name}}}` to keep the text; a variable of this name cannot be set")
        }
    };
    faults.push(target, field, message, &help);
}
