//! Secrets that are encrypted with SOPS, in folders that nothing decrypts.

use std::collections::BTreeMap;

use super::applications::applications;
use super::environment::{EnvironmentObjects, SourcedObject};
use super::too_large_to_apply::sync_options;
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::{Object, ObjectId};
use crate::tree::TreePath;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "missing-decryption",
    severity: Severity::Warning,
    summary: "nothing decrypts an encrypted Secret",
    explain: "\
A Secret with the field `sops` is encrypted. kustomize-controller decrypts it only if the Flux Kustomization has `spec.decryption`; \
otherwise, nothing of the Kustomization is applied: `is SOPS encrypted, configuring decryption is required for this secret to be \
reconciled`. Argo CD does not decrypt Secrets without a plugin.

Set `spec.flux.kustomization.decryption` in environment.yaml. With Argo CD, create the Secret by an operator in the cluster, such as \
External Secrets or Sealed Secrets. A Secret that the cluster does not need decrypted has the annotation \
`kustomize.toolkit.fluxcd.io/decrypt: disabled`.",
    check: RuleKind::Objects(check),
};

/// The annotation of an object that Flux does not decrypt.
const DECRYPT: &str = "kustomize.toolkit.fluxcd.io/decrypt";

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let is_encrypted = |it: &&SourcedObject<'_>| is_encrypted_secret(&it.object);
    let mut secrets = environment.objects.iter().filter(is_encrypted).peekable();
    if secrets.peek().is_none() {
        return;
    }
    let undecrypted = undecrypted_folders(environment);
    let has_plugin = applications(environment).any(|it| it.has_plugin());
    let applied_by_argo = match has_plugin {
        true => BTreeMap::new(),
        false => sync_options(environment),
    };
    for sourced in secrets {
        let id = sourced.object.id();
        let field = FieldPath::root().key("sops");
        if let Some(unit) = undecrypted.get(&sourced.folder) {
            let message = format!("{id} is encrypted, but {unit} has no `spec.decryption`");
            let help = "set `spec.flux.kustomization.decryption` in environment.yaml, or `spec.decryption` of the Flux Kustomization";
            faults.push(sourced, &field, message, help);
        } else if let Some((application, _)) = applied_by_argo.get(&sourced.folder) {
            let message = format!(
                "{id} is encrypted, but Argo CD does not decrypt what {application} applies"
            );
            let help = "create the Secret by an operator in the cluster, such as External Secrets";
            faults.push(sourced, &field, message, help);
        }
    }
}

/// A Secret that kustomize-controller refuses without decryption (`IsEncryptedSecret`).
fn is_encrypted_secret(object: &Object) -> bool {
    let decrypt = object.node.at_keys(&["metadata", "annotations", DECRYPT]);
    let is_disabled = decrypt.and_then(Node::as_str) == Some("disabled");
    object.kind() == "Secret"
        && object.api_version() == "v1"
        && object.node.get("sops").is_some()
        && !is_disabled
}

/// The folders that a Flux Kustomization without `spec.decryption` applies. The location of the tree in the repository is unknown, so
/// paths are matched by their end.
fn undecrypted_folders<'a>(
    environment: &'a EnvironmentObjects<'_>,
) -> BTreeMap<&'a TreePath, ObjectId> {
    let objects = environment.objects.iter().map(|it| &*it.object);
    let units = objects.filter(|it| {
        it.kind() == "Kustomization" && &*it.gvk().group == "kustomize.toolkit.fluxcd.io"
    });
    let units = units.filter(|it| it.node.at_keys(&["spec", "decryption"]).is_none());
    let folder = |unit: &'a Object| {
        let path = unit.node.at_keys(&["spec", "path"])?.as_str()?;
        environment.folder_of_path(path)
    };
    units
        .filter_map(|it| Some((folder(it)?, it.id())))
        .collect()
}
