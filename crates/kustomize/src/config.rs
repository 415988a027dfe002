//! Which fields the transformers touch: kustomize's defaults, and what a kustomization adds to them.

use pleach_kube::object::Gvk;
use pleach_yaml::Node;
use pleach_yaml::diag::{Diagnostic, Diagnostics};

use super::fieldspec::{self, FieldSpec};
use super::kustomization::{FIELD_SPECS, flag, list, text};
use super::shape::{Fields, Shape, read_record};
use super::sort::default_order;

/// Field specs by the transformer that uses them.
#[derive(Clone, Debug, Default)]
pub(super) struct Config {
    pub(super) name_prefix: Vec<FieldSpec>,
    pub(super) name_suffix: Vec<FieldSpec>,
    pub(super) namespace: Vec<FieldSpec>,
    pub(super) common_labels: Vec<FieldSpec>,
    pub(super) labels: Vec<FieldSpec>,
    pub(super) template_labels: Vec<FieldSpec>,
    pub(super) claim_labels: Vec<FieldSpec>,
    pub(super) common_annotations: Vec<FieldSpec>,
    pub(super) name_references: Vec<NameReference>,
    pub(super) variables: Vec<FieldSpec>,
    pub(super) images: Vec<FieldSpec>,
    pub(super) replicas: Vec<FieldSpec>,
}

/// A kind that is named, and the fields that name it.
#[derive(Clone, Debug)]
pub(super) struct NameReference {
    pub(super) target: Gvk,
    pub(super) referrers: Vec<FieldSpec>,
}

const CONFIG: Fields = &[
    ("namePrefix", FIELD_SPECS),
    ("nameSuffix", FIELD_SPECS),
    ("namespace", FIELD_SPECS),
    ("commonLabels", FIELD_SPECS),
    ("labels", FIELD_SPECS),
    ("templateLabels", FIELD_SPECS),
    ("volumeClaimTemplateLabels", FIELD_SPECS),
    ("commonAnnotations", FIELD_SPECS),
    (
        "nameReference",
        Shape::List(&Shape::Record(&[
            ("group", Shape::Text),
            ("version", Shape::Text),
            ("kind", Shape::Text),
            ("fieldSpecs", FIELD_SPECS),
        ])),
    ),
    ("varReference", FIELD_SPECS),
    ("images", FIELD_SPECS),
    ("replicas", FIELD_SPECS),
];

impl Config {
    /// Reads a file of `configurations`.
    pub(super) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Config {
        let mut faults = Diagnostics::default();
        let record = Node::mapping(read_record(
            node,
            CONFIG,
            "a transformer configuration",
            &mut faults,
        ));
        diagnostics.extend(faults);
        let specs = |field| specs_of(list(&record, field));
        let mut config = Config {
            name_prefix: specs("namePrefix"),
            name_suffix: specs("nameSuffix"),
            namespace: specs("namespace"),
            common_labels: specs("commonLabels"),
            labels: specs("labels"),
            template_labels: specs("templateLabels"),
            claim_labels: specs("volumeClaimTemplateLabels"),
            common_annotations: specs("commonAnnotations"),
            name_references: list(&record, "nameReference")
                .iter()
                .map(name_reference)
                .collect(),
            variables: specs("varReference"),
            images: specs("images"),
            replicas: specs("replicas"),
        };
        config.sort();
        config
    }

    /// Adds another configuration. The order is kustomize's: by kind, as resources are sorted.
    pub(super) fn merge(&mut self, more: &Config) -> Result<(), Diagnostic> {
        fieldspec::merge(&mut self.name_prefix, &more.name_prefix)?;
        fieldspec::merge(&mut self.name_suffix, &more.name_suffix)?;
        fieldspec::merge(&mut self.namespace, &more.namespace)?;
        fieldspec::merge(&mut self.common_labels, &more.common_labels)?;
        fieldspec::merge(&mut self.labels, &more.labels)?;
        fieldspec::merge(&mut self.template_labels, &more.template_labels)?;
        fieldspec::merge(&mut self.claim_labels, &more.claim_labels)?;
        fieldspec::merge(&mut self.common_annotations, &more.common_annotations)?;
        fieldspec::merge(&mut self.variables, &more.variables)?;
        fieldspec::merge(&mut self.images, &more.images)?;
        fieldspec::merge(&mut self.replicas, &more.replicas)?;
        for reference in &more.name_references {
            match self
                .name_references
                .iter_mut()
                .find(|it| it.target == reference.target)
            {
                Some(known) => fieldspec::merge(&mut known.referrers, &reference.referrers)?,
                None => self.name_references.push(reference.clone()),
            }
        }
        self.sort();
        Ok(())
    }

    pub(super) fn sort(&mut self) {
        let lists = [
            &mut self.name_prefix,
            &mut self.name_suffix,
            &mut self.namespace,
            &mut self.common_labels,
            &mut self.labels,
            &mut self.template_labels,
            &mut self.claim_labels,
            &mut self.common_annotations,
            &mut self.variables,
            &mut self.images,
            &mut self.replicas,
        ];
        for specs in lists {
            specs.sort_by_cached_key(|it| default_order(&it.gvk));
        }
        self.name_references
            .sort_by_cached_key(|it| default_order(&it.target));
    }
}

/// Field specs out of their list.
pub(super) fn specs_of(nodes: &[Node]) -> Vec<FieldSpec> {
    let spec = |node: &Node| FieldSpec::new(gvk_of(node), text(node, "path"), flag(node, "create"));
    nodes.iter().map(spec).collect()
}

/// Group, version and kind out of their fields.
pub(super) fn gvk_of(record: &Node) -> Gvk {
    Gvk {
        group: text(record, "group").into(),
        version: text(record, "version").into(),
        kind: text(record, "kind").into(),
    }
}

fn name_reference(record: &Node) -> NameReference {
    NameReference {
        target: gvk_of(record),
        referrers: specs_of(list(record, "fieldSpecs")),
    }
}
