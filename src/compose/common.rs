//! Settings of a kustomization for all of its objects.

use crate::diag::{Diagnostics, Severity};
use crate::kustomize::{self, Options};
use crate::object::Object;
use crate::tree::{Tree, TreePath};
use crate::yaml::{Mapping, Node, map};

/// Settings of a kustomization that change all of its objects, which avoids a patch for each.
#[derive(Clone, Default)]
pub(crate) struct Common {
    /// Entries of `labels`, none of which touches selectors.
    pub(super) labels: Vec<Node>,
    pub(super) annotations: Mapping,
}

impl Common {
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    /// The two fields of a kustomization.
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

/// A kustomization without content.
pub(super) fn kustomization() -> Mapping {
    map! {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
}

/// The objects that a kustomization with `common` builds.
pub(crate) fn with_common(
    objects: Vec<Object>,
    common: &Common,
    diagnostics: &mut Diagnostics,
) -> Vec<Object> {
    if common.is_empty() {
        return objects;
    }
    let mut fields = kustomization();
    for entry in common.fields() {
        fields.insert(entry.key, entry.value);
    }
    // Given as a node, its values keep their locations.
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
