//! Rules about how the objects of an environment change.

use super::Rule;
use crate::diag::{Diagnostic, Source, Span};
use crate::diff::Pair;
use crate::object::{Object, ObjectId};
use crate::yaml::FieldPath;

/// A rule about how an environment changes.
pub type Danger = Rule<Judge>;

/// What a rule looks at.
pub enum Judge {
    /// One object before and after, Secrets left out.
    Change(fn(&Pair<'_>, &mut Faults)),
    /// The same with Secrets: the rule must name no value.
    ChangeOrSecret(fn(&Pair<'_>, &mut Faults)),
    /// Everything that changes in an environment, and what uses it.
    ChangeSet(fn(&ChangeSet<'_>, &mut Faults)),
    /// The objects of one tree: it needs no other side.
    Tree(fn(&[&Object], &mut Faults)),
}

/// One thing that a rule found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule that found it.
    pub danger: &'static Danger,
    /// The object that the finding is about.
    pub id: ObjectId,
    /// The field of it; the root for the object itself.
    pub field: FieldPath,
    /// What is dangerous, in one sentence.
    pub message: String,
    /// The place of the field in the tree.
    pub span: Span,
}

impl Finding {
    /// As a diagnostic; `place` is where a person wrote it, where that is known.
    pub fn diagnostic(&self, place: Option<&Span>) -> Diagnostic {
        Diagnostic {
            severity: self.danger.severity,
            ..Diagnostic::error(self.danger.code, self.message.as_str())
        }
        .at(match place.unwrap_or(&self.span) {
            span if self.id.kind.eq_ignore_ascii_case("Secret") => concealed(span),
            span => span.clone(),
        })
    }
}

/// The line without its content, for excerpts.
fn concealed(span: &Span) -> Span {
    let lines = "\n".repeat(span.position().line.saturating_sub(1));
    let end = lines.len();
    Span::new(&Source::new(span.path().clone(), lines), end..end)
}

/// A change of an environment as rules see it.
pub struct ChangeSet<'a> {
    /// The objects that differ.
    pub pairs: &'a [Pair<'a>],
    /// All objects of the environment after the change, where a rule asks for them.
    pub rest: &'a [Object],
}

/// What a rule finds.
pub fn run(danger: &'static Danger, judge: impl FnOnce(&mut Faults)) -> Vec<Finding> {
    let mut faults = Faults {
        danger,
        found: Vec::new(),
    };
    judge(&mut faults);
    faults.found
}

/// Where a rule puts what it finds.
pub struct Faults {
    danger: &'static Danger,
    found: Vec<Finding>,
}

impl Faults {
    /// A fault of an object's field.
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
