//! A claim's folder: a kustomization with its objects, or with its differences from base.

use super::common::{Common, kustomization, with_common};
use super::{Expected, Form, OutputFile, RenderedTree, form};
use crate::delivery::{Delivery, ManifestFile};
use crate::diag::{Diagnostic, Diagnostics};
use crate::layout::claim_folder;
use crate::load::Environment;
use crate::object::{Object, ObjectId};
use crate::patch::{Patch, between, merge_key};
use crate::schema::Schemas;
use crate::tree::TreePath;
use crate::yaml::{Mapping, Node, emit_kustomize, map, node};

/// The file that makes a folder a kustomization.
pub(super) const KUSTOMIZATION: &str = "kustomization.yaml";

pub(crate) fn path(delivery: &Delivery, environment: &Environment) -> TreePath {
    claim_folder(delivery.group, environment.folder(), &delivery.name)
}

/// A folder that contains the objects themselves.
pub(super) fn plain(
    composition: &mut RenderedTree,
    folder: &TreePath,
    delivery: &Delivery,
    common: &Common,
    diagnostics: &mut Diagnostics,
) {
    let mut writer = Writer {
        composition,
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

/// A folder that builds on base's folder.
pub(super) fn overlay(
    composition: &mut RenderedTree,
    folder: &TreePath,
    delivery: &Delivery,
    (base_folder, base): (TreePath, &Delivery),
    common: &Common,
    diagnostics: &mut Diagnostics,
) {
    let mut writer = Writer {
        composition,
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
    composition: &'a mut RenderedTree,
    folder: &'a TreePath,
    delivery: &'a Delivery,
    resources: Vec<Node>,
    patches: Vec<Node>,
}

impl Writer<'_> {
    fn add(&mut self, file: &ManifestFile, diagnostics: &mut Diagnostics) {
        check_merge_key(&file.object, self.delivery, diagnostics);
        self.resources.push(Node::string(&*file.name));
        self.write(&file.name, form::object(&file.object.node));
    }

    fn patch(&mut self, file: &str, object: &Object, patch: Option<Patch>) {
        let name = format!("{}-patch.yaml", stem(file));
        let mut entry = map! {"path": name.as_str()};
        match patch {
            None => return,
            Some(Patch::Strategic(node)) => self.write(&name, form::object(&node)),
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
        self.write(&name, form::object(&node));
    }

    fn write(&mut self, name: &str, body: String) {
        let composed = OutputFile {
            title: self.delivery.title.clone(),
            body,
        };
        self.composition
            .files
            .insert(self.folder.child(name), composed);
    }

    fn finish(mut self, common: &Common, diagnostics: &mut Diagnostics) {
        let mut kustomization = kustomization();
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
        let objects = with_common(objects, common, diagnostics);
        let expected = Expected::of(
            self.delivery,
            self.folder.clone(),
            objects,
            Form::Kustomization,
        );
        self.composition.expected.push(expected);
    }
}

/// A JSON 6902 patch names its target.
fn target(object: &Object) -> Mapping {
    let gvk = object.gvk();
    let set = |text: String| Some(text).filter(|it| !it.is_empty());
    map! {
        "group"?: set(gvk.group.to_string()),
        "kind"?: set(gvk.kind.to_string()),
        "name"?: set(exactly(object.name())),
        "namespace"?: set(exactly(object.namespace())),
    }
}

/// kustomize treats a target's name and namespace as regular expressions, so dots are escaped.
fn exactly(text: &str) -> String {
    text.replace('.', "\\.")
}

fn stem(file: &str) -> &str {
    file.strip_suffix(".yaml").unwrap_or(file)
}
