//! The kustomization that Flux builds: the file in the folder, or a generated one that lists all manifests below it, with the
//! fields of the Flux Kustomization.

use super::super::scan::is_yaml;
use super::super::sync::{flag, items, text};
use super::ignore::IgnoreRules;
use crate::diag::{Class, Diagnostic, Diagnostics, Span};
use crate::kustomize::FILE_NAMES;
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::{Mapping, Node, parse_one};

/// The kustomization of a folder. `at` is the location that refers to it.
pub(super) fn read_or_list(
    files: &dyn Files,
    folder: &TreePath,
    at: Option<&Span>,
) -> Result<Mapping, Diagnostics> {
    if let Some(mut fields) = read_fields(files, folder)? {
        let has_resources = fields.get("resources").and_then(Node::as_sequence);
        if has_resources.is_none_or(<[Node]>::is_empty) {
            // Flux does this so that kustomize accepts it.
            let metadata = Node::sequence([Node::constant("originAnnotations")]);
            fields.insert("buildMetadata", metadata);
        }
        return Ok(fields);
    }
    let mut found = Vec::new();
    list(files, folder, &IgnoreRules::load(files, folder), &mut found);
    let entry = |it: &TreePath| {
        let node = Node::string(format!("./{}", folder.relative(it)));
        match at {
            Some(span) => node.at(span),
            None => node,
        }
    };
    let mut kustomization = Mapping::new();
    match found.is_empty() {
        // kustomize refuses an empty kustomization.
        true => kustomization.insert("namespace", Node::constant("_placeholder")),
        false => kustomization.insert("resources", Node::sequence(found.iter().map(entry))),
    };
    Ok(kustomization)
}

/// The fields of the kustomization file of a folder; `None` if it has none.
pub(in crate::deploy) fn read_fields(
    files: &dyn Files,
    folder: &TreePath,
) -> Result<Option<Mapping>, Diagnostics> {
    let mut paths = FILE_NAMES.iter().map(|it| folder.child(it));
    let path = paths.find(|it| matches!(files.kind(it), Ok(Some(EntryKind::File))));
    path.map(|it| read(files, &it)).transpose()
}

fn read(files: &dyn Files, path: &TreePath) -> Result<Mapping, Diagnostics> {
    let bytes = files.read(path).map_err(|error| {
        Diagnostic::error("unreadable-file", format!("cannot read `{path}`: {error}"))
            .class(Class::Unreadable)
    })?;
    let source = crate::yaml::text_source(path, &bytes)?;
    let node = parse_one(&source)?;
    let fields = node.as_mapping().cloned();
    Ok(fields.unwrap_or_default())
}

/// All manifests below a folder, in the order of a walk. A folder with a kustomization is one entry.
fn list(files: &dyn Files, folder: &TreePath, ignored: &IgnoreRules, found: &mut Vec<TreePath>) {
    let entries = files.list(folder).unwrap_or_default();
    for entry in entries {
        let path = folder.child(&entry.name);
        if ignored.ignores(&path) {
            continue;
        }
        match entry.kind {
            EntryKind::Folder if has_kustomization(files, &path) => found.push(path),
            EntryKind::Folder => {
                list(files, &path, &ignored.below(files, &path), found);
            }
            EntryKind::File if is_yaml(&entry) => found.push(path),
            EntryKind::File => {}
        }
    }
}

/// Whether a folder has a kustomization file.
pub(super) fn has_kustomization(files: &dyn Files, folder: &TreePath) -> bool {
    let mut names = FILE_NAMES.iter();
    names.any(|it| matches!(files.kind(&folder.child(it)), Ok(Some(EntryKind::File))))
}

/// Adds the fields of a Flux Kustomization to the kustomization that it builds.
pub(super) fn put_in(
    files: &dyn Files,
    folder: &TreePath,
    object: &Node,
    fields: &mut Mapping,
) -> Result<(), Diagnostic> {
    let texts = [
        ("targetNamespace", "namespace"),
        ("namePrefix", "namePrefix"),
        ("nameSuffix", "nameSuffix"),
    ];
    for (from, to) in texts {
        if let Some(value) = object.at_keys(&["spec", from]) {
            fields.insert(to, value.clone());
        }
    }
    for patch in items(object, &["spec", "patches"]) {
        append(fields, "patches", patch.clone());
    }
    let ignores_missing = flag(object, &["spec", "ignoreMissingComponents"]);
    for component in items(object, &["spec", "components"]) {
        let path = component.as_str().unwrap_or("");
        if path.starts_with('/') || path.contains("://") || path.starts_with("git@") {
            let message = format!("component path `{path}` must be local and relative");
            return Err(Diagnostic::error("invalid-value", message).at(component));
        }
        let is_there = folder
            .resolve(path)
            .is_some_and(|it| matches!(files.kind(&it), Ok(Some(_))));
        if is_there || !ignores_missing {
            append(fields, "components", component.clone());
        }
    }
    for patch in items(object, &["spec", "patchesStrategicMerge"]) {
        let inline = crate::yaml::emit_canonical(patch);
        append(
            fields,
            "patchesStrategicMerge",
            Node::string(inline).at(patch),
        );
    }
    for image in items(object, &["spec", "images"]) {
        put_image(fields, image);
    }
    if let Some(metadata) = object.at_keys(&["spec", "buildMetadata"]) {
        fields.insert("buildMetadata", metadata.clone());
    }
    Ok(())
}

fn append(fields: &mut Mapping, field: &str, item: Node) {
    let list = fields.get_or_insert_with(field, || Node::sequence([]));
    if list.as_sequence().is_none() {
        *list = Node::sequence([]);
    }
    list.as_sequence_mut()
        .into_iter()
        .for_each(|it| it.push(item.clone()));
}

/// An image of the Flux Kustomization overrides the file's entry of the same name, field by field; tag and digest replace each
/// other.
fn put_image(fields: &mut Mapping, image: &Node) {
    let name = text(image, &["name"]);
    let list = fields.get_mut("images").and_then(Node::as_sequence_mut);
    let known = list
        .into_iter()
        .flatten()
        .find(|it| text(it, &["name"]) == name);
    let Some(known) = known.and_then(Node::as_mapping_mut) else {
        append(fields, "images", image.clone());
        return;
    };
    let given = |key: &str| image.get(key).filter(|it| it.as_str() != Some(""));
    if let Some(value) = given("newName") {
        known.insert("newName", value.clone());
    }
    if given("newTag").or(given("digest")).is_some() {
        for key in ["newTag", "digest"] {
            match given(key) {
                Some(value) => drop(known.insert(key, value.clone())),
                None => drop(known.remove(key)),
            }
        }
    }
}
