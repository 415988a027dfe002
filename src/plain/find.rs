//! Finds files and kustomizations below a path.

use std::collections::BTreeSet;

use crate::compare::{referenced_files, referenced_resources};
use crate::diag::{Class, Diagnostic, Diagnostics, Span};
use crate::kustomize::FILE_NAMES;
use crate::tree::{Entry, EntryKind, Files, FilesError, TreePath, Walk};
use crate::yaml::{Node, parse, text_source};

/// A file that may contain objects.
pub(super) struct Candidate {
    pub(super) path: TreePath,
    /// Whether it was named explicitly, so it must contain objects.
    pub(super) is_named: bool,
}

/// The files and kustomizations below a path.
#[derive(Default)]
pub(super) struct Found {
    /// Files outside of kustomizations.
    pub(super) files: Vec<Candidate>,
    /// Kustomizations that no other kustomization lists.
    pub(super) kustomizations: Vec<TreePath>,
    /// Kustomizations that another one lists.
    pub(super) listed: Vec<TreePath>,
    /// The number of charts.
    pub(super) charts: usize,
}

/// Finds everything that can be checked. Hidden files, hidden folders and charts are skipped. Below a kustomization, other files are
/// ignored, because it does not apply files that it does not list.
pub(super) fn find(files: &dyn Files, location: &TreePath, faults: &mut Diagnostics) -> Found {
    match files.kind(location) {
        Ok(Some(EntryKind::Folder)) => folder(files, location, faults),
        // A kustomization file means its folder.
        Ok(_) if FILE_NAMES.contains(&location.name()) => Found {
            kustomizations: location.parent().into_iter().collect(),
            ..Found::default()
        },
        _ => Found {
            files: vec![Candidate {
                path: location.clone(),
                is_named: true,
            }],
            ..Found::default()
        },
    }
}

fn folder(files: &dyn Files, location: &TreePath, faults: &mut Diagnostics) -> Found {
    let mut found = Found::default();
    let mut referenced: BTreeSet<TreePath> = BTreeSet::new();
    let mut covered: BTreeSet<TreePath> = BTreeSet::new();
    let mut kustomizations = Vec::new();
    let mut open = Walk::new(files, location.clone());
    while let Some(folder) = open.next() {
        let entries = match files.list(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                faults.push(unreadable(&folder, &error));
                continue;
            }
        };
        let is_file = |name: &str| {
            let mut entries = entries.iter();
            entries.any(|it| it.kind == EntryKind::File && &*it.name == name)
        };
        if is_file("Chart.yaml") {
            found.charts += 1;
            if folder == *location {
                faults.push(chart(&folder));
            }
            continue;
        }
        let mut is_covered = folder.parent().is_some_and(|it| covered.contains(&it));
        if let Some(name) = FILE_NAMES.into_iter().find(|name| is_file(name)) {
            is_covered = true;
            let is_component = record_references(files, &folder, name, &mut referenced);
            if !is_component || folder == *location {
                kustomizations.push(folder.clone());
            }
        }
        for entry in entries.iter().filter(|it| !it.name.starts_with('.')) {
            let path = folder.child(&entry.name);
            match entry.kind {
                EntryKind::Folder => open.add(path),
                EntryKind::File if !is_covered && is_data(entry) => found.files.push(Candidate {
                    path,
                    is_named: false,
                }),
                EntryKind::File => {}
            }
        }
        if is_covered {
            covered.insert(folder);
        }
    }
    kustomizations.sort();
    (found.listed, found.kustomizations) = kustomizations
        .into_iter()
        .partition(|it| it != location && referenced.contains(it));
    found.files.retain(|it| !referenced.contains(&it.path));
    found.files.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn is_data(entry: &Entry) -> bool {
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|it| entry.name.ends_with(it))
}

/// Records the references of a kustomization, and returns whether it is a component, which cannot be built alone.
fn record_references(
    files: &dyn Files,
    folder: &TreePath,
    name: &str,
    referenced: &mut BTreeSet<TreePath>,
) -> bool {
    let path = folder.child(name);
    let bytes = files.read(&path).ok();
    let source = bytes.and_then(|it| text_source(&path, &it).ok());
    // The build reports the error.
    let documents = source.and_then(|it| parse(&it).ok()).unwrap_or_default();
    let Some(node) = documents.first() else {
        return false;
    };
    let targets = referenced_resources(node).filter_map(|it| folder.resolve(it));
    let targets = targets.chain(referenced_files(node, folder));
    referenced.extend(targets.filter(|it| it != folder));
    node.get("kind").and_then(Node::as_str) == Some("Component")
}

/// A file or folder that cannot be read.
pub(super) fn unreadable(path: &TreePath, error: &FilesError) -> Diagnostic {
    let message = format!("cannot read `{}`: {error}", path.name());
    let fault = Diagnostic::error("unreadable-file", message).class(Class::Unreadable);
    fault.at(Span::of_file(path))
}

fn chart(folder: &TreePath) -> Diagnostic {
    let message = format!(
        "`{}` is a chart: its templates must be rendered before they can be checked",
        folder.name()
    );
    let location = Span::of_file(&folder.child("Chart.yaml"));
    let fault = Diagnostic::error("nothing-checked", message).at(location);
    fault.help("run `pleach template CHART | pleach check -`")
}
