//! Sync waves that are not integers.

use super::environment::EnvironmentObjects;
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "bad-sync-wave",
    severity: Severity::Warning,
    summary: "a sync wave is not an integer",
    explain: "\
Argo CD applies objects in the order of the annotation `argocd.argoproj.io/sync-wave`. It silently ignores a value that is not \
an integer, and the object is in wave 0.

As in all annotations, the value must be a string: `argocd.argoproj.io/sync-wave: \"-1\"`.",
    check: RuleKind::Each(check),
};

const WAVE: &str = "argocd.argoproj.io/sync-wave";

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    for sourced in &environment.objects {
        let path = FieldPath::dotted("metadata.annotations").key(WAVE);
        let wave = sourced.object.node.at_path(&path).and_then(Node::as_str);
        let Some(wave) = wave.filter(|it| it.parse::<i64>().is_err()) else {
            continue;
        };
        let id = sourced.object.id();
        let message = format!("invalid sync wave `{wave}`: Argo CD puts {id} in wave 0");
        faults.push(
            sourced,
            &path,
            message,
            "write an integer as a string: `\"1\"`",
        );
    }
}
