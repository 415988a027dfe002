//! Compares two objects field by field.

use std::collections::BTreeMap;

use super::path::{Path, Step};
use super::{Difference, FieldChange, Options, lenient, lists, text};
use crate::object::Gvk;
use crate::schema::{ListRule, Schemas, TypeRef};
use pleach_yaml::{Entry, Kind, Mapping, Node, View};

/// The differences between two versions of an object, whose secrets are hidden.
pub(super) fn compare(
    before: &Node,
    after: &Node,
    gvk: &Gvk,
    schemas: &Schemas,
    options: &Options<'_>,
) -> Vec<FieldChange> {
    let mut comparison = Comparison {
        schemas,
        options,
        is_builtin: lenient::is_builtin(gvk),
        path: Path::root(),
        changes: Vec::new(),
    };
    comparison.nodes(before, after, schemas.type_of(gvk));
    comparison.changes
}

/// The state of a comparison.
struct Comparison<'a> {
    schemas: &'a Schemas,
    options: &'a Options<'a>,
    /// Whether the kind of the object is built into Kubernetes.
    is_builtin: bool,
    path: Path,
    changes: Vec<FieldChange>,
}

impl Comparison<'_> {
    fn nodes(&mut self, before: &Node, after: &Node, of: Option<TypeRef>) {
        match (before.view(), after.view()) {
            (View::Mapping(a), View::Mapping(b)) => self.mappings(a, b, of),
            (View::Sequence(a), View::Sequence(b)) => self.sequences((a, b), after, of),
            (View::Scalar(a), View::Scalar(b)) => {
                if is_same_scalar(before, after) || self.is_same_quantity(before, after) {
                } else if is_text(before) && is_text(after) && (spans_lines(a) || spans_lines(b)) {
                    self.texts(before, after);
                } else {
                    self.changed(before, after);
                }
            }
            _ => self.changed(before, after),
        }
    }

    fn mappings(&mut self, before: &Mapping, after: &Mapping, of: Option<TypeRef>) {
        let (old, new) = (by_key(before), by_key(after));
        for Entry { key, value } in before {
            let key = key.as_str().unwrap_or("");
            if self.is_insignificant(key, value)
                && new.get(key).is_none_or(|it| self.is_insignificant(key, it))
            {
                continue;
            }
            self.within(Step::Key(key.into()), |it| match new.get(key) {
                Some(other) => {
                    let of = of.and_then(|of| it.schemas.field(of, key));
                    it.nodes(value, other, of);
                }
                None => it.removed(value),
            });
        }
        for Entry { key, value } in after {
            let key = key.as_str().unwrap_or("");
            if !old.contains_key(key) && !self.is_insignificant(key, value) {
                self.within(Step::Key(key.into()), |it| it.added(value));
            }
        }
    }

    fn sequences(&mut self, (before, after): (&[Node], &[Node]), list: &Node, of: Option<TypeRef>) {
        let items = of.and_then(|of| self.schemas.items(of));
        let keys: Vec<&str> = match self.schemas.list_rule(of) {
            ListRule::MergeBy(keys) => keys.iter().map(|key| &**key).collect(),
            _ => Vec::new(),
        };
        let matched = lists::matched(before, after, &keys);
        for pair in matched.items {
            self.within(pair.step, |it| match (pair.before, pair.after) {
                (Some(before), Some(after)) => it.nodes(before, after, items),
                (Some(before), None) => it.removed(before),
                (None, Some(after)) => it.added(after),
                (None, None) => {}
            });
        }
        if let Some([old, new]) = matched.order {
            self.push(Difference::Reordered(old, new), list);
        }
    }

    /// Compares two strings by structure if both are YAML or JSON. If only comments or the layout differ, compares them by line.
    fn texts(&mut self, before: &Node, after: &Node) {
        let known = self.changes.len();
        let documents = text::documents(before, after, self.options.salt);
        for (at, (old, new)) in documents.iter().enumerate() {
            self.within(Step::Document(at), |it| it.nodes(old, new, None));
        }
        if self.changes.len() > known {
            return;
        }
        let lines = text::lines(before.as_str().unwrap_or(""), after.as_str().unwrap_or(""));
        match lines {
            Some(lines) => self.push(Difference::Text(lines), after),
            None => self.changed(before, after),
        }
    }

    fn is_same_quantity(&self, before: &Node, after: &Node) -> bool {
        !self.options.exact
            && !self.path.is_in_text()
            && lenient::is_same_quantity(before, after, self.path.keys_upwards())
    }

    /// Whether a field of the current map has the same meaning as a missing one.
    fn is_insignificant(&self, key: &str, value: &Node) -> bool {
        let is_known = self.is_builtin && !self.path.is_in_text();
        let above = match self.path.is_root() {
            true => None,
            false => Some(self.path.keys_upwards().next().unwrap_or("")),
        };
        !self.options.exact && lenient::is_insignificant(key, value, above, is_known)
    }

    /// Runs a function one level deeper.
    fn within(&mut self, step: Step, act: impl FnOnce(&mut Self)) {
        self.path.push(step);
        act(self);
        self.path.pop();
    }

    fn added(&mut self, value: &Node) {
        self.push(Difference::Added(value.clone()), value);
    }

    fn removed(&mut self, value: &Node) {
        self.push(Difference::Removed(value.clone()), value);
    }

    fn changed(&mut self, before: &Node, after: &Node) {
        self.push(Difference::Changed(before.clone(), after.clone()), after);
    }

    fn push(&mut self, difference: Difference, at: &Node) {
        self.changes.push(FieldChange {
            path: self.path.clone(),
            difference,
            span: at.span().clone(),
            causes: Vec::new(),
        });
    }
}

fn by_key(entries: &Mapping) -> BTreeMap<&str, &Node> {
    entries
        .keys()
        .zip(entries.iter().map(|it| &it.value))
        .collect()
}

fn is_text(node: &Node) -> bool {
    node.kind() == Kind::String
}

/// Whether a string is compared by lines or by structure, and not as a whole.
fn spans_lines(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n') || text.starts_with(['{', '['])
}

/// Whether two scalars are equal for a cluster: `1.0` is `1`, and a date is a string.
fn is_same_scalar(before: &Node, after: &Node) -> bool {
    let kind = |node: &Node| match node.kind() {
        Kind::Timestamp => Kind::String,
        kind => kind,
    };
    match (kind(before), kind(after)) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Bool, Kind::Bool) => before.as_bool() == after.as_bool(),
        (Kind::Int, Kind::Int) => before.as_int_wide() == after.as_int_wide(),
        (Kind::Int | Kind::Float, Kind::Int | Kind::Float) => {
            let same_text = before.as_str() == after.as_str();
            same_text
                || before
                    .as_float()
                    .is_some_and(|it| Some(it) == after.as_float())
        }
        (a, b) => a == b && before.as_str() == after.as_str(),
    }
}
