//! `replicas`.

use indexmap::IndexMap;

use pleach_kube::object::Gvk;
use pleach_yaml::Tag;
use pleach_yaml::diag::{Class, Diagnostic};

use super::super::config::FieldSpecs;
use super::super::fieldspec::{FieldSpec, Leaf};
use super::super::kustomization::Replica;
use super::super::plugins::configuration;
use super::super::record::{Record, record};
use super::super::resource::{only_scalar, replaced_at, set_tagged};
use super::super::resources::Resources;
use super::Transform;

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "ReplicaCountTransformer",
    apply: |transform, resources| {
        let entries = &transform.fields.replicas;
        let names = if entries.is_empty() {
            Names::new()
        } else {
            names(resources)
        };
        for entry in entries {
            let set = set(entry, &transform.config.replicas, &names, resources);
            transform.keep(set);
            transform.done(TRANSFORM.plugin, resources);
        }
        Ok(())
    },
    run: |_, config, resources| {
        let config: ReplicaPlugin = configuration(config)?;
        let unnamed = || Replica::new(config.span.clone());
        let replica = config.replica.clone().unwrap_or_else(unnamed);
        set(&replica, &config.specs, &names(resources), resources)
    },
};

record! {
    struct ReplicaPlugin {
        replica: Option<Replica> = "replica",
        specs: FieldSpecs = "fieldSpecs",
    }
}

/// Resources by current and former names and kinds.
type Names = IndexMap<Box<str>, Vec<(usize, Gvk)>>;

fn names(resources: &Resources) -> Names {
    let mut names = Names::new();
    for (at, resource) in resources.iter().enumerate() {
        let gvk = resource.object.gvk();
        // An overlay uses the name in its base, even if a prefix has changed it since.
        for previous in &resource.previous {
            let gvk = Gvk {
                kind: previous.kind.as_ref().into(),
                ..gvk.clone()
            };
            names
                .entry(previous.name.as_ref().into())
                .or_default()
                .push((at, gvk));
        }
        names
            .entry(resource.object.name().into())
            .or_default()
            .push((at, gvk));
    }
    names
}

fn set(
    entry: &Replica,
    specs: &[FieldSpec],
    names: &Names,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let name = &*entry.name;
    let count = entry.count.value().to_string();
    let known = names.get(name).map(Vec::as_slice).unwrap_or_default();
    let mut found = false;
    for spec in specs {
        for (at, _) in known.iter().filter(|(_, gvk)| spec.selects(gvk)) {
            found = true;
            let Some(resource) = resources.get_mut(*at) else {
                continue;
            };
            if spec.selects(&resource.object.gvk()) {
                spec.visit(resource.node_mut(), Leaf::Scalar, &mut |field, _| {
                    only_scalar(field, "a number of replicas")?;
                    set_tagged(field, &count, Tag::Int);
                    replaced_at(field, entry.count.span_or(&entry.span));
                    Ok(())
                })?;
            }
        }
    }
    if found {
        return Ok(());
    }
    let kinds: Vec<&str> = specs.iter().map(|it| &*it.gvk.kind).collect();
    let message = format!("there is no resource `{name}` with replicas");
    Err(Diagnostic::error("unmatched-replica", message)
        .class(Class::Unmatched)
        .at(entry.name.span_or(&entry.span))
        .help(format!("kinds with replicas are {}", kinds.join(", ")))
        .did_you_mean(name, names.keys().map(|it| &**it)))
}
