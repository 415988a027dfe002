//! The parts of a tree that are applied separately.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::application_sets::Listing;
use super::part::{Form, Part, documents, is_yaml};
use super::{Side, named};
use crate::diag::{Diagnostic, Diagnostics, Source, Span};
use crate::kustomize::{FILE_NAMES, ParsedFiles};
use crate::tree::{Entry, EntryKind, FilesError, TreePath, Walk};
use crate::yaml::Node;

/// The contents of a side.
#[derive(Default)]
struct Found {
    kustomizations: BTreeSet<TreePath>,
    /// Folders of YAML files that are not below a kustomization, with the names of their files.
    plain: BTreeMap<TreePath, BTreeSet<Box<str>>>,
    /// Folders and files that a kustomization refers to.
    referenced: BTreeSet<TreePath>,
    /// Folders that cannot be listed, below the root of the side.
    unread: BTreeMap<TreePath, FilesError>,
    /// Everything that was listed.
    listing: Listing,
}

/// The parts to compare.
pub(super) struct Units {
    /// The parts of either side, in the order of their folders.
    pub(super) parts: Vec<Part>,
    /// Everything that was listed, before and after.
    pub(super) listings: [Listing; 2],
}

/// Looks for the parts of both sides.
pub(super) fn units(sides: [&Side<'_>; 2], notes: &mut Diagnostics) -> Units {
    let [before, after] = sides.map(look);
    for (side, own, other) in [(sides[0], &before, &after), (sides[1], &after, &before)] {
        // Errors that occur on both sides are not a difference.
        let only_here = own
            .unread
            .iter()
            .filter(|it| other.unread.get(it.0) != Some(it.1));
        notes.extend(only_here.map(|(folder, error)| unread_folder(side, folder, error)));
    }
    // The references of a kustomization that cannot be read are unknown; those of the other side are used.
    let is_referenced =
        |it: &TreePath| before.referenced.contains(it) || after.referenced.contains(it);
    // A folder whose files are listed by kustomizations is not applied separately, as if they referred to the folder.
    let gives_files = |folder: &TreePath| {
        let sides = [&before, &after].into_iter();
        let names = sides.filter_map(|it| it.plain.get(folder)).flatten();
        let mut files = names.map(|it| folder.child(it));
        files.any(|it| is_referenced(&it))
    };
    let mut parts: BTreeMap<(TreePath, Form), [bool; 2]> = BTreeMap::new();
    let sides = [(&before, &after), (&after, &before)];
    for (at, (found, other)) in sides.into_iter().enumerate() {
        let kustomizations = found.kustomizations.iter();
        // Files that its own kustomization lists on the other side are still applied from the folder.
        let is_applied = |it: &&TreePath| other.kustomizations.contains(*it) || !gives_files(it);
        let plain = found.plain.keys().filter(is_applied);
        let all = kustomizations
            .map(|it| (it, Form::Kustomization))
            .chain(plain.map(|it| (it, Form::Plain)));
        for (folder, form) in all.filter(|it| !is_referenced(it.0)) {
            parts.entry((folder.clone(), form)).or_default()[at] = true;
        }
    }
    let parsed: [Arc<ParsedFiles>; 2] = Default::default();
    let parts = parts.into_iter().map(|((folder, form), there)| Part {
        folder,
        there,
        form,
        parsed: parsed.clone(),
    });
    Units {
        parts: parts.collect(),
        listings: [before.listing, after.listing],
    }
}

fn unread_folder(side: &Side<'_>, folder: &TreePath, error: &FilesError) -> Diagnostic {
    let place = side.root.join(folder);
    let message = format!(
        "`{folder}` is not compared, because it cannot be read in {}: {error}",
        side.name
    );
    let fault = Diagnostic::warning("not-compared", message);
    fault
        .at(Span::new(&Source::new(place, ""), 0..0))
        .help("make it a regular file or folder that you can read")
}

/// Walks a side. Hidden folders, charts, documentation and templates of Backstage are skipped. Below a kustomization, files that it
/// does not list are not applied.
fn look(side: &Side<'_>) -> Found {
    let mut found = Found::default();
    let mut open = Walk::new(side.files, side.root.clone());
    let mut covered: BTreeSet<TreePath> = BTreeSet::new();
    while let Some(place) = open.next() {
        let folder = place.below(side.root).unwrap_or_else(TreePath::root);
        let mut is_covered = folder.parent().is_some_and(|it| covered.contains(&it));
        let entries = side.files.list(&place).unwrap_or_else(|error| {
            // A side without the compared folder is empty.
            if folder != TreePath::root() {
                found.unread.insert(folder.clone(), error);
            }
            Vec::new()
        });
        let is_file = |name: &str| {
            let mut entries = entries.iter();
            entries.any(|it| it.kind == EntryKind::File && &*it.name == name)
        };
        if is_file("Chart.yaml") || is_scaffolder_template(side, &place, &entries) {
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
        folders.for_each(|it| open.add(place.child(&it.name)));
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
fn is_scaffolder_template(side: &Side<'_>, place: &TreePath, entries: &[Entry]) -> bool {
    let mut names = entries.iter().map(|it| &*it.name);
    let name = names.find(|it| matches!(*it, "template.yaml" | "template.yml"));
    let text = name.and_then(|it| side.files.read(&place.child(it)).ok());
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
    let targets = named::resources(node).filter_map(|it| folder.resolve(it));
    let targets = targets.chain(named::files(node, folder));
    referenced.extend(targets.filter(|it| it != folder));
    node.get("kind").and_then(Node::as_str) == Some("Component")
}
