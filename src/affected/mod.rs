//! The environments and claims that a change affects, determined from what their rendering reads.
//!
//! Changes of claims, kinds and environments are resolved without rendering, because the documents show who reads them. For other
//! inputs (overlays and everything they refer to, charts), the workspace is rendered and its reads are recorded. The result may
//! include parts whose output does not change, but never misses one.

mod documents;
mod overlay_inputs;
mod kinds;
mod kustomizations;
mod links;
mod lookups;

pub use documents::{claim_titles, environment_documents as claim_documents};
pub use kustomizations::kustomizations;

use std::collections::{BTreeMap, BTreeSet};

pub use crate::layout::{BASE, Input, WORKSPACE, input_folders};
use crate::load::{self, Scope, WorkspaceConfig, environment_folder};
use crate::tree::{Changes, Files, ReadSet, TreePath};

/// The affected part of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AffectedClaims {
    /// All claims of the environment.
    All,
    /// Only these claims, as `Kind/name`.
    Only(BTreeSet<String>),
}

/// The part of a workspace that a change affects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// The affected environments, with base for shared claims. The output of all others is unchanged.
    pub environments: BTreeMap<String, AffectedClaims>,
}

/// The files that rendering the scope reads, on the side before the change.
pub type Reads<'a> = dyn Fn(&Scope) -> ReadSet + Sync + 'a;

/// Determines what a change between two states of a workspace affects.
pub fn affected(sides: [&dyn Files; 2], changes: &Changes, reads: &Reads<'_>) -> Affected {
    let workspaces = sides.map(|it| WorkspaceConfig::read(it).ok());
    let names = sides.map(|it| BTreeSet::from_iter(load::environments(it)));
    let mut search = Search {
        sides,
        changes,
        names: &names[0] | &names[1],
        found: Affected::default(),
    };
    if changes.has(&TreePath::root().child(WORKSPACE)) {
        search.add_everything();
        return search.found;
    }
    let [Some(before), Some(after)] = workspaces else {
        return search.found;
    };
    if search.has_unreadable_change([&before, &after]) {
        search.add_everything();
        return search.found;
    }
    search.compare_environments(&names);
    search.compare_base();
    search.compare_claims();
    kinds::search(&mut search, [&before, &after]);
    links::search(&mut search);
    overlay_inputs::search(&mut search, [&before, &after], reads);
    lookups::search(&mut search, [&before, &after], names[0] != names[1]);
    search.found
}

impl Affected {
    /// The scope to render in order to see the change; `None` if nothing is affected.
    pub fn scope(&self) -> Option<Scope> {
        let mut scope = Scope::default();
        for (name, touched) in self.environments.iter().filter(|it| it.0 != BASE) {
            scope.environments.push(name.clone());
            if let AffectedClaims::Only(claims) = touched {
                scope.claims.insert(name.clone(), claims.clone());
            }
        }
        (!scope.environments.is_empty()).then_some(scope)
    }

    /// Adds all of an environment.
    pub fn add_environment(&mut self, environment: &str) {
        self.environments
            .insert(environment.to_string(), AffectedClaims::All);
    }

    /// Adds a claim of an environment.
    pub fn add_claim(&mut self, environment: &str, claim: &str) {
        let none = || AffectedClaims::Only(BTreeSet::new());
        let touched = self.environments.entry(environment.to_string());
        if let AffectedClaims::Only(claims) = touched.or_insert_with(none) {
            claims.insert(claim.to_string());
        }
    }

    /// Adds a claim that several environments change to the others as well: a comparison reports the environments that did not
    /// change.
    pub fn add_exceptions(&mut self, environments: &[String]) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (name, touched) in &self.environments {
            if let (AffectedClaims::Only(claims), true) = (touched, name != BASE) {
                claims
                    .iter()
                    .for_each(|it| *counts.entry(it.clone()).or_default() += 1);
            }
        }
        for claim in counts.iter().filter(|it| *it.1 > 1).map(|it| it.0) {
            environments.iter().for_each(|it| self.add_claim(it, claim));
        }
    }

    fn is_whole(&self, environment: &str) -> bool {
        self.environments.get(environment) == Some(&AffectedClaims::All)
    }
}

/// The state of the search.
struct Search<'a> {
    sides: [&'a dyn Files; 2],
    changes: &'a Changes,
    /// The environments of both sides.
    names: BTreeSet<String>,
    found: Affected,
}

impl Search<'_> {
    fn add_everything(&mut self) {
        for name in &self.names {
            self.found.add_environment(name);
        }
        self.found.add_environment(BASE);
    }

    /// Whether an input folder, or a change in one, cannot be read on one side, for example because a link leads outside the
    /// workspace. Such a workspace cannot be rendered. (Changes of claims are checked when they are read.)
    fn has_unreadable_change(&self, workspaces: [&WorkspaceConfig; 2]) -> bool {
        let own = input_folders();
        let folders = workspaces.iter().flat_map(|it| {
            let charts = std::iter::once(&it.chart_copies);
            it.templates.iter().chain(charts)
        });
        let folders: BTreeSet<&TreePath> = own.iter().chain(folders).collect();
        let is_unreadable = |path: &TreePath| self.sides.iter().any(|it| it.kind(path).is_err());
        let is_of_claim = |it: &&TreePath| {
            let input = Input::parse(it);
            matches!(input, Some(Input::Environment(_) | Input::Claims { .. }))
        };
        let below = folders.iter().flat_map(|it| self.changes.below(it));
        let mut below = below.filter(|it| !is_of_claim(it));
        folders.iter().any(|it| is_unreadable(it)) || below.any(is_unreadable)
    }

    /// Adds a claim of base, in base and in all environments that may use it.
    fn add_base_claim(&mut self, claim: &str) {
        self.found.add_claim(BASE, claim);
        for name in &self.names {
            let excludes =
                |side: &&dyn Files| documents::excluded_claims(*side, name).contains(claim);
            if !self.sides.iter().all(excludes) {
                self.found.add_claim(name, claim);
            }
        }
    }

    /// Adds environments that were added or removed, and those whose own file changed.
    fn compare_environments(&mut self, [before, after]: &[BTreeSet<String>; 2]) {
        let mut is_base_taken_otherwise = before != after;
        for name in before ^ after {
            self.found.add_environment(&name);
        }
        let changed = |it: &&String| self.changes.has(&environment_folder(it).1);
        for name in self.names.iter().filter(changed) {
            let [old, new] = self.sides.map(|it| documents::excluded_claims(it, name));
            is_base_taken_otherwise |= old != new;
            self.found.add_environment(name);
        }
        if !is_base_taken_otherwise {
            return;
        }
        // Base only contains claims that some environment uses. An environment that replaces an excluded claim with its own builds
        // on that of base, if it exists.
        self.found.add_environment(BASE);
        for name in &self.names {
            let excludes = |side: &&dyn Files| !documents::excluded_claims(*side, name).is_empty();
            if self.sides.iter().any(excludes) {
                self.found.add_environment(name);
            }
        }
    }

    /// Every patch of an environment is computed from the neutral values.
    fn compare_base(&mut self) {
        if self.changes.has(&environment_folder(BASE).1) {
            self.add_everything();
        }
    }

    /// The documents that differ between the two sides.
    fn compare_claims(&mut self) {
        for name in self.names.clone() {
            match documents::changed_claims(self.sides, &name, self.changes) {
                AffectedClaims::All => self.found.add_environment(&name),
                AffectedClaims::Only(claims) => {
                    claims.iter().for_each(|it| self.found.add_claim(&name, it))
                }
            }
        }
        match documents::changed_claims(self.sides, BASE, self.changes) {
            AffectedClaims::All => self.add_everything(),
            AffectedClaims::Only(claims) => claims.iter().for_each(|it| self.add_base_claim(it)),
        }
    }
}
