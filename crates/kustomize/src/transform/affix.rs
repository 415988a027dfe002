//! `namePrefix` and `nameSuffix`.

use pleach_yaml::diag::Diagnostic;

use super::super::config::FieldSpecs;
use super::super::fieldspec::{FieldSpec, Leaf};
use super::super::hash::record_previous_id;
use super::super::kustomization::{KustomizationFields, placed};
use super::super::plugins::configuration;
use super::super::record::{Text, record};
use super::super::resource::{Resource, only_scalar, set_text};
use super::super::resources::Resources;
use super::{Transform, TransformContext};

pub(super) const PREFIX: Transform = Transform {
    plugin: "PrefixTransformer",
    apply: |transform, resources| {
        let affix = Affix::Prefix(transform.fields.name_prefix.to_string());
        apply(transform, &affix, resources)
    },
    run: |transform, config, resources| {
        let config: AffixPlugin = configuration(config)?;
        let affix = Affix::Prefix(config.prefix.to_string());
        put(transform, &affix, config.specs()?, resources)
    },
};

pub(super) const SUFFIX: Transform = Transform {
    plugin: "SuffixTransformer",
    apply: |transform, resources| {
        let affix = Affix::Suffix(transform.fields.name_suffix.to_string());
        apply(transform, &affix, resources)
    },
    run: |transform, config, resources| {
        let config: AffixPlugin = configuration(config)?;
        let affix = Affix::Suffix(config.suffix.to_string());
        put(transform, &affix, config.specs()?, resources)
    },
};

/// Prefix and suffix together, only available as a plugin.
pub(super) const BOTH: Transform = Transform {
    plugin: "PrefixSuffixTransformer",
    apply: |_, _| Ok(()),
    run: |transform, config, resources| {
        (PREFIX.run)(transform, config, resources)?;
        (SUFFIX.run)(transform, config, resources)
    },
};

record! {
    /// The configuration of the three plugins. The one for prefixes ignores a suffix, as it ignores every unknown field.
    struct AffixPlugin {
        prefix: Text = "prefix",
        suffix: Text = "suffix",
        specs: Option<FieldSpecs> = "fieldSpecs",
    }
}

impl AffixPlugin {
    fn specs(&self) -> Result<&[FieldSpec], Diagnostic> {
        self.specs.as_deref().ok_or_else(|| {
            let message = "the transformer has no `fieldSpecs`";
            Diagnostic::error("missing-field-specs", message)
                .at(&self.span)
                .help("add `fieldSpecs: [{path: metadata/name}]`")
        })
    }
}

enum Affix {
    Prefix(String),
    Suffix(String),
}

impl Affix {
    fn text(&self) -> &str {
        let (Affix::Prefix(text) | Affix::Suffix(text)) = self;
        text
    }

    fn field<'a>(&self, fields: &'a KustomizationFields) -> &'a Text {
        match self {
            Affix::Prefix(_) => &fields.name_prefix,
            Affix::Suffix(_) => &fields.name_suffix,
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

fn apply(
    transform: &mut TransformContext<'_, '_>,
    affix: &Affix,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    if affix.text().is_empty() {
        return Ok(());
    }
    let specs = match affix {
        Affix::Prefix(_) => &transform.config.name_prefix,
        Affix::Suffix(_) => &transform.config.name_suffix,
    };
    let specs = specs.to_vec();
    put(transform, affix, &specs, resources)?;
    transform.done(affix.plugin(), resources);
    Ok(())
}

fn put(
    transform: &mut TransformContext<'_, '_>,
    affix: &Affix,
    specs: &[FieldSpec],
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let added = transform
        .context
        .added
        .add_text(affix.text(), resources.len());
    added.map_err(|it| {
        let field = affix.field(transform.fields);
        match field.is_empty() {
            true => it,
            false => placed(it, field.span()),
        }
    })?;
    for resource in resources.list_mut() {
        let original = resource.original_gvk();
        let skipped = match &*original.kind {
            // The name of a CRD must be `<plural>.<group>`, and a prefixed Namespace would leave
            // all objects outside of it.
            "CustomResourceDefinition" | "Namespace" => true,
            "APIService" => &*original.group == "apiregistration.k8s.io",
            _ => false,
        };
        if skipped {
            continue;
        }
        for spec in specs.iter().filter(|it| it.selects(&original)) {
            if &*spec.path == "metadata/name" {
                // Once for each matching spec, as in kustomize.
                note(resource, affix);
                if !affix.text().is_empty() {
                    record_previous_id(resource, &transform.context.schemas);
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
