//! Build information about a resource, in the form of kustomize: internal annotations, which transformers can see, copy and remove.

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
const FROM_CHART: &str = "internal.config.kubernetes.io/helm-generated";

/// Whether a path leads to the annotations, or to a field around them or in them.
pub(super) fn is_near_annotations<S: AsRef<str>>(path: &[S]) -> bool {
    let annotations = ["metadata", "annotations"];
    path.iter().zip(annotations).all(|(a, b)| a.as_ref() == b)
}

/// The name and text of an internal annotation.
pub(super) type Note = (&'static str, String);

impl Resource {
    /// Creates a resource from an object, which may already have internal annotations, for example in a saved intermediate result.
    pub(super) fn read(object: Object) -> Resource {
        let mut resource = Resource::new(object);
        // kustomize removes these annotations from its output, and uses those that it finds in a file.
        if resource.metadata_map("annotations").is_some() {
            resource.restore();
        }
        resource
    }

    /// Makes a change that sees the internal annotations, and may copy or remove them.
    pub(super) fn change_with_notes<T>(&mut self, change: impl FnOnce(&mut Resource) -> T) -> T {
        let notes = self.inject();
        let result = change(self);
        match notes.is_empty() {
            // The change may have copied those of another resource.
            true => self.restore(),
            false => self.strip(&notes, true),
        }
        result
    }

    /// Adds the internal annotations, so that a change sees them. Pass the result to [`strip`](Resource::strip).
    pub(super) fn inject(&mut self) -> Vec<Note> {
        // Most changes do not touch annotations, so this is only needed for those that could see or change them.
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

    /// Removes the internal annotations, and the whole map if there are no others. Annotations that a strategic merge removed are lost;
    /// after JSON 6902 operations, kustomize restores them, except for the origin.
    pub(super) fn strip(&mut self, injected: &[Note], forget: bool) {
        if injected.is_empty() {
            return;
        }
        if forget {
            self.restore();
        }
        // kustomize stores the origin only as an annotation, so a patch that deletes all annotations
        // deletes it permanently.
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
            injected.iter().all(|(name, _)| Some(*name) != key)
        });
        // The map may only exist because of the internal annotations; kustomize prints no empty map.
        if annotations.is_empty()
            && let Some(metadata) = metadata.as_mapping_mut()
        {
            metadata.remove("annotations");
        }
    }

    /// Reads the internal annotations.
    fn restore(&mut self) {
        let list = |name: &str| -> Vec<Arc<str>> {
            let text = self.annotation(name);
            // kustomize separates by commas, which names of Kubernetes objects cannot contain.
            text.map_or(Vec::new(), |it| it.split(',').map(Arc::from).collect())
        };
        // kustomize panics if the three lists differ in length; here, the shortest decides.
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
        let from_chart = list(FROM_CHART).first().is_some_and(|it| &**it == "true");
        (self.previous, self.prefixes, self.suffixes) = (previous, prefixes, suffixes);
        (self.needs_hash, self.generated) = (hash, generated);
        self.from_chart = from_chart;
    }

    /// The internal annotations that have a value.
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
            // Only its presence matters: a patch that removes it turns a generated resource into an ordinary one.
            notes.push((BEHAVIOR, "unspecified".into()));
        }
        if self.from_chart {
            notes.push((FROM_CHART, "true".into()));
        }
        if let Some(origin) = &self.origin {
            notes.push((ORIGIN, origin.to_yaml()));
        }
        notes
    }
}
