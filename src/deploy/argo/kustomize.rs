//! Applies the changes that Argo CD makes to a kustomization with `kustomize edit` before building it.

use super::environment::Environment;
use crate::deploy::sync::{flag, items, text};
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::{Mapping, Node};

/// Merges `spec.source.kustomize` into the fields of a kustomization.
pub(super) fn edit(
    fields: &mut Mapping,
    options: &Node,
    files: &dyn Files,
    folder: &TreePath,
    environment: &Environment,
) {
    for field in ["namePrefix", "nameSuffix", "namespace"] {
        let given = options
            .get(field)
            .filter(|it| !matches!(it.as_str(), None | Some("")));
        if let Some(value) = given {
            fields.insert(field, value.clone());
        }
    }
    for image in items(options, &["images"]) {
        put_image(fields, image, environment);
    }
    for replica in items(options, &["replicas"]) {
        put_named(fields, "replicas", replica.clone());
    }
    add_labels(fields, options, environment);
    let annotations = options.get("commonAnnotations").and_then(Node::as_mapping);
    for entry in annotations.into_iter().flatten() {
        let value = match flag(options, &["commonAnnotationsEnvsubst"]) {
            true => Node::string(environment.replace(entry.value.as_str().unwrap_or("")))
                .at(&entry.value),
            false => entry.value.clone(),
        };
        let all = fields.get_or_insert_with("commonAnnotations", || Node::mapping(Mapping::new()));
        if let Some(all) = all.as_mapping_mut() {
            all.insert(entry.key.clone(), value);
        }
    }
    for patch in items(options, &["patches"]) {
        append(fields, "patches", patch.clone());
    }
    let ignores_missing = flag(options, &["ignoreMissingComponents"]);
    for component in items(options, &["components"]) {
        let path = component.as_str().and_then(|it| folder.resolve(it));
        let is_there =
            path.is_some_and(|it| matches!(files.kind(&it), Ok(Some(EntryKind::Folder))));
        if is_there || !ignores_missing {
            append(fields, "components", component.clone());
        }
    }
}

/// `commonLabels`, also in selectors unless the options exclude these.
fn add_labels(fields: &mut Mapping, options: &Node, environment: &Environment) {
    let labels = options.get("commonLabels").and_then(Node::as_mapping);
    let mut pairs = Mapping::new();
    for entry in labels.into_iter().flatten() {
        let value = environment.replace(entry.value.as_str().unwrap_or(""));
        pairs.insert(entry.key.clone(), Node::string(value).at(&entry.value));
    }
    if pairs.is_empty() {
        return;
    }
    if flag(options, &["labelWithoutSelector"]) {
        let mut label = Mapping::from([("pairs", Node::mapping(pairs))]);
        if flag(options, &["labelIncludeTemplates"]) {
            label.insert("includeTemplates", Node::bool(true));
        }
        append(fields, "labels", Node::mapping(label));
        return;
    }
    let all = fields.get_or_insert_with("commonLabels", || Node::mapping(Mapping::new()));
    if let Some(all) = all.as_mapping_mut() {
        for entry in pairs {
            all.insert(entry.key, entry.value);
        }
    }
}

fn append(fields: &mut Mapping, field: &str, item: Node) {
    let list = fields.get_or_insert_with(field, || Node::sequence([]));
    if list.as_sequence().is_none() {
        *list = Node::sequence([]);
    }
    if let Some(list) = list.as_sequence_mut() {
        list.push(item);
    }
}

/// Replaces or adds an entry by its name.
fn put_named(fields: &mut Mapping, field: &str, item: Node) {
    let name = text(&item, &["name"]);
    let list = fields.get_mut(field).and_then(Node::as_sequence_mut);
    let known = list
        .into_iter()
        .flatten()
        .find(|it| text(it, &["name"]) == name);
    match known {
        Some(known) => *known = item,
        None => append(fields, field, item),
    }
}

/// `old=new:tag`, `name:tag` and `name@digest`, as `kustomize edit set image` reads them.
fn put_image(fields: &mut Mapping, image: &Node, environment: &Environment) {
    let written = environment.replace(image.as_str().unwrap_or(""));
    let (name, image_part) = match written.split_once('=') {
        Some((name, rest)) => (Some(name), rest),
        None => (None, &*written),
    };
    let (rest, digest) = match image_part.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image_part, None),
    };
    let after_slash = rest.rfind('/').map_or(0, |it| it + 1);
    let tag_at = rest
        .get(after_slash..)
        .and_then(|it| it.find(':'))
        .map(|it| it + after_slash);
    let (base, tag) = match tag_at.map(|at| rest.split_at(at)) {
        Some((base, tag)) => (base, tag.strip_prefix(':')),
        None => (rest, None),
    };
    let mut entry = Mapping::new();
    let at = |text: &str| Node::string(text).at(image);
    entry.insert("name", at(name.unwrap_or(base)));
    if name.is_some() && base != "*" {
        entry.insert("newName", at(base));
    }
    if let Some(tag) = tag.filter(|it| *it != "*") {
        entry.insert("newTag", at(tag));
    }
    if let Some(digest) = digest {
        entry.insert("digest", at(digest));
    }
    put_named(fields, "images", Node::mapping(entry).at(image));
}
