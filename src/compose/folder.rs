//! A claim's folder: a kustomization with its complete objects, or with its differences from base.

use super::common::{CommonMetadata, apply_common_metadata, empty_kustomization};
use super::{Expected, Form, RenderedTree, object_text};
use crate::delivery::{Delivery, ManifestFile};
use crate::diag::{Diagnostic, Diagnostics};
use crate::layout::claim_folder;
use crate::load::Environment;
use crate::object::{Object, ObjectId};
use crate::patch::{Patch, between, merge_key};
use crate::schema::Schemas;
use crate::tree::TreePath;
use crate::yaml::{Mapping, Node, emit_kustomize, map, node};

/// The name of the kustomization files that are written.
pub(super) const KUSTOMIZATION: &str = "kustomization.yaml";

/// The path of a claim's folder.
pub(crate) fn path(delivery: &Delivery, environment: &Environment) -> TreePath {
    claim_folder(delivery.group, environment.folder(), &delivery.name)
}

/// Writes a folder that contains the complete objects.
pub(super) fn write_complete(
    rendered: &mut RenderedTree,
    folder: &TreePath,
    delivery: &Delivery,
    common: &CommonMetadata,
    diagnostics: &mut Diagnostics,
) {
    let mut writer = Writer {
        rendered,
        folder,
        delivery,
        resources: Vec::new(),
        patches: Vec::new(),
    };
    for file in &delivery.files {
        writer.add(file, diagnostics);
    }
    writer.finish(common, diagnostics);
}

/// Writes a folder that builds on the claim's base folder.
pub(super) fn write_overlay(
    rendered: &mut RenderedTree,
    folder: &TreePath,
    delivery: &Delivery,
    (base_folder, base): (TreePath, &Delivery),
    common: &CommonMetadata,
    diagnostics: &mut Diagnostics,
) {
    let mut writer = Writer {
        rendered,
        folder,
        delivery,
        resources: vec![Node::string(folder.relative(&base_folder))],
        patches: Vec::new(),
    };
    let find =
        |files: &[ManifestFile], id: &ObjectId| files.iter().position(|it| it.object.id() == *id);
    for before in &base.files {
        match find(&delivery.files, &before.object.id()).and_then(|at| delivery.files.get(at)) {
            None => writer.delete(before),
            Some(after) => match between(&before.object, &after.object, Schemas::builtin()) {
                Ok(patch) => writer.patch(&before.name, &after.object, patch),
                Err(fault) => {
                    // Values that kustomize cannot print are reported elsewhere.
                    let fault = emit_kustomize(&after.object.node).err().unwrap_or(fault);
                    let claim = format!("for {}", delivery.title);
                    diagnostics.push(fault.related(&delivery.span, claim));
                }
            },
        }
    }
    for after in &delivery.files {
        if find(&base.files, &after.object.id()).is_none() {
            writer.add(after, diagnostics);
        }
    }
    writer.finish(common, diagnostics);
}

/// Reports an object with a key `<<`. Errors: `merge-key`.
pub(crate) fn check_merge_key(object: &Object, delivery: &Delivery, diagnostics: &mut Diagnostics) {
    if let Some(key) = merge_key(&object.node) {
        let message = "kustomize treats a key `<<` as a merge key, even if it is quoted";
        let fault = Diagnostic::error("merge-key", message).at(key);
        diagnostics.push(
            fault
                .related(&delivery.span, format!("for {}", delivery.title))
                .help("rename the key, or pass the value in another way, such as `valuesFrom`"),
        );
    }
}

struct Writer<'a> {
    rendered: &'a mut RenderedTree,
    folder: &'a TreePath,
    delivery: &'a Delivery,
    resources: Vec<Node>,
    patches: Vec<Node>,
}

impl Writer<'_> {
    fn add(&mut self, file: &ManifestFile, diagnostics: &mut Diagnostics) {
        check_merge_key(&file.object, self.delivery, diagnostics);
        self.resources.push(Node::string(&*file.name));
        self.write(&file.name, object_text(&file.object.node));
    }

    fn patch(&mut self, file: &str, object: &Object, patch: Option<Patch>) {
        let name = format!("{}-patch.yaml", stem(file));
        let mut entry = map! {"path": name.as_str()};
        match patch {
            None => return,
            Some(Patch::Strategic(node)) => self.write(&name, object_text(&node)),
            Some(Patch::Json6902(operations)) => {
                entry.insert("target", target(object));
                self.write(&name, crate::yaml::emit_canonical(&operations));
            }
        }
        self.patches.push(Node::mapping(entry));
    }

    fn delete(&mut self, file: &ManifestFile) {
        let name = format!("{}-delete.yaml", stem(&file.name));
        let object = &file.object;
        let namespace = Some(object.namespace()).filter(|it| !it.is_empty());
        let node = node!({
            "apiVersion": object.api_version(),
            "kind": object.kind(),
            "metadata": {"name": object.name(), "namespace"?: namespace},
            "$patch": "delete",
        });
        self.patches.push(node!({"path": name.as_str()}));
        self.write(&name, object_text(&node));
    }

    fn write(&mut self, name: &str, body: String) {
        let path = self.folder.child(name);
        self.rendered.insert_file(path, self.delivery, body);
    }

    fn finish(mut self, common: &CommonMetadata, diagnostics: &mut Diagnostics) {
        let mut kustomization = empty_kustomization();
        kustomization.insert(
            "resources",
            Node::sequence(std::mem::take(&mut self.resources)),
        );
        if !self.patches.is_empty() {
            kustomization.insert("patches", Node::sequence(std::mem::take(&mut self.patches)));
        }
        for entry in common.fields() {
            kustomization.insert(entry.key, entry.value);
        }
        self.write(
            KUSTOMIZATION,
            crate::yaml::emit_canonical(&Node::mapping(kustomization)),
        );
        let objects = self
            .delivery
            .files
            .iter()
            .map(|it| it.object.clone())
            .collect();
        let objects = apply_common_metadata(objects, common, diagnostics);
        let expected = Expected::new(
            self.delivery,
            self.folder.clone(),
            objects,
            Form::Kustomization,
        );
        self.rendered.expected.push(expected);
    }
}

/// The `target` of a JSON 6902 patch. Other patches do not need one, because they contain the identity of the object.
fn target(object: &Object) -> Mapping {
    let gvk = object.gvk();
    let non_empty = |text: String| Some(text).filter(|it| !it.is_empty());
    map! {
        "group"?: non_empty(gvk.group.to_string()),
        "kind"?: non_empty(gvk.kind.to_string()),
        "name"?: non_empty(escape_dots(object.name())),
        "namespace"?: non_empty(escape_dots(object.namespace())),
    }
}

/// Escapes dots, because kustomize treats a target's name and namespace as regular expressions.
fn escape_dots(text: &str) -> String {
    text.replace('.', "\\.")
}

fn stem(file: &str) -> &str {
    file.strip_suffix(".yaml").unwrap_or(file)
}
