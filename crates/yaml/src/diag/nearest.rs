//! The nearest of some known names, for "did you mean".

use std::collections::BTreeMap;

/// The minimum length of the beginning of a name.
const BEGINNING_MIN: usize = 4;

/// The maximum number of names to compare.
const KNOWN_MAX: usize = 500;
/// The maximum length of names: the comparison uses one machine word.
const LETTERS_MAX: usize = 64;

/// The known name with the fewest edits from `wrong`, if they are few enough to be a typo; otherwise, a name that begins with it.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let pattern = Pattern::new(wrong);
    // At most a third of the letters may be wrong; otherwise, short names would match anything.
    let limit = (wrong.chars().count() / 3).max(1) + usize::from(wrong.len() > 3);
    let (mut near, mut begun) = (None, None);
    for name in known.into_iter().take(KNOWN_MAX) {
        let edits = pattern.as_ref().and_then(|it| it.distance(name));
        // A name in which every letter differs has nothing in common with the wrong one.
        let edits = edits.filter(|it| *it <= limit && *it < name.len());
        if let Some(edits) = edits.filter(|it| near.is_none_or(|(least, _)| it < &least)) {
            near = Some((edits, name));
        }
        if begun.is_none() && begins(name, wrong) {
            begun = Some(name);
        }
    }
    near.map(|it| it.1).or(begun)
}

/// Whether a name is so similar to a known one that it is certainly a typo: at most two edits of a name that is much longer.
pub fn is_typo(wrong: &str, known: &str) -> bool {
    let edits = Pattern::new(wrong).and_then(|it| it.distance(known));
    edits.is_some_and(|it| it <= 2 && known.len() > 4 * it)
}

fn begins(name: &str, beginning: &str) -> bool {
    let start = name.get(..beginning.len());
    beginning.len() >= BEGINNING_MIN && start.is_some_and(|it| it.eq_ignore_ascii_case(beginning))
}

/// A name in lower case, as a bit set of positions for each letter.
struct Pattern {
    length: usize,
    positions: BTreeMap<char, u64>,
    /// The sets of ASCII letters.
    ascii: [u64; 128],
}

impl Pattern {
    /// `None` for a name that is too long, or empty.
    fn new(name: &str) -> Option<Pattern> {
        if name.len() > LETTERS_MAX * 4 {
            return None;
        }
        let mut pattern = Pattern {
            length: 0,
            positions: BTreeMap::new(),
            ascii: [0; 128],
        };
        for letter in name.chars().flat_map(char::to_lowercase) {
            let bit = 1_u64.checked_shl(u32::try_from(pattern.length).ok()?)?;
            match pattern.ascii.get_mut(letter as usize) {
                Some(positions) => *positions |= bit,
                None => *pattern.positions.entry(letter).or_default() |= bit,
            }
            pattern.length += 1;
        }
        (pattern.length > 0).then_some(pattern)
    }

    fn positions(&self, letter: char) -> u64 {
        let known = self.ascii.get(letter as usize);
        known
            .copied()
            .unwrap_or_else(|| self.positions.get(&letter).copied().unwrap_or(0))
    }

    /// The number of edits (insert, delete, replace, swap two neighbours) to another name, ignoring case. `None` if the lengths are
    /// very different. Algorithm: Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003.
    fn distance(&self, name: &str) -> Option<usize> {
        if name.len() > LETTERS_MAX * 4
            || name.chars().count().abs_diff(self.length) > LENGTHS_APART_MAX
        {
            return None;
        }
        let last = 1_u64 << (self.length - 1);
        let (mut up, mut down) = (u64::MAX, 0_u64);
        let (mut same, mut before) = (0_u64, 0_u64);
        let mut edits = self.length;
        for letter in name.chars().flat_map(char::to_lowercase) {
            let positions = self.positions(letter);
            let swapped = ((!same & positions) << 1) & before;
            same = ((positions & up).wrapping_add(up) ^ up) | positions | down | swapped;
            let right_up = down | !(same | up);
            let right_down = same & up;
            edits += usize::from(right_up & last != 0);
            edits -= usize::from(right_down & last != 0);
            let right_up = (right_up << 1) | 1;
            up = (right_down << 1) | !(same | right_up);
            down = right_up & same;
            before = positions;
        }
        Some(edits)
    }
}

/// The maximum difference in length of two names that are compared.
const LENGTHS_APART_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::{Pattern, nearest};

    #[test]
    fn edits() {
        for (a, b, edits) in [
            ("replicas", "replicas", 0),
            ("Replica", "replicas", 1),
            ("diskSzie", "diskSize", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("ca", "abc", 3),
            ("größe", "grösse", 2),
            ("a", "bcdef", 5),
            ("abcdefgh", "", 8),
        ] {
            assert_eq!(Pattern::new(a).unwrap().distance(b), Some(edits), "{a} {b}");
        }
        assert!(Pattern::new(&"a".repeat(65)).is_none());
        assert_eq!(
            Pattern::new(&"ab".repeat(32))
                .unwrap()
                .distance(&"ab".repeat(33)),
            Some(2)
        );
    }

    #[test]
    fn slips_of_the_pen() {
        assert_eq!(nearest("replica", ["replicas", "shards"]), Some("replicas"));
        assert_eq!(
            nearest("diskSzie", ["diskSize", "version"]),
            Some("diskSize")
        );
        assert_eq!(
            nearest("Clickhouse", ["ClickHouseKubernetes"]),
            Some("ClickHouseKubernetes")
        );
        assert_eq!(nearest("rep", ["replacements"]), None);
        assert_eq!(nearest("colour", ["replicas", "shards"]), None);
    }
}
