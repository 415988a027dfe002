//! Reads folders and Git revisions, and executes plans; the only module that accesses files.
//!
//! It does not know what files mean and makes no decisions: `emit` decides which files are written or removed.
#![allow(
    clippy::disallowed_methods,
    reason = "only this module touches the file system"
)]

mod apply;
mod error;
mod folder;
mod git;
mod inputs;
mod links;
mod memory;
mod output;
mod portable;
mod checksum;
mod search;
mod path_state;
mod stamp;
mod work_tree;

pub use apply::{
    Lock, Summary, apply, make_folder, remove, remove_leftovers, store, store_executable,
    store_private,
};
pub use error::DiskError;
pub use folder::Folder;
pub use git::{
    GITMODULES, Index, Repository, Revision, StagedFile, fetch, submodule_commit, submodules,
};
pub use inputs::{CachedInputs, Inputs};
pub use links::refuse_links;
pub use memory::Memory;
pub use output::read_output;
pub use portable::Portable;
pub use search::{folders_with, remove_empty};
pub use stamp::{Difference, Stamp, StartTime, difference, unchanged};
pub use work_tree::WorkTree;

use std::fs;
use std::path::{Path, PathBuf};

use crate::tree::{EntryKind, Files, FilesError, Tree, TreePath, Walk};

/// The maximum size of a file. For comparison: etcd accepts objects of 1.5 MiB, and charts may have 100 MiB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The longest path that is followed through links, as in Linux.
const PATH_BYTES_MAX: usize = 4_096;

/// The maximum number of listed folders of a revision, because a few small Git objects can represent any number of folders.
const FOLDERS_MAX: usize = 20_000;

fn too_large() -> FilesError {
    let megabytes = FILE_BYTES_MAX >> 20;
    FilesError::Other(format!("the file is larger than {megabytes} MiB"))
}

/// The nearest folder, from `start` upwards, that contains a file with this name.
pub fn find_upwards(start: &Path, name: &str) -> Option<PathBuf> {
    let start = std::path::absolute(start).ok()?;
    let mut folders = start.ancestors();
    folders
        // A broken link counts, because reading it reports the error.
        .find(|folder| fs::symlink_metadata(folder.join(name)).is_ok_and(|it| !it.is_dir()))
        .map(Path::to_path_buf)
}

/// All files below a folder of `files`, except dot files, with paths relative to it. A folder with several links to it is read
/// once.
pub fn read(files: &dyn Files, folder: &TreePath) -> Result<Tree, (TreePath, FilesError)> {
    let mut tree = Tree::new();
    let mut open = Walk::new(files, folder.clone());
    while let Some(folder_path) = open.next() {
        let entries = files.list(&folder_path);
        for entry in entries.map_err(|error| (folder_path.clone(), error))? {
            let path = folder_path.child(&entry.name);
            match entry.kind {
                _ if entry.name.starts_with('.') => {}
                EntryKind::Folder => open.add(path),
                EntryKind::File => {
                    let bytes = files.read(&path).map_err(|error| (path.clone(), error))?;
                    tree.insert(path.below(folder).unwrap_or(path), bytes);
                }
            }
        }
    }
    Ok(tree)
}
