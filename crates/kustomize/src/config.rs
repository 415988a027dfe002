//! The fields that transformers change: kustomize's defaults, and additions of kustomizations.

use pleach_kube::object::Gvk;
use pleach_yaml::Node;
use pleach_yaml::diag::{Diagnostic, Diagnostics};

use super::fieldspec::{self, FieldSpec};
use super::kustomization::KindPattern;
use super::record::{Field, List, Reader, Record, Text, read_record, record};
use super::sort::default_order;

/// Declares [`Config`] and its operations from one table of fields.
macro_rules! configuration {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $key:literal,)*) => {
        record! {
            /// Field specs by the transformer that uses them.
            pub(super) struct Config {
                $($(#[$doc])* $field: $type = $key,)*
            }
        }

        impl Config {
            /// Adds another configuration. As in kustomize, entries are sorted by kind, in the order of resources.
            pub(super) fn merge(&mut self, more: &Config) -> Result<(), Diagnostic> {
                $(Section::merge(&mut self.$field, &more.$field)?;)*
                self.sort();
                Ok(())
            }

            pub(super) fn sort(&mut self) {
                $(Section::sort(&mut self.$field);)*
            }
        }
    };
}

configuration! {
    name_prefix: FieldSpecs = "namePrefix",
    name_suffix: FieldSpecs = "nameSuffix",
    namespace: FieldSpecs = "namespace",
    common_labels: FieldSpecs = "commonLabels",
    labels: FieldSpecs = "labels",
    template_labels: FieldSpecs = "templateLabels",
    claim_labels: FieldSpecs = "volumeClaimTemplateLabels",
    common_annotations: FieldSpecs = "commonAnnotations",
    variables: FieldSpecs = "varReference",
    images: FieldSpecs = "images",
    replicas: FieldSpecs = "replicas",
    name_references: NameReferences = "nameReference",
}

impl Config {
    /// Reads a file of `configurations`.
    pub(super) fn read_file(node: &Node, diagnostics: &mut Diagnostics) -> Config {
        let mut config: Config = read_record(node, "a transformer configuration", diagnostics);
        config.sort();
        config
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::new(Node::null().span().clone())
    }
}

/// A field of a configuration: a list that grows by merging.
trait Section {
    fn merge(&mut self, more: &Self) -> Result<(), Diagnostic>;

    fn sort(&mut self);
}

pub(super) type FieldSpecs = Vec<FieldSpec>;

impl Section for FieldSpecs {
    fn merge(&mut self, more: &FieldSpecs) -> Result<(), Diagnostic> {
        fieldspec::merge(self, more)
    }

    fn sort(&mut self) {
        self.sort_by_cached_key(|it| default_order(&it.gvk));
    }
}

impl Field for FieldSpecs {
    fn read(node: &Node, what: &str, reader: &mut Reader<'_>) -> Result<FieldSpecs, Diagnostic> {
        let written: List<WrittenSpec> = Field::read(node, what, reader)?;
        let spec = |it: &WrittenSpec| {
            FieldSpec::new(it.gvk.to_gvk(), &it.path, it.create).at(it.span.clone())
        };
        Ok(written.iter().map(spec).collect())
    }
}

record! {
    struct WrittenSpec {
        ..gvk: KindPattern,
        path: Text = "path",
        create: bool = "create",
    }
}

/// A kind, and the fields that refer to its objects by name.
#[derive(Clone, Debug)]
pub(super) struct NameReference {
    pub(super) target: Gvk,
    pub(super) referrers: FieldSpecs,
}

type NameReferences = Vec<NameReference>;

impl Section for NameReferences {
    fn merge(&mut self, more: &NameReferences) -> Result<(), Diagnostic> {
        for reference in more {
            // An entry for a known target extends its list of fields, as in kustomize; two entries
            // would look every name up twice.
            match self.iter_mut().find(|it| it.target == reference.target) {
                Some(known) => known.referrers.merge(&reference.referrers)?,
                None => self.push(reference.clone()),
            }
        }
        Ok(())
    }

    fn sort(&mut self) {
        self.sort_by_cached_key(|it| default_order(&it.target));
    }
}

impl Field for NameReferences {
    fn read(node: &Node, what: &str, reader: &mut Reader<'_>) -> Result<Self, Diagnostic> {
        let written: List<WrittenReference> = Field::read(node, what, reader)?;
        let reference = |it: WrittenReference| NameReference {
            target: it.gvk.to_gvk(),
            referrers: it.referrers,
        };
        Ok(written.items.into_iter().map(reference).collect())
    }
}

record! {
    struct WrittenReference {
        ..gvk: KindPattern,
        referrers: FieldSpecs = "fieldSpecs",
    }
}

impl KindPattern {
    pub(super) fn to_gvk(&self) -> Gvk {
        Gvk {
            group: (*self.group).into(),
            version: (*self.version).into(),
            kind: (*self.kind).into(),
        }
    }
}
