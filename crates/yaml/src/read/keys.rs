//! Finds duplicate keys of a map in linear time.

use crate::{Entry, Node, View};

/// Up to this number, all keys are compared with each other, after a quick test that nearly always distinguishes them.
const FEW: usize = 24;

/// The first duplicate key in `node` or below it: both occurrences. Keys that `<<` merges are not duplicates.
pub fn duplicate_key(node: &Node) -> Option<(&Node, &Node)> {
    match node.view() {
        View::Scalar(_) => None,
        View::Sequence(items) => items.iter().find_map(duplicate_key),
        View::Mapping(mapping) => {
            let entries = mapping.iter().as_slice();
            let written = node.span().range();
            // A merged key has a location in the map of the anchor.
            let is_written = |key: &Node| written.contains(&key.span().range().start);
            let mut twice = None;
            for_each_duplicate(entries, |first, later| {
                if twice.is_none() && is_written(first) && is_written(later) {
                    twice = Some((first, later));
                }
            });
            twice.or_else(|| entries.iter().find_map(|it| duplicate_key(&it.value)))
        }
    }
}

/// Calls `found` with the first and the later key for each duplicate key.
pub(crate) fn for_each_duplicate<'a>(entries: &'a [Entry], found: impl FnMut(&'a Node, &'a Node)) {
    if entries.len() <= FEW {
        among_few(entries, found)
    } else {
        among_many(entries, found)
    }
}

fn among_few<'a>(entries: &'a [Entry], mut found: impl FnMut(&'a Node, &'a Node)) {
    let mut seen = 0_u64;
    for (at, entry) in entries.iter().enumerate() {
        let Some(text) = entry.key.as_str() else {
            continue;
        };
        let fingerprint = 1_u64 << (fingerprint(text) & 63);
        // With 64 bits, collisions are rare for the few keys of a usual map.
        if seen & fingerprint != 0 {
            let mut earlier = entries.iter().take(at);
            if let Some(first) = earlier.find(|it| it.key.is_text(text)) {
                found(&first.key, &entry.key);
            }
        }
        seen |= fingerprint;
    }
}

/// A number from the length, beginning and end of a text.
fn fingerprint(text: &str) -> usize {
    match text.as_bytes() {
        [] => 0,
        [first, .., last] => usize::from(*first) * 7 + usize::from(*last) * 3 + text.len() * 11,
        [only] => usize::from(*only),
    }
}

fn among_many<'a>(entries: &'a [Entry], mut found: impl FnMut(&'a Node, &'a Node)) {
    let mut sorted: Vec<(&str, usize)> = entries
        .iter()
        .enumerate()
        .filter_map(|(at, it)| Some((it.key.as_str()?, at)))
        .collect();
    sorted.sort_unstable();
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for same in sorted.chunk_by(|a, b| a.0 == b.0) {
        pairs.extend(same.iter().skip(1).map(|later| (later.1, same[0].1)));
    }
    // Sorted by position, because errors are reported in this order.
    pairs.sort_unstable();
    for (later, first) in pairs {
        if let (Some(first), Some(later)) = (entries.get(first), entries.get(later)) {
            found(&first.key, &later.key);
        }
    }
}
