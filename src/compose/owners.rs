//! Checks that no object of an environment, and no name of a Flux Kustomization or Application, comes from two claims.

use std::collections::BTreeMap;

use super::Overlaid;
use crate::delivery::Delivery;
use crate::diag::{Diagnostic, Diagnostics};
use crate::load::Engine;
use crate::object::Object;

/// Reports every object that two claims render. Errors: `two-owners`.
pub(super) fn check(laid: &Overlaid<'_>, diagnostics: &mut Diagnostics) {
    let mut owners = BTreeMap::new();
    for delivery in &laid.deliveries {
        let own = delivery.files.iter().chain(&delivery.releases);
        let own = own.map(|it| &it.object);
        for id in own.chain(&delivery.first).map(Object::id) {
            let Some(other) = owners.insert(id.clone(), delivery) else {
                continue;
            };
            // Without the environment, so that two shared claims are reported once.
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
        let more = delivery.releases.iter().map(|it| &it.object);
        for object in more.chain(&delivery.first) {
            let taken = laid.deliveries.iter().find(|it| it.name == object.name());
            let engine = laid.environment.engine;
            if let Some(other) = taken.filter(|_| object.kind() == engine.claim_kind) {
                diagnostics.push(taken_name(delivery, other, engine));
            }
        }
    }
}

/// An object of the engine has the name of the claim, so prerequisites and charts need other names.
fn taken_name(delivery: &Delivery, other: &Delivery, engine: &Engine) -> Diagnostic {
    let message = format!(
        "the name `{}` is taken: {} has an additional {} with that name",
        other.name, delivery.title, engine.claim_title
    );
    let fault = Diagnostic::error("duplicate-claim", message).at(&other.span);
    fault
        .related(&delivery.span, "the claim that uses the name")
        .help("rename one of the two claims")
}
