//! The objects of a rendered chart.

use super::chart::Install;
use super::locations::Locations;
use crate::diag::{Class, Diagnostic, Source};
use crate::object::Object;
use crate::tree::TreePath;
use crate::yaml::{Node, duplicate_key, parse, parse_as_kustomize};
use pleach_helm::manifests::{HookEvent, Rendered, RenderedObject, hook_events, set_json_types};

/// The program that parses the output of a chart before it is applied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parser {
    /// Helm's and Argo CD's: a word such as `yes` is a boolean, and the last of duplicate keys is used.
    Helm,
    /// kustomize, with which helm-controller adds its labels.
    Kustomize,
}

/// The result of rendering a chart. Namespaces are only those that the chart sets.
pub(super) struct Installed {
    /// The definitions of the chart's `crds/`.
    pub(super) crds: Vec<Object>,
    /// The objects in the order in which Helm installs them.
    pub(super) objects: Vec<Object>,
    /// The hooks, including those of tests.
    pub(super) hooks: Vec<Object>,
    /// Hooks for unknown events, which Helm drops.
    pub(super) unknown_hooks: Vec<Object>,
}

impl Installed {
    pub(super) fn new(rendered: Rendered, install: &Install<'_>) -> Installed {
        let crds = rendered.crds.iter();
        let crds = crds.flat_map(|it| objects_of(&it.text, &it.path));
        let crds = crds.map(|mut it| {
            if install.parser == Parser::Helm {
                set_json_types(&mut it.node);
            }
            it
        });
        let objects = |all: Vec<RenderedObject>| {
            let nodes = all.into_iter().filter_map(|it| parsed(it, install));
            nodes.flat_map(|it| flattened(Object::new(it))).collect()
        };
        Installed {
            crds: crds
                .filter(|it| it.kind() == "CustomResourceDefinition")
                .collect(),
            objects: objects(rendered.objects),
            hooks: objects(rendered.hooks),
            unknown_hooks: objects(rendered.unknown_hooks),
        }
    }

    /// CRDs, objects, and the hooks that run.
    pub(super) fn applied(self, with_crds: bool, with_hooks: bool) -> Vec<Object> {
        let hooks = self.hooks.into_iter();
        let hooks = hooks.filter(|it| with_hooks && is_applied(it));
        let crds = self.crds.into_iter().filter(|_| with_crds);
        crds.chain(self.objects).chain(hooks).collect()
    }
}

/// Whether an object is one of the release, or a hook that installing or upgrading runs.
pub(super) fn is_applied(object: &Object) -> bool {
    match hook(object) {
        None => true,
        Some(names) => {
            hook_events(names).is_some_and(|events| events.iter().any(|it| *it != HookEvent::Test))
        }
    }
}

/// The events of a hook as written; `None` for an object of the release.
pub(super) fn hook(object: &Object) -> Option<&str> {
    let path = ["metadata", "annotations", "helm.sh/hook"];
    object.node.at_keys(&path).and_then(Node::as_str)
}

/// A document of the output as the parser reads it, with locations in values and templates.
fn parsed(rendered: RenderedObject, install: &Install<'_>) -> Option<Node> {
    let mut node = rendered.node?;
    let has_duplicates = match install.parser {
        Parser::Helm => {
            set_json_types(&mut node);
            false
        }
        Parser::Kustomize => {
            // Without a merge key, both parsers read the same.
            if rendered.text.contains("<<") {
                let documents = parse_as_kustomize(node.span().source()).unwrap_or_default();
                node = documents.into_iter().next().unwrap_or(node);
            }
            duplicate_key(&node).is_some()
        }
    };
    // kustomize rejects duplicate keys. They are found by their locations, so all must be in the same text.
    match rendered.origins.is_empty() || has_duplicates {
        true => Some(node),
        false => Some(Locations::new(&node, &rendered.origins, install.written).replace(node)),
    }
}

/// The error for an object of a chart without `kind`.
pub(super) fn missing_kind(object: &Object) -> Diagnostic {
    let message = format!(
        "its chart renders an object without `kind`: {}",
        object.name()
    );
    Diagnostic::error("missing-name", message).class(Class::Refused)
}

/// The items of a list, which are applied instead of the list.
pub(crate) fn flattened(object: Object) -> Vec<Object> {
    let is_list = object.kind().ends_with("List") && object.node.get("items").is_some();
    if !is_list {
        return vec![object];
    }
    let list = object
        .node
        .into_mapping()
        .and_then(|mut it| it.remove("items"));
    let list = list.and_then(|it| it.value.into_sequence());
    list.into_iter().flatten().map(Object::new).collect()
}

/// The objects in a text that is not a template.
pub(super) fn objects_of(content: &str, path: &str) -> Vec<Object> {
    let path = TreePath::new(path).unwrap_or_else(TreePath::root);
    let documents = parse(&Source::new(path, content)).unwrap_or_default();
    documents.into_iter().map(Object::new).collect()
}
