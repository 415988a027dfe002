//! Fields that share one value in kustomize.
//!
//! When kustomize adds a label, the labels, the selector and the pod template share the same node. A later change of any of them (a
//! patch, or another label with this name without selectors) changes all. To reproduce this, the paths are recorded, and after each
//! transformer the last change is copied to the others.

use pleach_yaml::{FieldPath, Node, Step};

/// The groups of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    /// In the order in which a merge visits them.
    paths: Vec<FieldPath>,
    value: Node,
}

impl Shared {
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Removes all groups, because the object was serialized and parsed again.
    pub(super) fn clear(&mut self) {
        self.groups.clear();
    }

    /// Records that several paths share a value.
    pub(super) fn add(&mut self, mut paths: Vec<FieldPath>, value: &Node) {
        if paths.len() > 1 {
            paths.sort();
            self.groups.push(Group {
                paths,
                value: value.clone(),
            });
        }
    }

    /// Copies the last change in each group to the other paths. Paths that no longer exist are removed from the group.
    pub(super) fn settle(&mut self, object: &mut Node) {
        for group in &mut self.groups {
            group
                .paths
                .retain(|path| object.at_path(path).is_some_and(Node::is_scalar));
            let changed = group
                .paths
                .iter()
                .rev()
                .filter_map(|path| object.at_path(path));
            let Some(value) = changed
                .into_iter()
                .find(|it| !same(it, &group.value))
                .cloned()
            else {
                continue;
            };
            for path in &group.paths {
                if let Some(location) = at_path_mut(object, path) {
                    *location = value.clone();
                }
            }
            group.value = value;
        }
        self.groups.retain(|group| group.paths.len() > 1);
    }
}

fn same(a: &Node, b: &Node) -> bool {
    a.as_str() == b.as_str() && a.style() == b.style() && a.tag() == b.tag()
}

/// The node at a path, mutably.
pub(super) fn at_path_mut<'a>(node: &'a mut Node, path: &FieldPath) -> Option<&'a mut Node> {
    path.steps().iter().try_fold(node, |node, step| match step {
        Step::Key(key) => node.get_mut(key),
        Step::Index(index) => node.as_sequence_mut()?.get_mut(*index),
    })
}
