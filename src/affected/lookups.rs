//! Finds affected claims whose references are not in their documents: their kind has `find`, or its expressions call `claim(…)`.

use std::collections::{BTreeMap, BTreeSet};

use super::{AffectedClaims, Search, documents, links};
use crate::layout::BASE;
use crate::load::{KindLookups, LookedUpKinds, WorkspaceConfig};
use crate::yaml::Node;

/// Adds the claims that look up affected claims, then those that refer to the added ones, and so on. Claims of kinds with lookups can
/// also read the names of all environments.
pub(super) fn search(
    search: &mut Search<'_>,
    workspaces: [&WorkspaceConfig; 2],
    has_other_names: bool,
) {
    let [before, after] = search.sides;
    let sides = [
        KindLookups::read(before, workspaces[0]),
        KindLookups::read(after, workspaces[1]),
    ];
    let mut names = search.names.clone();
    names.insert(BASE.to_string());
    for name in names {
        let is_touched = match search.found.environments.get(&name) {
            Some(AffectedClaims::All) => false,
            Some(AffectedClaims::Only(claims)) => has_other_names || !claims.is_empty(),
            None => has_other_names,
        };
        if !is_touched || !sides.iter().any(|it| it.may_affect(&name)) {
            continue;
        }
        match has_other_names {
            true => search.found.add_environment(&name),
            false => Claims::new(search, &sides, &name).add_claims(search, &name),
        }
    }
}

/// The claims of an environment, including those of base.
struct Claims {
    /// By name: the kinds of the claim, which may differ between the sides.
    kinds: BTreeMap<String, BTreeSet<String>>,
    /// The names of the claims with lookups, each with the kinds that it looks up.
    with_lookups: Vec<(String, LookedUpKinds)>,
}

impl Claims {
    fn new(search: &Search<'_>, lookups: &[KindLookups<'_>; 2], environment: &str) -> Claims {
        let mut claims = Claims {
            kinds: BTreeMap::new(),
            with_lookups: Vec::new(),
        };
        for (side, lookups) in search.sides.into_iter().zip(lookups) {
            for folder in [environment, BASE] {
                for document in documents::environment_documents(side, folder) {
                    let kind = document.get("kind").and_then(Node::as_str);
                    let (Some(name), Some(kind)) = (documents::claim_name(&document), kind) else {
                        continue;
                    };
                    let kinds = claims.kinds.entry(name.to_string()).or_default();
                    if !kinds.insert(kind.to_string()) {
                        continue;
                    }
                    let looked_up = lookups.of_kind(kind);
                    let looked_up = looked_up.map(|it| (name.to_string(), it.clone()));
                    claims.with_lookups.extend(looked_up);
                }
            }
        }
        claims
    }

    fn add_claims(self, search: &mut Search<'_>, environment: &str) {
        let mut with_lookups = self.with_lookups;
        let mut seen: BTreeSet<String> = BTreeSet::new();
        loop {
            let Some(AffectedClaims::Only(touched)) = search.found.environments.get(environment)
            else {
                return;
            };
            let new: Vec<String> = touched.difference(&seen).cloned().collect();
            if new.is_empty() {
                return;
            }
            // The kinds of affected claims; `None` for a claim whose document is not found.
            let affected = new.iter().map(|it| self.kinds.get(it));
            let may_look_up_affected = |looked_up: &LookedUpKinds| {
                affected.clone().any(|kinds| match kinds {
                    Some(kinds) => kinds.iter().any(|it| looked_up.contains(it)),
                    None => true,
                })
            };
            let found = with_lookups.extract_if(.., |it| may_look_up_affected(&it.1));
            let found: Vec<(String, LookedUpKinds)> = found.collect();
            seen.extend(new);
            for (name, _) in &found {
                search.found.add_claim(environment, name);
            }
            if !found.is_empty() {
                links::search(search);
            }
        }
    }
}
