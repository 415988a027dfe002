//! Compares the build forms of two values without printing them.

use super::value;
use crate::{Entry, Kind, Mapping, Node, Style, View};

/// Longer keys may be rejected when they are printed.
const KEY_LEN_MAX: usize = 128;

/// Whether [`emit_kustomize`](super::emit_kustomize) gives the same text for both. If `false`, they may still be equal.
pub fn builds_alike(a: &Node, b: &Node) -> bool {
    alike(a, b, [false; 2])
}

/// `flow`: in the source, the values are inside `{…}` or `[…]`.
fn alike(a: &Node, b: &Node, flow: [bool; 2]) -> bool {
    let inside = [
        flow[0] || a.style() == Style::Flow,
        flow[1] || b.style() == Style::Flow,
    ];
    match (a.view(), b.view()) {
        (View::Mapping(a), View::Mapping(b)) => a.len() == b.len() && entries(a, b, inside),
        (View::Sequence(a), View::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b, inside))
        }
        (View::Scalar(_), View::Scalar(_)) => {
            if let (Some(a), Some(b)) = (value::plain_word(a), value::plain_word(b)) {
                return a == b;
            }
            match (value::from_node(a, flow[0]), value::from_node(b, flow[1])) {
                (Ok(a), Ok(b)) => a == b,
                _ => false,
            }
        }
        _ => false,
    }
}

fn entries(a: &Mapping, b: &Mapping, flow: [bool; 2]) -> bool {
    let mut pairs = a.iter().enumerate();
    pairs.all(|(at, entry)| {
        // Usually, the keys are in the same order.
        let same = b.as_slice().get(at).filter(|it| is_key(it, entry));
        let same = same.or_else(|| b.iter().find(|it| is_key(it, entry)));
        same.is_some_and(|it| alike(&entry.value, &it.value, flow))
    })
}

/// Whether two entries have the same key, which is printed unchanged.
fn is_key(a: &Entry, b: &Entry) -> bool {
    let text = a.key.as_str().unwrap_or("");
    Some(text) == b.key.as_str()
        && text != "<<"
        && text.len() < KEY_LEN_MAX
        && [&a.key, &b.key].iter().all(|it| it.kind() == Kind::String)
        && text.bytes().all(|it| (b' '..0x7f).contains(&it))
}
