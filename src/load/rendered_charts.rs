//! Finds the charts that rendered objects install.

use super::WorkspaceConfig;
use crate::chart::{Cache, ChartLocations, Charts, Lock, Pin};
use crate::diag::Diagnostics;
use crate::tree::Files;

/// The charts that rendered objects install. The objects contain the addresses of mirrors, but the lock contains those in the claims,
/// so each pin is added with both. Errors: an invalid lock.
pub fn rendered_charts<'a>(
    workspace: &WorkspaceConfig,
    files: &'a dyn Files,
    cache: Option<Cache>,
) -> Result<Charts<'a>, Diagnostics> {
    let lock = Lock::read(files)?;
    let mirrored = lock.pins.iter().map(|it| Pin {
        repository: workspace.mirrored(&it.repository),
        ..it.clone()
    });
    let lock = Lock::new(lock.pins.iter().cloned().chain(mirrored));
    let sources = workspace.sources.iter();
    let folders = sources.filter_map(|it| Some((it.prefix.clone(), it.folder.clone()?)));
    let locations = ChartLocations {
        copies: workspace.chart_copies.clone(),
        folders: folders.collect(),
    };
    Ok(Charts::new(files, cache, locations, lock))
}
