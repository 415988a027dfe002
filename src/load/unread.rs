//! Reports files and folders that look like inputs but are not read because of their name or location.

use std::collections::BTreeMap;
use std::sync::Arc;

use memchr::memmem;

use crate::diag::{Diagnostic, Diagnostics, Source, Span, nearest};
use crate::layout::{ENVIRONMENT, Folder, KIND, WORKSPACE};
use crate::tree::{Entry, EntryKind, Files, TreePath};

/// The error for a file whose extension is `.yaml` or `.yml` with upper-case letters. Error: `unread-file`.
pub(super) fn wrong_extension(path: &TreePath) -> Option<Diagnostic> {
    let (stem, extension) = path.name().rsplit_once('.')?;
    let lower = extension.to_ascii_lowercase();
    if lower == extension || !is_yaml(&lower) {
        return None;
    }
    let message = format!("`{path}` is not read: its extension is `.{extension}`");
    let fault = Diagnostic::error("unread-file", message).at(Span::of_file(path));
    Some(fault.help(format!("rename it to `{stem}.{lower}`")))
}

/// The error for a folder of a kind whose `kind.yaml` has another name. Error: `unread-file`.
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
    let fault = Diagnostic::error("unread-file", message).at(Span::of_file(&path));
    Some(fault.help(format!("rename it to `{}`", KIND)))
}

/// The error for another file with the name of a kind's file, such as `kind.yml`, next to `kind.yaml`. Error: `unread-file`.
pub(super) fn second_kind_file(folder: &TreePath, entries: &[Entry]) -> Option<Diagnostic> {
    let is_second = |it: &&Entry| it.kind == EntryKind::File && *it.name == *"kind.yml";
    let path = folder.child(&entries.iter().find(is_second)?.name);
    let message = format!("`{path}` is not read: the kind is defined in `{KIND}`");
    let fault = Diagnostic::error("unread-file", message).at(Span::of_file(&path));
    Some(fault.help(format!("move its content into `{KIND}`, or remove it")))
}

/// The error for a file whose name is similar to `environment.yaml`. Error: `unread-file`.
pub(super) fn wrong_environment_file(path: &TreePath) -> Option<Diagnostic> {
    let name = path.name().to_ascii_lowercase();
    if !["environment.yaml", "environment.yml"].contains(&&*name) {
        return None;
    }
    let message = format!("`{path}` is not read: an environment is defined in `{ENVIRONMENT}`");
    let fault = Diagnostic::error("unread-file", message).at(Span::of_file(path));
    Some(fault.help(format!("rename it to `{ENVIRONMENT}`")))
}

/// Whether a file may contain claims although its extension is another one: JSON, or a misspelled `.yaml`.
pub(super) fn has_similar_extension(path: &TreePath) -> bool {
    let extension = path.name().rsplit_once('.').map(|it| it.1);
    extension.is_some_and(|it| it == "json" || nearest(it, ["yaml", "yml"]).is_some())
}

/// The error for a file with a claim whose extension is JSON or a misspelled `.yaml`. Error: `unread-file`.
pub(super) fn claim_with_other_extension(files: &dyn Files, path: &TreePath) -> Option<Diagnostic> {
    if !has_similar_extension(path) || wrong_extension(path).is_some() {
        return None;
    }
    let bytes = files.read(path).ok()?;
    let contains = |word: &str| memmem::find(&bytes, word.as_bytes()).is_some();
    if !(contains("apiVersion") && contains("kind")) {
        return None;
    }
    let (stem, extension) = path.name().rsplit_once('.')?;
    let message = format!("`{path}` is not read: claims are files that end in `.yaml` or `.yml`");
    let fault = Diagnostic::error("unread-file", message).at(Span::of_file(path));
    Some(fault.help(match extension {
        "json" => format!("rename it to `{stem}.yaml`; JSON is YAML too"),
        _ => format!("rename it to `{stem}.yaml`"),
    }))
}

/// The warning for a claim file without text. The output of its former claims is removed from the tree. Warning: `no-claims`.
pub(super) fn empty_claim_file(source: &Arc<Source>) -> Option<Diagnostic> {
    if !source.text.trim().is_empty() {
        return None;
    }
    let message = format!("`{}` is empty", source.path);
    let fault = Diagnostic::warning("no-claims", message).at(Span::of_file(&source.path));
    Some(fault.help("write its claims, or remove the file"))
}

/// Folders at the top of a workspace, with a file that each subfolder contains, and common misspellings.
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

/// Reports files and folders next to `pleach.yaml` whose names are similar to those that are read. Each name is tested by itself,
/// because after listing the folder, every result would depend on all files in it. Warnings: `unread-file`.
pub(super) fn check_root(files: &dyn Files, diagnostics: &mut Diagnostics) {
    let root = TreePath::root();
    let file = root.child("pleach.yml");
    if matches!(files.kind(&file), Ok(Some(EntryKind::File))) {
        let message = format!("`{file}` is not read: a workspace is configured in `{WORKSPACE}`");
        let fault = Diagnostic::warning("unread-file", message).at(Span::of_file(&file));
        diagnostics.push(fault.help("move its settings into `pleach.yaml`, or remove it"));
    }
    for (folder, file, misspellings) in FOLDERS {
        for name in misspellings {
            let contains = |folder: &TreePath, entry: &Entry| {
                let path = folder.child(&entry.name).child(file);
                entry.kind == EntryKind::Folder
                    && matches!(files.kind(&path), Ok(Some(EntryKind::File)))
            };
            diagnostics.extend(misnamed_folder(files, folder.name(), name, &contains));
        }
    }
}

/// The warning for a folder `name` at the top of a workspace that should be called `correct`, if it exists and `belongs` is true for
/// one of its entries. Warning: `unread-file`.
pub fn misnamed_folder(
    files: &dyn Files,
    correct: &str,
    name: &str,
    belongs: &dyn Fn(&TreePath, &Entry) -> bool,
) -> Option<Diagnostic> {
    let root = TreePath::root();
    let folder = root.child(name);
    if !matches!(files.kind(&folder), Ok(Some(EntryKind::Folder))) {
        return None;
    }
    // On a file system that ignores case, this is the same folder.
    let may_be_same = correct.eq_ignore_ascii_case(name);
    if may_be_same && !matches!(files.kind(&root.child(correct)), Ok(None)) {
        return None;
    }
    let entries = files.list(&folder).unwrap_or_default();
    if !entries.iter().any(|it| belongs(&folder, it)) {
        return None;
    }
    let message = format!("`{folder}` is not read: the folder must be called `{correct}`");
    let fault = Diagnostic::warning("unread-file", message).at(Span::of_file(&folder));
    Some(fault.help(format!("rename it to `{correct}`, or move its files there")))
}

/// The error for a `kind.yaml` that is not in the folder of a kind. Error: `unread-file`.
pub(super) fn kind_without_folder(folder: &TreePath, entries: &[Entry]) -> Option<Diagnostic> {
    let is_kind =
        |it: &&Entry| it.kind == EntryKind::File && ["kind.yaml", "kind.yml"].contains(&&*it.name);
    let path = folder.child(&entries.iter().find(is_kind)?.name);
    let message = format!("`{path}` is not read: it is not in the folder of a kind");
    let fault = Diagnostic::error("unread-file", message).at(Span::of_file(&path));
    Some(fault.help(format!("move it to `{folder}/<Kind>/{}`", KIND)))
}

/// The error for a kind that is one folder too deep. Error: `unread-file`.
pub(super) fn nested_kind(
    files: &dyn Files,
    folder: &TreePath,
    entries: &[Entry],
) -> Option<Diagnostic> {
    let folders = entries.iter().filter(|it| it.kind == EntryKind::Folder);
    let mut kinds = folders.map(|it| folder.child(&it.name).child(KIND));
    let path = kinds.find(|it| matches!(files.kind(it), Ok(Some(EntryKind::File))))?;
    let parent = folder.parent()?;
    let message = format!("`{path}` is not read: the folders of kinds are directly in `{parent}`");
    let fault = Diagnostic::error("unread-file", message).at(Span::of_file(&path));
    Some(fault.help(format!(
        "move its folder to `{parent}`, or add `{folder}` to `templates` in `{WORKSPACE}`"
    )))
}

/// The warning for a folder with templates that is not one of a kind, so that not even another kind can include them. Warning:
/// `unread-file`.
pub(super) fn templates_without_kind(folder: &TreePath, entries: &[Entry]) -> Option<Diagnostic> {
    let is_template = |it: &&Entry| it.kind == EntryKind::File && it.name.ends_with(".j2");
    let path = folder.child(&entries.iter().find(is_template)?.name);
    let message = format!("`{path}` is not read: its folder has no `{KIND}`");
    let fault = Diagnostic::warning("unread-file", message).at(Span::of_file(&path));
    Some(fault.help(format!(
        "add `{KIND}`, or move the templates into the folder of a kind"
    )))
}

/// Checks the entries of `environments/`. Errors: `unread-file` for a YAML file, `names-differ-in-case` for two folders that are
/// the same folder on macOS and Windows.
pub(super) fn check_environments(
    folder: &TreePath,
    entries: &[Entry],
    diagnostics: &mut Diagnostics,
) {
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
        let fault = Diagnostic::error("unread-file", message).at(Span::of_file(&path));
        let environment = folders().find(|it| *it.name == *stem);
        diagnostics.push(fault.help(match environment {
            Some(it) => format!("move its claims into `{folder}/{}/`, or remove it", it.name),
            None => format!("move it into `{folder}/<environment>/`, or out of `{folder}/`"),
        }));
    }
    let mut seen = BTreeMap::new();
    for entry in folders() {
        if let Some(other) = seen.insert(entry.name.to_lowercase(), entry) {
            let (one, two) = (folder.child(&other.name), folder.child(&entry.name));
            let message = format!("`{one}` and `{two}` differ only in case");
            let fault = Diagnostic::error("names-differ-in-case", message).at(Span::of_file(&two));
            diagnostics.push(fault.help("rename one of them, or move its files into the other"));
        }
    }
}

fn is_yaml(extension: &str) -> bool {
    ["yaml", "yml"].contains(&extension)
}
