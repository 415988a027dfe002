//! Label selectors, as Kubernetes evaluates them, for objects whose labels may be partially unknown.

use pleach_yaml::Node;

/// The known state of an object's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label<'a> {
    /// The label has this value.
    Is(&'a str),
    /// The object does not have the label.
    Missing,
    /// It is unknown whether the object has the label.
    Unknown,
}

impl<'a> Label<'a> {
    /// The state of a label, if all labels of the object are known.
    pub fn find(labels: Option<&'a Node>, key: &str) -> Label<'a> {
        let value = labels.and_then(|it| it.get(key)?.as_str());
        value.map_or(Label::Missing, Label::Is)
    }
}

/// Whether a selector matches an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selects {
    /// It does not match.
    Never,
    /// It depends on unknown labels.
    Perhaps,
    /// It matches.
    Always,
}

/// Whether a selector with `matchLabels` and `matchExpressions` matches an object. A missing or empty selector matches everything.
pub fn selects<'a>(selector: Option<&Node>, label: impl Fn(&str) -> Label<'a>) -> Selects {
    let labels = selector.and_then(|it| it.get("matchLabels"));
    let expressions = selector.and_then(|it| it.get("matchExpressions")?.as_sequence());
    selects_by(labels, expressions.unwrap_or_default(), label)
}

/// The same for the parts of a selector: required labels, as in a Service, and expressions.
pub fn selects_by<'a>(
    labels: Option<&Node>,
    expressions: &[Node],
    label: impl Fn(&str) -> Label<'a>,
) -> Selects {
    let labels = labels.and_then(Node::as_mapping).into_iter().flatten();
    let labels = labels.map(|it| match label(it.key.as_str().unwrap_or("")) {
        Label::Unknown => Selects::Perhaps,
        Label::Is(value) if it.value.as_str() == Some(value) => Selects::Always,
        Label::Is(_) | Label::Missing => Selects::Never,
    });
    let expressions = expressions.iter().map(|it| matches(it, &label));
    labels.chain(expressions).min().unwrap_or(Selects::Always)
}

fn matches<'a>(expression: &Node, label: &impl Fn(&str) -> Label<'a>) -> Selects {
    let text = |key: &str| expression.get(key).and_then(Node::as_str);
    let value = match label(text("key").unwrap_or("")) {
        Label::Unknown => return Selects::Perhaps,
        Label::Missing => None,
        Label::Is(value) => Some(value),
    };
    let values = expression.get("values").and_then(Node::as_sequence);
    let mut values = values.unwrap_or_default().iter();
    let is_listed = value.is_some_and(|value| values.any(|it| it.as_str() == Some(value)));
    let holds = match text("operator") {
        Some("In") => is_listed,
        Some("NotIn") => !is_listed,
        Some("Exists") => value.is_some(),
        Some("DoesNotExist") => value.is_none(),
        _ => return Selects::Perhaps,
    };
    match holds {
        true => Selects::Always,
        false => Selects::Never,
    }
}
