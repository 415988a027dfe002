//! What helm-controller does with the objects of a chart before it applies them.

use super::super::metadata::{entries, set};
use super::super::sync::items;
use super::HELM_GROUP;
use crate::diag::Diagnostic;
use crate::kustomize::{LoadRestriction, Options, build_given};
use crate::object::Object;
use crate::tree::{Tree, TreePath};
use crate::yaml::{Entry, Mapping, Node, emit_canonical};

/// Runs the post-renderers of a release, adds its common metadata and the labels of their origin.
pub(super) fn post_render(
    release: &Object,
    mut objects: Vec<Object>,
) -> Result<Vec<Object>, Diagnostic> {
    for renderer in items(&release.node, &["spec", "postRenderers"]) {
        if let Some(kustomize) = renderer.get("kustomize") {
            objects = patched(kustomize, objects)?;
        }
    }
    for field in ["labels", "annotations"] {
        let common = entries(release.node.at_keys(&["spec", "commonMetadata", field]));
        objects.iter_mut().for_each(|it| set(it, field, &common));
    }
    let label = |key: &str, value: &str| {
        let key = Node::string(format!("{HELM_GROUP}/{key}"));
        (key, Node::string(value).at(release.span()))
    };
    let origin = [
        label("name", release.name()),
        label("namespace", release.namespace()),
    ];
    objects.iter_mut().for_each(|it| set(it, "labels", &origin));
    Ok(objects)
}

fn patched(kustomize: &Node, objects: Vec<Object>) -> Result<Vec<Object>, Diagnostic> {
    let mut fields = Mapping::new();
    for field in ["patches", "images"] {
        let list = items(kustomize, &[field]);
        if !list.is_empty() {
            fields.insert(field, Node::sequence(list.to_vec()));
        }
    }
    let merges = items(kustomize, &["patchesStrategicMerge"]);
    if !merges.is_empty() {
        let inline = merges
            .iter()
            .map(|it| Node::string(emit_canonical(it)).at(it));
        fields.insert(
            "patchesStrategicMerge",
            Node::sequence(inline.collect::<Vec<_>>()),
        );
    }
    let json = items(kustomize, &["patchesJson6902"]);
    if !json.is_empty() {
        fields.insert(
            "patchesJson6902",
            Node::sequence(json.iter().map(inline_json)),
        );
    }
    if fields.is_empty() {
        return Ok(objects);
    }
    let options = Options {
        load_restriction: LoadRestriction::None,
        ..Options::default()
    };
    let (files, root) = (Tree::new(), TreePath::root());
    let built = build_given(
        &files,
        &root,
        &Node::mapping(fields),
        objects,
        &options,
        None,
    );
    match super::super::chart::first_error(&built.diagnostics) {
        Some(fault) => Err(fault),
        None => Ok(built.objects),
    }
}

/// An entry whose `patch` is a list, as older versions of the API have it, with the text that kustomize expects.
fn inline_json(entry: &Node) -> Node {
    let fields = entry.as_mapping().into_iter().flatten();
    let fields = fields.map(|it| {
        let is_list = it.key.as_str() == Some("patch") && !it.value.is_scalar();
        Entry {
            key: it.key.clone(),
            value: match is_list {
                true => Node::string(emit_canonical(&it.value)).at(&it.value),
                false => it.value.clone(),
            },
        }
    });
    Node::mapping(fields.collect::<Mapping>()).at(entry)
}
