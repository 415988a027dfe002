//! Finds the resources that a patch changes.

use indexmap::IndexMap;

use pleach_yaml::diag::{Class, Diagnostic, Span};

use super::super::super::kustomization::Target;
use super::super::super::resource::Resource;
use super::super::super::resources::{AnyId, Resources, id_of};
use super::super::super::selector::{Identity, Selector, did_you_mean, wrong_namespace};
use super::super::TransformContext;

/// An index of resources, rebuilt after an identity has changed.
#[derive(Default)]
pub(super) struct ResourceIndex {
    /// By all current and former identities.
    by_id: Option<AnyId>,
    /// By current and original names.
    by_name: Option<IndexMap<Box<str>, Vec<usize>>>,
}

impl ResourceIndex {
    /// Drops the index if an identity has changed.
    pub(super) fn invalidate(&mut self, changed: bool) {
        if changed {
            *self = ResourceIndex::default();
        }
    }

    /// The positions of the resources that a target selects.
    pub(super) fn selected(
        &mut self,
        transform: &mut TransformContext<'_, '_>,
        target: &Target,
        resources: &Resources,
    ) -> Result<Vec<usize>, Diagnostic> {
        let selector = Selector::new(target)?;
        let schemas = &transform.context.schemas;
        let is_selected = |at: &usize| {
            let resource = resources.get(*at);
            resource.is_some_and(|it| !it.deleted && selector.matches(it, schemas))
        };
        let found: Vec<usize> = match selector.exact_name() {
            Some(name) => {
                let index = self.by_name.get_or_insert_with(|| by_name(resources));
                let positions = index.get(name).map(Vec::as_slice).unwrap_or_default();
                positions.iter().copied().filter(is_selected).collect()
            }
            None => (0..resources.len()).filter(is_selected).collect(),
        };
        if found.is_empty() {
            let message = "the target of the patch matches no resource";
            let warning = Diagnostic::warning("unmatched-patch", message)
                .class(Class::Unmatched)
                .at(&target.span);
            let warning = did_you_mean(warning, &target.identity(), resources);
            transform.context.diagnostics.push(warning);
        }
        Ok(found)
    }

    /// The position of the resource of a patch; `None` only if a patch may have no target.
    pub(super) fn find(
        &mut self,
        patch: &Resource,
        entry: &Span,
        transform: &TransformContext<'_, '_>,
        resources: &Resources,
    ) -> Result<Option<usize>, Diagnostic> {
        let schemas = &transform.context.schemas;
        let index = self
            .by_id
            .get_or_insert_with(|| resources.any_index(schemas));
        let found = index
            .get(&id_of(patch, schemas))
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut found = found
            .iter()
            .copied()
            .filter(|at| resources.get(*at).is_some_and(|it| !it.deleted));
        let id = patch.object.id();
        match (found.next(), found.next()) {
            (Some(at), None) => Ok(Some(at)),
            (None, _) if transform.context.loader.options.ignore_unmatched_patches => Ok(None),
            // The patch may be for an object of a chart that is not rendered.
            (None, _)
                if transform.context.loader.options.charts_as_objects
                    && resources.iter().any(|it| it.from_chart) =>
            {
                Ok(None)
            }
            (None, _) => {
                let identity = Identity {
                    kind: &id.kind,
                    name: &id.name,
                    namespace: patch.object.namespace(),
                };
                let fault = format!("the patch matches no resource: {id} does not exist");
                let fault = Diagnostic::error("unmatched-patch", fault)
                    .class(Class::Unmatched)
                    .at(patch.object.span())
                    .related(entry, "the patch is listed here");
                if let Some(help) = wrong_namespace(&identity, resources) {
                    return Err(fault.help(help));
                }
                let names = resources
                    .iter()
                    .filter(|it| it.object.kind() == &*id.kind)
                    .map(|it| it.object.name());
                Err(fault
                    .did_you_mean(&id.name, names)
                    .help("correct the kind, name or namespace, or use a `target` to select by fewer fields"))
            }
            (Some(_), Some(_)) => Err(Diagnostic::error(
                "ambiguous-patch",
                format!("the patch matches several resources: {id}"),
            )
            .at(patch.object.span())
            .related(entry, "the patch is listed here")
            .help("add the namespace to the patch, or use a `target` that selects all of them")),
        }
    }
}

fn by_name(resources: &Resources) -> IndexMap<Box<str>, Vec<usize>> {
    let mut index: IndexMap<Box<str>, Vec<usize>> = IndexMap::with_capacity(resources.len());
    for (at, resource) in resources.iter().enumerate() {
        let (now, original) = (resource.object.name(), resource.original_name());
        index.entry(now.into()).or_default().push(at);
        if original != now {
            index.entry(original.into()).or_default().push(at);
        }
    }
    index
}
