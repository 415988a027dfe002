//! Reports overlays that belong to no environment.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, Diagnostics, Span, nearest};
use crate::kustomize::FILE_NAMES;
use crate::layout::{BASE, Folder};
use crate::load::{environments, misnamed_folder};
use crate::tree::{Entry, EntryKind, Files, TreePath, Walk, is_word, words};

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
    let texts = Texts::read(files, &folder);
    diagnostics.extend(texts.unread(&folder));
    if unused_folders.is_empty() {
        return;
    }
    let without_overlay = environments.iter().map(String::as_str).filter(|name| {
        let overlay = entries.iter().find(|it| *it.name == **name);
        overlay.is_none_or(|it| it.kind != EntryKind::Folder)
    });
    let without_overlay: Vec<&str> = without_overlay.collect();
    for entry in unused_folders {
        let path = folder.child(&entry.name);
        diagnostics.extend(unused_folder(
            &path,
            &texts.kustomizations,
            &without_overlay,
        ));
    }
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
            let fault = Diagnostic::error("unused-overlay", message).at(Span::of_file(path));
            fault.help(format!("did you mean `{overlays}/{similar}`?"))
        }
        None => {
            let fault = Diagnostic::warning("unused-overlay", message).at(Span::of_file(path));
            fault.help("name it after an environment, or remove it")
        }
    })
}

/// The YAML files of overlays.
#[derive(Default)]
struct Texts {
    kustomizations: Vec<(TreePath, String)>,
    /// The paths of all other YAML files.
    others: Vec<TreePath>,
    /// The words in all of them, which include the names of files.
    words: BTreeSet<Vec<u8>>,
}

impl Texts {
    /// Reads the YAML files below a folder, except those of charts.
    fn read(files: &dyn Files, folder: &TreePath) -> Texts {
        let mut texts = Texts::default();
        let mut folders = Walk::new(files, folder.clone());
        while let Some(current) = folders.next() {
            let entries = files.list(&current).unwrap_or_default();
            if entries.iter().any(|it| &*it.name == "Chart.yaml") {
                continue;
            }
            for entry in entries.iter().filter(|it| !it.name.starts_with('.')) {
                let path = current.child(&entry.name);
                match entry.kind {
                    EntryKind::Folder => folders.add(path),
                    EntryKind::File => texts.add(files, path),
                }
            }
        }
        texts
    }

    fn add(&mut self, files: &dyn Files, path: TreePath) {
        let is_kustomization = FILE_NAMES.contains(&path.name());
        let is_yaml = path.name().ends_with(".yaml") || path.name().ends_with(".yml");
        if !is_kustomization && !is_yaml {
            return;
        }
        let bytes = files.read(&path).unwrap_or_default();
        self.words.extend(words(&bytes).map(<[u8]>::to_vec));
        match is_kustomization {
            true => self
                .kustomizations
                .push((path, String::from_utf8_lossy(&bytes).into_owned())),
            false => self.others.push(path),
        }
    }

    /// The warnings for files whose name is in none of the texts, and for kustomizations outside of the folders of environments.
    fn unread(&self, overlays: &TreePath) -> Vec<Diagnostic> {
        let is_outside = |it: &&TreePath| it.parent().as_ref() == Some(overlays);
        let kustomizations = self.kustomizations.iter().map(|it| &it.0);
        // A name that is not a single word cannot be looked up.
        let is_named =
            |it: &&TreePath| !is_word(it.name()) || self.words.contains(it.name().as_bytes());
        let others = self.others.iter().filter(|it| !is_named(it));
        let unread = kustomizations.filter(is_outside).chain(others);
        let warning = |path: &TreePath| {
            let (reason, help) = match is_outside(&path) {
                true => (
                    "it is not in the folder of an environment",
                    format!("move it into `{overlays}/<environment>/`"),
                ),
                false => (
                    "no kustomization names it",
                    "list it under `resources` or `patches` of the kustomization, or remove it"
                        .to_string(),
                ),
            };
            let message = format!("`{path}` is not read: {reason}");
            let fault = Diagnostic::warning("unread-file", message).at(Span::of_file(path));
            fault.help(help)
        };
        unread.map(warning).collect()
    }
}
