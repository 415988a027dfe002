//! Finds the object and the field that a query is about, by a name or by a line of a generated file.

use crate::compare::Origin;
use crate::diag::{Source, Span};
use crate::object::Object;
use crate::tree::TreePath;
use crate::yaml::{FieldPath, Node, Step, parse};

use super::{Cause, Provenance, field_at_line, find_field, path_in_object};

/// An object of the tree, and a field of it.
pub struct Target<'p> {
    /// The folder of the object in the tree.
    pub folder: &'p TreePath,
    /// The claim and the environment of the object.
    pub origin: &'p Origin,
    /// The complete object as it is applied.
    pub object: &'p Object,
    /// The path of the field; the root for the complete object.
    pub field: FieldPath,
}

/// Why a line of a file is not a field of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTarget {
    /// The file is not YAML.
    Unreadable,
    /// The line contains no field.
    NoField,
    /// The file is a kustomization, which only combines other files.
    Kustomization,
    /// The claim has no such object.
    NoObject,
}

/// Whether `name` is the `Kind/name` or `Kind/namespace/name` of an object.
pub fn has_name(object: &Object, name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        [kind, name] => object.kind() == *kind && object.name() == *name,
        [kind, namespace, name] => {
            object.kind() == *kind && object.namespace() == *namespace && object.name() == *name
        }
        _ => false,
    }
}

impl<'a> Provenance<'a> {
    /// The objects of an environment with this `Kind/name` or `Kind/namespace/name`.
    pub fn named(&self, environment: &str, name: &str) -> Vec<Target<'_>> {
        let own = self
            .objects()
            .filter(|it| it.1.environment.as_deref() == Some(environment));
        let found = own.filter(|it| has_name(it.2, name));
        let found = found.map(|(folder, origin, object)| Target {
            folder,
            origin,
            object,
            field: FieldPath::root(),
        });
        found.collect()
    }

    /// The target of a field in a JSON 6902 patch. The object of the patch is found in the kustomization of its folder.
    fn at_operation(
        &self,
        folder: &TreePath,
        file: &str,
        patch: &Node,
        field: &FieldPath,
    ) -> Result<Target<'_>, NoTarget> {
        let target = self.patched(folder, file).ok_or(NoTarget::NoObject)?;
        let text = |key: &str| target.get(key).and_then(Node::as_str).unwrap_or("");
        let mut objects = self.objects().filter(|it| it.0 == folder);
        let found = objects.find(|it| it.2.kind() == text("kind") && it.2.name() == text("name"));
        let (folder, origin, object) = found.ok_or(NoTarget::NoObject)?;
        let Some(Step::Index(at)) = field.steps().first() else {
            return Err(NoTarget::NoField);
        };
        let operation = patch.as_sequence().and_then(|it| it.get(*at));
        let pointer = operation.and_then(|it| it.get("path")?.as_str());
        let pointer = pointer.ok_or(NoTarget::NoField)?;
        let mut path = find_field(&object.node, pointer).map_err(|_| NoTarget::NoField)?;
        if let [_, Step::Key(key), rest @ ..] = field.steps()
            && &**key == "value"
        {
            rest.iter().for_each(|it| path.push(it.clone()));
        }
        Ok(Target {
            folder,
            origin,
            object,
            field: path,
        })
    }

    /// The `target` of a patch file in a kustomization.
    fn patched(&self, folder: &TreePath, file: &str) -> Option<Node> {
        let path = folder.child("kustomization.yaml");
        let bytes = self.compiled().tree.get(&path)?;
        let source = Source::new(path, String::from_utf8(bytes.to_vec()).ok()?);
        let kustomization = parse(&source).ok()?.into_iter().next()?;
        let patches = kustomization.get("patches").and_then(Node::as_sequence);
        let mut patches = patches.unwrap_or_default().iter();
        let patch = patches.find(|it| it.get("path").and_then(Node::as_str) == Some(file))?;
        patch.get("target").cloned()
    }

    /// The origin of a location in a file of the tree; empty if the line has several values. `path` is relative to the output folder.
    pub fn causes_in_file(&self, path: &TreePath, text: &[u8], location: &Span) -> Vec<Cause> {
        let text = String::from_utf8_lossy(text);
        let line = location.position().line;
        let Ok(target) = self.at_line(path, &text, line) else {
            return Vec::new();
        };
        let mut values = self.explain(target.folder, target.object, &target.field);
        match values.len() {
            1 => values.pop().map_or_else(Vec::new, |it| it.causes),
            // A line with several values does not identify one of them.
            _ => Vec::new(),
        }
    }

    /// The target at a line of a file of the tree. `path` is relative to the output folder.
    pub fn at_line(
        &self,
        path: &TreePath,
        text: &str,
        line: usize,
    ) -> Result<Target<'_>, NoTarget> {
        let source = Source::new(path.clone(), text);
        let documents = parse(&source).map_err(|_| NoTarget::Unreadable)?;
        let found = documents
            .iter()
            .find_map(|it| Some((it, field_at_line(it, line)?)));
        let (document, field) = found.ok_or(NoTarget::NoField)?;
        let folder = path.parent().unwrap_or_else(TreePath::root);
        if document.as_sequence().is_some() {
            return self.at_operation(&folder, path.name(), document, &field);
        }
        let written = Object::new(document.clone());
        if written.kind() == "Kustomization" && written.gvk().group.starts_with("kustomize.config")
        {
            return Err(NoTarget::Kustomization);
        }
        let objects = || self.objects().filter(|it| *it.0 == folder);
        let same = objects().find(|it| it.2.id() == written.id());
        // The kustomization may add parts of the identity, such as the namespace, which are then missing in the file.
        let same = same.or_else(|| {
            let mut similar = objects()
                .filter(|it| it.2.kind() == written.kind() && it.2.name() == written.name());
            similar.next().filter(|_| similar.next().is_none())
        });
        let (folder, origin, object) = same.ok_or(NoTarget::NoObject)?;
        Ok(Target {
            folder,
            origin,
            object,
            field: path_in_object(document, &object.node, &field),
        })
    }
}
