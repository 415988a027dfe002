//! Versions, parsed as leniently as in Masterminds/semver: with a leading `v`, missing parts and leading zeros.

use std::cmp::Ordering;
use std::fmt;

/// A version: three numbers, a pre-release, and build metadata, which is ignored in comparisons.
#[derive(Clone, Debug)]
pub struct Version {
    /// Major, minor and patch.
    pub(super) numbers: [u64; 3],
    prerelease: String,
    metadata: String,
    original: String,
}

/// The reason why a text is not a version or range, with the message of the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(super) fn new(text: impl Into<String>) -> Error {
        Error(text.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Version {
    /// Parses a version; `1.2` is `1.2.0`.
    pub fn parse(text: &str) -> Result<Version, Error> {
        let invalid = || Error::new("invalid semantic version");
        let plain = text.strip_prefix('v').unwrap_or(text);
        let core_end = plain.find(['-', '+']).unwrap_or(plain.len());
        let (core, suffix) = plain.split_at(core_end);
        let (prerelease, metadata) = split_suffix(suffix).ok_or_else(invalid)?;
        let parts: Vec<&str> = core.split('.').collect();
        let is_number =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if parts.len() > 3 || !parts.iter().all(is_number) {
            return Err(invalid());
        }
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(&parts) {
            *number = part.parse().map_err(|_| {
                Error::new(format!(
                    "error parsing version segment: strconv.ParseUint: parsing {part:?}: value out of range"
                ))
            })?;
        }
        let is_padded = |part: &str| part.len() > 1 && part.starts_with('0') && is_number(&part);
        if prerelease.split('.').any(is_padded) {
            return Err(Error::new("version segment starts with 0"));
        }
        Ok(Version {
            numbers,
            prerelease: prerelease.to_string(),
            metadata: metadata.to_string(),
            original: text.to_string(),
        })
    }

    /// The version as written.
    pub fn as_str(&self) -> &str {
        &self.original
    }

    /// The major version: the first number.
    pub fn major(&self) -> u64 {
        self.numbers[0]
    }

    /// The minor version: the second number.
    pub fn minor(&self) -> u64 {
        self.numbers[1]
    }

    /// The patch version: the third number.
    pub fn patch(&self) -> u64 {
        self.numbers[2]
    }

    /// The pre-release after `-`; empty for a release.
    pub fn prerelease(&self) -> &str {
        &self.prerelease
    }

    /// The metadata after `+`.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// Whether it is a pre-release.
    pub fn is_prerelease(&self) -> bool {
        !self.prerelease.is_empty()
    }

    /// The next patch version, or the release if this is a pre-release.
    pub fn next_patch(&self) -> Version {
        let [major, minor, patch] = self.numbers;
        let step = u64::from(!self.is_prerelease());
        self.release([major, minor, patch.wrapping_add(step)])
    }

    /// The next minor version.
    pub fn next_minor(&self) -> Version {
        self.release([self.major(), self.minor().wrapping_add(1), 0])
    }

    /// The next major version.
    pub fn next_major(&self) -> Version {
        self.release([self.major().wrapping_add(1), 0, 0])
    }

    fn release(&self, numbers: [u64; 3]) -> Version {
        let [major, minor, patch] = numbers;
        let prefix = if self.original.starts_with('v') {
            "v"
        } else {
            ""
        };
        Version {
            numbers,
            prerelease: String::new(),
            metadata: String::new(),
            original: format!("{prefix}{major}.{minor}.{patch}"),
        }
    }
}

/// All three numbers, without the `v`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        for (sign, part) in [('-', &self.prerelease), ('+', &self.metadata)] {
            if !part.is_empty() {
                write!(f, "{sign}{part}")?;
            }
        }
        Ok(())
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        let numbers = self.numbers.cmp(&other.numbers);
        numbers.then_with(|| match (self.is_prerelease(), other.is_prerelease()) {
            (true, true) => compare_prereleases(&self.prerelease, &other.prerelease),
            (ours, theirs) => theirs.cmp(&ours),
        })
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

/// Whether a text is a complete version and not a range: three numbers, and a suffix that SemVer allows.
pub fn is_exact(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or("");
    core.split('.').count() == 3 && Version::parse(text).is_ok()
}

/// Splits the suffix into pre-release and metadata; `None` if it is invalid.
fn split_suffix(suffix: &str) -> Option<(&str, &str)> {
    let (prerelease, metadata) = match suffix.split_once('+') {
        Some((before, metadata)) => (before, Some(metadata)),
        None => (suffix, None),
    };
    let prerelease = match prerelease {
        "" => None,
        text => Some(text.strip_prefix('-')?),
    };
    let is_valid = [prerelease, metadata]
        .into_iter()
        .flatten()
        .all(are_identifiers);
    is_valid.then_some((prerelease.unwrap_or(""), metadata.unwrap_or("")))
}

fn are_identifiers(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(is_allowed))
}

/// Compares identifier by identifier: a missing one comes first, numbers come before other identifiers (SemVer 2.0, item 11).
pub(super) fn compare_prereleases(ours: &str, theirs: &str) -> Ordering {
    let (mut ours, mut theirs) = (ours.split('.'), theirs.split('.'));
    loop {
        let order = match (ours.next(), theirs.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => compare_identifiers(a.unwrap_or(""), b.unwrap_or("")),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Compares identifiers of pre-releases.
fn compare_identifiers(ours: &str, theirs: &str) -> Ordering {
    if ours == theirs {
        return Ordering::Equal;
    }
    if ours.is_empty() || theirs.is_empty() {
        return ours.len().cmp(&theirs.len());
    }
    // A number that exceeds 64 bits counts as text.
    match (ours.parse::<u64>(), theirs.parse::<u64>()) {
        (Err(_), Err(_)) => ours.cmp(theirs),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Ok(ours), Ok(theirs)) => ours.cmp(&theirs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_the_order_of_semver() {
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
    fn invalid_versions_are_rejected_with_the_reason() {
        for text in [
            "",
            "v",
            "latest",
            "1.2.3.4",
            "1.2.3-",
            "1.2.x",
            "1..2",
            "-1",
            "1.2.3-a..b",
            " 1",
            "vv1",
        ] {
            let error = Version::parse(text).unwrap_err();
            assert_eq!(error.to_string(), "invalid semantic version", "{text}");
        }
        let padded = Version::parse("1.2.3-01").unwrap_err();
        assert_eq!(padded.to_string(), "version segment starts with 0");
        let large = Version::parse("1.99999999999999999999").unwrap_err();
        assert!(large.to_string().ends_with("value out of range"));
        assert!(is_exact("v1.2.3-rc.1+b") && !is_exact("1.2") && !is_exact(">=1.2.3"));
    }

    #[test]
    fn leading_zeros_are_dropped() {
        let version = Version::parse("v01.02-rc.1+b").unwrap();
        assert_eq!(version.to_string(), "1.2.0-rc.1+b");
        assert_eq!(version.next_patch().as_str(), "v1.2.0");
        assert_eq!(version.next_minor().as_str(), "v1.3.0");
    }
}
