#![allow(
    clippy::disallowed_methods,
    reason = "the environment says where caches are"
)]
//! Data outside of workspaces: pulled charts, records of runs, and the stored credentials of Docker, Helm and AWS.

mod shared;

pub(super) use shared::{Shared, SharedFlags, SharedRun};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Global;
use pleach::chart::Cache;
use pleach::disk::{Folder, Memory};
use pleach::fetch::{CredentialFiles, S3Access, S3Keys};

/// The cache folder: `--cache`, or else `pleach` in the user's cache folder. `None` if the system has none.
pub(super) fn folder(global: &Global) -> Option<PathBuf> {
    if let Some(folder) = &global.cache {
        return Some(folder.clone());
    }
    let caches = named("XDG_CACHE_HOME").filter(|it| it.is_absolute());
    let caches = caches.or_else(|| Some(home()?.join(".cache")));
    let caches = caches.or_else(|| named("LOCALAPPDATA"));
    caches.map(|it| it.join("pleach"))
}

/// The version, size and time of this program, which show that it was replaced without reading it.
pub(super) fn program_state() -> Option<String> {
    let metadata = std::env::current_exe().ok()?.metadata().ok()?;
    let (size, modified) = (metadata.len(), metadata.modified().ok()?);
    Some(format!("{} {size} {modified:?}", env!("CARGO_PKG_VERSION")))
}

/// The credential files of Docker and Helm.
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

/// The settings for S3, from the environment variables of the AWS tools.
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

/// The user's configuration folder.
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

/// The cache, if it exists.
pub(super) fn open(global: &Global) -> Option<Cache> {
    let folder = Folder::open(&folder(global)?).ok()?;
    Some(Cache::new(Arc::new(folder)))
}

/// The cache of comparisons in a repository; `None` if the system has no cache folder.
pub(super) fn memory(global: &Global, repository: &Path) -> Option<Memory> {
    let folder = folder(global)?.join("words");
    Some(Memory::new(&folder, repository))
}
