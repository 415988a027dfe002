//! A part of a tree and its objects on one side.

use std::sync::Arc;

use super::Side;
use crate::diag::{Class, Diagnostic, Diagnostics, Source};
use crate::emit::{Ownership, ownership};
use crate::kustomize::{self, Built, LoadRestriction, Options, ParsedFiles};
use crate::object::Object;
use crate::tree::{Entry, EntryKind, Files, Recorded, TreePath};
use crate::yaml::{Mapping, Node, parse};

/// A folder or file that is applied separately, or that a kustomization lists and that is compared by itself.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The path of the folder or file, relative to the root of the side if it is below the root.
    pub(super) folder: TreePath,
    /// Whether the part exists before and after the change.
    pub(super) exists: [bool; 2],
    pub(super) kind: PartKind,
    /// The shared caches of parsed files, before and after the change.
    pub(super) parsed: [Arc<ParsedFiles>; 2],
}

/// How the objects of a part are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PartKind {
    /// A folder with a kustomization.
    Kustomization,
    /// A folder of YAML files without a kustomization.
    Plain,
    /// A file of objects that a kustomization lists.
    File,
}

impl Part {
    /// The path in the files of a side. A path outside of the root is the same on both sides.
    pub(super) fn path(&self, side: &Side<'_>) -> TreePath {
        match self.kind {
            PartKind::Plain => side.root.join(&self.folder),
            _ => {
                let own = side.root.join(&self.folder);
                match side.files.kind(&own) {
                    Ok(Some(_)) => own,
                    _ => self.folder.clone(),
                }
            }
        }
    }

    /// Builds the objects of one side; none if the part does not exist there.
    pub(super) fn build(&self, side: &Side<'_>, at: usize) -> Built {
        if !self.exists[at] {
            return Built {
                objects: Vec::new(),
                read_set: Default::default(),
                diagnostics: Diagnostics::default(),
            };
        }
        let path = self.path(side);
        match self.kind {
            PartKind::Plain => read_folder(side, &path),
            PartKind::File => read_file(side, &path),
            PartKind::Kustomization => {
                // Files outside of the folder may be loaded, because sync engines are often configured to allow this, and a
                // comparison writes nothing.
                let options = Options {
                    load_restriction: LoadRestriction::None,
                    charts_as_objects: true,
                    ..Options::default()
                };
                kustomize::build_sharing(side.files, &path, &options, &self.parsed[at])
            }
        }
    }
}

pub(super) fn is_yaml(entry: &Entry) -> bool {
    let is_named = entry.name.ends_with(".yaml") || entry.name.ends_with(".yml");
    entry.kind == EntryKind::File && is_named && !entry.name.starts_with('.')
}

/// The Kubernetes objects in the YAML files of a folder, and the content of generated files that are not objects, such as values of
/// charts.
fn read_folder(side: &Side<'_>, folder: &TreePath) -> Built {
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
                    .for_each(|it| collect_objects(it, &mut objects));
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

/// The objects of a file that a kustomization lists.
fn read_file(side: &Side<'_>, path: &TreePath) -> Built {
    let files = Recorded::new(side.files);
    let mut objects = Vec::new();
    let mut diagnostics = Diagnostics::default();
    match documents(&files, path) {
        Ok(documents) => documents
            .into_iter()
            .for_each(|it| collect_objects(it, &mut objects)),
        Err(faults) => diagnostics.extend(faults),
    }
    Built {
        objects,
        read_set: files.finish(),
        diagnostics,
    }
}

/// The documents of a YAML file.
pub(super) fn documents(files: &dyn Files, path: &TreePath) -> Result<Vec<Node>, Diagnostics> {
    let bytes = files.read(path).map_err(|it| {
        Diagnostic::error("unreadable-file", format!("`{path}`: {it}")).class(Class::Unreadable)
    })?;
    let text = str::from_utf8(&bytes).map_err(|_| {
        Diagnostic::error("unreadable-file", format!("`{path}` is not valid UTF-8"))
            .class(Class::Unreadable)
    })?;
    parse(&Source::new(path.clone(), text))
}

/// Whether pleach has generated a file.
fn is_generated(files: &dyn Files, path: &TreePath, root: &TreePath) -> bool {
    let below = path.below(root).unwrap_or_else(|| path.clone());
    let bytes = files.read(path);
    bytes.is_ok_and(|it| ownership(&below, &it) != Ownership::Foreign)
}

/// A file that is not an object, converted to an object for the comparison. `path` is its path in the tree.
pub fn file_object(path: &TreePath, data: Node) -> Object {
    let metadata = Mapping::from([("name", Node::string(path.as_str()))]);
    Object::new(Node::mapping([
        ("apiVersion", Node::constant("pleach.dev/v1")),
        ("kind", Node::constant("File")),
        ("metadata", Node::mapping(metadata)),
        ("content", data),
    ]))
}

/// Adds the Kubernetes object in a document or, if it is a list, the items of the list. Other documents are ignored.
fn collect_objects(node: Node, objects: &mut Vec<Object>) {
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
            .for_each(|it| collect_objects(it, objects));
    } else if ![object.api_version(), object.kind(), object.name()].contains(&"")
        && !is_catalog_entity(&object)
    {
        objects.push(object);
    }
}

/// Whether a document is an entity of Backstage's catalog, which looks like a Kubernetes object but is not applied.
fn is_catalog_entity(object: &Object) -> bool {
    let group = object.api_version().split('/').next().unwrap_or("");
    group == "backstage.io" || group.ends_with(".backstage.io")
}
