//! What is wrong with an object, before it is known where the object was written.

use std::borrow::Cow;

use crate::diag::Diagnostic;
use crate::yaml::{Entry, FieldPath, Node, Step};

/// One fault. It holds the node in question instead of a path: paths are made for faults alone, so that a valid object costs none.
#[derive(Clone, Debug)]
pub(super) struct Fault<'a> {
    /// The value, or the key of an unknown field.
    pub(super) at: &'a Node,
    /// What is missing below it, or wrong deeper inside of it than there are nodes.
    pub(super) below: Vec<Step>,
    /// Stable name of the kind of fault.
    pub(super) code: &'static str,
    /// What is wrong, to follow the field's path: `must be …`.
    pub(super) message: Cow<'static, str>,
    /// How to correct it.
    pub(super) help: Option<String>,
}

/// Whether an unknown field, a wrong value and so on.
pub(super) mod code {
    pub(in super::super) const UNKNOWN_FIELD: &str = "unknown-field";
    pub(in super::super) const MISSING_FIELD: &str = "missing-field";
    pub(in super::super) const WRONG_TYPE: &str = "wrong-type";
    pub(in super::super) const INVALID_VALUE: &str = "invalid-value";
    pub(in super::super) const DUPLICATE_ITEM: &str = "duplicate-item";
    pub(in super::super) const IMMUTABLE_FIELD: &str = "immutable-field";
    pub(in super::super) const BROKEN_RULE: &str = "broken-crd-rule";
    pub(in super::super) const UNEVALUATED_RULE: &str = "unevaluated-rule";
}

/// Where rules put what they find.
#[derive(Debug, Default)]
pub(super) struct Report<'a> {
    pub(super) faults: Vec<Fault<'a>>,
}

impl<'a> Report<'a> {
    /// Whether nothing was found so far.
    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn push(
        &mut self,
        code: &'static str,
        at: &'a Node,
        message: impl Into<Cow<'static, str>>,
    ) {
        self.faults.push(Fault {
            at,
            below: Vec::new(),
            code,
            message: message.into(),
            help: None,
        });
    }

    /// A field of `at` is missing or empty.
    pub(super) fn required(&mut self, at: &'a Node, key: &str) {
        self.below(code::MISSING_FIELD, at, key, "is required");
    }

    /// A fault of a field that may be missing.
    pub(super) fn below(
        &mut self,
        code: &'static str,
        at: &'a Node,
        key: &str,
        message: impl Into<Cow<'static, str>>,
    ) {
        match at.get(key) {
            Some(value) => self.push(code, value, message),
            None => {
                self.push(code, at, message);
                if let Some(last) = self.faults.last_mut() {
                    last.below.push(Step::Key(key.into()));
                }
            }
        }
    }

    /// A value that can't be.
    pub(super) fn invalid(&mut self, at: &'a Node, message: impl Into<Cow<'static, str>>) {
        self.push(code::INVALID_VALUE, at, message);
    }

    /// A value of a field that may be missing.
    pub(super) fn invalid_field(
        &mut self,
        at: &'a Node,
        key: &str,
        message: impl Into<Cow<'static, str>>,
    ) {
        self.below(code::INVALID_VALUE, at, key, message);
    }

    /// An item or key that is there already.
    pub(super) fn duplicate(&mut self, at: &'a Node) {
        self.push(code::DUPLICATE_ITEM, at, "is a duplicate");
    }

    /// A value that is none of the supported ones; the nearest is named.
    pub(super) fn unsupported(&mut self, at: &'a Node, allowed: &[&str]) {
        let message = format!("must be one of {}", quoted(allowed.iter().copied()));
        self.push(code::INVALID_VALUE, at, message);
        let near = crate::diag::nearest(at.as_str().unwrap_or(""), allowed.iter().copied());
        if let (Some(near), Some(last)) = (near, self.faults.last_mut()) {
            last.help = Some(format!("did you mean `{near}`?"));
        }
    }

    /// Adds a line of help to the last fault.
    pub(super) fn help(&mut self, help: Option<String>) {
        if let Some(last) = self.faults.last_mut() {
            last.help = help;
        }
    }
}

impl Fault<'_> {
    /// The fault as a diagnostic at its own node, and the path of the field in `root`.
    pub(super) fn diagnostic(&self, root: &Node, kind: &str) -> (Diagnostic, FieldPath) {
        let mut path = FieldPath::root();
        find(root, self.at, &mut path);
        for step in &self.below {
            path.push(step.clone());
        }
        let subject = match path.is_root() {
            true => format!("`{kind}`"),
            false => format!("`{path}`"),
        };
        let message = format!("{subject} {}", self.message);
        let mut diagnostic = Diagnostic::error(self.code, message).at(first_line(self.at));
        if let Some(help) = &self.help {
            diagnostic = diagnostic.help(help.clone());
        }
        (diagnostic, path)
    }
}

/// Finds a node by its address; true when it was found, with its path in `path`.
fn find(node: &Node, wanted: &Node, path: &mut FieldPath) -> bool {
    if std::ptr::eq(node, wanted) {
        return true;
    }
    for Entry { key, value } in node.as_mapping().into_iter().flatten() {
        path.push(Step::Key(key.as_str().unwrap_or("").into()));
        if std::ptr::eq(key, wanted) || find(value, wanted, path) {
            return true;
        }
        path.pop();
    }
    for (index, item) in node.as_sequence().unwrap_or_default().iter().enumerate() {
        path.push(Step::Index(index));
        if find(item, wanted, path) {
            return true;
        }
        path.pop();
    }
    false
}

/// A map or list of many lines is pointed at where it begins.
fn first_line(node: &Node) -> crate::diag::Span {
    let span = node.span();
    let length = span.text().find('\n').unwrap_or(span.range().len());
    crate::diag::Span::new(
        &span.source,
        span.range().start..span.range().start + length,
    )
}

/// `` `a`, `b` or `c` ``, the first eight.
pub(super) fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let names: Vec<String> = names.map(|it| format!("`{it}`")).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [most @ .., last] if names.len() <= SHOWN => format!("{} or {last}", most.join(", ")),
        _ => {
            let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
            format!("{} and {} more", shown.join(", "), names.len() - SHOWN)
        }
    }
}
