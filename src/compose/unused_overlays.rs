//! Overlays that belong to no environment.

use crate::diag::{Diagnostic, Diagnostics, Source, Span, nearest};
use crate::kustomize::FILE_NAMES;
use crate::layout::{BASE, Folder};
use crate::load::{environments, misnamed_folder};
use crate::tree::{Entry, EntryKind, Files, TreePath, Walk};

/// Warns about each folder of `overlays/` that belongs to no environment and that no other overlay refers to. An error if an
/// environment with a similar name has no overlay, because the objects that the overlay adds would be removed. Code:
/// `unused-overlay`.
pub(super) fn check(files: &dyn Files, into: &mut Diagnostics) {
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
        into.extend(misnamed_folder(files, overlays, name, &is_overlay));
    }
    let unused = entries.iter().filter(|it| {
        it.kind == EntryKind::Folder && !it.name.starts_with('.') && !is_environment(&it.name)
    });
    let unused: Vec<&Entry> = unused.collect();
    let loose = entries.iter().filter(|it| {
        let stem = it
            .name
            .rsplit_once('.')
            .filter(|it| ["yaml", "yml"].contains(&it.1));
        let is_overlay =
            stem.is_some_and(|it| is_environment(it.0)) || FILE_NAMES.contains(&&*it.name);
        it.kind == EntryKind::File && is_overlay
    });
    let loose: Vec<&Entry> = loose.collect();
    if unused.is_empty() && loose.is_empty() {
        return;
    }
    let kustomizations = kustomizations(files, &folder);
    for entry in loose {
        let path = folder.child(&entry.name);
        let mut others = kustomizations.iter().filter(|it| it.0 != path);
        if !others.any(|(_, text)| text.contains(&*entry.name)) {
            let message =
                format!("`{path}` is not read: it is not in the folder of an environment");
            let fault = Diagnostic::warning("unread-file", message);
            let fault = fault.at(Span::new(&Source::new(path.clone(), ""), 0..0));
            into.push(fault.help(format!("move it into `{overlays}/<environment>/`")));
        }
    }
    for entry in unused {
        let path = folder.child(&entry.name);
        let is_mentioned = |(place, text): &(TreePath, String)| {
            place.below(&path).is_none() && text.contains(&*entry.name)
        };
        if kustomizations.iter().any(is_mentioned) {
            continue;
        }
        let without = environments.iter().map(String::as_str).filter(|name| {
            let overlay = entries.iter().find(|it| *it.name == **name);
            overlay.is_none_or(|it| it.kind != EntryKind::Folder)
        });
        let message = format!(
            "`{path}` has no effect: environment `{}` does not exist",
            entry.name
        );
        into.push(match nearest(&entry.name, without) {
            Some(name) => Diagnostic::error("unused-overlay", message)
                .at(Span::new(&Source::new(path.clone(), ""), 0..0))
                .help(format!("did you mean `{overlays}/{name}`?")),
            None => Diagnostic::warning("unused-overlay", message)
                .at(Span::new(&Source::new(path.clone(), ""), 0..0))
                .help("name it after an environment, or remove it"),
        });
    }
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
