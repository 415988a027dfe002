//! ConfigMaps and Secrets that contain a Git LFS pointer instead of a file.

use super::environment::EnvironmentObjects;
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "lfs-pointer",
    severity: Severity::Warning,
    summary: "a ConfigMap or Secret contains a Git LFS pointer instead of the file",
    explain: "\
Git LFS replaces a large file by a pointer of a few lines until it is pulled. A checkout without LFS, as in many CI jobs, has \
only the pointer, and so does Flux unless its source is configured otherwise. A generator then puts the pointer into the \
ConfigMap.

Run `git lfs pull` before `pleach render`, or do not use LFS for files that are deployed. An object can hold 1 MiB at most.",
    check: RuleKind::Each(check),
};

/// The beginning of a pointer, and the same in base64, without the last characters, which depend on what follows.
const POINTER: &str = "version https://git-lfs.github.com/spec/v1";
const ENCODED: &str = "dmVyc2lvbiBodHRwczovL2dpdC1sZnMuZ2l0aHViLmNvbS9zcGVj";

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let holders = environment.objects.iter().filter(|it| {
        let kind = it.object.kind();
        it.object.api_version() == "v1" && ["ConfigMap", "Secret"].contains(&kind)
    });
    for sourced in holders {
        for field in ["data", "stringData", "binaryData"] {
            let data = sourced.object.node.get(field).and_then(Node::as_mapping);
            for entry in data.into_iter().flatten() {
                let text = entry.value.as_str().unwrap_or("");
                if text.starts_with(POINTER) || text.starts_with(ENCODED) {
                    let key = entry.key.as_str().unwrap_or("");
                    let id = sourced.object.id();
                    let message =
                        format!("`{key}` of {id} is a Git LFS pointer instead of the file");
                    let help = "run `git lfs pull`, then `pleach render`";
                    let path = FieldPath::root().key(field).key(key);
                    faults.push(sourced, &path, message, help);
                }
            }
        }
    }
}
