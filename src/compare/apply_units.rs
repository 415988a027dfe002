//! The parts of a tree that are applied by themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;
use crate::diag::{Diagnostic, Diagnostics, Source, Span};
use crate::emit::{Ownership, ownership};
use crate::kustomize::{self, Built, FILE_NAMES, LoadRestriction, Options};
use crate::object::Object;
use crate::tree::{EntryKind, Files, FilesError, Recorded, TreePath, Walk};
use crate::yaml::{Mapping, Node, parse};

/// A kustomization that no other one refers to, or a folder of plain YAML.
pub(super) struct Part {
    /// The folder, below the root of its side.
    pub(super) folder: TreePath,
    /// Whether it is there, before and after.
    pub(super) there: [bool; 2],
    is_plain: bool,
}

impl Part {
    /// The part's objects on one side; none where it is not there.
    pub(super) fn build(&self, side: &Side<'_>, at: usize) -> Built {
        let folder = side.root.join(&self.folder);
        if !self.there[at] {
            Built {
                objects: Vec::new(),
                read_set: Default::default(),
                diagnostics: Diagnostics::default(),
            }
        } else if self.is_plain {
            plain(side, &folder)
        } else {
            // A comparison only reads, and sync engines are often configured to load from everywhere.
            let options = Options {
                load_restriction: LoadRestriction::None,
                ..Options::default()
            };
            kustomize::build(side.files, &folder, &options)
        }
    }
}

/// What a side holds.
#[derive(Default)]
struct Found {
    kustomizations: BTreeSet<TreePath>,
    plain: BTreeSet<TreePath>,
    /// Folders that a kustomization refers to.
    referenced: BTreeSet<TreePath>,
    /// Folders that can't be listed, below the root of the side.
    unread: BTreeMap<TreePath, FilesError>,
}

/// The parts of either side, in the order of their folders.
pub(super) fn parts(sides: [&Side<'_>; 2], notes: &mut Diagnostics) -> Vec<Part> {
    let [before, after] = sides.map(look);
    for (side, own, other) in [(sides[0], &before, &after), (sides[1], &after, &before)] {
        // What is as bad on both sides is no difference.
        let only_here = own
            .unread
            .iter()
            .filter(|it| other.unread.get(it.0) != Some(it.1));
        notes.extend(only_here.map(|(folder, error)| unread_folder(side, folder, error)));
    }
    // A kustomization that can't be read refers to nothing; on the other side it may still say to what.
    let is_part = |it: &TreePath| !before.referenced.contains(it) && !after.referenced.contains(it);
    let mut parts: BTreeMap<(TreePath, bool), [bool; 2]> = BTreeMap::new();
    for (at, found) in [&before, &after].into_iter().enumerate() {
        let kustomizations = found.kustomizations.iter().map(|it| (it, false));
        let all = kustomizations.chain(found.plain.iter().map(|it| (it, true)));
        for (folder, is_plain) in all.filter(|it| is_part(it.0)) {
            parts.entry((folder.clone(), is_plain)).or_default()[at] = true;
        }
    }
    let parts = parts.into_iter();
    parts
        .map(|((folder, is_plain), there)| Part {
            folder,
            there,
            is_plain,
        })
        .collect()
}

fn unread_folder(side: &Side<'_>, folder: &TreePath, error: &FilesError) -> Diagnostic {
    let place = side.root.join(folder);
    let message = format!(
        "`{folder}` is not compared, since it can't be read in {}: {error}",
        side.name
    );
    let fault = Diagnostic::warning("not-compared", message);
    fault
        .at(Span::new(&Source::new(place, ""), 0..0))
        .help("make it a plain folder or file that you may read")
}

/// Walks a side. Hidden folders and charts are passed over. Below a kustomization there is nothing plain: what it does not
/// list is not applied.
fn look(side: &Side<'_>) -> Found {
    let mut found = Found::default();
    let mut open = Walk::new(side.files, side.root.clone());
    let mut covered: BTreeSet<TreePath> = BTreeSet::new();
    while let Some(place) = open.next() {
        let folder = place.below(side.root).unwrap_or_else(TreePath::root);
        let mut is_covered = folder.parent().is_some_and(|it| covered.contains(&it));
        let entries = side.files.list(&place).unwrap_or_else(|error| {
            // There is nothing on a side without the folder that is compared.
            if folder != TreePath::root() {
                found.unread.insert(folder.clone(), error);
            }
            Vec::new()
        });
        let is_file = |name: &str| {
            let mut entries = entries.iter();
            entries.any(|it| it.kind == EntryKind::File && &*it.name == name)
        };
        if is_file("Chart.yaml") {
            continue;
        }
        if let Some(name) = FILE_NAMES.into_iter().find(|name| is_file(name)) {
            is_covered = true;
            let is_component = read_kustomization(side, &folder, name, &mut found.referenced);
            if !is_component {
                found.kustomizations.insert(folder.clone());
            }
        }
        if !is_covered && entries.iter().any(is_yaml) {
            found.plain.insert(folder.clone());
        }
        let folders = entries.iter().filter(|it| it.kind == EntryKind::Folder);
        let folders = folders.filter(|it| !it.name.starts_with('.'));
        folders.for_each(|it| open.add(place.child(&it.name)));
        if is_covered {
            covered.insert(folder);
        }
    }
    found
}

/// Notes the folders that a kustomization refers to, and says whether it is a component.
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
    for field in ["resources", "bases", "components"] {
        let items = node
            .get(field)
            .and_then(Node::as_sequence)
            .unwrap_or_default();
        let targets = items.iter().filter_map(|it| folder.resolve(it.as_str()?));
        referenced.extend(targets.filter(|it| it != folder));
    }
    node.get("kind").and_then(Node::as_str) == Some("Component")
}

fn is_yaml(entry: &crate::tree::Entry) -> bool {
    let is_named = entry.name.ends_with(".yaml") || entry.name.ends_with(".yml");
    entry.kind == EntryKind::File && is_named && !entry.name.starts_with('.')
}

/// Every Kubernetes object in the YAML files of a folder, as they are; and what else was generated there, such as the values
/// of a chart.
fn plain(side: &Side<'_>, folder: &TreePath) -> Built {
    let files = Recorded::new(side.files);
    let mut objects = Vec::new();
    let mut diagnostics = Diagnostics::default();
    for entry in files.list(folder).unwrap_or_default() {
        if !is_yaml(&entry) {
            continue;
        }
        let path = folder.child(&entry.name);
        match documents(&files, &path) {
            Ok(documents) => {
                let before = objects.len();
                let first = documents.first().cloned();
                documents
                    .into_iter()
                    .for_each(|it| gather(it, &mut objects));
                if objects.len() == before {
                    let data = first.filter(|_| is_generated(&files, &path, side.root));
                    let below = path.below(side.root).unwrap_or(path);
                    objects.extend(data.map(|it| file_object(&below, it)));
                }
            }
            Err(faults) => diagnostics.extend(faults),
        }
    }
    Built {
        objects,
        read_set: files.finish(),
        diagnostics,
    }
}

fn documents(files: &dyn Files, path: &TreePath) -> Result<Vec<Node>, Diagnostics> {
    let bytes = files
        .read(path)
        .map_err(|it| Diagnostic::error("unreadable-file", format!("`{path}`: {it}")))?;
    let text = str::from_utf8(&bytes).map_err(|_| {
        Diagnostic::error("unreadable-file", format!("`{path}` is not valid UTF-8"))
    })?;
    parse(&Source::new(path.clone(), text))
}

fn is_generated(files: &dyn Files, path: &TreePath, root: &TreePath) -> bool {
    let below = path.below(root).unwrap_or_else(|| path.clone());
    let bytes = files.read(path);
    bytes.is_ok_and(|it| ownership(&below, &it) != Ownership::Foreign)
}

/// A file of data in the form that objects are compared in. `path` is the file's in the tree.
pub fn file_object(path: &TreePath, data: Node) -> Object {
    let metadata = Mapping::from([("name", Node::string(path.as_str()))]);
    Object::new(Node::mapping([
        ("apiVersion", Node::constant("pleach.dev/v1")),
        ("kind", Node::constant("File")),
        ("metadata", Node::mapping(metadata)),
        ("content", data),
    ]))
}

/// Takes what is a Kubernetes object, and the items of a list of them.
fn gather(node: Node, objects: &mut Vec<Object>) {
    let object = Object::new(node);
    let has_items = object.node.get("items").is_some_and(|it| !it.is_scalar());
    if object.api_version() == "v1" && object.kind().ends_with("List") && has_items {
        let items = object
            .node
            .into_mapping()
            .and_then(|mut it| it.remove("items"));
        let items = items.and_then(|it| it.value.into_sequence());
        items
            .into_iter()
            .flatten()
            .for_each(|it| gather(it, objects));
    } else if ![object.api_version(), object.kind(), object.name()].contains(&"") {
        objects.push(object);
    }
}
