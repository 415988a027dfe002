//! Finds the parts of a tree that are applied separately.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::application_sets::Listing;
use super::part::{Part, PartKind, documents, is_yaml};
use super::{Side, kustomization_paths};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::kustomize::{FILE_NAMES, ParsedFiles};
use crate::tree::{Entry, EntryKind, FilesError, TreePath, Walk};
use crate::yaml::Node;

/// The folders of a side.
#[derive(Default)]
struct SideFolders {
    /// Folders with a kustomization that is not a component.
    kustomizations: BTreeSet<TreePath>,
    /// Folders of YAML files that are not below a kustomization, with the names of their files.
    plain: BTreeMap<TreePath, BTreeSet<Box<str>>>,
    /// Folders and files that a kustomization refers to.
    referenced: BTreeSet<TreePath>,
    /// Folders that cannot be listed, relative to the root of the side.
    unreadable: BTreeMap<TreePath, FilesError>,
    /// The entries of all folders.
    listing: Listing,
}

/// The parts to compare.
pub(super) struct FoundParts {
    /// The parts of both sides, sorted by folder.
    pub(super) parts: Vec<Part>,
    /// The entries of all folders, before and after.
    pub(super) listings: [Listing; 2],
}

/// Finds the parts of both sides.
pub(super) fn find_parts(sides: [&Side<'_>; 2], notes: &mut Diagnostics) -> FoundParts {
    let [before, after] = sides.map(walk);
    for (side, own, other) in [(sides[0], &before, &after), (sides[1], &after, &before)] {
        // The same error on both sides is not a difference.
        let different = own
            .unreadable
            .iter()
            .filter(|it| other.unreadable.get(it.0) != Some(it.1));
        notes.extend(different.map(|(folder, error)| unreadable_folder(side, folder, error)));
    }
    // If a kustomization cannot be read, its references are unknown, so those of the other side are used as well.
    let is_referenced =
        |it: &TreePath| before.referenced.contains(it) || after.referenced.contains(it);
    // If a kustomization refers to a file of a plain folder, the folder is not applied separately.
    let has_referenced_files = |folder: &TreePath| {
        let sides = [&before, &after].into_iter();
        let names = sides.filter_map(|it| it.plain.get(folder)).flatten();
        let mut files = names.map(|it| folder.child(it));
        files.any(|it| is_referenced(&it))
    };
    let mut parts: BTreeMap<(TreePath, PartKind), [bool; 2]> = BTreeMap::new();
    let sides = [(&before, &after), (&after, &before)];
    for (at, (own, other)) in sides.into_iter().enumerate() {
        let kustomizations = own.kustomizations.iter();
        // If the folder has a kustomization on the other side, its files are applied from the same folder on both sides.
        let is_applied =
            |it: &&TreePath| other.kustomizations.contains(*it) || !has_referenced_files(it);
        let plain = own.plain.keys().filter(is_applied);
        let all = kustomizations
            .map(|it| (it, PartKind::Kustomization))
            .chain(plain.map(|it| (it, PartKind::Plain)));
        for (folder, kind) in all.filter(|it| !is_referenced(it.0)) {
            parts.entry((folder.clone(), kind)).or_default()[at] = true;
        }
    }
    let parsed: [Arc<ParsedFiles>; 2] = Default::default();
    let parts = parts.into_iter().map(|((folder, kind), exists)| Part {
        folder,
        exists,
        kind,
        parsed: parsed.clone(),
    });
    FoundParts {
        parts: parts.collect(),
        listings: [before.listing, after.listing],
    }
}

fn unreadable_folder(side: &Side<'_>, folder: &TreePath, error: &FilesError) -> Diagnostic {
    let path = side.root.join(folder);
    let message = format!(
        "`{folder}` is not compared, because it cannot be read in {}: {error}",
        side.name
    );
    let fault = Diagnostic::warning("not-compared", message);
    fault
        .at(Span::of_file(&path))
        .help("make it a regular file of at most 64 MiB, or a folder, that you can read")
}

/// Finds the folders of a side. Hidden folders, charts, documentation and templates of Backstage are skipped. Folders below a
/// kustomization are not plain folders, because files that the kustomization does not list are not applied.
fn walk(side: &Side<'_>) -> SideFolders {
    let mut found = SideFolders::default();
    let mut open = Walk::new(side.files, side.root.clone());
    let mut covered: BTreeSet<TreePath> = BTreeSet::new();
    while let Some(path) = open.next() {
        let folder = path.below(side.root).unwrap_or_else(TreePath::root);
        let mut is_covered = folder.parent().is_some_and(|it| covered.contains(&it));
        let entries = side.files.list(&path).unwrap_or_else(|error| {
            // A side without the compared folder is empty.
            if folder != TreePath::root() {
                found.unreadable.insert(folder.clone(), error);
            }
            Vec::new()
        });
        let is_file = |name: &str| {
            let mut entries = entries.iter();
            entries.any(|it| it.kind == EntryKind::File && &*it.name == name)
        };
        if is_file("Chart.yaml") || is_scaffolder_template(side, &path, &entries) {
            continue;
        }
        if let Some(name) = FILE_NAMES.into_iter().find(|name| is_file(name)) {
            is_covered = true;
            let is_component = read_kustomization(side, &folder, name, &mut found.referenced);
            if !is_component {
                found.kustomizations.insert(folder.clone());
            }
        }
        let yaml = entries.iter().filter(|it| is_yaml(it));
        let yaml: BTreeSet<Box<str>> = yaml.map(|it| it.name.clone()).collect();
        if !is_covered && !yaml.is_empty() && !is_documentation(&folder, &entries) {
            found.plain.insert(folder.clone(), yaml);
        }
        let folders = entries.iter().filter(|it| it.kind == EntryKind::Folder);
        let folders = folders.filter(|it| !it.name.starts_with('.'));
        folders.for_each(|it| open.add(path.child(&it.name)));
        found.listing.insert(folder.clone(), entries);
        if is_covered {
            covered.insert(folder);
        }
    }
    found
}

/// Whether a folder of YAML files is documentation, whose examples are not applied.
fn is_documentation(folder: &TreePath, entries: &[Entry]) -> bool {
    const NAMES: [&str; 3] = ["docs", "doc", "documentation"];
    let is_at_top = folder.parts().next().is_some_and(|it| NAMES.contains(&it));
    let has_pages = || entries.iter().any(|it| it.name.ends_with(".md"));
    is_at_top || NAMES.contains(&folder.name()) && has_pages()
}

/// Whether a folder contains a template of Backstage's scaffolder, whose files are copied to other repositories.
fn is_scaffolder_template(side: &Side<'_>, path: &TreePath, entries: &[Entry]) -> bool {
    let mut names = entries.iter().map(|it| &*it.name);
    let name = names.find(|it| matches!(*it, "template.yaml" | "template.yml"));
    let text = name.and_then(|it| side.files.read(&path.child(it)).ok());
    text.is_some_and(|it| memchr::memmem::find(&it, b"scaffolder.backstage.io/").is_some())
}

/// Records the references of a kustomization and returns whether it is a component.
fn read_kustomization(
    side: &Side<'_>,
    folder: &TreePath,
    name: &str,
    referenced: &mut BTreeSet<TreePath>,
) -> bool {
    let path = side.root.join(folder).child(name);
    let Ok(documents) = documents(side.files, &path) else {
        return false;
    };
    let Some(node) = documents.first() else {
        return false;
    };
    let targets = kustomization_paths::resources(node).filter_map(|it| folder.resolve(it));
    let targets = targets.chain(kustomization_paths::files(node, folder));
    referenced.extend(targets.filter(|it| it != folder));
    node.get("kind").and_then(Node::as_str) == Some("Component")
}
