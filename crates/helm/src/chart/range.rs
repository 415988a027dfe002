//! Version ranges as Helm and Flux read them.
//!
//! `||` stands between alternatives, a comma or a space between what must hold together. `~` keeps the minor version, `^` the
//! first number that is not zero, `x` stands for any number, and so does one that is left out. A pre-release is admitted only
//! where one is named.

use super::version::{Version, whole_number};

/// A range of versions.
#[derive(Clone, Debug)]
pub struct Range {
    /// One of these must hold.
    alternatives: Vec<Vec<Bound>>,
}

/// One comparison.
#[derive(Clone, Debug)]
struct Bound {
    relation: Relation,
    version: Version,
    /// How many of the three numbers are given.
    given: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    Unequal,
    Greater,
    Less,
    AtLeast,
    AtMost,
    Tilde,
    Caret,
}

/// Longer ones first.
const RELATIONS: &[(&str, Relation)] = &[
    ("!=", Relation::Unequal),
    (">=", Relation::AtLeast),
    ("=>", Relation::AtLeast),
    ("<=", Relation::AtMost),
    ("=<", Relation::AtMost),
    ("~>", Relation::Tilde),
    ("=", Relation::Equal),
    (">", Relation::Greater),
    ("<", Relation::Less),
    ("~", Relation::Tilde),
    ("^", Relation::Caret),
    ("", Relation::Equal),
];

impl Range {
    /// Reads a range; a version is one too. `None` for what is none.
    pub fn parse(text: &str) -> Option<Range> {
        let alternatives = text.split("||").map(alternative);
        Some(Range {
            alternatives: alternatives.collect::<Option<_>>()?,
        })
    }

    /// Whether a version is in the range.
    pub fn admits(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|bounds| {
            let names_one = bounds.iter().any(|it| it.version.is_pre_release());
            (names_one || !version.is_pre_release()) && bounds.iter().all(|it| it.holds(version))
        })
    }

    /// The highest of the versions that is admitted; of equal ones the first.
    pub fn highest<'a>(
        &self,
        versions: impl IntoIterator<Item = &'a Version>,
    ) -> Option<&'a Version> {
        let admitted = versions.into_iter().filter(|it| self.admits(it));
        admitted.reduce(|best, it| if it > best { it } else { best })
    }
}

fn alternative(text: &str) -> Option<Vec<Bound>> {
    let mut bounds = Vec::new();
    let separated = text.replace(',', " ");
    let words: Vec<&str> = separated.split_whitespace().collect();
    let mut rest = &*words;
    loop {
        rest = match rest {
            [] => break,
            [from, "-", to, after @ ..] => {
                bounds.push(Bound::new(Relation::AtLeast, from)?);
                bounds.push(Bound::new(Relation::AtMost, to)?);
                after
            }
            // `>= 1.2` stands as two words.
            [sign, version, after @ ..] if is_relation(sign) => {
                bounds.push(Bound::parse(&format!("{sign}{version}"))?);
                after
            }
            [word, after @ ..] => {
                bounds.push(Bound::parse(word)?);
                after
            }
        };
    }
    if bounds.is_empty() {
        bounds.push(Bound::new(Relation::AtLeast, "*")?);
    }
    Some(bounds)
}

fn is_relation(word: &str) -> bool {
    !word.is_empty() && RELATIONS.iter().any(|it| it.0 == word)
}

impl Bound {
    fn parse(text: &str) -> Option<Bound> {
        let (sign, relation) = RELATIONS.iter().find(|it| text.starts_with(it.0))?;
        Bound::new(*relation, text.strip_prefix(sign)?)
    }

    fn new(relation: Relation, text: &str) -> Option<Bound> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let core = text.split(['-', '+']).next().unwrap_or("");
        let is_any = |part: &&str| matches!(*part, "x" | "X" | "*");
        let parts: Vec<&str> = core.split('.').collect();
        let given = parts.iter().take_while(|part| !is_any(part)).count();
        let is_sound = parts.len() <= 3
            && parts
                .iter()
                .skip(given)
                .all(|part| is_any(part) || whole_number(part).is_some());
        let version = match parts.get(..given).filter(|_| is_sound)? {
            [] => Version::parse("0.0.0"),
            _ if given == parts.len() => Version::parse(text),
            given => Version::parse(&given.join(".")),
        };
        Some(Bound {
            relation,
            version: version?,
            given,
        })
    }

    fn holds(&self, version: &Version) -> bool {
        let bound = &self.version;
        match self.relation {
            Relation::Equal if self.given == 3 => version == bound,
            Relation::Unequal if self.given == 3 => version != bound,
            Relation::Equal | Relation::Tilde => self.tilde(version),
            Relation::Unequal => !self.is_same_as_far_as_given(version),
            Relation::Greater if self.given == 3 => version > bound,
            Relation::Greater => version > bound && !self.is_same_as_far_as_given(version),
            Relation::Less => version < bound,
            Relation::AtLeast => version >= bound,
            Relation::AtMost if self.given == 3 => version <= bound,
            Relation::AtMost => version <= bound || self.is_same_as_far_as_given(version),
            Relation::Caret => self.caret(version),
        }
    }

    fn is_same_as_far_as_given(&self, version: &Version) -> bool {
        let pairs = version.numbers.iter().zip(&self.version.numbers);
        pairs.take(self.given).all(|(a, b)| a == b)
    }

    /// The same major and, where it is given, minor version; Helm takes `~0.0.0` for any version.
    fn tilde(&self, version: &Version) -> bool {
        let bound = &self.version;
        let is_same = match self.given {
            0 => true,
            3 if bound.numbers == [0; 3] => true,
            1 => version.major_minor().0 == bound.major_minor().0,
            _ => version.major_minor() == bound.major_minor(),
        };
        version >= bound && is_same
    }

    /// The same numbers up to the first that is given and not zero.
    fn caret(&self, version: &Version) -> bool {
        let first = self
            .version
            .numbers
            .iter()
            .take(self.given)
            .position(|it| *it > 0);
        let fixed = first.map_or(self.given, |at| at + 1);
        let mut pairs = version
            .numbers
            .iter()
            .zip(&self.version.numbers)
            .take(fixed);
        *version >= self.version && pairs.all(|(a, b)| a == b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, admitted: &[&str], refused: &[&str]) {
        let range = Range::parse(range).unwrap();
        let admits = |text: &&&str| range.admits(&Version::parse(text).unwrap());
        assert_eq!(
            admitted.iter().filter(admits).count(),
            admitted.len(),
            "admitted"
        );
        assert_eq!(refused.iter().filter(admits).count(), 0, "refused");
    }

    #[test]
    fn ranges_admit_what_helm_admits() {
        check("", &["0.0.1", "9.9.9"], &["1.0.0-rc.1"]);
        check("*", &["0.0.0", "9.9.9"], &["1.0.0-rc.1"]);
        check("1.2.3", &["1.2.3", "v1.2.3+build"], &["1.2.4"]);
        check("v1.2", &["1.2.0", "1.2.9"], &["1.3.0", "1.1.9"]);
        check("=1", &["1.0.0", "1.9.0"], &["2.0.0", "0.9.0"]);
        check("1.x", &["1.0.0", "1.9.9"], &["2.0.0"]);
        check("1.2.*", &["1.2.0", "1.2.7"], &["1.3.0"]);
        check(">=2.1.0", &["2.1.0", "3.0.0"], &["2.0.9", "2.2.0-beta.1"]);
        check(">= 2.1.0, < 3", &["2.1.0", "2.9.9"], &["3.0.0"]);
        check(">=2.1.0-0", &["2.1.0-beta", "3.0.0-alpha"], &["2.0.0"]);
        check(">1", &["2.0.0"], &["1.9.9", "1.0.1"]);
        check(">1.2", &["1.3.0"], &["1.2.9"]);
        check("<=1.2", &["1.2.9", "1.0.0"], &["1.3.0"]);
        check("<=1", &["1.9.9"], &["2.0.0"]);
        check("<1.2", &["1.1.9"], &["1.2.0"]);
        check("!=1.2.x", &["1.3.0"], &["1.2.0", "1.2.9"]);
        check("!=1.2.3", &["1.2.4"], &["1.2.3"]);
        check("~1.2.3", &["1.2.3", "1.2.9"], &["1.3.0", "1.2.2"]);
        check("~1.2", &["1.2.0"], &["1.3.0"]);
        check("~1", &["1.9.0"], &["2.0.0"]);
        check("~>1.2.0", &["1.2.9"], &["1.3.0"]);
        check("~0.0.0", &["0.0.0", "9.9.9"], &["1.0.0-rc.1"]);
        check("^1.2.3", &["1.2.3", "1.9.0"], &["2.0.0", "1.2.2"]);
        check("^0.2.3", &["0.2.3", "0.2.9"], &["0.3.0"]);
        check("^0.0.3", &["0.0.3"], &["0.0.4"]);
        check("^0.0", &["0.0.1", "0.0.9"], &["0.1.0"]);
        check("^0", &["0.0.1", "0.9.9"], &["1.0.0"]);
        check("1.2 - 1.4.5", &["1.2.0", "1.4.5"], &["1.4.6", "1.1.9"]);
        check("^1 || ^3", &["1.5.0", "3.0.1"], &["2.0.0"]);
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in ["latest", ">=", "1.2.3.4", "~a", "1.2 -", "^^1", "sha256:0"] {
            assert!(Range::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_highest_admitted_is_found() {
        let versions: Vec<Version> = ["1.2.0", "1.10.0", "2.0.0", "1.11.0-rc.1"]
            .iter()
            .map(|it| Version::parse(it).unwrap())
            .collect();
        let highest = |range: &str| {
            Range::parse(range)
                .unwrap()
                .highest(&versions)
                .map(|it| it.as_str().to_string())
        };
        assert_eq!(highest("^1").as_deref(), Some("1.10.0"));
        assert_eq!(highest("^1-0").as_deref(), Some("1.11.0-rc.1"));
        assert_eq!(highest("~1.11.0-0").as_deref(), Some("1.11.0-rc.1"));
        assert_eq!(highest(">3"), None);
    }
}
