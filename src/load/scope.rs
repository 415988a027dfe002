//! What of a workspace a run is about.

use std::collections::{BTreeMap, BTreeSet};

/// The environments and claims that are requested; the rest is not even read, as far as that can be known without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The environments; all of them where none is named.
    pub environments: Vec<String>,
    /// For environments of which only some claims are requested: the names of these.
    pub claims: BTreeMap<String, BTreeSet<String>>,
    /// Whether the claims that are named have all that they refer to among them, so that no other is read.
    pub is_closed: bool,
}

impl Scope {
    /// Some environments, or all where none is named.
    pub fn of(environments: &[String]) -> Scope {
        Scope {
            environments: environments.to_vec(),
            ..Scope::default()
        }
    }

    /// Whether all of the workspace is requested.
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

    /// Whether a claim of base is requested: base is rendered as far as the environments need it.
    pub fn has_base_claim(&self, claim: &str) -> bool {
        self.names().is_none_or(|it| it.contains(claim))
    }

    /// Whether only some claims of an environment are requested.
    pub fn is_partial(&self, environment: &str) -> bool {
        self.has(environment) && self.claims.contains_key(environment)
    }

    /// The claims of all environments together, where each of these has only some.
    pub(super) fn names(&self) -> Option<BTreeSet<String>> {
        if self.is_whole()
            || self
                .environments
                .iter()
                .any(|it| !self.claims.contains_key(it))
        {
            return None;
        }
        let named = self
            .environments
            .iter()
            .filter_map(|it| self.claims.get(it));
        Some(named.flatten().cloned().collect())
    }
}
