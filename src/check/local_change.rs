//! Changes of objects that cannot affect the findings about other objects, so that only the changed objects need to be checked.
//!
//! Most changes of a claim set another image, another number of replicas or other resources. No check looks at these fields of one
//! object to judge another one.

use std::collections::BTreeMap;

use super::admission_policies::is_policy;
use super::cluster::Cluster;
use super::created_objects::is_custom;
use super::too_large_to_apply::is_too_large;
use crate::Compiled;
use crate::compare::Origins;
use crate::layout::{Folder, Output};
use crate::object::Object;
use crate::tree::{Tree, TreePath};
use crate::yaml::{Node, View};

/// Keys of values that are not names of objects, and that only checks of the object itself read.
const LOCAL_KEYS: [&str; 5] = ["image", "cpu", "memory", "storage", "ephemeral-storage"];
/// The same in custom resources. In workloads of Kubernetes, it decides what a PodDisruptionBudget permits.
const LOCAL_KEY_OF_CUSTOM_RESOURCES: &str = "replicas";

/// Whether a scalar below a key matters only to checks of its own object.
pub(super) fn is_local_key(key: &str) -> bool {
    LOCAL_KEYS.contains(&key)
}

/// Whether other objects refer to the values of a map, whatever its keys are.
fn is_of_labels(key: &str) -> bool {
    key == "metadata" || key == "matchLabels" || key.ends_with("elector")
}

/// Whether two states of some claims only differ in values that do not affect the findings about other objects. The rest of the
/// workspace must be the same.
pub fn is_local_change(before: &Compiled, after: &Compiled) -> bool {
    let mut clusters = after.clusters.values();
    clusters.all(|it| it.policies.is_empty())
        && has_same_cluster_files(&before.tree, &after.tree)
        && are_alike(&before.origins, &after.origins)
}

/// Whether the environments have policies, or definitions of kinds that are not in the folder `crds/`. Each may affect the findings
/// about any object.
pub fn has_cluster_rules(compiled: &Compiled) -> bool {
    let has_definitions = |it: &Cluster| {
        let mut definitions = it.definitions.iter();
        definitions.any(|it| Folder::containing(&it.path) != Some(Folder::Crds))
    };
    let mut objects = compiled.origins.iter().flat_map(|it| &it.1.objects);
    compiled.clusters.values().any(has_definitions)
        || objects.any(|it| it.kind() == "CustomResourceDefinition" || is_policy(it))
}

/// Whether the objects of the sync engine in the folders of clusters are the same.
fn has_same_cluster_files(before: &Tree, after: &Tree) -> bool {
    let files = |tree: &Tree| -> BTreeMap<TreePath, Vec<u8>> {
        let files = tree.iter().filter(|it| Output::is_of_cluster(it.0));
        files
            .map(|(path, bytes)| (path.clone(), bytes.to_vec()))
            .collect()
    };
    files(before) == files(after)
}

fn are_alike(before: &Origins, after: &Origins) -> bool {
    let mut folders = [before.iter(), after.iter()];
    loop {
        let [before, after] = folders.each_mut().map(Iterator::next);
        let (Some(before), Some(after)) = (before, after) else {
            return before.is_none() && after.is_none();
        };
        let pairs = before.1.objects.iter().zip(&after.1.objects);
        let is_same = before.0 == after.0
            && before.1.objects.len() == after.1.objects.len()
            && pairs.into_iter().all(|it| is_alike(it.0, it.1));
        if !is_same {
            return false;
        }
    }
}

fn is_alike(before: &Object, after: &Object) -> bool {
    let comparison = Comparison {
        is_custom: is_custom(after),
    };
    comparison.is_alike(&before.node, &after.node, "") && !is_too_large(&after.node)
}

struct Comparison {
    is_custom: bool,
}

impl Comparison {
    /// Whether two values below a key are the same, except for local values.
    fn is_alike(&self, before: &Node, after: &Node, key: &str) -> bool {
        match (before.view(), after.view()) {
            (View::Mapping(before), View::Mapping(after)) => {
                let mut entries = before.iter().zip(after);
                before.len() == after.len()
                    && entries.all(|(before, after)| {
                        let key = before.key.as_str().unwrap_or("");
                        after.key.as_str() == Some(key)
                            && match is_of_labels(key) {
                                true => before.value.same_data(&after.value),
                                false => self.is_alike(&before.value, &after.value, key),
                            }
                    })
            }
            (View::Sequence(before), View::Sequence(after)) => {
                let mut items = before.iter().zip(after);
                before.len() == after.len()
                    && items.all(|(before, after)| self.is_alike(before, after, key))
            }
            (View::Scalar(old), View::Scalar(new)) => {
                // Flux substitutes variables from other objects.
                before.same_data(after)
                    || self.is_local(key) && !old.contains('$') && !new.contains('$')
            }
            _ => false,
        }
    }

    fn is_local(&self, key: &str) -> bool {
        is_local_key(key) || self.is_custom && key == LOCAL_KEY_OF_CUSTOM_RESOURCES
    }
}
