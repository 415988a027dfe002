//! The subject of a query: an object of an environment, or a line of a generated file.

use crate::compare::Origin;
use crate::diag::Source;
use crate::object::Object;
use crate::tree::TreePath;
use crate::yaml::{FieldPath, Node, Step, parse};

use super::{Provenance, field_at_line, find_field, in_whole};

/// An object of the tree, and a field of it.
pub struct Target<'p> {
    /// The folder of the tree.
    pub folder: &'p TreePath,
    /// The claim, and the environment.
    pub origin: &'p Origin,
    /// The complete object as applied.
    pub object: &'p Object,
    /// The field; the root for the whole object.
    pub field: FieldPath,
}

/// Why a line of a file has no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTarget {
    /// The file is not YAML.
    Unreadable,
    /// No field is written at the line.
    NoField,
    /// The file is a kustomization, which only combines other files.
    Kustomization,
    /// The claim does not render to such an object.
    NoObject,
}

/// Whether `Kind/name` or `Kind/namespace/name` names an object.
pub fn is_called(object: &Object, name: &str) -> bool {
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
    /// The objects of an environment that `Kind/name` or `Kind/namespace/name` names.
    pub fn named(&self, environment: &str, name: &str) -> Vec<Target<'_>> {
        let own = self
            .objects()
            .filter(|it| it.1.environment.as_deref() == Some(environment));
        let found = own.filter(|it| is_called(it.2, name));
        let found = found.map(|(folder, origin, object)| Target {
            folder,
            origin,
            object,
            field: FieldPath::root(),
        });
        found.collect()
    }

    /// The subject of a JSON 6902 operation: the kustomization next to the patch names its object.
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
        let mut whole = find_field(&object.node, pointer).map_err(|_| NoTarget::NoField)?;
        if let [_, Step::Key(key), below @ ..] = field.steps()
            && &**key == "value"
        {
            below.iter().for_each(|it| whole.push(it.clone()));
        }
        Ok(Target {
            folder,
            origin,
            object,
            field: whole,
        })
    }

    /// The target of a patch file.
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

    /// What is written at a line of a file of the tree. `path` is relative to the output folder.
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
        // A patch may leave out what the kustomization adds.
        let same = same.or_else(|| {
            let mut alike = objects()
                .filter(|it| it.2.kind() == written.kind() && it.2.name() == written.name());
            alike.next().filter(|_| alike.next().is_none())
        });
        let (folder, origin, object) = same.ok_or(NoTarget::NoObject)?;
        Ok(Target {
            folder,
            origin,
            object,
            field: in_whole(document, &object.node, &field),
        })
    }
}
