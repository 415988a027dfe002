//! Files and folders that look like input but are not read because of their name or place.

use std::collections::BTreeMap;

use memchr::memmem;

use crate::diag::{Diagnostic, Diagnostics, Source, Span};
use crate::layout::{ENVIRONMENT, Folder, KIND, WORKSPACE};
use crate::tree::{Entry, EntryKind, Files, TreePath};

fn place(path: &TreePath) -> Span {
    Span::new(&Source::new(path.clone(), ""), 0..0)
}

/// A file whose extension is `.yaml` or `.yml` with upper-case letters. Error: `unread-file`.
pub(super) fn wrong_extension(path: &TreePath) -> Option<Diagnostic> {
    let (stem, extension) = path.name().rsplit_once('.')?;
    let lower = extension.to_ascii_lowercase();
    if lower == extension || !is_yaml(&lower) {
        return None;
    }
    let message = format!("`{path}` is not read: its extension is `.{extension}`");
    let fault = Diagnostic::error("unread-file", message).at(place(path));
    Some(fault.help(format!("rename it to `{stem}.{lower}`")))
}

/// A folder of a kind whose `kind.yaml` has another name. Error: `unread-file`.
pub(super) fn wrong_kind_file(folder: &TreePath, entries: &[Entry]) -> Option<Diagnostic> {
    let is_kind_file = |it: &&Entry| {
        let name = it.name.to_ascii_lowercase();
        it.kind == EntryKind::File && ["kind.yaml", "kind.yml"].contains(&&*name)
    };
    let entry = entries.iter().find(is_kind_file)?;
    let path = folder.child(&entry.name);
    let message = format!(
        "`{path}` is not read: a claim kind is defined in `{}`",
        KIND
    );
    let fault = Diagnostic::error("unread-file", message).at(place(&path));
    Some(fault.help(format!("rename it to `{}`", KIND)))
}

/// A file of an environment whose name is similar to `environment.yaml`. Error: `unread-file`.
pub(super) fn wrong_environment_file(path: &TreePath) -> Option<Diagnostic> {
    let name = path.name().to_ascii_lowercase();
    if !["environment.yaml", "environment.yml"].contains(&&*name) {
        return None;
    }
    let right = ENVIRONMENT;
    let message = format!("`{path}` is not read: an environment is defined in `{right}`");
    let fault = Diagnostic::error("unread-file", message).at(place(path));
    Some(fault.help(format!("rename it to `{right}`")))
}

/// A JSON file that contains a claim. Error: `unread-file`.
pub(super) fn json_claim(files: &dyn Files, path: &TreePath) -> Option<Diagnostic> {
    let stem = path.name().strip_suffix(".json")?;
    let bytes = files.read(path).ok()?;
    let has = |word: &str| memmem::find(&bytes, word.as_bytes()).is_some();
    if !(has("\"apiVersion\"") && has("\"kind\"")) {
        return None;
    }
    let message = format!("`{path}` is not read: claims are files that end in `.yaml` or `.yml`");
    let fault = Diagnostic::error("unread-file", message).at(place(path));
    Some(fault.help(format!("rename it to `{stem}.yaml`; JSON is YAML too")))
}

/// The folders at the top of a workspace, and common misspellings.
const FOLDERS: [(Folder, &str, [&str; 3]); 2] = [
    (
        Folder::Environments,
        ENVIRONMENT,
        ["Environments", "environment", "Environment"],
    ),
    (
        Folder::Templates,
        KIND,
        ["Templates", "template", "Template"],
    ),
];

/// Files and folders next to `pleach.yaml` whose names are similar to those that are read. They are looked up one by one, because
/// listing the folder would make everything depend on each file in it. Warnings: `unread-file`.
pub(super) fn check_root(files: &dyn Files, into: &mut Diagnostics) {
    let root = TreePath::root();
    let file = root.child("pleach.yml");
    if matches!(files.kind(&file), Ok(Some(EntryKind::File))) {
        let message = format!("`{file}` is not read: a workspace is configured in `{WORKSPACE}`");
        let fault = Diagnostic::warning("unread-file", message).at(place(&file));
        into.push(fault.help("move its settings into `pleach.yaml`, or remove it"));
    }
    for (right, file, wrong) in FOLDERS {
        for name in wrong {
            let contains = |folder: &TreePath, entry: &Entry| {
                let path = folder.child(&entry.name).child(file);
                entry.kind == EntryKind::Folder
                    && matches!(files.kind(&path), Ok(Some(EntryKind::File)))
            };
            into.extend(misnamed_folder(files, right.name(), name, &contains));
        }
    }
}

/// A folder at the top of a workspace whose name is similar to one that is read, if it contains a fitting entry. Warning:
/// `unread-file`.
pub fn misnamed_folder(
    files: &dyn Files,
    right: &str,
    name: &str,
    belongs: &dyn Fn(&TreePath, &Entry) -> bool,
) -> Option<Diagnostic> {
    let root = TreePath::root();
    let folder = root.child(name);
    if !matches!(files.kind(&folder), Ok(Some(EntryKind::Folder))) {
        return None;
    }
    // On a file system that ignores case, this is the same folder.
    let is_same = right.eq_ignore_ascii_case(name);
    if is_same && !matches!(files.kind(&root.child(right)), Ok(None)) {
        return None;
    }
    let entries = files.list(&folder).unwrap_or_default();
    if !entries.iter().any(|it| belongs(&folder, it)) {
        return None;
    }
    let message = format!("`{folder}` is not read: the folder is called `{right}`");
    let fault = Diagnostic::warning("unread-file", message).at(place(&folder));
    Some(fault.help(format!(
        "rename it to `{right}`, or move what it contains there"
    )))
}

/// A kind that is not in a folder of its own. Error: `unread-file`.
pub(super) fn kind_without_folder(folder: &TreePath, entries: &[Entry]) -> Option<Diagnostic> {
    let is_kind =
        |it: &&Entry| it.kind == EntryKind::File && ["kind.yaml", "kind.yml"].contains(&&*it.name);
    let path = folder.child(&entries.iter().find(is_kind)?.name);
    let message = format!("`{path}` is not read: it is not in the folder of a kind");
    let fault = Diagnostic::error("unread-file", message).at(place(&path));
    Some(fault.help(format!("move it to `{folder}/<Kind>/{}`", KIND)))
}

/// Checks the entries of `environments/`. Errors: `unread-file` for a YAML file, `names-differ-in-case` for two folders that are
/// the same folder on macOS and Windows.
pub(super) fn check_environments(folder: &TreePath, entries: &[Entry], into: &mut Diagnostics) {
    let visible = || entries.iter().filter(|it| !it.name.starts_with('.'));
    let folders = || visible().filter(|it| it.kind == EntryKind::Folder);
    for entry in visible().filter(|it| it.kind == EntryKind::File) {
        let Some((stem, extension)) = entry.name.rsplit_once('.') else {
            continue;
        };
        if !is_yaml(&extension.to_ascii_lowercase()) {
            continue;
        }
        let path = folder.child(&entry.name);
        let message = format!("`{path}` is not read: it is not in the folder of an environment");
        let fault = Diagnostic::error("unread-file", message).at(place(&path));
        let environment = folders().find(|it| *it.name == *stem);
        into.push(fault.help(match environment {
            Some(it) => format!("move its claims into `{folder}/{}/`, or remove it", it.name),
            None => format!("move it into `{folder}/<environment>/`, or out of `{folder}/`"),
        }));
    }
    let mut seen = BTreeMap::new();
    for entry in folders() {
        if let Some(other) = seen.insert(entry.name.to_lowercase(), entry) {
            let (one, two) = (folder.child(&other.name), folder.child(&entry.name));
            let message = format!("`{one}` and `{two}` differ only in case");
            let fault = Diagnostic::error("names-differ-in-case", message).at(place(&two));
            into.push(fault.help("rename one of them, or move its files into the other"));
        }
    }
}

fn is_yaml(extension: &str) -> bool {
    ["yaml", "yml"].contains(&extension)
}
