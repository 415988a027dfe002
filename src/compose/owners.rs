//! One owner: no object of an environment comes from two claims, and no name of a Flux Kustomization either.

use std::collections::BTreeMap;

use super::Laid;
use crate::delivery::Delivery;
use crate::diag::{Diagnostic, Diagnostics};
use crate::object::Object;

/// Says every object that two claims render. Errors: `two-owners`.
pub(super) fn check(laid: &Laid<'_>, diagnostics: &mut Diagnostics) {
    let mut owners = BTreeMap::new();
    for delivery in &laid.deliveries {
        let own = delivery.files.iter().chain(&delivery.releases);
        let own = own.map(|it| &it.object);
        for id in own.chain(&delivery.first).map(Object::id) {
            let Some(other) = owners.insert(id.clone(), delivery) else {
                continue;
            };
            // Without the environment, so that two shared claims are told of once.
            let message = format!(
                "{id} is rendered twice: by {} and by {}",
                other.title, delivery.title
            );
            let fault = Diagnostic::error("two-owners", message)
                .at(&delivery.span)
                .related(&other.span, "rendered for this one too");
            diagnostics.push(if &*id.kind == "Namespace" {
                fault.help("a shared namespace belongs to the claim with `createNamespace: true`; the others say `false`")
            } else {
                fault.help("give one of the two another name or namespace")
            });
        }
        for object in &delivery.first {
            let taken = laid.deliveries.iter().find(|it| it.name == object.name());
            if let Some(other) = taken.filter(|_| object.kind() == "Kustomization") {
                diagnostics.push(taken_name(delivery, other));
            }
        }
    }
}

/// What comes before a claim has a Flux Kustomization too, as every claim has one of its own name.
fn taken_name(delivery: &Delivery, other: &Delivery) -> Diagnostic {
    let message = format!(
        "the name `{}` is taken: {} has a Flux Kustomization of that name before its own",
        other.name, delivery.title
    );
    let fault = Diagnostic::error("duplicate-claim", message).at(&other.span);
    fault
        .related(&delivery.span, "the claim that takes the name")
        .help("give one of the two claims another name")
}
