//! A cache in memory of unpacked archives and loaded charts, by digest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::HelmVersion;
use crate::source::LoadedChart;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::tree::Tree;

/// The maximum size of cached files. The cache is cleared before it would be exceeded.
const BYTES_MAX: usize = 64 << 20;

/// The cache, shared by clones.
#[derive(Clone, Default)]
pub(super) struct MemoryCache(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    trees: BTreeMap<String, Tree>,
    /// Loaded charts, by digest and the version of Helm whose loader was reproduced.
    charts: BTreeMap<(String, HelmVersion), Arc<LoadedChart>>,
    bytes: usize,
}

impl Entries {
    /// Accounts for a new entry of this size, and clears the cache if it would become too large.
    fn reserve(&mut self, bytes: usize) {
        if self.bytes + bytes > BYTES_MAX {
            *self = Entries::default();
        }
        self.bytes += bytes;
    }
}

impl MemoryCache {
    /// The files of an archive. Invalid archives are not cached.
    pub(super) fn tree(
        &self,
        digest: &str,
        unpack: impl FnOnce() -> Result<Tree, Diagnostic>,
    ) -> Result<Tree, Diagnostic> {
        if let Some(cached) = self.lock().trees.get(digest) {
            return Ok(cached.clone());
        }
        let tree = unpack()?;
        let mut entries = self.lock();
        entries.reserve(size(&tree));
        entries.trees.insert(digest.to_string(), tree.clone());
        Ok(tree)
    }

    /// The chart of an archive. Charts that cannot be loaded are not cached.
    pub(super) fn chart(
        &self,
        digest: &str,
        version: HelmVersion,
        load: impl FnOnce() -> Result<LoadedChart, Diagnostic>,
    ) -> Result<Arc<LoadedChart>, Diagnostic> {
        let key = (digest.to_string(), version);
        if let Some(cached) = self.lock().charts.get(&key) {
            return Ok(cached.clone());
        }
        let chart = Arc::new(load()?);
        let mut entries = self.lock();
        // A loaded chart contains a copy of the files.
        let bytes = entries.trees.get(digest).map_or(0, size);
        entries.reserve(bytes);
        entries.charts.insert(key, chart.clone());
        Ok(chart)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(tree: &Tree) -> usize {
    tree.iter().map(|it| it.1.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_yaml::tree::TreePath;

    #[test]
    fn an_archive_is_unpacked_once() {
        let cache = MemoryCache::default();
        let mut count = 0;
        for _ in 0..3 {
            let tree = cache.tree("sha256:a", || {
                count += 1;
                let mut tree = Tree::new();
                tree.insert(TreePath::root().child("a"), &b"b"[..]);
                Ok(tree)
            });
            assert_eq!(tree.unwrap().iter().count(), 1);
        }
        assert_eq!(count, 1);
        let fault = || Err(Diagnostic::error("invalid-chart", "broken"));
        assert!(cache.tree("sha256:b", fault).is_err());
        assert!(cache.tree("sha256:b", || Ok(Tree::new())).is_ok());
    }
}
