//! The part of a workspace that a run processes.

use std::collections::{BTreeMap, BTreeSet};

/// The requested environments and claims. Files of other claims are only read if necessary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The environments; if empty, all.
    pub environments: Vec<String>,
    /// By environment of which only some claims are requested: the names of these claims.
    pub claims: BTreeMap<String, BTreeSet<String>>,
    /// Whether the requested claims only refer to each other, so that no other claims need to be read.
    pub is_closed: bool,
    /// Whether the files that all claims of an environment share are made from the requested claims alone, because the others cannot
    /// be rendered. Entries of overlays may then match nothing.
    pub leaves_out_rest: bool,
}

impl Scope {
    /// A scope of complete environments; if empty, all.
    pub fn for_environments(environments: &[String]) -> Scope {
        Scope {
            environments: environments.to_vec(),
            ..Scope::default()
        }
    }

    /// Whether the whole workspace is requested.
    pub fn is_whole(&self) -> bool {
        self.environments.is_empty()
    }

    /// Whether an environment is requested.
    pub fn has(&self, environment: &str) -> bool {
        self.is_whole() || self.environments.iter().any(|it| it == environment)
    }

    /// Whether a claim of an environment is requested.
    pub fn has_claim(&self, environment: &str, claim: &str) -> bool {
        let claims = self.claims.get(environment);
        claims.is_none_or(|it| it.contains(claim))
    }

    /// Whether a claim of base is requested: only the claims that environments need are rendered.
    pub fn has_base_claim(&self, claim: &str) -> bool {
        self.names().is_none_or(|it| it.contains(claim))
    }

    /// Whether only some claims of an environment are requested.
    pub fn is_partial(&self, environment: &str) -> bool {
        self.has(environment) && self.claims.contains_key(environment)
    }

    /// Whether the files that all claims of an environment share are not made, because only some claims are requested.
    pub fn is_without_shared_files(&self, environment: &str) -> bool {
        self.is_partial(environment) && !self.leaves_out_rest
    }

    /// The requested claims of all environments; `None` if an environment is requested completely.
    pub(super) fn names(&self) -> Option<BTreeSet<String>> {
        if self.is_whole()
            || self
                .environments
                .iter()
                .any(|it| !self.claims.contains_key(it))
        {
            return None;
        }
        let claims = self
            .environments
            .iter()
            .filter_map(|it| self.claims.get(it));
        Some(claims.flatten().cloned().collect())
    }
}
