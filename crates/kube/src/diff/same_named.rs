//! Pairs objects with the same identity that a side has several times, such as one for each cluster.

use crate::object::Object;

use super::rename::{similarity, values};

/// With more pairs than this, they are matched in order, so that the time stays linear.
const PAIRS_MAX: usize = 4096;

/// Pairs of indexes, before and after: first by location, then by similarity, then by distance.
pub(super) fn pair(
    before: &[Object],
    old: &[usize],
    after: &[Object],
    new: &[usize],
) -> Vec<(usize, usize)> {
    if old.len() * new.len() > PAIRS_MAX {
        return old.iter().copied().zip(new.iter().copied()).collect();
    }
    let old_values: Vec<Vec<String>> = old.iter().map(|it| values(&before[*it])).collect();
    let new_values: Vec<Vec<String>> = new.iter().map(|it| values(&after[*it])).collect();
    let mut candidates = Vec::with_capacity(old.len() * new.len());
    for (i, a) in old.iter().enumerate() {
        for (j, b) in new.iter().enumerate() {
            let (was, is) = (&before[*a], &after[*b]);
            let score = (
                is_same_location(was, is),
                similarity(&old_values[i], &new_values[j]),
                shared_folders(was, is),
            );
            candidates.push((score, i, j));
        }
    }
    // The sort is stable: equally good pairs keep their order.
    candidates.sort_by_key(|it| std::cmp::Reverse(it.0));
    let (mut taken_old, mut taken_new) = (vec![false; old.len()], vec![false; new.len()]);
    let mut pairs = Vec::new();
    for (_, i, j) in candidates {
        if !taken_old[i] && !taken_new[j] {
            (taken_old[i], taken_new[j]) = (true, true);
            pairs.push((old[i], new[j]));
        }
    }
    pairs
}

/// Whether two objects are in the same file of the same part; the roots of the two sides may differ.
fn is_same_location(before: &Object, after: &Object) -> bool {
    let [a, b] = [before, after].map(|it| it.node.span().path());
    let folder = |it: &pleach_yaml::tree::TreePath| it.parent().map(|it| it.name().to_string());
    a == b || before.mark == after.mark && a.name() == b.name() && folder(a) == folder(b)
}

/// The number of folders that two paths have in common at the end.
fn shared_folders(before: &Object, after: &Object) -> usize {
    let parts = |it: &Object| {
        let path = it.node.span().path().clone();
        let parts: Vec<String> = path.parts().map(str::to_string).collect();
        parts
    };
    let (a, b) = (parts(before), parts(after));
    let ends = a.iter().rev().zip(b.iter().rev());
    let starts = a.iter().zip(&b);
    ends.take_while(|(a, b)| a == b).count() + starts.take_while(|(a, b)| a == b).count()
}
