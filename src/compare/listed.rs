//! Splits a kustomization that cannot be built into its entries, so that they can be compared one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;
use super::kustomization_paths;
use super::part::{Part, PartKind, documents, file_object};
use crate::kustomize::FILE_NAMES;
use crate::object::Object;
use crate::tree::{EntryKind, TreePath};
use crate::yaml::{Mapping, Node};

/// The entries of a kustomization on both sides.
#[derive(Default)]
pub(super) struct Listed {
    /// The listed folders and files.
    pub(super) parts: Vec<Part>,
    /// The kustomization file and the other files that it refers to, as objects with their content.
    pub(super) data: [Vec<Object>; 2],
    /// Whether a side lists an entry that cannot be found and that the other side does not list, such as the address of another
    /// repository.
    pub(super) has_missing: [bool; 2],
}

/// The entries of a kustomization; `None` if its file exists on a side but cannot be read.
pub(super) fn listed(sides: [&Side<'_>; 2], part: &Part) -> Option<Listed> {
    if part.kind != PartKind::Kustomization {
        return None;
    }
    let mut parts: BTreeMap<(TreePath, PartKind), [bool; 2]> = BTreeMap::new();
    let mut missing: [BTreeSet<String>; 2] = Default::default();
    let mut data: [Vec<Object>; 2] = Default::default();
    for (at, side) in sides.into_iter().enumerate().filter(|it| part.exists[it.0]) {
        let folder = part.path(side);
        let (path, node) = kustomization(side, &folder)?;
        for entry in kustomization_paths::resources(&node) {
            let path = folder.resolve(entry);
            let entry_kind = path.as_ref().map(|it| side.files.kind(it));
            let kind = match entry_kind {
                Some(Ok(Some(EntryKind::Folder))) => Some(PartKind::Kustomization),
                Some(Ok(Some(EntryKind::File))) => Some(PartKind::File),
                _ => None,
            };
            match path.zip(kind) {
                Some((path, kind)) => {
                    let key = (path.below(side.root).unwrap_or(path), kind);
                    parts.entry(key).or_default()[at] = true;
                }
                None => _ = missing[at].insert(entry.to_string()),
            }
        }
        data[at] = content(side, &folder, &path, node);
    }
    let [before, after] = &missing;
    let has_missing = [!before.is_subset(after), !after.is_subset(before)];
    let parts = parts.into_iter().map(|((folder, kind), exists)| Part {
        folder,
        exists,
        kind,
        parsed: part.parsed.clone(),
    });
    Some(Listed {
        parts: parts.collect(),
        data,
        has_missing,
    })
}

/// The kustomization of a folder, and its file.
fn kustomization(side: &Side<'_>, folder: &TreePath) -> Option<(TreePath, Node)> {
    let mut paths = FILE_NAMES.into_iter().map(|it| folder.child(it));
    let path = paths.find(|it| matches!(side.files.kind(it), Ok(Some(EntryKind::File))))?;
    let node = documents(side.files, &path).ok()?.into_iter().next()?;
    node.as_mapping().is_some().then_some((path, node))
}

/// The content of the kustomization file, and the files that it names besides its resources. Files that become Secrets are put into
/// objects of this kind, so that their values are hidden.
fn content(side: &Side<'_>, folder: &TreePath, path: &TreePath, node: Node) -> Vec<Object> {
    let mut objects = Vec::new();
    let mut node = node;
    let generators = node
        .as_mapping_mut()
        .and_then(|it| it.remove("secretGenerator"));
    let generators = generators.and_then(|it| it.value.into_sequence());
    for generator in generators.unwrap_or_default() {
        let mut values = Mapping::from([("generator", text(&generator))]);
        for path in kustomization_paths::files(&generator, folder) {
            if let Ok(bytes) = side.files.read(&path) {
                let content = String::from_utf8_lossy(&bytes).into_owned();
                values.insert(path.name(), Node::string(content));
            }
        }
        objects.push(secret(&generator, values));
    }
    let relative = |it: &TreePath| it.below(side.root).unwrap_or_else(|| it.clone());
    let files: BTreeSet<TreePath> = kustomization_paths::files(&node, folder)
        .into_iter()
        .collect();
    for path in files {
        let is_file = matches!(side.files.kind(&path), Ok(Some(EntryKind::File)));
        let bytes = is_file.then(|| side.files.read(&path).ok()).flatten();
        if let Some(bytes) = bytes {
            let parsed = documents(side.files, &path).ok().map(Node::sequence);
            let content = String::from_utf8_lossy(&bytes).into_owned();
            let content = parsed.unwrap_or_else(|| Node::string(content));
            objects.push(file_object(&relative(&path), content));
        }
    }
    objects.push(file_object(&relative(path), node));
    objects
}

fn text(generator: &Node) -> Node {
    Node::string(crate::yaml::emit_canonical(generator))
}

/// A Secret with the name of a generator.
fn secret(generator: &Node, values: Mapping) -> Object {
    let field = |key: &str| generator.get(key).and_then(Node::as_str).unwrap_or("");
    let mut metadata = Mapping::from([("name", Node::string(field("name")))]);
    if !field("namespace").is_empty() {
        metadata.insert("namespace", Node::string(field("namespace")));
    }
    let object = Node::mapping([
        ("apiVersion", Node::constant("v1")),
        ("kind", Node::constant("Secret")),
        ("metadata", Node::mapping(metadata)),
        ("stringData", Node::mapping(values)),
    ]);
    Object::new(object.at(generator))
}
