//! Rules about how the objects of an environment change.

use super::Rule;
use crate::diag::{Diagnostic, Span};
use crate::diff::Pair;
use crate::object::{Object, ObjectId};
use crate::secret::conceal_span;
use crate::yaml::FieldPath;

/// A rule about changes of an environment.
pub type Danger = Rule<RuleKind>;

/// The input of a rule.
pub enum RuleKind {
    /// One object before and after the change, except Secrets.
    Change(fn(&Pair<'_>, &mut Faults)),
    /// The same with Secrets: the message must not contain values.
    ChangeOrSecret(fn(&Pair<'_>, &mut Faults)),
    /// All changes of an environment, and objects that use changed ones.
    ChangeSet(fn(&ChangeSet<'_>, &mut Faults)),
    /// The objects of one tree, without a comparison.
    Tree(fn(&[&Object], &mut Faults)),
}

/// A finding of a rule.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule that found it.
    pub danger: &'static Danger,
    /// The object that the finding is about.
    pub id: ObjectId,
    /// The field of it; the root for the object itself.
    pub field: FieldPath,
    /// The message, in one sentence.
    pub message: String,
    /// The location of the field in the tree.
    pub span: Span,
}

impl Finding {
    /// Converts it to a diagnostic at `location`, or at the line in the tree if `location` is `None`.
    pub fn diagnostic(&self, location: Option<&Span>) -> Diagnostic {
        Diagnostic {
            severity: self.danger.severity,
            ..Diagnostic::error(self.danger.code, self.message.as_str())
        }
        .at(match location.unwrap_or(&self.span) {
            span if self.id.kind.eq_ignore_ascii_case("Secret") => conceal_span(span),
            span => span.clone(),
        })
    }
}

/// A change of an environment, as input of rules.
pub struct ChangeSet<'a> {
    /// The objects that differ.
    pub pairs: &'a [Pair<'a>],
    /// All objects of the environment after the change, if a rule requests them.
    pub rest: &'a [Object],
}

/// The findings of a rule.
pub fn run(danger: &'static Danger, check: impl FnOnce(&mut Faults)) -> Vec<Finding> {
    let mut faults = Faults {
        danger,
        found: Vec::new(),
    };
    check(&mut faults);
    faults.found
}

/// Collects the findings of a rule.
pub struct Faults {
    danger: &'static Danger,
    found: Vec<Finding>,
}

impl Faults {
    /// A finding about a field of an object.
    pub fn push(&mut self, object: &Object, field: FieldPath, message: String) {
        self.found.push(Finding {
            danger: self.danger,
            id: object.id(),
            span: object.node.nearest_on_path(&field).span().clone(),
            field,
            message,
        });
    }
}
