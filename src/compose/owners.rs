//! Reports objects that two claims of an environment render, and names that two of its Flux Kustomizations or Applications have.

use indexmap::IndexMap;
use indexmap::map::Entry;

use super::Overlaid;
use crate::delivery::Delivery;
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::Engine;
use crate::object::{Object, ObjectId};

/// Errors: `two-owners`, `duplicate-claim`.
pub(super) fn check(overlaid: &Overlaid<'_>, diagnostics: &mut Diagnostics) {
    let mut owners: IndexMap<ObjectId, &Delivery> = IndexMap::new();
    for delivery in &overlaid.deliveries {
        let files = delivery.files.iter().chain(&delivery.releases);
        let objects = files.map(|it| &it.object);
        for id in objects.chain(&delivery.prerequisites).map(Object::id) {
            let mut known = match owners.entry(id) {
                Entry::Occupied(known) => known,
                Entry::Vacant(new) => {
                    new.insert(delivery);
                    continue;
                }
            };
            let other = known.insert(delivery);
            let id = known.key();
            // The message does not name the environment, so that two shared claims are reported only once.
            let message = format!(
                "{id} is rendered by two claims: {} and {}",
                other.title, delivery.title
            );
            let fault = Diagnostic::error("two-owners", message)
                .at(&delivery.span)
                .related(&other.span, "also rendered for this claim");
            diagnostics.push(if &*id.kind == "Namespace" {
                fault.help(
                    "set `createNamespace: true` in one claim only, and `false` in the others",
                )
            } else {
                fault.help("change the name or namespace of one of the two")
            });
        }
        let engine = overlaid.environment.engine;
        let releases = delivery.releases.iter().map(|it| &it.object);
        let objects = releases.chain(&delivery.prerequisites);
        for object in objects.filter(|it| it.kind() == engine.claim_kind) {
            let mut deliveries = overlaid.deliveries.iter();
            if let Some(other) = deliveries.find(|it| it.name == object.name()) {
                diagnostics.push(name_conflict(delivery, other, engine));
            }
        }
    }
}

/// The Flux Kustomization or Application of a claim has the name of the claim, so prerequisites and charts need other names.
fn name_conflict(delivery: &Delivery, other: &Delivery, engine: &Engine) -> Diagnostic {
    let message = format!(
        "the name `{}` is taken: {} has an additional {} with that name",
        other.name, delivery.title, engine.claim_title
    );
    let fault = Diagnostic::error("duplicate-claim", message).at(&other.span);
    fault
        .related(&delivery.span, "the claim that uses the name")
        .help("rename one of the two claims")
}
