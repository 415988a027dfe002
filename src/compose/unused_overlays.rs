//! Reports overlays that belong to no environment.

use crate::diag::{Diagnostic, Diagnostics, Source, Span, nearest};
use crate::kustomize::FILE_NAMES;
use crate::layout::{BASE, Folder};
use crate::load::{environments, misnamed_folder};
use crate::tree::{Entry, EntryKind, Files, TreePath, Walk};

/// Reports folders and files of `overlays/` that belong to no environment and that no other overlay refers to. Codes:
/// `unused-overlay`, `unread-file`, and that of a misspelled folder `overlays/`.
pub(super) fn check(files: &dyn Files, diagnostics: &mut Diagnostics) {
    let environments = environments(files);
    let overlays = Folder::Overlays.name();
    let folder = Folder::Overlays.path();
    let entries = files.list(&folder).unwrap_or_default();
    let is_environment = |name: &str| name == BASE || environments.iter().any(|it| it == name);
    for name in ["Overlays", "overlay", "Overlay"] {
        let is_overlay = |folder: &TreePath, entry: &Entry| {
            let folder = folder.child(&entry.name);
            let mut names = FILE_NAMES.iter();
            let is_file =
                |it: &&str| matches!(files.kind(&folder.child(it)), Ok(Some(EntryKind::File)));
            is_environment(&entry.name) && names.any(is_file)
        };
        diagnostics.extend(misnamed_folder(files, overlays, name, &is_overlay));
    }
    let unused_folders = entries.iter().filter(|it| {
        it.kind == EntryKind::Folder && !it.name.starts_with('.') && !is_environment(&it.name)
    });
    let unused_folders: Vec<&Entry> = unused_folders.collect();
    let misplaced_files = entries.iter().filter(|it| {
        let stem = it
            .name
            .rsplit_once('.')
            .filter(|it| ["yaml", "yml"].contains(&it.1));
        let is_overlay =
            stem.is_some_and(|it| is_environment(it.0)) || FILE_NAMES.contains(&&*it.name);
        it.kind == EntryKind::File && is_overlay
    });
    let misplaced_files: Vec<&Entry> = misplaced_files.collect();
    if unused_folders.is_empty() && misplaced_files.is_empty() {
        return;
    }
    let kustomizations = kustomizations(files, &folder);
    for entry in misplaced_files {
        diagnostics.extend(misplaced_file(&folder.child(&entry.name), &kustomizations));
    }
    let without_overlay = environments.iter().map(String::as_str).filter(|name| {
        let overlay = entries.iter().find(|it| *it.name == **name);
        overlay.is_none_or(|it| it.kind != EntryKind::Folder)
    });
    let without_overlay: Vec<&str> = without_overlay.collect();
    for entry in unused_folders {
        let path = folder.child(&entry.name);
        diagnostics.extend(unused_folder(&path, &kustomizations, &without_overlay));
    }
}

/// The warning for an overlay file next to the folders of overlays; `None` if a kustomization contains its name.
fn misplaced_file(path: &TreePath, kustomizations: &[(TreePath, String)]) -> Option<Diagnostic> {
    let mut others = kustomizations.iter().filter(|it| it.0 != *path);
    if others.any(|(_, text)| text.contains(path.name())) {
        return None;
    }
    let message = format!("`{path}` is not read: it is not in the folder of an environment");
    let fault = Diagnostic::warning("unread-file", message).at(start_of(path));
    let overlays = Folder::Overlays.name();
    Some(fault.help(format!("move it into `{overlays}/<environment>/`")))
}

/// The diagnostic for a folder that belongs to no environment; `None` if a kustomization outside of it contains its name. It is an
/// error if an environment with a similar name has no overlay, because the objects that the overlay adds would be removed.
fn unused_folder(
    path: &TreePath,
    kustomizations: &[(TreePath, String)],
    without_overlay: &[&str],
) -> Option<Diagnostic> {
    let name = path.name();
    let mut others = kustomizations
        .iter()
        .filter(|it| it.0.below(path).is_none());
    if others.any(|(_, text)| text.contains(name)) {
        return None;
    }
    let message = format!("`{path}` has no effect: environment `{name}` does not exist");
    Some(match nearest(name, without_overlay.iter().copied()) {
        Some(similar) => {
            let overlays = Folder::Overlays.name();
            let fault = Diagnostic::error("unused-overlay", message).at(start_of(path));
            fault.help(format!("did you mean `{overlays}/{similar}`?"))
        }
        None => {
            let fault = Diagnostic::warning("unused-overlay", message).at(start_of(path));
            fault.help("name it after an environment, or remove it")
        }
    })
}

fn start_of(path: &TreePath) -> Span {
    Span::new(&Source::new(path.clone(), ""), 0..0)
}

/// All kustomization files below a folder, with their text.
fn kustomizations(files: &dyn Files, folder: &TreePath) -> Vec<(TreePath, String)> {
    let mut found = Vec::new();
    let mut folders = Walk::new(files, folder.clone());
    while let Some(current) = folders.next() {
        for entry in files.list(&current).unwrap_or_default() {
            let path = current.child(&entry.name);
            match entry.kind {
                EntryKind::Folder => folders.add(path),
                EntryKind::File if FILE_NAMES.contains(&&*entry.name) => {
                    let bytes = files.read(&path).unwrap_or_default();
                    found.push((path, String::from_utf8_lossy(&bytes).into_owned()));
                }
                EntryKind::File => {}
            }
        }
    }
    found
}
