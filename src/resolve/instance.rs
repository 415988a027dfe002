//! One claim in one environment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Diagnostic, Span};
use crate::load::ClaimKind;
use crate::template::{ClaimName, Context};
use crate::yaml::{Mapping, Node};

/// A claim in one environment: merged, valid, with computed names.
pub struct Instance {
    /// The claim's kind, with its schema and templates.
    pub kind: Arc<ClaimKind>,
    /// Its name, unique in the environment.
    pub name: String,
    /// The whole claim, merged and with defaults filled in.
    pub node: Node,
    /// `metadata`, `spec`, `environment` and the kind's computed names.
    pub context: Context,
    /// What other claims can refer to.
    pub outputs: Mapping,
    /// Its fields whose effect depends on a condition.
    pub(super) effects: Vec<FieldEffect>,
    /// CRDs that it installs.
    pub provides: BTreeSet<String>,
    /// Their versions, if known.
    pub(super) provided_versions: BTreeMap<String, Node>,
    /// CRDs that it needs.
    pub requires: BTreeSet<String>,
    /// Their minimum versions, if any.
    pub(super) min_versions: BTreeMap<String, Node>,
    /// Claims that must be ready first: those in `dependsOn` and those it refers to.
    pub depends_on: BTreeSet<String>,
    /// Whether it also exists in base.
    pub shared: bool,
    /// The place of its name.
    pub span: Span,
}

impl Instance {
    /// The claim as `Kind/name`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind.name, self.name)
    }

    /// The result of `claim(kind, name)` in expressions, for this claim.
    pub fn answer(&self, claim: ClaimName) -> Answer {
        let mut outputs = Mapping::new();
        for (name, _) in &self.kind.outputs {
            let value = self.outputs.get(name).cloned();
            outputs.insert(name.as_str(), value.unwrap_or_else(Node::null));
        }
        Answer {
            claim,
            node: self.node.clone(),
            outputs: Node::mapping(outputs),
        }
    }
}

/// A field of one claim whose effect depends on something.
pub struct FieldEffect {
    /// The location of its key.
    pub(super) place: Span,
    /// The message if it has no effect.
    pub(super) fault: Option<Diagnostic>,
}

/// A claim that an expression looks up.
pub struct Answer {
    pub(super) claim: ClaimName,
    node: Node,
    /// An entry for each output of its kind, null if the claim does not have it.
    outputs: Node,
}

impl Answer {
    /// Lists the expressions of a context.
    pub fn give(&self, context: &Context) {
        context.answer(self.claim.clone(), &self.node, &self.outputs);
    }
}
