//! Fields that kustomize holds as one value.
//!
//! When kustomize adds a label it puts one and the same node into the labels, the selector and the pod template. A later
//! change of any of them (a patch, another label of that name without selectors) changes all. Bytes must agree, so these
//! places are remembered, and after a transformer has run the last change is copied to the others.

use pleach_yaml::{FieldPath, Node, Step};

/// The groups of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    /// In the order in which a merge comes by them.
    paths: Vec<FieldPath>,
    value: Node,
}

impl Shared {
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Forgets all: the object was written out and read again.
    pub(super) fn clear(&mut self) {
        self.groups.clear();
    }

    /// Notes that one value was put at several places.
    pub(super) fn add(&mut self, mut paths: Vec<FieldPath>, value: &Node) {
        if paths.len() > 1 {
            paths.sort();
            self.groups.push(Group {
                paths,
                value: value.clone(),
            });
        }
    }

    /// Copies the last change in each group to its other places. A place that is gone leaves its group.
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
                if let Some(place) = at_path_mut(object, path) {
                    *place = value.clone();
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

/// Follows a path, to change what is there.
pub(super) fn at_path_mut<'a>(node: &'a mut Node, path: &FieldPath) -> Option<&'a mut Node> {
    path.steps().iter().try_fold(node, |node, step| match step {
        Step::Key(key) => node.get_mut(key),
        Step::Index(index) => node.as_sequence_mut()?.get_mut(*index),
    })
}
