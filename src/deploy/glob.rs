//! Patterns: `*`, `?`, `[a-z]` and `\` before a character, in the dialects of the engines.

/// The dialect of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `*` matches any text, including slashes: expressions of Flux, `include` and `exclude` of Argo CD.
    Text,
    /// The same without braces: `git ls-files`.
    Pathspec,
    /// `*` and `?` do not match slashes: Go's `path.Match`.
    Path,
    /// The same, and `**` matches any number of folders.
    Tree,
}

/// The maximum number of alternatives that `{a,b}` and `**/` may expand to.
const ALTERNATIVES_MAX: usize = 64;

/// The maximum length of values that are trimmed, because each end must be tried.
const BYTES_MAX: usize = 16_384;

enum Term {
    /// Any text, with slashes or without.
    Any(bool),
    One(bool),
    Char(char),
    Class(bool, Vec<(char, char)>),
}

/// Whether a pattern matches a whole text; an invalid pattern matches nothing.
pub(super) fn is_match(pattern: &str, text: &str, dialect: Dialect) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut alternatives = expand_braces(pattern, dialect).into_iter();
    alternatives.any(|it| {
        let pattern: Vec<char> = it.chars().collect();
        terms(&pattern, dialect).is_some_and(|it| fits(&it, &text))
    })
}

/// Whether a text contains characters with a special meaning in patterns.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// `{a,b}` as several patterns, and `**/` with and without a folder.
fn expand_braces(pattern: &str, dialect: Dialect) -> Vec<String> {
    let (mut open, mut done) = (vec![pattern.to_string()], Vec::new());
    while let Some(pattern) = open.pop() {
        if open.len() + done.len() > ALTERNATIVES_MAX {
            return Vec::new();
        }
        let braces = pattern.split_once('{').and_then(|(before, rest)| {
            let (inner, after) = rest.split_once('}')?;
            Some((before, inner, after))
        });
        if let Some((before, inner, after)) =
            braces.filter(|_| !matches!(dialect, Dialect::Path | Dialect::Pathspec))
        {
            open.extend(inner.split(',').map(|it| format!("{before}{it}{after}")));
        } else if let Some((before, after)) = pattern
            .split_once("**/")
            .filter(|_| dialect == Dialect::Tree)
        {
            open.push(format!("{before}{after}"));
            // A marker that no path contains, for "any folders".
            open.push(format!("{before}\0{after}"));
        } else {
            done.push(pattern);
        }
    }
    done
}

/// Removes the prefix or suffix that a pattern matches: the longest one, or the shortest nonempty one.
pub(super) fn strip_match(value: &str, pattern: &str, at_end: bool, longest: bool) -> String {
    if value.len() > BYTES_MAX {
        return value.to_string();
    }
    // Flux reverses value and pattern to remove a suffix.
    let turned = |text: &str| -> Vec<char> {
        match at_end {
            true => text.chars().rev().collect(),
            false => text.chars().collect(),
        }
    };
    let (chars, pattern) = (turned(value), terms(&turned(pattern), Dialect::Text));
    let Some(pattern) = pattern else {
        return value.to_string();
    };
    let fits = |end: &usize| fits(&pattern, chars.get(..*end).unwrap_or_default());
    let mut ends = 1..=chars.len();
    let end = match longest {
        true => ends.rev().find(fits),
        false => ends.find(fits),
    };
    let kept = chars.get(end.unwrap_or(0)..).unwrap_or_default().iter();
    match at_end {
        true => kept.rev().collect(),
        false => kept.collect(),
    }
}

/// The terms of a pattern; `None` if it is invalid.
fn terms(pattern: &[char], dialect: Dialect) -> Option<Vec<Term>> {
    let crosses = matches!(dialect, Dialect::Text | Dialect::Pathspec);
    let mut rest = pattern.iter().copied().peekable();
    let mut terms = Vec::new();
    while let Some(next) = rest.next() {
        let term = match next {
            '\0' => {
                terms.push(Term::Any(true));
                Term::Char('/')
            }
            '*' if dialect == Dialect::Tree && rest.next_if_eq(&'*').is_some() => Term::Any(true),
            '*' => Term::Any(crosses),
            '?' => Term::One(crosses),
            '\\' => Term::Char(rest.next()?),
            '[' => {
                // Go's `path.Match` does not know `[!…]`.
                let negates = |it: &char| *it == '^' || *it == '!' && dialect != Dialect::Path;
                let is_negated = rest.next_if(negates).is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || rest.next_if_eq(&']').is_none() {
                    let low = escaped(&mut rest)?;
                    let high = match rest.next_if_eq(&'-') {
                        Some(_) => escaped(&mut rest)?,
                        None => low,
                    };
                    ranges.push((low, high));
                }
                Term::Class(is_negated, ranges)
            }
            other => Term::Char(other),
        };
        terms.push(term);
    }
    Some(terms)
}

fn escaped(rest: &mut impl Iterator<Item = char>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        other => Some(other),
    }
}

/// Whether terms match a whole text: all reachable positions are followed simultaneously.
fn fits(terms: &[Term], text: &[char]) -> bool {
    let mut reached = vec![false; terms.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    skip_stars(terms, &mut reached);
    for next in text {
        let mut after = vec![false; terms.len() + 1];
        for (at, term) in terms.iter().enumerate() {
            if !reached.get(at).copied().unwrap_or(false) {
                continue;
            }
            let (stays, goes) = match term {
                Term::Any(crosses) => (*crosses || *next != '/', false),
                Term::One(crosses) => (false, *crosses || *next != '/'),
                Term::Char(it) => (false, it == next),
                Term::Class(is_negated, ranges) => {
                    let has = ranges.iter().any(|it| (it.0..=it.1).contains(next));
                    (false, has != *is_negated)
                }
            };
            for (location, is_reached) in [(at, stays), (at + 1, goes)] {
                if let Some(it) = after.get_mut(location).filter(|_| is_reached) {
                    *it = true;
                }
            }
        }
        skip_stars(terms, &mut after);
        reached = after;
    }
    reached.last().copied().unwrap_or(false)
}

/// A star may fit nothing.
fn skip_stars(terms: &[Term], reached: &mut [bool]) {
    for (at, term) in terms.iter().enumerate() {
        let is_here = reached.get(at).copied().unwrap_or(false);
        if let Some(next) = reached
            .get_mut(at + 1)
            .filter(|_| is_here && matches!(term, Term::Any(_)))
        {
            *next = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_the_engines() {
        for (pattern, text, dialect, expected) in [
            ("apps/*", "apps/web", Dialect::Path, true),
            ("apps/*", "apps/web/base", Dialect::Path, false),
            (
                "apps/*/config.json",
                "apps/a/b/config.json",
                Dialect::Text,
                true,
            ),
            (
                "apps/*/config.json",
                "apps/a/b/config.json",
                Dialect::Tree,
                false,
            ),
            (
                "apps/**/config.json",
                "apps/a/b/config.json",
                Dialect::Tree,
                true,
            ),
            (
                "apps/**/config.json",
                "apps/config.json",
                Dialect::Tree,
                true,
            ),
            ("**", "a/b", Dialect::Tree, true),
            ("{a,b}*.yaml", "b1.yaml", Dialect::Text, true),
            ("[a-c]?", "bx", Dialect::Path, true),
            ("[!a-c]x", "bx", Dialect::Text, false),
            ("a[", "a[", Dialect::Text, false),
        ] {
            assert_eq!(
                is_match(pattern, text, dialect),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
