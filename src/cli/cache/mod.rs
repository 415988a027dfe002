#![allow(
    clippy::disallowed_methods,
    reason = "the environment says where caches are"
)]
//! What lies outside any workspace: pulled charts, what runs remember, and the credentials that Docker, Helm and AWS's tools keep.

mod shared;

pub(super) use shared::{Shared, SharedFlags, SharedRun};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Global;
use pleach::chart::Cache;
use pleach::disk::{Folder, Memory};
use pleach::fetch::{CredentialFiles, S3Access, S3Keys};

/// The folder: `--cache`, else `pleach` below the user's folder for caches. `None` where the system names none.
pub(super) fn folder(global: &Global) -> Option<PathBuf> {
    if let Some(folder) = &global.cache {
        return Some(folder.clone());
    }
    let caches = named("XDG_CACHE_HOME").filter(|it| it.is_absolute());
    let caches = caches.or_else(|| Some(home()?.join(".cache")));
    let caches = caches.or_else(|| named("LOCALAPPDATA"));
    caches.map(|it| it.join("pleach"))
}

/// Where Docker and Helm keep credentials.
pub(super) fn credentials() -> CredentialFiles {
    let below = |folder: Option<PathBuf>, path: &str| folder.map(|it| it.join(path));
    let docker = named("DOCKER_CONFIG").or_else(|| below(home(), ".docker"));
    let helm = || named("HELM_CONFIG_HOME").or_else(|| Some(configs()?.join("helm")));
    let registry = named("HELM_REGISTRY_CONFIG").or_else(|| below(helm(), "registry/config.json"));
    let registries = [registry, below(docker, "config.json")];
    CredentialFiles {
        registries: registries.into_iter().flatten().collect(),
        repositories: named("HELM_REPOSITORY_CONFIG")
            .or_else(|| below(helm(), "repositories.yaml")),
    }
}

/// How S3 is reached, by the variables that AWS's own tools read.
fn s3() -> S3Access {
    let text = |name: &str| named(name)?.into_os_string().into_string().ok();
    let keys = text("AWS_ACCESS_KEY_ID").zip(text("AWS_SECRET_ACCESS_KEY"));
    S3Access {
        keys: keys.map(|(id, secret)| S3Keys {
            id,
            secret,
            token: text("AWS_SESSION_TOKEN"),
        }),
        region: text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION")),
        endpoint: text("AWS_ENDPOINT_URL_S3").or_else(|| text("AWS_ENDPOINT_URL")),
    }
}

/// Where programs keep what a user sets.
fn configs() -> Option<PathBuf> {
    let system = match cfg!(target_os = "macos") {
        true => home().map(|it| it.join("Library/Preferences")),
        false => home().map(|it| it.join(".config")),
    };
    named("XDG_CONFIG_HOME").or(named("APPDATA")).or(system)
}

fn home() -> Option<PathBuf> {
    named("HOME").or_else(|| named("USERPROFILE"))
}

fn named(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|it| !it.is_empty());
    value.map(PathBuf::from)
}

/// The cache, if anything was ever put there.
pub(super) fn open(global: &Global) -> Option<Cache> {
    let folder = Folder::open(&folder(global)?).ok()?;
    Some(Cache::new(Arc::new(folder)))
}

/// What comparisons remember of a repository; `None` where the system names no folder for caches.
pub(super) fn memory(global: &Global, repository: &Path) -> Option<Memory> {
    let folder = folder(global)?.join("words");
    Some(Memory::new(&folder, repository))
}
