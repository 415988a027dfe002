//! Reports links that are broken, lead out of the workspace, form cycles or lead to a folder that is already read, and names of files
//! that are not valid UTF-8.

use std::collections::BTreeMap;

use super::document::unreadable;
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::tree::{Files, FilesError, Recorded, TreePath, Unlisted};

/// Reports links that could not be followed and files that were skipped, in all accesses that `files` has recorded.
pub fn check_links(files: &Recorded<'_>, diagnostics: &mut Diagnostics) {
    let links: BTreeMap<TreePath, FilesError> = files
        .bad_links()
        .iter()
        .map(|(path, error)| (link(files, path), error.clone()))
        .collect();
    for (link, error) in links {
        let fault = unreadable(&link, &error);
        let is_reported = diagnostics.iter().any(|it| it.message == fault.message);
        if !is_reported {
            diagnostics.push(fault);
        }
    }
    diagnostics.extend(files.unlisted().iter().map(|(path, reason)| {
        match reason {
            Unlisted::Cycle => warning(
                path,
                format!("`{path}` links to one of its parent folders and is not followed"),
            ),
            Unlisted::NotUtf8 => Diagnostic::error(
                "unread-file",
                format!("`{path}` is not read: its name is not valid UTF-8"),
            )
            .at(Span::of_file(path))
            .help("rename it"),
            Unlisted::Submodule => Diagnostic::warning(
                "unread-file",
                format!("`{path}` is not read: the commit of this submodule is not available"),
            )
            .at(Span::of_file(path))
            .help("run `git submodule update --init`"),
        }
    }));
}

/// The link in a path that cannot be followed.
fn link(files: &dyn Files, path: &TreePath) -> TreePath {
    let mut link = TreePath::root();
    for part in path.parts() {
        link = link.child(part);
        if matches!(
            files.kind(&link),
            Err(FilesError::Outside | FilesError::BrokenLink)
        ) {
            break;
        }
    }
    link
}

/// The warning for a folder that is reached by two paths.
pub(super) fn repeated_folder(files: &dyn Files, path: &TreePath) -> Diagnostic {
    let real = files.real(path).unwrap_or_else(|_| path.clone());
    let message =
        format!("`{path}` links to `{real}`, which is already read; its files are read only once");
    warning(path, message)
}

fn warning(path: &TreePath, message: String) -> Diagnostic {
    let fault = Diagnostic::warning("unfollowed-link", message);
    fault.at(Span::of_file(path)).help("remove the link")
}
