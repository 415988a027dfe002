//! What is wrong with links: those that lead out of the workspace, in circles, or to what is read already.

use std::collections::BTreeSet;

use super::document::unreadable;
use crate::diag::{Diagnostic, Diagnostics, Source, Span};
use crate::tree::{Files, FilesError, Recorded, TreePath};

/// Says which links were met that are not followed. `files` have recorded all that was asked for.
pub fn check_links(files: &Recorded<'_>, diagnostics: &mut Diagnostics) {
    let outside = files.outside();
    let links: BTreeSet<TreePath> = outside.iter().map(|it| link(files, it)).collect();
    for link in links {
        let fault = unreadable(&link, &FilesError::Outside);
        let is_known = diagnostics.iter().any(|it| it.message == fault.message);
        if !is_known {
            diagnostics.push(fault);
        }
    }
    diagnostics.extend(files.cycles().iter().map(|link| {
        let message = format!("`{link}` leads back to a folder that it is in, and is not followed");
        warning(link, message)
    }));
}

/// The first part of a path that leads out: the link.
fn link(files: &dyn Files, path: &TreePath) -> TreePath {
    let mut link = TreePath::root();
    for part in path.parts() {
        link = link.child(part);
        if files.kind(&link) == Err(FilesError::Outside) {
            break;
        }
    }
    link
}

/// A folder that is reached a second time.
pub(super) fn repeated(files: &dyn Files, path: &TreePath) -> Diagnostic {
    let real = files.real(path).unwrap_or_else(|_| path.clone());
    let message =
        format!("`{path}` leads to `{real}`, which is read already: its files are read once");
    warning(path, message)
}

fn warning(path: &TreePath, message: String) -> Diagnostic {
    let place = Span::new(&Source::new(path.clone(), ""), 0..0);
    let fault = Diagnostic::warning("unfollowed-link", message);
    fault.at(place).help("remove the link")
}
