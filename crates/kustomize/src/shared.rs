//! Fields that share one value in kustomize.
//!
//! When kustomize adds a label, the labels, the selector and the pod template share the same node. A later change of any of them (a
//! patch, or another label with this name without selectors) changes all. To reproduce this, the paths are recorded, and after each
//! transformer the last change is copied to the others.

use std::iter::once;
use std::sync::Arc;

use pleach_yaml::{FieldPath, Node, Step};

/// The groups of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    /// The paths of the maps, in the order in which a merge visits their entries.
    maps: Vec<Arc<FieldPath>>,
    /// The key of the entry in each map.
    key: Arc<str>,
    value: Node,
}

impl Group {
    /// The last field with another value.
    fn changed<'a>(&self, object: &'a Node) -> Option<&'a Node> {
        let maps = self.maps.iter().rev();
        let mut fields = maps.filter_map(|map| entry(object.at_path(map)?, &self.key));
        fields.find(|it| !same(it, &self.value))
    }
}

/// A scalar in a map.
fn entry<'a>(map: &'a Node, key: &str) -> Option<&'a Node> {
    map.get(key).filter(|it| it.is_scalar())
}

impl Shared {
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Removes all groups, because the object was serialized and parsed again.
    pub(super) fn clear(&mut self) {
        self.groups.clear();
    }

    /// Records that the entries with a key in several maps share a value.
    pub(super) fn add(&mut self, mut maps: Vec<Arc<FieldPath>>, key: &Arc<str>, value: &Node) {
        if maps.len() < 2 {
            return;
        }
        let step = Step::Key((&**key).into());
        maps.sort_by(|a, b| {
            let (a, b) = (a.steps().iter(), b.steps().iter());
            a.chain(once(&step)).cmp(b.chain(once(&step)))
        });
        self.groups.push(Group {
            maps,
            key: key.clone(),
            value: value.clone(),
        });
    }

    /// Copies the last change in each group to the other fields. Fields that no longer exist are removed from the group.
    pub(super) fn settle(&mut self, object: &mut Node) {
        for group in &mut self.groups {
            let key = &group.key;
            let exists = |map: &Node| entry(map, key).is_some();
            group
                .maps
                .retain(|path| object.at_path(path).is_some_and(exists));
            let Some(value) = group.changed(object).cloned() else {
                continue;
            };
            for path in &group.maps {
                let map = at_path_mut(object, path);
                if let Some(field) = map.and_then(|it| it.get_mut(&group.key)) {
                    *field = value.clone();
                }
            }
            group.value = value;
        }
        self.groups.retain(|group| group.maps.len() > 1);
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
