//! Resolves all claims of an environment.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::instance::Instance;
use super::reference;
use super::select::Selected;
use crate::diag::{Class, Diagnostic, Diagnostics};
use crate::load::{Environment, Workspace};

/// Resolves all claims of an environment. Claims with errors are left out, and so are claims that refer to them. For the latter,
/// only errors that do not depend on the other claim are reported.
pub(super) fn resolve_all(
    workspace: &Workspace<'_>,
    environment: &Environment,
    claims: &[Selected<'_>],
    diagnostics: &mut Diagnostics,
) -> Vec<Instance> {
    let (mut drafts, mut failed) = (BTreeMap::new(), BTreeMap::new());
    let documents = claims.iter().filter_map(Selected::claim);
    let names: BTreeSet<String> = documents.map(|it| it.name.clone()).collect();
    for selected in claims {
        match Draft::new(workspace, environment, selected, diagnostics) {
            Some(draft) => drop(drafts.insert(draft.name.clone(), draft)),
            None => {
                let claim = selected.claim();
                failed.extend(claim.map(|it| (it.name.clone(), it.kind.clone())));
            }
        }
    }
    let instances =
        reference::resolve_in_order(workspace, environment, drafts, failed, diagnostics);
    instances
        .into_iter()
        .map(|instance| with_dependencies(workspace, instance, &names, diagnostics))
        .collect()
}

/// Adds the claims in `dependsOn`.
fn with_dependencies(
    workspace: &Workspace<'_>,
    mut instance: Instance,
    names: &BTreeSet<String>,
    diagnostics: &mut Diagnostics,
) -> Instance {
    let Some(expression) = &instance.kind.depends_on else {
        return instance;
    };
    let templates = &workspace.templates;
    let list = templates.list_of_names(expression, "dependsOn", &instance.context);
    let context = format!("for this {}", instance.kind.name);
    let list = list.map_err(|it| it.related(&instance.span, &context));
    for entry in diagnostics.keep(list).unwrap_or_default() {
        let name = entry.as_str().unwrap_or("");
        let exists = names.contains(name) || workspace.is_partial();
        if exists && name != instance.name {
            instance.depends_on.insert(name.to_string());
        } else {
            let fault = Diagnostic::error(
                "unknown-reference",
                format!("the environment has no other claim `{name}`"),
            )
            .class(Class::UnknownReference);
            let fault = match entry.has_origin() {
                true => fault.at(&entry),
                false => fault
                    .at(templates.expression_span(expression))
                    .related(&instance.span, &context),
            };
            diagnostics.push(
                fault
                    .did_you_mean(name, names.iter().map(String::as_str))
                    .help("list claims of the same environment in `dependsOn`"),
            );
        }
    }
    instance
}
