//! One claim in one environment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Diagnostic, Span};
use crate::load::ClaimKind;
use crate::template::{ClaimLookup, Context};
use crate::yaml::{Mapping, Node};

/// A claim in one environment: merged with base, valid, and with the values of its kind's `let` computed.
pub struct Instance {
    /// The claim's kind, with its schema and templates.
    pub kind: Arc<ClaimKind>,
    /// Its name, unique in the environment.
    pub name: String,
    /// The whole claim, merged and with defaults filled in.
    pub node: Node,
    /// The names that its expressions and templates can use: `metadata`, `spec`, `environment`, `workspace` and those of `let`.
    pub context: Context,
    /// The values that other claims can refer to.
    pub outputs: Mapping,
    /// Its fields whose effect depends on a condition.
    pub(super) effects: Vec<FieldEffect>,
    /// CRDs that it installs.
    pub provides: BTreeSet<String>,
    /// By CRD that it installs: the version, if known.
    pub(super) provided_versions: BTreeMap<String, Node>,
    /// CRDs that it needs.
    pub requires: BTreeSet<String>,
    /// By CRD that it needs: the minimum version, if any.
    pub(super) min_versions: BTreeMap<String, Node>,
    /// Claims that must be ready first: those in `dependsOn` and those it refers to.
    pub depends_on: BTreeSet<String>,
    /// Whether it also exists in base.
    pub shared: bool,
    /// The location of its name.
    pub span: Span,
}

impl Instance {
    /// The claim as `Kind/name`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind.name, self.name)
    }

    /// The result of `claim(kind, name)` in expressions, for this claim.
    pub fn as_resolved(&self, claim: ClaimLookup) -> ResolvedClaim {
        let mut outputs = Mapping::new();
        for (name, _) in &self.kind.outputs {
            let value = self.outputs.get(name).cloned();
            outputs.insert(name.as_str(), value.unwrap_or_else(Node::null));
        }
        ResolvedClaim {
            claim,
            node: self.node.clone(),
            outputs: Node::mapping(outputs),
        }
    }
}

/// A field of one claim whose effect depends on a condition.
pub struct FieldEffect {
    /// The location of its key.
    pub(super) key_span: Span,
    /// The warning, if the field has no effect.
    pub(super) warning: Option<Diagnostic>,
}

/// The result of a call of `claim(kind, name)`.
pub struct ResolvedClaim {
    pub(super) claim: ClaimLookup,
    node: Node,
    /// An entry for each output of its kind; null if the claim does not have the output.
    outputs: Node,
}

impl ResolvedClaim {
    /// Makes the claim known to the expressions of a context.
    pub fn provide_to(&self, context: &Context) {
        context.provide_claim(self.claim.clone(), &self.node, &self.outputs);
    }
}
