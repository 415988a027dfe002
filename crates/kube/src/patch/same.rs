//! Whether two values print the same, and values after printing and parsing.

use pleach_yaml::{Entry, Kind, Mapping, Node, Style, Tag, View, is_block_text, is_plain};

/// Whether two values print the same: the order of keys is ignored, and `1.0` is `1`.
pub(super) fn same(a: &Node, b: &Node) -> bool {
    match (a.view(), b.view()) {
        (View::Scalar(_), View::Scalar(_)) => same_scalar(a, b),
        (View::Sequence(a), View::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (View::Mapping(a), View::Mapping(b)) => a.len() == b.len() && same_entries(a, b),
        _ => false,
    }
}

fn same_entries(a: &Mapping, b: &Mapping) -> bool {
    // Usually, the keys are in the same order.
    if a.keys().eq(b.keys()) {
        return a.iter().zip(b).all(|(a, b)| same(&a.value, &b.value));
    }
    let mut pairs = sorted(a).into_iter().zip(sorted(b));
    pairs.all(|(a, b)| a.key.as_str() == b.key.as_str() && same(&a.value, &b.value))
}

fn sorted(of: &Mapping) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = of.iter().collect();
    entries.sort_by_key(|it| it.key.as_str());
    entries
}

fn same_scalar(a: &Node, b: &Node) -> bool {
    match (written_kind(a), written_kind(b)) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Bool, Kind::Bool) => a.as_bool() == b.as_bool(),
        (Kind::Int, Kind::Int) => a.as_int_wide() == b.as_int_wide(),
        // Whole numbers that a float cannot represent are rounded.
        (Kind::Int, Kind::Float) if is_rounded(a) => false,
        (Kind::Float, Kind::Int) if is_rounded(b) => false,
        (Kind::Int | Kind::Float, Kind::Int | Kind::Float) => match (a.as_float(), b.as_float()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_str() == b.as_str(),
        },
        (a_kind, b_kind) => a_kind == b_kind && a.as_str() == b.as_str(),
    }
}

/// Whether a float cannot represent a whole number.
pub(super) fn is_rounded(node: &Node) -> bool {
    node.as_int_wide()
        .is_some_and(|it| (it as f64) as i128 != it)
}

/// The kind of a scalar in the claims form, where a date is a string.
fn written_kind(node: &Node) -> Kind {
    match node.kind() {
        Kind::Timestamp => Kind::String,
        kind => kind,
    }
}

/// Changes a value to what parsing its claims form gives: with the quotes of that form.
pub fn set_emitted_form(node: &mut Node) {
    if let Some(items) = node.as_sequence_mut() {
        items.iter_mut().for_each(set_emitted_form);
    } else if let Some(entries) = node.as_mapping_mut() {
        for entry in entries.iter_mut() {
            set_emitted_form(&mut entry.value);
        }
    }
    let (style, tag) = match written_kind(node) {
        Kind::Null => {
            *node = Node::null().at(node.span());
            return;
        }
        Kind::String => (written_style(node.as_str().unwrap_or("")), Tag::None),
        Kind::Sequence | Kind::Mapping => (Style::Plain, Tag::None),
        _ => (Style::Plain, node.tag()),
    };
    node.set_style(style);
    node.set_tag(tag);
}

/// A value after parsing its claims form.
pub(super) fn as_emitted(node: &Node) -> Node {
    let mut node = node.clone();
    set_emitted_form(&mut node);
    node
}

/// The quotes of a string in the claims form.
pub(super) fn written_style(text: &str) -> Style {
    if is_block_text(text) {
        Style::Literal
    } else if is_plain(text) {
        Style::Plain
    } else {
        Style::DoubleQuoted
    }
}
