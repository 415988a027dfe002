#![allow(
    clippy::disallowed_methods,
    reason = "where a user's caches lie is told by the environment"
)]
//! Where pulled charts lie, outside any workspace.

use std::path::PathBuf;
use std::sync::Arc;

use super::Global;
use crate::chart::Cache;
use crate::disk::Folder;

/// The folder: `--cache`, else `pleach` below the user's folder for caches. `None` where the system names none.
pub(super) fn folder(global: &Global) -> Option<PathBuf> {
    if let Some(folder) = &global.cache {
        return Some(folder.clone());
    }
    let named = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty());
    let home = || Some(PathBuf::from(named("HOME")?).join(".cache"));
    let caches = named("XDG_CACHE_HOME").map(PathBuf::from);
    let caches = caches.filter(|it| it.is_absolute()).or_else(home);
    let caches = caches.or_else(|| named("LOCALAPPDATA").map(PathBuf::from));
    caches.map(|it| it.join("pleach"))
}

/// The cache, if anything was ever put there.
pub(super) fn open(global: &Global) -> Option<Cache> {
    let folder = Folder::open(&folder(global)?).ok()?;
    Some(Cache(Arc::new(folder)))
}
