//! Access of the sync engine to private repositories.

use super::intent::Intent;
use crate::load::WorkspaceConfig;
use crate::yaml::Mapping;

/// The access settings for an address: each one of the intent or, if it is not set there, that of the longest matching prefix in
/// `pleach.yaml`.
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
