//! Fields that drift detection should ignore, with paths that are not JSON pointers.

use super::environment::EnvironmentObjects;
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "bad-json-pointer",
    severity: Severity::Warning,
    summary: "a field that drift detection should ignore is not a JSON pointer",
    explain: "\
`spec.driftDetection.ignore[].paths` of a HelmRelease and `spec.ignoreDifferences[].jsonPointers` of an Application are JSON pointers \
(RFC 6901): they begin with `/`. Flux and Argo CD remove the field at each path before they compare, and do not report a path that \
matches nothing. So another path has no effect: the difference is corrected, or shown, as before.

Write `/spec/replicas` instead of `spec.replicas`. In a name, `~1` means `/`: `/metadata/annotations/example.com~1key`.",
    check: RuleKind::Each(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    for sourced in &environment.objects {
        let object = &*sourced.object;
        let Some((list, field)) = ignored(object) else {
            continue;
        };
        let entries = object.node.at_path(&list).and_then(Node::as_sequence);
        for (at, entry) in entries.unwrap_or_default().iter().enumerate() {
            let paths = entry.get(field).and_then(Node::as_sequence);
            for (index, path) in paths.unwrap_or_default().iter().enumerate() {
                let text = path.as_str().unwrap_or("");
                if text.is_empty() || text.starts_with('/') || text.contains("${") {
                    continue;
                }
                let place = list.index(at).key(field).index(index);
                let message = format!(
                    "{}: `{text}` is not a JSON pointer, so no field is ignored",
                    object.id()
                );
                faults.push(sourced, &place, message, &help(text));
            }
        }
    }
}

/// The list of what an object ignores, and the field of its items with the pointers.
fn ignored(object: &Object) -> Option<(FieldPath, &'static str)> {
    match (&*object.gvk().group, object.kind()) {
        ("helm.toolkit.fluxcd.io", "HelmRelease") => {
            Some((FieldPath::dotted("spec.driftDetection.ignore"), "paths"))
        }
        ("argoproj.io", "Application") => {
            Some((FieldPath::dotted("spec.ignoreDifferences"), "jsonPointers"))
        }
        _ => None,
    }
}

fn help(text: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '/');
    match text.trim_start_matches('.') {
        path if !path.is_empty() && path.chars().all(is_plain) => {
            format!("write `/{}`", path.replace('.', "/"))
        }
        _ => "write a path that begins with `/`, such as `/spec/replicas`".to_string(),
    }
}
