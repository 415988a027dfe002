//! Labels and annotations that a kustomization adds to all of its objects.

use crate::diag::{Diagnostics, Severity};
use crate::kustomize::{self, Options};
use crate::object::Object;
use crate::patch::set_emitted_form;
use crate::tree::{Tree, TreePath};
use crate::yaml::{Mapping, Node, map};

/// Labels and annotations that a kustomization adds to all of its objects, so that no object needs a patch for them.
#[derive(Clone, Default)]
pub(crate) struct CommonMetadata {
    /// The entries of `labels`. None of them changes selectors.
    pub(super) labels: Vec<Node>,
    pub(super) annotations: Mapping,
}

impl CommonMetadata {
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    /// The fields `labels` and `commonAnnotations` of a kustomization, without empty ones.
    pub(super) fn fields(&self) -> Mapping {
        let mut fields = Mapping::new();
        if !self.labels.is_empty() {
            fields.insert("labels", Node::sequence(self.labels.clone()));
        }
        if !self.annotations.is_empty() {
            fields.insert("commonAnnotations", self.annotations.clone());
        }
        fields
    }
}

/// A kustomization with only `apiVersion` and `kind`.
pub(super) fn empty_kustomization() -> Mapping {
    map! {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
}

/// Adds the labels and annotations to the objects, as a kustomization does.
pub(crate) fn apply_common_metadata(
    mut objects: Vec<Object>,
    common: &CommonMetadata,
    diagnostics: &mut Diagnostics,
) -> Vec<Object> {
    if common.is_empty() {
        return objects;
    }
    let nodes = objects.iter_mut().map(|it| &mut it.node);
    nodes.for_each(set_emitted_form);
    let mut fields = empty_kustomization();
    for entry in common.fields() {
        fields.insert(entry.key, entry.value);
    }
    // The kustomization is passed as a node, not as text, so that its values keep their locations.
    let (folder, options) = (TreePath::root(), Options::default());
    let fields = Node::mapping(fields);
    let built = kustomize::build_given(&Tree::new(), &folder, &fields, objects, &options, None);
    diagnostics.extend(
        built
            .diagnostics
            .into_iter()
            .filter(|it| it.severity == Severity::Error),
    );
    built.objects
}
