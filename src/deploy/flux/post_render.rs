//! Changes that helm-controller makes to the objects of a chart before applying them.

use std::collections::BTreeMap;

use super::super::installed::{Installed, hook, is_applied, missing_kind};
use super::super::metadata::{entries, set};
use super::super::refusal::refused;
use super::super::sync::{flag, items, text};
use super::HELM_GROUP;
use crate::diag::{Class, Diagnostic};
use crate::kustomize::{LoadRestriction, Options, build_given};
use crate::object::Object;
use crate::tree::{Tree, TreePath};
use crate::yaml::{Entry, Mapping, Node, Style, duplicate_key, emit_canonical, json_round_trip};
use pleach_helm::HelmVersion;
use pleach_helm::manifests::set_json_types;

/// How post-renderers process hooks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strategy {
    /// Hooks are post-rendered together with the other objects.
    Combined,
    /// Hooks are post-rendered apart from the other objects.
    Separate,
    /// Hooks are not post-rendered.
    NoHooks,
}

/// The objects of a chart as helm-controller applies them: with post-renderers, common metadata and the labels of the origin. CRDs
/// only get the labels.
///
/// Errors: a patch that does not apply, and objects that kustomize rejects.
pub(super) fn post_render(
    release: &Object,
    installed: Installed,
    version: HelmVersion,
) -> Result<Vec<Object>, Diagnostic> {
    let node = &release.node;
    let strategy = match text(node, &["spec", "postRenderStrategy"]) {
        "separate" => Strategy::Separate,
        "nohooks" => Strategy::NoHooks,
        "" if version == HelmVersion::V3 => Strategy::NoHooks,
        _ => Strategy::Combined,
    };
    let Installed {
        mut crds,
        mut objects,
        mut hooks,
        mut unknown_hooks,
    } = installed;
    match strategy {
        Strategy::Combined => {
            hooks.append(&mut unknown_hooks);
            objects = rendered(release, objects, hooks, version)?;
        }
        Strategy::Separate => {
            objects = rendered(release, objects, Vec::new(), version)?;
            objects.extend(rendered(release, Vec::new(), hooks, version)?);
        }
        Strategy::NoHooks => {
            objects = rendered(release, objects, Vec::new(), version)?;
            hooks.iter_mut().for_each(|it| set_json_types(&mut it.node));
            objects.append(&mut hooks);
        }
    }
    let has_hooks = !flag(node, &["spec", "install", "disableHooks"]);
    objects.retain(|it| is_applied(it) && (has_hooks || hook(it).is_none()));
    crds.retain(|_| text(node, &["spec", "install", "crds"]) != "Skip");
    let origin = origin(release);
    for definition in &mut crds {
        set(definition, "labels", &origin);
        // They are not part of the release, so they stay when it is removed.
        definition.stays = true;
    }
    crds.append(&mut objects);
    Ok(crds)
}

/// Applies the post-renderers of a release to objects and hooks.
fn rendered(
    release: &Object,
    mut objects: Vec<Object>,
    hooks: Vec<Object>,
    version: HelmVersion,
) -> Result<Vec<Object>, Diagnostic> {
    objects.extend(hooks);
    refuse_unreadable(&objects).map_err(refused)?;
    let renderers = items(&release.node, &["spec", "postRenderers"]).iter();
    let steps = renderers.filter_map(|it| it.get("kustomize")).enumerate();
    for (step, kustomize) in steps {
        for object in &mut objects {
            match step {
                // Helm 4 prints the chart's text anew for the first step.
                0 if version == HelmVersion::V4 => print_missing_values(&mut object.node),
                0 => {}
                // Each other step parses what kustomize has printed.
                _ => json_round_trip(&mut object.node)?,
            }
        }
        objects = patched(kustomize, objects).map_err(refused)?;
        // The next step parses them again.
        refuse_unreadable(&objects).map_err(refused)?;
    }
    for field in ["labels", "annotations"] {
        let common = entries(release.node.at_keys(&["spec", "commonMetadata", field]));
        objects.iter_mut().for_each(|it| set(it, field, &common));
    }
    let origin = origin(release);
    objects.iter_mut().for_each(|it| set(it, "labels", &origin));
    Ok(objects)
}

/// Replaces values that are missing inside `{…}` by empty strings, as kyaml prints them.
fn print_missing_values(node: &mut Node) {
    if let Some(items) = node.as_sequence_mut() {
        items.iter_mut().for_each(print_missing_values);
    } else if let Some(entries) = node.as_mapping_mut() {
        let values = entries.iter_mut().map(|it| &mut it.value);
        values.for_each(print_missing_values);
    } else if node.style() == Style::Flow && node.is_null() {
        *node = Node::string("").at(node.span());
    }
}

/// The labels with which helm-controller finds the objects it has applied.
fn origin(release: &Object) -> [(Node, Node); 2] {
    let label = |key: &str, value: &str| {
        let key = Node::string(format!("{HELM_GROUP}/{key}"));
        (key, Node::string(value).at(release.span()))
    };
    [
        label("name", release.name()),
        label("namespace", release.namespace()),
    ]
}

/// Errors for objects that kustomize rejects, because helm-controller uses it to add its labels: objects without a kind or name,
/// duplicate keys, and two objects with the same name.
fn refuse_unreadable(objects: &[Object]) -> Result<(), Diagnostic> {
    let mut known = BTreeMap::new();
    for object in objects {
        let id = object.id();
        if object.kind().is_empty() {
            return Err(missing_kind(object));
        }
        if object.name().is_empty() {
            let kind = object.kind();
            let message = format!("its chart renders a {kind} without `metadata.name`");
            return Err(Diagnostic::error("missing-name", message));
        }
        if let Some((_, key)) = duplicate_key(&object.node) {
            let key = key.as_str().unwrap_or("");
            let message = format!("its chart writes the key `{key}` of {id} twice in one map");
            return Err(Diagnostic::error("duplicate-key", message).class(Class::DuplicateKey));
        }
        let namespace = match object.namespace() {
            "default" => "",
            namespace => namespace,
        };
        let key = (object.gvk(), namespace, object.name());
        let Some(first) = known.insert(key, object) else {
            continue;
        };
        let fault = Diagnostic::error(
            "duplicate-resource",
            format!("its chart renders {id} twice, which helm-controller rejects"),
        )
        .class(Class::DuplicateObject);
        return Err(match hook(first).is_some() == hook(object).is_some() {
            true => fault,
            false => fault.help(
                "one of them is a hook: set `spec.postRenderStrategy: separate`, which post-renders hooks by themselves",
            ),
        });
    }
    Ok(())
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

/// Converts an entry whose `patch` is a list, as in older versions of the API, to the text that kustomize expects.
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
