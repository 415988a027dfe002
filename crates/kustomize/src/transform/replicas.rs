//! `replicas`.

use indexmap::IndexMap;

use pleach_kube::object::Gvk;
use pleach_yaml::diag::{Class, Diagnostic};
use pleach_yaml::{Node, Tag};

use super::super::config::specs_of;
use super::super::fieldspec::{FieldSpec, Leaf};
use super::super::kustomization::{FIELD_SPECS, REPLICA, list, text};
use super::super::resource::{only_scalar, replaced_at, set_tagged};
use super::super::resources::Resources;
use super::super::shape::Shape;
use super::Transform;

pub(super) const TRANSFORM: Transform = Transform {
    plugin: "ReplicaCountTransformer",
    apply: |stage, resources| {
        let entries = stage.kustomization.list("replicas");
        let names = if entries.is_empty() {
            Names::new()
        } else {
            names(resources)
        };
        for entry in entries {
            let set = set(entry, &stage.config.replicas, &names, resources);
            stage.keep(set);
            stage.done(TRANSFORM.plugin, resources);
        }
        Ok(())
    },
    fields: &[
        ("replica", Shape::Record(REPLICA)),
        ("fieldSpecs", FIELD_SPECS),
    ],
    run: |_, config, resources| {
        let names = names(resources);
        let entry = config.get("replica").unwrap_or(config);
        set(
            entry,
            &specs_of(list(config, "fieldSpecs")),
            &names,
            resources,
        )
    },
};

/// Resources by the names and kinds they have and had.
type Names = IndexMap<Box<str>, Vec<(usize, Gvk)>>;

fn names(resources: &Resources) -> Names {
    let mut names = Names::new();
    for (at, resource) in resources.iter().enumerate() {
        let gvk = resource.object.gvk();
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
    entry: &Node,
    specs: &[FieldSpec],
    names: &Names,
    resources: &mut Resources,
) -> Result<(), Diagnostic> {
    let name = text(entry, "name");
    let count = entry
        .get("count")
        .and_then(Node::as_int)
        .unwrap_or(0)
        .to_string();
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
                    replaced_at(field, entry.get("count").unwrap_or(entry));
                    Ok(())
                })?;
            }
        }
    }
    if found {
        return Ok(());
    }
    let kinds: Vec<&str> = specs.iter().map(|it| &*it.gvk.kind).collect();
    let message = format!("no resource `{name}` of a kind with replicas");
    Err(Diagnostic::error("unmatched-replica", message)
        .class(Class::Unmatched)
        .at(entry.get("name").unwrap_or(entry))
        .help(format!("kinds with replicas are {}", kinds.join(", ")))
        .did_you_mean(name, names.keys().map(|it| &**it)))
}
