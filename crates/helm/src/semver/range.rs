//! Version ranges, as in Masterminds/semver.
//!
//! `||` separates alternatives; commas or spaces separate constraints that must all be met. `~` keeps the minor version, `^` the
//! first number that is not zero, `x` and missing numbers match any number. A pre-release is only admitted if the alternative
//! contains one.

use std::cmp::Ordering;

use super::version::{Error, Version, compare_prereleases};

/// A range of versions.
#[derive(Clone, Debug)]
pub struct Range {
    /// A version is in the range if it meets all constraints of at least one alternative.
    alternatives: Vec<Vec<Constraint>>,
}

#[derive(Clone, Debug)]
struct Constraint {
    operator: Operator,
    version: Version,
    precision: Precision,
}

/// Which numbers of a constraint are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    Any,
    Major,
    Minor,
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Greater,
    Less,
    AtLeast,
    AtMost,
    Tilde,
    Caret,
}

const OPERATORS: &[(&str, Operator)] = &[
    ("!=", Operator::Unequal),
    (">=", Operator::AtLeast),
    ("=>", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("=<", Operator::AtMost),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    ("", Operator::Equal),
];

impl Range {
    /// Parses a range or version. An empty text is invalid.
    pub fn parse(text: &str) -> Result<Range, Error> {
        let rewritten = rewrite_hyphens(text);
        let alternatives = rewritten.split("||").map(parse_alternative);
        Ok(Range {
            alternatives: alternatives.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a version is in the range.
    pub fn admits(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|constraints| {
            let has_prerelease = constraints.iter().any(|it| it.version.is_prerelease());
            (has_prerelease || !version.is_prerelease())
                && constraints.iter().all(|it| it.is_met_by(version))
        })
    }

    /// The highest admitted version; of equal ones, the first.
    pub fn highest<'a>(
        &self,
        versions: impl IntoIterator<Item = &'a Version>,
    ) -> Option<&'a Version> {
        let admitted = versions.into_iter().filter(|it| self.admits(it));
        admitted.reduce(|best, it| if it > best { it } else { best })
    }
}

/// Rewrites `a - b` as `>= a, <= b`.
fn rewrite_hyphens(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut at = 0;
    while let Some(from) = rest.get(at..) {
        if let Some((low, high, after)) = hyphen_range(from) {
            out.push_str(rest.get(..at).unwrap_or(""));
            out.push_str(&format!(">= {low}, <= {high} "));
            (rest, at) = (after, 0);
            continue;
        }
        let Some(c) = from.chars().next() else {
            break;
        };
        at += c.len_utf8();
    }
    out + rest
}

/// Parses `a - b`: both versions, and the rest of the text.
fn hyphen_range(text: &str) -> Option<(&str, &str, &str)> {
    let (low, rest) = partial_version(skip_space(text))?;
    let rest = skip_space(at_least_one_space(rest)?).strip_prefix('-')?;
    let (high, rest) = partial_version(skip_space(at_least_one_space(rest)?))?;
    Some((low.text, high.text, skip_space(rest)))
}

/// Whether a character matches Go's `\s`.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

fn at_least_one_space(text: &str) -> Option<&str> {
    text.strip_prefix(is_space)
}

/// A version in a range, in which numbers may be missing, or replaced by `x` or `*`.
struct PartialVersion<'t> {
    text: &'t str,
    numbers: Vec<&'t str>,
    /// The pre-release with its `-`; empty if there is none.
    prerelease: &'t str,
}

/// The longest partial version at the beginning of a text, and the rest.
fn partial_version(text: &str) -> Option<(PartialVersion<'_>, &str)> {
    let is_number = |it: char| it.is_ascii_digit() || matches!(it, '|' | 'x' | 'X' | '*');
    let mut rest = text.strip_prefix('v').unwrap_or(text);
    let mut numbers = Vec::new();
    while numbers.len() < 3 {
        let from = match numbers.is_empty() {
            true => rest,
            false => rest.strip_prefix('.').unwrap_or(""),
        };
        let end = from.find(|it| !is_number(it)).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        if number.is_empty() {
            break;
        }
        numbers.push(number);
        rest = after;
    }
    if numbers.is_empty() {
        return None;
    }
    let (prerelease, rest) = suffix(rest, '-');
    let (_, rest) = suffix(rest, '+');
    let text = text.get(..text.len() - rest.len())?;
    let version = PartialVersion {
        text,
        numbers,
        prerelease,
    };
    Some((version, rest))
}

/// A sign and the dotted identifiers after it; empty if there are none.
fn suffix(text: &str, sign: char) -> (&str, &str) {
    let is_identifier = |it: char| it.is_ascii_alphanumeric() || it == '-';
    let mut end = 0;
    let mut rest = text.strip_prefix(sign);
    while let Some(from) = rest {
        let length = from.find(|it| !is_identifier(it)).unwrap_or(from.len());
        if length == 0 {
            break;
        }
        let after = from.get(length..).unwrap_or("");
        end = text.len() - after.len();
        rest = after.strip_prefix('.');
    }
    text.split_at(end)
}

/// Parses constraints that must all be met.
fn parse_alternative(text: &str) -> Result<Vec<Constraint>, Error> {
    let improper = || Error::new(format!("improper constraint: {text}"));
    let mut constraints = Vec::new();
    let mut rest = skip_space(text);
    loop {
        let found = OPERATORS.iter().find(|it| rest.starts_with(it.0));
        let (sign, operator) = *found.ok_or_else(improper)?;
        let after = skip_space(rest.strip_prefix(sign).unwrap_or(rest));
        let (version, after) = partial_version(after).ok_or_else(improper)?;
        constraints.push((operator, version));
        rest = skip_space(after);
        if rest.is_empty() {
            break;
        }
        rest = match rest.strip_prefix(',') {
            Some(rest) => skip_space(rest),
            None if rest.len() < after.len() => rest,
            None => return Err(improper()),
        };
    }
    let constraints = constraints.into_iter();
    constraints
        .map(|(operator, version)| Constraint::new(operator, &version))
        .collect()
}

impl Constraint {
    fn new(operator: Operator, partial: &PartialVersion<'_>) -> Result<Constraint, Error> {
        let number = |at: usize| {
            let number = partial.numbers.get(at);
            number.filter(|it| !matches!(**it, "x" | "X" | "*"))
        };
        let prerelease = partial.prerelease;
        let (text, precision) = match (number(0), number(1), number(2)) {
            (None, _, _) => (format!("0.0.0{prerelease}"), Precision::Any),
            (Some(major), None, _) => (format!("{major}.0.0{prerelease}"), Precision::Major),
            (Some(major), Some(minor), None) => {
                (format!("{major}.{minor}.0{prerelease}"), Precision::Minor)
            }
            _ => (partial.text.to_string(), Precision::Full),
        };
        Ok(Constraint {
            operator,
            version: Version::parse(&text).map_err(|_| Error::new("constraint parser error"))?,
            precision,
        })
    }

    fn is_met_by(&self, version: &Version) -> bool {
        let bound = &self.version;
        let is_full = self.precision == Precision::Full;
        match self.operator {
            Operator::Equal if is_full => version == bound,
            Operator::Equal | Operator::Tilde => self.tilde(version),
            Operator::Unequal => self.is_unequal(version),
            Operator::Greater => self.is_exceeded_by(version),
            Operator::Less => version < bound,
            Operator::AtLeast => version >= bound,
            Operator::AtMost if is_full => version <= bound,
            Operator::AtMost => {
                let minor_counts = self.precision != Precision::Major;
                version.major() < bound.major()
                    || version.major() == bound.major()
                        && (version.minor() <= bound.minor() || !minor_counts)
            }
            Operator::Caret => self.caret(version),
        }
    }

    fn is_unequal(&self, version: &Version) -> bool {
        let bound = &self.version;
        match self.precision {
            Precision::Full => version != bound,
            _ if version.major() != bound.major() => true,
            Precision::Major => false,
            _ if version.minor() != bound.minor() => true,
            // For `!=1.2.x`, only a pre-release is compared further.
            Precision::Minor => {
                compare_prereleases(version.prerelease(), bound.prerelease()) != Ordering::Equal
            }
            Precision::Any => version.patch() != bound.patch() || version != bound,
        }
    }

    /// Whether the version is greater than every version that the constraint names: `1.3.0` for `>1.2`, but not `1.2.9`.
    fn is_exceeded_by(&self, version: &Version) -> bool {
        let bound = &self.version;
        match version.major().cmp(&bound.major()) {
            _ if self.precision == Precision::Full => version > bound,
            Ordering::Equal => match self.precision {
                Precision::Major => false,
                Precision::Minor => version.minor() > bound.minor(),
                _ => version > bound,
            },
            order => order == Ordering::Greater,
        }
    }

    /// The same major version and, if it is set, the same minor version. `~0.0.0` admits any version.
    fn tilde(&self, version: &Version) -> bool {
        let bound = &self.version;
        if version < bound {
            return false;
        }
        let is_partial = matches!(self.precision, Precision::Major | Precision::Minor);
        if bound.numbers == [0; 3] && !is_partial {
            return true;
        }
        version.major() == bound.major()
            && (version.minor() == bound.minor() || self.precision == Precision::Major)
    }

    /// The same numbers up to the first one that is set and not zero.
    fn caret(&self, version: &Version) -> bool {
        let bound = &self.version;
        if version < bound {
            return false;
        }
        if bound.major() > 0 || self.precision == Precision::Major {
            return version.major() == bound.major();
        }
        if version.major() > 0 {
            return false;
        }
        if bound.minor() > 0 || self.precision == Precision::Minor {
            return version.minor() == bound.minor();
        }
        version.minor() == 0 && version.patch() == bound.patch()
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
    fn ranges_match_the_same_versions_as_in_helm() {
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
        for text in [
            "", "latest", ">=", "1.2.3.4", "~a", "1.2 -", "^^1", "sha256:0", "==1", "1 || ",
        ] {
            assert!(Range::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_highest_matching_version_is_found() {
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
