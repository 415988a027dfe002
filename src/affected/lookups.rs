//! Claims whose references do not appear in their documents: their kind has `find`, or its expressions call `claim(…)`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Search, Touched, documents, links};
use crate::layout::BASE;
use crate::load::{Entanglement, Looks, WorkspaceConfig};
use crate::yaml::Node;

/// Adds the claims that look for affected claims, then those that refer to these, and so on. Such claims can also read the names of
/// all environments.
pub(super) fn search(
    search: &mut Search<'_>,
    workspaces: [&WorkspaceConfig; 2],
    has_other_names: bool,
) {
    let [before, after] = search.sides;
    let sides = [
        Entanglement::of(before, workspaces[0]),
        Entanglement::of(after, workspaces[1]),
    ];
    let mut names = search.names.clone();
    names.insert(BASE.to_string());
    for name in names {
        let is_touched = match search.found.environments.get(&name) {
            Some(Touched::All) => false,
            Some(Touched::Claims(claims)) => has_other_names || !claims.is_empty(),
            None => has_other_names,
        };
        if !is_touched || !sides.iter().any(|it| it.has(&name)) {
            continue;
        }
        match has_other_names {
            true => search.found.touch(&name),
            false => Claims::of(search, &sides, &name).touch(search, &name),
        }
    }
}

/// The claims of an environment, including those of base.
struct Claims {
    /// The kinds of each claim name: a document may have a different kind on the other side.
    kinds: BTreeMap<String, BTreeSet<String>>,
    /// The claims that look for others, each with the kind it looks for.
    looking: Vec<(String, Looks)>,
}

impl Claims {
    fn of(search: &Search<'_>, entangled: &[Entanglement<'_>; 2], environment: &str) -> Claims {
        let mut claims = Claims {
            kinds: BTreeMap::new(),
            looking: Vec::new(),
        };
        for (side, entangled) in search.sides.into_iter().zip(entangled) {
            for folder in [environment, BASE] {
                for document in documents::of_environment(side, folder) {
                    let kind = document.get("kind").and_then(Node::as_str);
                    let (Some(name), Some(kind)) = (documents::name(&document), kind) else {
                        continue;
                    };
                    let kinds = claims.kinds.entry(name.to_string()).or_default();
                    if !kinds.insert(kind.to_string()) {
                        continue;
                    }
                    let looks = entangled.looks(kind);
                    let looks = looks.map(|it| (name.to_string(), it.clone()));
                    claims.looking.extend(looks);
                }
            }
        }
        claims
    }

    fn touch(self, search: &mut Search<'_>, environment: &str) {
        let mut looking = self.looking;
        // The kinds of affected claims; `None` for a claim whose document is not found.
        let mut seen: BTreeSet<String> = BTreeSet::new();
        loop {
            let Some(Touched::Claims(touched)) = search.found.environments.get(environment) else {
                return;
            };
            let new: Vec<String> = touched.difference(&seen).cloned().collect();
            if new.is_empty() {
                return;
            }
            let known = new.iter().map(|it| self.kinds.get(it));
            let is_wanted = |looks: &Looks| {
                known.clone().any(|kinds| match kinds {
                    Some(kinds) => kinds.iter().any(|it| looks.has(it)),
                    None => true,
                })
            };
            let found: Vec<(String, Looks)> =
                looking.extract_if(.., |it| is_wanted(&it.1)).collect();
            seen.extend(new);
            for (name, _) in &found {
                search.found.touch_claim(environment, name);
            }
            if !found.is_empty() {
                links::search(search);
            }
        }
    }
}
