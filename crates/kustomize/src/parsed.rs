//! Files of resources that several builds over the same files have read: parsed once, and their text held once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pleach_yaml::diag::Diagnostics;
use pleach_yaml::tree::TreePath;

use super::resource::Resource;

/// So much text is kept parsed. Its values take many times as much memory.
// Comparing two revisions builds the same bases for many overlays, and memory must not grow with
// their number.
const BYTES_MAX: usize = 16 << 20;

/// What builds have parsed. Only what is read a second time is kept: most files belong to one kustomization.
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
    /// The resources of a file with these bytes. `parse` makes them where they are not kept.
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

    /// What is known of a file; `None` where it is requested the first time.
    fn find(&self, path: &TreePath, bytes: &Arc<[u8]>) -> Option<Option<Arc<Vec<Resource>>>> {
        // A panic in another thread leaves the map complete: entries are inserted whole.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = known.files.get(path) else {
            // Only noted: resources that are used once are moved into the build, not copied.
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
