//! One owner: no object of an environment comes from two claims.

use std::collections::BTreeMap;

use super::Laid;
use crate::diag::{Diagnostic, Diagnostics};

/// Says every object that two claims render. Errors: `two-owners`.
pub(super) fn check(laid: &Laid<'_>, diagnostics: &mut Diagnostics) {
    let mut owners = BTreeMap::new();
    for delivery in &laid.deliveries {
        for file in &delivery.files {
            let id = file.object.id();
            let Some(other) = owners.insert(id.clone(), delivery) else {
                continue;
            };
            let message = format!(
                "{id} of environment `{}` is rendered twice: by {} and by {}",
                laid.environment.name, other.title, delivery.title
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
    }
}
