//! Files and folders that look like input but are not read because of their name or place.

use std::collections::BTreeMap;

use super::environment::FOLDER;
use super::kind;
use crate::diag::{Diagnostic, Diagnostics, Source, Span};
use crate::tree::{Entry, EntryKind, TreePath};

fn place(path: &TreePath) -> Span {
    Span::new(&Source::new(path.clone(), ""), 0..0)
}

/// A file whose extension is `.yaml` or `.yml` but for upper-case letters. Error: `unread-file`.
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

/// A folder of a kind whose `kind.yaml` is named otherwise. Error: `unread-file`.
pub(super) fn wrong_kind_file(folder: &TreePath, entries: &[Entry]) -> Option<Diagnostic> {
    let is_kind_file = |it: &&Entry| {
        let name = it.name.to_ascii_lowercase();
        it.kind == EntryKind::File && ["kind.yaml", "kind.yml"].contains(&&*name)
    };
    let entry = entries.iter().find(is_kind_file)?;
    let path = folder.child(&entry.name);
    let message = format!(
        "`{path}` is not read: a claim kind is defined in `{}`",
        kind::FILE
    );
    let fault = Diagnostic::error("unread-file", message).at(place(&path));
    Some(fault.help(format!("rename it to `{}`", kind::FILE)))
}

/// What is wrong with the entries of `environments/`. Errors: `unread-file` for a YAML file, `names-differ-in-case` for two
/// folders that are one folder on macOS and Windows.
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
            Some(it) => format!("move its claims into `{FOLDER}/{}/`, or remove it", it.name),
            None => format!("move it into `{FOLDER}/<environment>/`, or out of `{FOLDER}/`"),
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
