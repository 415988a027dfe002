//! Applies the changes that Argo CD makes to a kustomization with `kustomize edit` before building it.

use super::environment::Environment;
use crate::deploy::sync::{flag, items, text};
use crate::diag::Diagnostic;
use crate::tree::{EntryKind, Files, TreePath};
use crate::yaml::{Entry, Mapping, Node};

/// Merges `spec.source.kustomize` into the fields of a kustomization.
///
/// Errors: labels and annotations that the kustomization already has, unless the options force them.
pub(super) fn edit(
    fields: &mut Mapping,
    options: &Node,
    files: &dyn Files,
    folder: &TreePath,
    environment: &Environment,
) -> Result<(), Diagnostic> {
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
    add_labels(fields, options, environment)?;
    add_annotations(fields, options, environment)?;
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
    Ok(())
}

/// `commonLabels`, also in selectors unless the options exclude these.
fn add_labels(
    fields: &mut Mapping,
    options: &Node,
    environment: &Environment,
) -> Result<(), Diagnostic> {
    let labels = options.get("commonLabels").and_then(Node::as_mapping);
    let pairs: Vec<Entry> = labels
        .into_iter()
        .flatten()
        .map(|it| with_environment(it, environment))
        .collect();
    if pairs.is_empty() {
        return Ok(());
    }
    let in_templates = flag(options, &["labelIncludeTemplates"]);
    let force = flag(options, &["forceCommonLabels"]);
    if !flag(options, &["labelWithoutSelector"]) {
        if in_templates {
            let message = "`labelIncludeTemplates` has no effect without `labelWithoutSelector`, and Argo CD rejects it";
            let fault = Diagnostic::error("invalid-value", message).at(options);
            return Err(fault.help("add `labelWithoutSelector: true`"));
        }
        let all = fields.get_or_insert_with("commonLabels", || Node::mapping(Mapping::new()));
        return add_pairs(all, pairs, ("label", "forceCommonLabels", force));
    }
    let list = fields.get_mut("labels").and_then(Node::as_sequence_mut);
    let mut known = list.into_iter().flatten();
    let known = known.find(|it| {
        !flag(it, &["includeSelectors"]) && flag(it, &["includeTemplates"]) == in_templates
    });
    if let Some(known) = known.and_then(Node::as_mapping_mut) {
        let all = known.get_or_insert_with("pairs", || Node::mapping(Mapping::new()));
        return add_pairs(all, pairs, ("label", "forceCommonLabels", force));
    }
    let pairs = Node::mapping(pairs.into_iter().collect::<Mapping>());
    let mut label = Mapping::from([("pairs", pairs)]);
    if in_templates {
        label.insert("includeTemplates", Node::bool(true));
    }
    append(fields, "labels", Node::mapping(label));
    Ok(())
}

fn add_annotations(
    fields: &mut Mapping,
    options: &Node,
    environment: &Environment,
) -> Result<(), Diagnostic> {
    let annotations = options.get("commonAnnotations").and_then(Node::as_mapping);
    let replaces = flag(options, &["commonAnnotationsEnvsubst"]);
    let pairs = annotations.into_iter().flatten().map(|it| match replaces {
        true => with_environment(it, environment),
        false => it.clone(),
    });
    let pairs: Vec<Entry> = pairs.collect();
    if pairs.is_empty() {
        return Ok(());
    }
    let force = flag(options, &["forceCommonAnnotations"]);
    let all = fields.get_or_insert_with("commonAnnotations", || Node::mapping(Mapping::new()));
    add_pairs(all, pairs, ("annotation", "forceCommonAnnotations", force))
}

fn with_environment(entry: &Entry, environment: &Environment) -> Entry {
    let value = environment.replace(entry.value.as_str().unwrap_or(""));
    Entry {
        key: entry.key.clone(),
        value: Node::string(value).at(&entry.value),
    }
}

/// Adds pairs like `kustomize edit add`. The last argument is what they are, the option that replaces existing ones, and its value.
fn add_pairs(
    all: &mut Node,
    pairs: Vec<Entry>,
    (what, option, force): (&str, &str, bool),
) -> Result<(), Diagnostic> {
    if all.as_mapping().is_none() {
        *all = Node::mapping(Mapping::new());
    }
    let Some(all) = all.as_mapping_mut() else {
        return Ok(());
    };
    for Entry { key, value } in pairs {
        let known = all.entry(key.as_str().unwrap_or("")).filter(|_| !force);
        if let Some(known) = known {
            let name = key.as_str().unwrap_or("");
            let message = format!(
                "the kustomization already has the {what} `{name}`, and Argo CD does not replace it"
            );
            return Err(Diagnostic::error("duplicate-key", message)
                .at(&key)
                .related(known.key.span(), "here")
                .help(format!("set `{option}: true`, or remove one of them")));
        }
        all.insert(key, value);
    }
    Ok(())
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
