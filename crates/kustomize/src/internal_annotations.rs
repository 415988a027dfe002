//! The notes on a resource as kustomize keeps them: annotations in the document, where patches find them, and can take them away.

use std::sync::Arc;

use pleach_kube::object::Object;
use pleach_yaml::Node;

use super::finish::ORIGIN;
use super::resource::{PreviousId, Resource, map_at};

const NAMES: &str = "internal.config.kubernetes.io/previousNames";
const NAMESPACES: &str = "internal.config.kubernetes.io/previousNamespaces";
const KINDS: &str = "internal.config.kubernetes.io/previousKinds";
const PREFIXES: &str = "internal.config.kubernetes.io/prefixes";
const SUFFIXES: &str = "internal.config.kubernetes.io/suffixes";
const HASH: &str = "internal.config.kubernetes.io/needsHashSuffix";
const BEHAVIOR: &str = "internal.config.kubernetes.io/generatorBehavior";

/// A note's name and its text.
pub(super) type Note = (&'static str, String);

impl Resource {
    /// An object as it was read. It may have internal annotations: somebody may have saved an intermediate result.
    pub(super) fn read(object: Object) -> Resource {
        let mut resource = Resource::new(object);
        // kustomize removes these annotations from what it prints, and believes any that it finds
        // in a file.
        if resource.metadata_map("annotations").is_some() {
            resource.restore();
        }
        resource
    }

    /// Writes the notes among the annotations, where a patch finds them. [`hide_notes`](Resource::strip) wants what is given.
    pub(super) fn inject(&mut self) -> Vec<Note> {
        // Most patches never look at annotations, so kustomize's bookkeeping is only written where
        // a patch could see or change it.
        let notes = self.notes();
        if notes.is_empty() {
            return notes;
        }
        let metadata = self.node_mut().get_mut("metadata");
        if let Some(annotations) = metadata.and_then(|it| map_at(it, "annotations")) {
            for (name, text) in &notes {
                annotations.insert(*name, Node::string(text.as_str()));
            }
        }
        notes
    }

    /// Takes the notes out of the annotations, and the annotations with them if there are no others. Those that a strategic merge
    /// took away are forgotten; after operations kustomize puts them back, but for the origin.
    pub(super) fn strip(&mut self, shown: &[Note], forget: bool) {
        if shown.is_empty() {
            return;
        }
        if forget {
            self.restore();
        }
        // kustomize keeps the origin only as an annotation: a patch that deletes all annotations
        // deletes it for good.
        if self.annotation(ORIGIN).is_none() {
            self.origin = None;
            self.transformations.clear();
        }
        let Some(metadata) = self.node_mut().get_mut("metadata") else {
            return;
        };
        let annotations = metadata.get_mut("annotations");
        let Some(annotations) = annotations.and_then(Node::as_mapping_mut) else {
            return;
        };
        annotations.retain(|entry| {
            let key = entry.key.as_str();
            shown.iter().all(|(name, _)| Some(*name) != key)
        });
        // A patch may have created the map for the notes alone; an empty `annotations: {}` in the
        // output would be ours.
        if annotations.is_empty()
            && let Some(metadata) = metadata.as_mapping_mut()
        {
            metadata.remove("annotations");
        }
    }

    /// Reads the notes out of the annotations.
    fn restore(&mut self) {
        let list = |name: &str| -> Vec<Arc<str>> {
            let text = self.annotation(name);
            // The comma is kustomize's own separator; names of Kubernetes objects cannot contain
            // one.
            text.map_or(Vec::new(), |it| it.split(',').map(Arc::from).collect())
        };
        // kustomize panics where the three lists differ in length; here the shortest decides.
        let ids = list(NAMES)
            .into_iter()
            .zip(list(NAMESPACES))
            .zip(list(KINDS));
        let previous = ids.map(|((name, namespace), kind)| PreviousId {
            name,
            namespace,
            kind,
        });
        let previous = previous.collect();
        let (prefixes, suffixes) = (list(PREFIXES), list(SUFFIXES));
        let hash = list(HASH).first().is_some_and(|it| &**it == "enabled");
        let generated = self.generated && !list(BEHAVIOR).is_empty();
        (self.previous, self.prefixes, self.suffixes) = (previous, prefixes, suffixes);
        (self.needs_hash, self.generated) = (hash, generated);
    }

    /// The notes by their names, those that there are.
    fn notes(&self) -> Vec<Note> {
        let ids = |part: fn(&PreviousId) -> &str| {
            self.previous.iter().map(part).collect::<Vec<_>>().join(",")
        };
        let mut notes = Vec::new();
        if !self.previous.is_empty() {
            notes.push((NAMES, ids(|it| &it.name)));
            notes.push((NAMESPACES, ids(|it| &it.namespace)));
            notes.push((KINDS, ids(|it| &it.kind)));
        }
        for (name, list) in [(PREFIXES, &self.prefixes), (SUFFIXES, &self.suffixes)] {
            if !list.is_empty() {
                notes.push((name, list.join(",")));
            }
        }
        if self.needs_hash {
            notes.push((HASH, "enabled".into()));
        }
        if self.generated {
            // Only whether it is there matters: a patch that removes it makes an ordinary resource
            // of a generated one.
            notes.push((BEHAVIOR, "unspecified".into()));
        }
        if let Some(origin) = &self.origin {
            notes.push((ORIGIN, origin.to_yaml()));
        }
        notes
    }
}
