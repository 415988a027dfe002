//! The claims that refer to changed ones, so their output may change too.

use std::collections::BTreeSet;

use super::{AffectedClaims, Search, documents};
use crate::layout::BASE;
use crate::tree::Files;
use crate::yaml::{Node, View};

/// Adds the claims that refer to an affected claim, transitively.
pub(super) fn search(search: &mut Search<'_>) {
    let partial = search.found.environments.iter();
    let partial = partial.filter(|it| matches!(it.1, AffectedClaims::Only(_)));
    let names: Vec<String> = partial.map(|it| it.0.clone()).collect();
    if names.is_empty() {
        return;
    }
    let of_base: Vec<_> = search
        .sides
        .iter()
        .flat_map(|it| references(*it, BASE))
        .collect();
    for environment in names {
        let mut referring = of_base.clone();
        for side in search.sides {
            if environment != BASE {
                referring.extend(references(side, &environment));
            }
        }
        while let Some(AffectedClaims::Only(touched)) = search.found.environments.get(&environment)
        {
            let is_new = |(name, to): &&(String, BTreeSet<String>)| {
                !touched.contains(name) && !to.is_disjoint(touched)
            };
            let Some((name, _)) = referring.iter().find(is_new) else {
                break;
            };
            search.found.add_claim(&environment, name);
        }
    }
}

/// The claims of an environment that refer to others, each with every word in its references.
fn references(files: &dyn Files, environment: &str) -> Vec<(String, BTreeSet<String>)> {
    let documents = documents::documents_with_word(files, environment, "valueFrom");
    let named = documents.iter().filter_map(|it| {
        let mut scalars = BTreeSet::new();
        collect_scalars(it, false, &mut scalars);
        Some((documents::claim_name(it)?.to_string(), scalars))
    });
    named.filter(|it| !it.1.is_empty()).collect()
}

fn collect_scalars(node: &Node, is_inside: bool, scalars: &mut BTreeSet<String>) {
    match node.view() {
        View::Scalar(text) if is_inside => drop(scalars.insert(text.to_string())),
        View::Scalar(_) => {}
        View::Sequence(items) => items
            .iter()
            .for_each(|it| collect_scalars(it, is_inside, scalars)),
        View::Mapping(entries) => entries.iter().for_each(|it| {
            let is_inside = is_inside || it.key.as_str() == Some("valueFrom");
            collect_scalars(&it.value, is_inside, scalars);
        }),
    }
}
