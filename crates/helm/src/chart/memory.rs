//! A cache of unpacked archives, by digest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::source::LoadedChart;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::tree::Tree;

/// The maximum size of cached files. If it is exceeded, the cache is cleared.
const BYTES_MAX: usize = 64 << 20;

/// The cache, shared by clones.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    trees: BTreeMap<String, Tree>,
    /// Loaded charts, by digest and whether Helm 3 loads them.
    charts: BTreeMap<(String, bool), Arc<LoadedChart>>,
    bytes: usize,
}

impl Kept {
    /// Makes room for a tree or a chart of this size.
    fn reserve(&mut self, bytes: usize) {
        if self.bytes + bytes > BYTES_MAX {
            *self = Kept::default();
        }
        self.bytes += bytes;
    }
}

impl Memory {
    /// The files of an archive. Invalid archives are not cached.
    pub(super) fn tree(
        &self,
        digest: &str,
        unpack: impl FnOnce() -> Result<Tree, Diagnostic>,
    ) -> Result<Tree, Diagnostic> {
        if let Some(known) = self.kept().trees.get(digest) {
            return Ok(known.clone());
        }
        let tree = unpack()?;
        let mut kept = self.kept();
        kept.reserve(size(&tree));
        kept.trees.insert(digest.to_string(), tree.clone());
        Ok(tree)
    }

    /// The chart of an archive. Charts that cannot be loaded are not cached.
    pub(super) fn chart(
        &self,
        digest: &str,
        by_helm_3: bool,
        load: impl FnOnce() -> Result<LoadedChart, Diagnostic>,
    ) -> Result<Arc<LoadedChart>, Diagnostic> {
        let key = (digest.to_string(), by_helm_3);
        if let Some(known) = self.kept().charts.get(&key) {
            return Ok(known.clone());
        }
        let chart = Arc::new(load()?);
        let mut kept = self.kept();
        // It contains a copy of the files.
        let bytes = kept.trees.get(digest).map_or(0, size);
        kept.reserve(bytes);
        kept.charts.insert(key, chart.clone());
        Ok(chart)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
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
        let memory = Memory::default();
        let mut count = 0;
        for _ in 0..3 {
            let tree = memory.tree("sha256:a", || {
                count += 1;
                let mut tree = Tree::new();
                tree.insert(TreePath::root().child("a"), &b"b"[..]);
                Ok(tree)
            });
            assert_eq!(tree.unwrap().iter().count(), 1);
        }
        assert_eq!(count, 1);
        let fault = || Err(Diagnostic::error("invalid-chart", "broken"));
        assert!(memory.tree("sha256:b", fault).is_err());
        assert!(memory.tree("sha256:b", || Ok(Tree::new())).is_ok());
    }
}
