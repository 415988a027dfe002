//! Chart archives: gzipped tar files with one folder in them, read in memory and within limits.

use std::io::Read;

use crate::diag::Diagnostic;
use crate::tree::{Tree, TreePath};

/// What an archive may hold at most. Helm's own limits, and one on the number of files.
const FILES_MAX: usize = 20_000;
const FILE_BYTES_MAX: u64 = 5 << 20;
const BYTES_MAX: u64 = 100 << 20;

/// Reads an archive to the files below its one folder. `name` is what messages call it.
///
/// Errors: `invalid-chart` for what is no archive, for links, for paths that lead out of it, and for one that is too large.
pub fn unpack(bytes: &[u8], name: &str) -> Result<Tree, Diagnostic> {
    let refused = |words: &str| {
        let fault = Diagnostic::error("invalid-chart", format!("`{name}` {words}"));
        fault.help("a chart archive is what `helm package` or `pleach publish chart -o` makes")
    };
    let broken = |error: std::io::Error| refused(&format!("can't be unpacked: {error}"));
    // One byte more than is allowed tells an archive that is too large from one that is just not.
    let unzipped = flate2::read::MultiGzDecoder::new(bytes).take(BYTES_MAX + 1);
    let mut archive = tar::Archive::new(unzipped);
    let (mut tree, mut total) = (Tree::new(), 0);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let written = entry.path_bytes().into_owned();
        let shown = String::from_utf8_lossy(&written).into_owned();
        if !kind.is_file() {
            return Err(refused(&format!("holds `{shown}`, which is no plain file")));
        }
        let path = inner_path(&shown)
            .filter(|_| std::str::from_utf8(&written).is_ok())
            .ok_or_else(|| {
                refused(&format!(
                    "holds the path `{shown}`, which leads out of its folder"
                ))
            })?;
        total += entry.size();
        if entry.size() > FILE_BYTES_MAX || total > BYTES_MAX || tree.len() >= FILES_MAX {
            return Err(refused("is too large for a chart"));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(broken)?;
        tree.insert(path, content);
    }
    match tree.is_empty() {
        true => Err(refused("holds no files")),
        false => Ok(tree),
    }
}

/// The path without the archive's one folder. `None` where it leads elsewhere.
fn inner_path(written: &str) -> Option<TreePath> {
    let written = written.trim_start_matches("./");
    let is_foreign = written.starts_with('/')
        || written.contains('\\')
        || written.split('/').any(|part| part == "..");
    let (_, inner) = written.split_once('/').filter(|_| !is_foreign)?;
    TreePath::new(inner).filter(|path| *path != TreePath::root())
}
