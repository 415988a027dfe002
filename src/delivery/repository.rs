//! Access of the sync engine to private repositories.

use super::intent::Intent;
use crate::load::WorkspaceConfig;
use crate::yaml::Mapping;

/// The access settings of the intent, or those in `pleach.yaml` for the longest matching prefix.
pub(crate) fn access(intent: &Intent<'_>, workspace: &WorkspaceConfig, address: &str) -> Mapping {
    let configured = workspace.source(address).map(|it| &it.access);
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
