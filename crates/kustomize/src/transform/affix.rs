//! `namePrefix` and `nameSuffix`.

use pleach_yaml::Node;
use pleach_yaml::diag::Diagnostic;

use super::super::config::specs_of;
use super::super::fieldspec::{FieldSpec, Leaf};
use super::super::hash::record_previous_id;
use super::super::kustomization::{FIELD_SPECS, list, text};
use super::super::resource::{Resource, only_scalar, set_text};
use super::super::resources::Resources;
use super::super::shape::Shape;
use super::{Transform, TransformContext};

pub(super) const PREFIX: Transform = Transform {
    plugin: "PrefixTransformer",
    apply: |stage, resources| {
        let affix = Affix::Prefix(stage.kustomization.text("namePrefix").to_string());
        apply(stage, &affix, resources)
    },
    fields: &[("prefix", Shape::Text), ("fieldSpecs", FIELD_SPECS)],
    run: |stage, config, resources| {
        let affix = Affix::Prefix(text(config, "prefix").to_string());
        put(stage, &affix, &specs(config)?, resources)
    },
};

pub(super) const SUFFIX: Transform = Transform {
    plugin: "SuffixTransformer",
    apply: |stage, resources| {
        let affix = Affix::Suffix(stage.kustomization.text("nameSuffix").to_string());
        apply(stage, &affix, resources)
    },
    fields: &[("suffix", Shape::Text), ("fieldSpecs", FIELD_SPECS)],
    run: |stage, config, resources| {
        let affix = Affix::Suffix(text(config, "suffix").to_string());
        put(stage, &affix, &specs(config)?, resources)
    },
};

/// Both at once, a plugin only.
pub(super) const BOTH: Transform = Transform {
    plugin: "PrefixSuffixTransformer",
    apply: |_, _| Ok(()),
    fields: &[
        ("prefix", Shape::Text),
        ("suffix", Shape::Text),
        ("fieldSpecs", FIELD_SPECS),
    ],
    run: |stage, config, resources| {
        (PREFIX.run)(stage, config, resources)?;
        (SUFFIX.run)(stage, config, resources)
    },
};

enum Affix {
    Prefix(String),
    Suffix(String),
}

impl Affix {
    fn text(&self) -> &str {
        let (Affix::Prefix(text) | Affix::Suffix(text)) = self;
        text
    }

    fn field(&self) -> &'static str {
        match self {
            Affix::Prefix(_) => "namePrefix",
            Affix::Suffix(_) => "nameSuffix",
        }
    }

    fn plugin(&self) -> &'static str {
        match self {
            Affix::Prefix(_) => PREFIX.plugin,
            Affix::Suffix(_) => SUFFIX.plugin,
        }
    }

    fn put_on(&self, name: &str) -> String {
        match self {
            Affix::Prefix(prefix) => format!("{prefix}{name}"),
            Affix::Suffix(suffix) => format!("{name}{suffix}"),
        }
    }
}

fn specs(config: &Node) -> Result<Vec<FieldSpec>, Diagnostic> {
    if config.get("fieldSpecs").is_none() {
        let message = "the transformer has no `fieldSpecs`";
        return Err(Diagnostic::error("missing-field-specs", message)
            .at(config)
            .help("add `fieldSpecs: [{path: metadata/name}]`"));
    }
    Ok(specs_of(list(config, "fieldSpecs")))
}

fn apply(
    stage: &mut TransformContext<'_, '_>,
    affix: &Affix,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    if affix.text().is_empty() {
        return Ok(());
    }
    let specs = match affix {
        Affix::Prefix(_) => &stage.config.name_prefix,
        Affix::Suffix(_) => &stage.config.name_suffix,
    };
    let specs = specs.to_vec();
    put(stage, affix, &specs, resources)?;
    stage.done(affix.plugin(), resources);
    Ok(())
}

fn put(
    stage: &mut TransformContext<'_, '_>,
    affix: &Affix,
    specs: &[FieldSpec],
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let added = stage.context.added.add_text(affix.text(), resources.len());
    added.map_err(|it| stage.kustomization.at_field(it, affix.field()))?;
    for resource in resources.list_mut() {
        let original = resource.original_gvk();
        let skipped = match &*original.kind {
            "CustomResourceDefinition" | "Namespace" => true,
            "APIService" => &*original.group == "apiregistration.k8s.io",
            _ => false,
        };
        if skipped {
            continue;
        }
        for spec in specs.iter().filter(|it| it.selects(&original)) {
            if &*spec.path == "metadata/name" {
                note(resource, affix);
                if !affix.text().is_empty() {
                    record_previous_id(resource, &stage.context.schemas);
                }
            }
            if spec.selects(&resource.object.gvk()) {
                spec.visit(resource.node_mut(), Leaf::Scalar, &mut |field, _| {
                    only_scalar(field, "a name")?;
                    let name = affix.put_on(field.as_str().unwrap_or(""));
                    set_text(field, &name);
                    Ok(())
                })?;
            }
        }
    }
    Ok(())
}

fn note(resource: &mut Resource, affix: &Affix) {
    if affix.text().is_empty() {
        return;
    }
    match affix {
        Affix::Prefix(text) => resource.prefixes.push(text.as_str().into()),
        Affix::Suffix(text) => resource.suffixes.push(text.as_str().into()),
    }
}
