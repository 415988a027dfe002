//! The nearest of some known names, for "did you mean".

/// Of a name that is cut short, so many letters must be there.
const BEGINNING_MIN: usize = 4;

/// A suggestion is looked for among so many names, and none of them may be longer.
const KNOWN_MAX: usize = 500;
const NAME_BYTES_MAX: usize = 100;

/// The known name with the fewest edits from `wrong`, if they are few enough to be a slip of the pen; else one that it begins.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(1) + usize::from(wrong.len() > 3);
    let (mut near, mut begun) = (None, None);
    for name in known.into_iter().take(KNOWN_MAX) {
        let edits = distance(wrong, name);
        if edits <= limit && edits < name.len() && near.is_none_or(|(least, _)| edits < least) {
            near = Some((edits, name));
        }
        if begun.is_none() && begins(name, wrong) {
            begun = Some(name);
        }
    }
    near.map(|it| it.1).or(begun)
}

fn begins(name: &str, beginning: &str) -> bool {
    let start = name.get(..beginning.len());
    beginning.len() >= BEGINNING_MIN && start.is_some_and(|it| it.eq_ignore_ascii_case(beginning))
}

/// Edits (insert, delete, replace, swap two neighbours) between two names; case counts for half an edit at most.
fn distance(a: &str, b: &str) -> usize {
    if a.len().max(b.len()) > NAME_BYTES_MAX {
        return usize::MAX;
    }
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().collect(),
        b.to_lowercase().chars().collect(),
    );
    if a.len().abs_diff(b.len()) > 8 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

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
