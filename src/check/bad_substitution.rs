//! Strings with variables that Flux cannot parse, and invalid names of variables.

use std::collections::BTreeSet;

use super::environment::{EnvironmentObjects, SourcedObject};
use super::substitution::{is_settable, substitutions, text_kind, texts};
use super::{Check, Faults, RuleKind};
use crate::deploy::envsubst::{Fault, mentions};
use crate::diag::Severity;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "bad-substitution",
    severity: Severity::Error,
    summary: "Flux cannot parse a variable and rejects the whole Kustomization",
    explain: "\
A Flux Kustomization that sets variables in `postBuild` parses every `${` in its objects as a variable, including those in \
scripts and configuration files. It supports less than a shell: `${NAME}`, `${NAME:=word}` (also `:-`, `:+`, `:?` and `=`), \
`${NAME:0:3}`, `${#NAME}`, `${NAME^^}`, `${NAME/a/b}`, `${NAME#prefix}` and `${NAME%suffix}`. A single `${NAME-word}`, \
`${NAME[@]}`, `${!NAME}` or `${{ x }}` prevents the whole Kustomization from being applied.

Write `$${` instead of `${` to keep the text, or exclude the whole object with the annotation \
`kustomize.toolkit.fluxcd.io/substitute: disabled`. Names of variables consist of letters, digits and `_`, and do not begin with \
a digit.",
    check: RuleKind::Objects(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    for substitution in substitutions(environment) {
        check_names(substitution.kustomization, faults);
        for target in &substitution.targets {
            let mut reported = BTreeSet::new();
            texts(&target.object.node, &mut |text, field| {
                for fault in mentions(text).1 {
                    if reported.insert(fault.text) {
                        report(target, field, &fault, text, faults);
                    }
                }
            });
        }
    }
}

fn check_names(kustomization: &SourcedObject<'_>, faults: &mut Faults) {
    let keys = ["spec", "postBuild", "substitute"];
    let set = kustomization.object.node.at_keys(&keys);
    let set = set.and_then(Node::as_mapping).into_iter().flatten();
    for name in set.filter_map(|it| it.key.as_str()) {
        if !is_settable(name) {
            let path = keys
                .iter()
                .fold(FieldPath::root(), |path, key| path.key(key));
            let id = kustomization.object.id();
            let message = format!("invalid variable name `{name}`: Flux rejects {id}");
            let help = "use letters, digits and `_`, and do not begin with a digit";
            faults.push(kustomization, &path.key(name), message, help);
        }
    }
}

fn report(
    target: &SourcedObject<'_>,
    field: &FieldPath,
    fault: &Fault<'_>,
    text: &str,
    faults: &mut Faults,
) {
    let (id, what) = (target.object.id(), text_kind(text));
    let (excerpt, reason) = (fault.text, fault.reason);
    let message = format!(
        "Flux cannot parse `{excerpt}` in {what} {id} and rejects the whole Kustomization: {reason}"
    );
    let help = match with_colon(excerpt) {
        Some(other) => format!("write `{other}`, or `${excerpt}` to keep the text"),
        None => format!("write `${excerpt}` to keep the text"),
    };
    faults.push(target, field, message, &help);
}

/// `${NAME-word}` in the form that Flux supports: `${NAME:-word}`.
fn with_colon(excerpt: &str) -> Option<String> {
    let inside = excerpt.strip_prefix("${")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (name, rest) = inside.split_at(inside.find(|c| !is_part(c))?);
    let has_sign = rest.starts_with(['-', '+', '?']) && rest.ends_with('}');
    (has_sign && is_settable(name)).then(|| format!("${{{name}:{rest}"))
}
