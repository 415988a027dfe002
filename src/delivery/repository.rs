//! Where charts and manifests come from: the workspace's mirrors, and access to private repositories.

use super::intent::Intent;
use crate::load::Workspace;
use crate::yaml::Mapping;

/// The address in the workspace's mirror with the longest fitting prefix, or itself.
pub(super) fn mirrored(address: &str, workspace: &Workspace) -> String {
    let fitting = workspace.mirrors.iter().filter_map(|it| {
        let rest = address.strip_prefix(it.prefix.as_str())?;
        Some((it, rest))
    });
    match fitting.max_by_key(|(it, _)| it.prefix.len()) {
        Some((it, rest)) => format!("{}{rest}", it.mirror),
        None => address.to_string(),
    }
}

/// The intent's own access, else what `pleach.yaml` says for the longest prefix of the address.
pub(super) fn access(intent: &Intent<'_>, workspace: &Workspace, address: &str) -> Mapping {
    let fitting = workspace
        .sources
        .iter()
        .filter(|it| address.starts_with(&it.prefix));
    let configured = fitting
        .max_by_key(|it| it.prefix.len())
        .map(|it| &it.access);
    let mut access = Mapping::new();
    for key in ["secretRef", "certSecretRef", "insecure"] {
        if let Some(value) = intent
            .field(&[key])
            .or(configured.and_then(|it| it.get(key)))
        {
            access.insert(key, value.clone());
        }
    }
    access
}
