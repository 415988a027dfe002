//! All charts that are available in a workspace, including unused ones.

use pleach_yaml::Node;
use pleach_yaml::tree::{EntryKind, Tree, TreePath};

use super::{Charts, read_source, unpack};

/// A chart whose files are available.
#[derive(Clone, Debug)]
pub struct Available {
    /// The name of the chart in `Chart.yaml`.
    pub name: String,
    /// Its version, from `Chart.yaml` or the lock.
    pub version: String,
    /// The files of the chart, with paths relative to its folder.
    pub files: Tree,
}

impl Charts<'_> {
    /// The pinned charts whose archives are available, and those in folders listed in `pleach.yaml`, by name and version.
    pub fn available(&self) -> Vec<Available> {
        let pinned = self.lock.pins.iter().filter_map(|pin| {
            let archive = self.archive(pin).ok().flatten()?;
            Some(Available {
                name: pin.name.clone(),
                version: pin.version.clone(),
                files: unpack(&archive, &pin.title()).ok()?,
            })
        });
        let folders = self.locations.folders.iter().map(|it| &it.1);
        let sources = folders.flat_map(|it| self.sources(it));
        let mut all: Vec<Available> = pinned.chain(sources).collect();
        all.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        all.dedup_by(|a, b| (&a.name, &a.version) == (&b.name, &b.version));
        all
    }

    /// The charts whose source folders are in a folder.
    fn sources(&self, folder: &TreePath) -> Vec<Available> {
        let entries = self.files.list(folder).unwrap_or_default().into_iter();
        let folders = entries.filter(|it| it.kind == EntryKind::Folder);
        let charts = folders.filter_map(|it| {
            let files = read_source(self.files, &folder.child(&it.name)).ok()?;
            let chart = super::read_chart(&files, &folder.child(&it.name)).ok()?;
            let version = chart.metadata.get("version").and_then(Node::as_str)?;
            Some(Available {
                name: chart.name,
                version: version.to_string(),
                files,
            })
        });
        charts.collect()
    }

    /// The pins of the lock, in its order.
    pub fn pinned(&self) -> impl Iterator<Item = &super::Pin> {
        self.lock.pins.iter()
    }
}
