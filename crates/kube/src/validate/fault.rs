//! Validation errors, independent of the location of the object.

use std::borrow::Cow;

use pleach_yaml::diag::{self, Diagnostic, Edit, Severity, Span, nearest};
use pleach_yaml::{Entry, FieldPath, Mapping, Node, Step, quote};

/// An error. It refers to the node; the path is only computed when it is reported.
#[derive(Clone, Debug)]
pub(super) struct Fault<'a> {
    /// The value, or the key of an unknown field.
    pub(super) at: &'a Node,
    /// The path below the node, for missing fields and for values without a node.
    pub(super) below: Vec<Step>,
    pub(super) class: Class,
    /// The message, which follows the field's path: `must be …`.
    pub(super) message: Cow<'static, str>,
    pub(super) help: Option<Help>,
}

/// A line of help.
#[derive(Clone, Debug)]
pub(super) struct Help {
    text: String,
    fix: Fix,
}

/// The replacement that a line of help suggests.
#[derive(Clone, Debug)]
enum Fix {
    /// There is only text.
    None,
    /// Another name.
    Name(String),
    /// The same text in quotes.
    Quotes,
}

impl Help {
    pub(super) fn text(text: impl Into<String>) -> Help {
        Help {
            text: text.into(),
            fix: Fix::None,
        }
    }

    /// Suggests another name in place of the node.
    pub(super) fn name(text: impl Into<String>, name: impl Into<String>) -> Help {
        Help {
            text: text.into(),
            fix: Fix::Name(name.into()),
        }
    }

    /// Suggests the intended name.
    pub(super) fn did_you_mean(name: &str) -> Help {
        Help::name(format!("did you mean `{name}`?"), name)
    }

    /// The nearest of the known names.
    pub(super) fn nearest<'n>(
        wrong: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Option<Help> {
        nearest(wrong, known).map(Help::did_you_mean)
    }

    /// The nearest of the known fields, unless the map has it: a second one would be a duplicate key.
    pub(super) fn nearest_field<'n>(
        wrong: &str,
        known: impl IntoIterator<Item = &'n str>,
        map: &Mapping,
    ) -> Option<Help> {
        let near = nearest(wrong, known).filter(|it| !map.contains_key(it));
        near.map(Help::did_you_mean)
    }
}

/// The class of the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
}

impl Class {
    /// Whether it is about a missing field or a wrong type.
    pub(super) fn is_about_types(self) -> bool {
        [
            class::UNKNOWN_FIELD,
            class::MISSING_FIELD,
            class::WRONG_TYPE,
        ]
        .contains(&self)
    }
}

/// The classes of faults.
pub(super) mod class {
    use super::Class;
    use pleach_yaml::diag::Severity;

    pub(in super::super) const UNKNOWN_FIELD: Class = Class {
        code: "unknown-field",
        severity: Severity::Error,
    };
    pub(in super::super) const MISSING_FIELD: Class = Class {
        code: "missing-field",
        severity: Severity::Error,
    };
    pub(in super::super) const WRONG_TYPE: Class = Class {
        code: "wrong-type",
        severity: Severity::Error,
    };
    pub(in super::super) const INVALID_VALUE: Class = Class {
        code: "invalid-value",
        severity: Severity::Error,
    };
    pub(in super::super) const DUPLICATE_ITEM: Class = Class {
        code: "duplicate-item",
        severity: Severity::Error,
    };
    pub(in super::super) const IMMUTABLE_FIELD: Class = Class {
        code: "immutable-field",
        severity: Severity::Error,
    };
    pub(in super::super) const DROPPED_VERSION: Class = Class {
        code: "dropped-version",
        severity: Severity::Error,
    };
    pub(in super::super) const UNKNOWN_KIND: Class = Class {
        code: "unknown-kind",
        severity: Severity::Error,
    };
    pub(in super::super) const REMOVED_API: Class = Class {
        code: "removed-api",
        severity: Severity::Error,
    };
    pub(in super::super) const BROKEN_RULE: Class = Class {
        code: "broken-crd-rule",
        severity: Severity::Error,
    };
    pub(in super::super) const UNEVALUATED_RULE: Class = Class {
        code: "unevaluated-rule",
        severity: Severity::Warning,
    };
}

/// Collects the errors of rules.
#[derive(Debug, Default)]
pub(super) struct Report<'a> {
    pub(super) faults: Vec<Fault<'a>>,
    /// The minor version of Kubernetes 1 whose rules are used.
    minor: u32,
}

impl<'a> Report<'a> {
    pub(super) fn new(minor: u32) -> Report<'a> {
        Report {
            faults: Vec::new(),
            minor,
        }
    }

    /// The minor version of Kubernetes 1 whose rules are used.
    pub(super) fn minor(&self) -> u32 {
        self.minor
    }

    /// Whether the rules are those of a minor version, or of a later one.
    pub(super) fn is_since(&self, minor: u32) -> bool {
        self.minor >= minor
    }

    /// Whether nothing was found so far.
    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn push(
        &mut self,
        class: Class,
        at: &'a Node,
        message: impl Into<Cow<'static, str>>,
    ) {
        self.faults.push(Fault {
            at,
            below: Vec::new(),
            class,
            message: message.into(),
            help: None,
        });
    }

    /// A value has the wrong type.
    pub(super) fn wrong_type(&mut self, at: &'a Node, expected: &str, found: &str) {
        let message = format!("must be {expected}, not {found}");
        self.push(class::WRONG_TYPE, at, message);
        let quotable = at
            .as_str()
            .filter(|_| expected == "a string" && found != "null");
        self.help(quotable.map(|it| Help {
            text: format!("write it in quotes: `\"{it}\"`"),
            fix: Fix::Quotes,
        }));
    }

    /// A field of `at` is missing or empty.
    pub(super) fn required(&mut self, at: &'a Node, key: &str) {
        self.below(class::MISSING_FIELD, at, key, "is required");
    }

    /// An error about a field that may be missing.
    pub(super) fn below(
        &mut self,
        class: Class,
        at: &'a Node,
        key: &str,
        message: impl Into<Cow<'static, str>>,
    ) {
        match at.get(key) {
            Some(value) => self.push(class, value, message),
            None => {
                self.push(class, at, message);
                if let Some(last) = self.faults.last_mut() {
                    last.below.push(Step::Key(key.into()));
                }
            }
        }
    }

    pub(super) fn invalid(&mut self, at: &'a Node, message: impl Into<Cow<'static, str>>) {
        self.push(class::INVALID_VALUE, at, message);
    }

    /// An invalid value of a field that may be missing.
    pub(super) fn invalid_field(
        &mut self,
        at: &'a Node,
        key: &str,
        message: impl Into<Cow<'static, str>>,
    ) {
        self.below(class::INVALID_VALUE, at, key, message);
    }

    /// A duplicate item or key.
    pub(super) fn duplicate(&mut self, at: &'a Node) {
        self.push(class::DUPLICATE_ITEM, at, "is a duplicate");
    }

    /// An unsupported value, with a suggestion.
    pub(super) fn unsupported(&mut self, at: &'a Node, allowed: &[&str]) {
        let message = format!("must be one of {}", quoted(allowed.iter().copied()));
        self.push(class::INVALID_VALUE, at, message);
        self.help(Help::nearest(
            at.as_str().unwrap_or(""),
            allowed.iter().copied(),
        ));
    }

    /// Adds a line of help to the last error.
    pub(super) fn help(&mut self, help: Option<Help>) {
        if let Some(last) = self.faults.last_mut() {
            last.help = help;
        }
    }
}

impl Fault<'_> {
    /// The error as a diagnostic at its node, and the path of the field in `root`.
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
        let diagnostic = Diagnostic {
            severity: self.class.severity,
            class: match self.class {
                class::REMOVED_API => diag::Class::RemovedApi,
                class::MISSING_FIELD => diag::Class::MissingField,
                class::INVALID_VALUE => diag::Class::InvalidValue,
                _ => diag::Class::Plain,
            },
            ..Diagnostic::error(self.class.code, message)
        };
        let diagnostic = diagnostic.at(first_line(self.at));
        let Some(Help { text, fix }) = &self.help else {
            return (diagnostic, path);
        };
        let edit = match fix {
            Fix::None => None,
            Fix::Quotes => quote(self.at),
            Fix::Name(name) => {
                let wrong = self.at.as_str();
                wrong.and_then(|it| Edit::rename(self.at.span(), it, name))
            }
        };
        (diagnostic.fix(text.clone(), edit), path)
    }
}

/// Finds a node by its address; if it is found, `path` is its path.
fn find(node: &Node, target: &Node, path: &mut FieldPath) -> bool {
    if std::ptr::eq(node, target) {
        return true;
    }
    for Entry { key, value } in node.as_mapping().into_iter().flatten() {
        path.push(Step::Key(key.as_str().unwrap_or("").into()));
        if std::ptr::eq(key, target) || find(value, target, path) {
            return true;
        }
        path.pop();
    }
    for (index, item) in node.as_sequence().unwrap_or_default().iter().enumerate() {
        path.push(Step::Index(index));
        if find(item, target, path) {
            return true;
        }
        path.pop();
    }
    false
}

/// The first line of a node, because a multi-line map or list is marked at its beginning.
fn first_line(node: &Node) -> Span {
    let span = node.span();
    let length = span.text().find('\n').unwrap_or(span.range().len());
    Span::new(
        span.source(),
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

/// The maximum number of characters quoted from a definition.
const QUOTED_MAX: usize = 200;

/// The beginning of a text of a definition, for quoting.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text.to_owned(),
    }
}
