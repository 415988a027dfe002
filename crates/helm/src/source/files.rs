//! The files of a chart in Helm's order: for a folder that of `filepath.Walk`, for an archive that of its entries.

use std::sync::Arc;

use pleach_yaml::diag::Diagnostic;
use pleach_yaml::tree::{Files, TreePath};

use super::ChartFile;
use crate::chart::{read_source, unpack_in_order};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The files of a chart's folder, without what `.helmignore` excludes.
///
/// Errors: `unreadable-file`, and `invalid-chart` for a pattern that Helm rejects.
pub fn folder_files(files: &dyn Files, folder: &TreePath) -> Result<Vec<ChartFile>, Diagnostic> {
    let tree = read_source(files, folder)?;
    let mut found: Vec<ChartFile> = tree
        .iter()
        .map(|(path, bytes)| chart_file(path.as_str(), bytes.clone()))
        .collect();
    // `filepath.Walk` sorts the names within a folder, so `a/x` comes before `a-b`.
    found.sort_by(|a, b| a.name.split('/').cmp(b.name.split('/')));
    Ok(found)
}

/// The files of a chart's archive. `title` is its name in messages. Errors: as for [`unpack`](crate::chart::unpack).
pub fn archive_files(bytes: &[u8], title: &str) -> Result<Vec<ChartFile>, Diagnostic> {
    let files = unpack_in_order(bytes, title)?;
    let file = |(path, bytes): (TreePath, Vec<u8>)| chart_file(path.as_str(), bytes.into());
    Ok(files.into_iter().map(file).collect())
}

fn chart_file(name: &str, data: Arc<[u8]>) -> ChartFile {
    let data = match data.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest.into(),
        None => data,
    };
    ChartFile {
        name: name.to_string(),
        data,
    }
}
