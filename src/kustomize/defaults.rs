//! Reads the default field specs out of the short form in which they stand beside the code.

use std::sync::{Arc, OnceLock};

use crate::diag::Source;
use crate::object::Gvk;
use crate::yaml::{Node, parse_one};

use super::config::{Config, NameReference};
use super::fieldspec::FieldSpec;
use super::kustomization::{list, text};

/// What kustomize does when nobody says otherwise.
pub(super) fn config() -> &'static Arc<Config> {
    static DEFAULTS: OnceLock<Arc<Config>> = OnceLock::new();
    DEFAULTS.get_or_init(|| {
        let fields = own("fields.yaml", include_str!("defaults/fields.yaml"));
        let references = own("references.yaml", include_str!("defaults/references.yaml"));
        let variables = own("variables.yaml", include_str!("defaults/variables.yaml"));
        let specs = |field| list(&fields, field).iter().flat_map(placed).collect();
        let mut config = Config {
            name_prefix: specs("namePrefix"),
            name_suffix: specs("nameSuffix"),
            namespace: specs("namespace"),
            common_labels: specs("commonLabels"),
            labels: Vec::new(),
            template_labels: specs("templateLabels"),
            claim_labels: specs("volumeClaimTemplateLabels"),
            common_annotations: specs("commonAnnotations"),
            name_references: list(&references, "nameReference")
                .iter()
                .map(|it| reference(&references, it))
                .collect(),
            variables: list(&variables, "varReference")
                .iter()
                .flat_map(|it| named(&variables, it))
                .collect(),
            images: specs("images"),
            replicas: specs("replicas"),
        };
        config.sort();
        Arc::new(config)
    })
}

fn own(name: &str, text: &str) -> Node {
    parse_one(&Source::internal(name, text)).expect("our own data is well-formed")
}

/// An entry with `path` or `made`, and the kinds it holds for.
fn placed(entry: &Node) -> Vec<FieldSpec> {
    let create = entry.get("made").is_some();
    let path = text(entry, if create { "made" } else { "path" });
    let kinds = list(entry, "of")
        .iter()
        .map(|it| gvk(it.as_str().unwrap_or("")));
    let specs: Vec<FieldSpec> = kinds
        .map(|kind| FieldSpec::new(kind, path, create))
        .collect();
    if specs.is_empty() {
        vec![FieldSpec::new(Gvk::default(), path, create)]
    } else {
        specs
    }
}

fn reference(file: &Node, entry: &Node) -> NameReference {
    NameReference {
        target: gvk(text(entry, "to")),
        referrers: named(file, entry),
    }
}

/// The fields of an entry with `pods`, `fields` and `everywhere`.
fn named(file: &Node, entry: &Node) -> Vec<FieldSpec> {
    let texts = |node: &Node, field: &str| -> Vec<String> {
        list(node, field)
            .iter()
            .filter_map(|it| it.as_str().map(str::to_string))
            .collect()
    };
    let mut specs = Vec::new();
    for kind in texts(entry, "in") {
        let bare = kind.rsplit('/').next().unwrap_or("");
        let template = file
            .at_keys(&["templates", bare])
            .and_then(Node::as_str)
            .unwrap_or("");
        let paths = texts(entry, "pods")
            .into_iter()
            .map(|path| format!("{template}/{path}"));
        specs.extend(paths.map(|path| FieldSpec::new(gvk(&kind), &path, false)));
    }
    if let Some(fields) = entry.get("fields").and_then(Node::as_mapping) {
        for kind in fields.keys() {
            let paths = fields.get(kind).and_then(Node::as_sequence).unwrap_or(&[]);
            let paths = paths.iter().filter_map(Node::as_str);
            specs.extend(paths.map(|path| FieldSpec::new(gvk(kind), path, false)));
        }
    }
    let everywhere = texts(entry, "everywhere").into_iter();
    specs.extend(everywhere.map(|path| FieldSpec::new(Gvk::default(), &path, false)));
    specs
}

/// `group/version/Kind`, of which only the kind must stand. A version begins with `v` and a digit.
fn gvk(text: &str) -> Gvk {
    let is_version =
        |it: &&str| it.starts_with('v') && it.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    let (rest, kind) = text.rsplit_once('/').unwrap_or(("", text));
    let mut parts = rest.split('/').filter(|it| !it.is_empty());
    let (version, group): (Vec<&str>, Vec<&str>) = parts.by_ref().partition(is_version);
    Gvk {
        group: group.first().copied().unwrap_or("").into(),
        version: version.first().copied().unwrap_or("").into(),
        kind: kind.into(),
    }
}
