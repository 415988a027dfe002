//! Versions as Helm reads them: SemVer, with a `v` before it or parts missing at the end.

use std::cmp::Ordering;

/// A version: three numbers, a pre-release, and build metadata that does not count.
#[derive(Clone, Debug)]
pub struct Version {
    pub(super) numbers: [u64; 3],
    pub(super) before: Vec<Identifier>,
    text: String,
}

/// A part of a pre-release. Numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Identifier {
    Number(u64),
    Word(String),
}

impl Version {
    /// Reads a version; `1.2` is `1.2.0`. `None` for what is none.
    pub fn parse(text: &str) -> Option<Version> {
        let (rest, metadata) = split(text.strip_prefix('v').unwrap_or(text), '+');
        let (core, before) = split(rest, '-');
        let mut numbers = [0; 3];
        let mut parts = core.split('.');
        for (at, number) in numbers.iter_mut().enumerate() {
            match parts.next() {
                Some(part) => *number = whole_number(part)?,
                None if at > 0 => {}
                None => return None,
            }
        }
        let is_sound = parts.next().is_none() && metadata.is_none_or(are_identifiers);
        is_sound.then_some(Version {
            numbers,
            before: before.map_or(Some(Vec::new()), identifiers)?,
            text: text.to_string(),
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it comes before the release of its numbers.
    pub fn is_pre_release(&self) -> bool {
        !self.before.is_empty()
    }

    /// The first two numbers and what is left.
    pub(super) fn major_minor(&self) -> (u64, u64) {
        let [major, minor, _] = self.numbers;
        (major, minor)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        let before = |it: &Version| (it.before.is_empty(), it.before.clone());
        let numbers = self.numbers.cmp(&other.numbers);
        numbers.then_with(|| before(self).cmp(&before(other)))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

/// Whether a text is one version and no range: three numbers, with what SemVer allows after them.
pub fn is_exact(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or("");
    core.split('.').count() == 3 && Version::parse(text).is_some()
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Digits without a needless zero before them.
pub(super) fn whole_number(text: &str) -> Option<u64> {
    let is_sound =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_sound.then(|| text.parse().ok()).flatten()
}

fn are_identifiers(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(sound))
}

fn identifiers(text: &str) -> Option<Vec<Identifier>> {
    if !are_identifiers(text) {
        return None;
    }
    let identifier = |part: &str| match part.bytes().all(|byte| byte.is_ascii_digit()) {
        true => whole_number(part).map(Identifier::Number),
        false => Some(Identifier::Word(part.to_string())),
    };
    text.split('.').map(identifier).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_semver_orders_them() {
        const ORDERED: &[&str] = &[
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "v1.0.0",
            "1.0.1",
            "1.2",
            "1.10.0",
            "2",
        ];
        let read: Vec<Version> = ORDERED
            .iter()
            .map(|it| Version::parse(it).unwrap())
            .collect();
        assert!(read.is_sorted_by(|a, b| a < b));
        assert_eq!(Version::parse("1.0.0+a"), Version::parse("v1+b"));
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in [
            "", "v", "latest", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.x", "1..2", "-1",
        ] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
        assert!(is_exact("v1.2.3-rc.1+b") && !is_exact("1.2") && !is_exact(">=1.2.3"));
    }
}
