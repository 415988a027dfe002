//! Which files and kustomizations there are below a place.

use std::collections::BTreeSet;

use crate::compare::{named_files, named_resources};
use crate::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use crate::kustomize::FILE_NAMES;
use crate::tree::{Entry, EntryKind, Files, FilesError, TreePath, Walk};
use crate::yaml::{Node, parse, text_source};

/// A file that may have objects.
pub(super) struct Candidate {
    pub(super) path: TreePath,
    /// Whether somebody named it, so that it must have objects.
    pub(super) is_named: bool,
}

/// What was found below a place.
#[derive(Default)]
pub(super) struct Found {
    /// Files that are no part of a kustomization.
    pub(super) files: Vec<Candidate>,
    /// Kustomizations that no other one lists.
    pub(super) kustomizations: Vec<TreePath>,
    /// Those that others list.
    pub(super) listed: Vec<TreePath>,
    /// How many charts there are.
    pub(super) charts: usize,
}

/// Looks for what can be judged. Hidden files and folders and charts are passed over. Below a kustomization there are no plain files:
/// what it does not list is not applied.
pub(super) fn find(files: &dyn Files, place: &TreePath, faults: &mut Diagnostics) -> Found {
    match files.kind(place) {
        Ok(Some(EntryKind::Folder)) => folder(files, place, faults),
        // The file of a kustomization means the kustomization.
        Ok(_) if FILE_NAMES.contains(&place.name()) => Found {
            kustomizations: place.parent().into_iter().collect(),
            ..Found::default()
        },
        _ => Found {
            files: vec![Candidate {
                path: place.clone(),
                is_named: true,
            }],
            ..Found::default()
        },
    }
}

fn folder(files: &dyn Files, place: &TreePath, faults: &mut Diagnostics) -> Found {
    let mut found = Found::default();
    let mut referenced: BTreeSet<TreePath> = BTreeSet::new();
    let mut covered: BTreeSet<TreePath> = BTreeSet::new();
    let mut kustomizations = Vec::new();
    let mut open = Walk::new(files, place.clone());
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
            if folder == *place {
                faults.push(chart(&folder));
            }
            continue;
        }
        let mut is_covered = folder.parent().is_some_and(|it| covered.contains(&it));
        if let Some(name) = FILE_NAMES.into_iter().find(|name| is_file(name)) {
            is_covered = true;
            let is_component = refer(files, &folder, name, &mut referenced);
            if !is_component || folder == *place {
                kustomizations.push(folder.clone());
            }
        }
        for entry in &entries {
            let path = folder.child(&entry.name);
            match entry.kind {
                _ if entry.name.starts_with('.') => {}
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
    found.files.retain(|it| !referenced.contains(&it.path));
    found.files.sort_by(|a, b| a.path.cmp(&b.path));
    kustomizations.sort();
    (found.listed, found.kustomizations) = kustomizations
        .into_iter()
        .partition(|it| it != place && referenced.contains(it));
    found
}

fn is_data(entry: &Entry) -> bool {
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|it| entry.name.ends_with(it))
}

/// Notes what a kustomization refers to, and says whether it is a component, which cannot be built alone.
fn refer(
    files: &dyn Files,
    folder: &TreePath,
    name: &str,
    referenced: &mut BTreeSet<TreePath>,
) -> bool {
    let path = folder.child(name);
    let bytes = files.read(&path).ok();
    let source = bytes.and_then(|it| text_source(&path, &it).ok());
    // The build says what is wrong with it.
    let documents = source.and_then(|it| parse(&it).ok()).unwrap_or_default();
    let Some(node) = documents.first() else {
        return false;
    };
    let targets = named_resources(node).filter_map(|it| folder.resolve(it));
    let targets = targets.chain(named_files(node, folder));
    referenced.extend(targets.filter(|it| it != folder));
    node.get("kind").and_then(Node::as_str) == Some("Component")
}

/// A file or folder that cannot be read.
pub(super) fn unreadable(path: &TreePath, error: &FilesError) -> Diagnostic {
    let message = format!("cannot read `{}`: {error}", path.name());
    let fault = Diagnostic::error("unreadable-file", message).class(Class::Unreadable);
    fault.at(Span::new(&Source::new(path.clone(), ""), 0..0))
}

fn chart(folder: &TreePath) -> Diagnostic {
    let message = format!(
        "`{}` is a chart: its templates are no objects",
        folder.name()
    );
    let place = Span::new(&Source::new(folder.child("Chart.yaml"), ""), 0..0);
    let fault = Diagnostic::error("nothing-judged", message).at(place);
    fault.help("render it first: `pleach template CHART | pleach check -`")
}
