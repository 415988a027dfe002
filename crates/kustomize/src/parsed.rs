//! A cache of parsed resource files, for several builds over the same files.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pleach_yaml::diag::Diagnostics;
use pleach_yaml::tree::TreePath;

use super::resource::Resource;

/// The maximum total size of cached files. Their values need several times as much memory.
// Comparing two revisions builds the same bases for many overlays, and memory must not grow with
// their number.
const BYTES_MAX: usize = 16 << 20;

/// A cache of parsed files. Only files that are read a second time are kept, because most files belong to one kustomization.
#[derive(Default)]
pub struct ParsedFiles {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    files: BTreeMap<TreePath, Option<Parsed>>,
    bytes: usize,
}

struct Parsed {
    bytes: Arc<[u8]>,
    resources: Arc<Vec<Resource>>,
}

impl std::fmt::Debug for ParsedFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ParsedFiles")
    }
}

impl ParsedFiles {
    /// The resources of a file with these bytes. If they are not cached, `parse` is called.
    pub(super) fn resources(
        &self,
        path: &TreePath,
        bytes: &Arc<[u8]>,
        parse: impl FnOnce() -> Result<Vec<Resource>, Diagnostics>,
    ) -> Result<Vec<Resource>, Diagnostics> {
        let is_first = match self.find(path, bytes) {
            Some(Some(resources)) => return Ok(resources.to_vec()),
            Some(None) => false,
            None => true,
        };
        let resources = parse()?;
        if !is_first {
            self.keep(path, bytes, &resources);
        }
        Ok(resources)
    }

    /// The cache entry of a file; `None` if it is requested for the first time.
    fn find(&self, path: &TreePath, bytes: &Arc<[u8]>) -> Option<Option<Arc<Vec<Resource>>>> {
        // A panic in another thread does not corrupt the map, because entries are inserted complete.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = known.files.get(path) else {
            // Resources that are used once are moved into the build instead of copied.
            known.files.insert(path.clone(), None);
            return None;
        };
        let is_same = |it: &&Parsed| Arc::ptr_eq(&it.bytes, bytes) || it.bytes == *bytes;
        let found = found.as_ref().filter(is_same);
        Some(found.map(|it| it.resources.clone()))
    }

    fn keep(&self, path: &TreePath, bytes: &Arc<[u8]>, resources: &[Resource]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let all = known.bytes + bytes.len();
        if all <= BYTES_MAX {
            known.bytes = all;
            let parsed = Parsed {
                bytes: bytes.clone(),
                resources: Arc::new(resources.to_vec()),
            };
            known.files.insert(path.clone(), Some(parsed));
        }
    }
}
