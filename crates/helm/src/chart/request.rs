//! Requests for charts by claims and templates.

use std::cmp::Ordering;

use crate::semver::Range;
use pleach_yaml::diag::{Diagnostic, Span};

/// A request for a chart.
#[derive(Clone, Debug)]
pub struct Request {
    /// The address of the repository, without a final slash.
    pub repository: String,
    /// The chart's name in that repository.
    pub name: String,
    /// A version or range; the newest version if there is none.
    pub version: Option<String>,
    /// The digest of an OCI manifest, which takes precedence over the version.
    pub digest: Option<String>,
    /// Whether it is pulled over plain HTTP.
    pub plain: bool,
    /// The location of the request in a claim or object.
    pub span: Option<Span>,
}

impl Request {
    /// A request over TLS, without a location. A final slash of the address is removed.
    pub fn new(repository: &str, name: &str, version: Option<&str>) -> Request {
        Request {
            repository: repository.trim_end_matches('/').to_string(),
            name: name.to_string(),
            version: version.filter(|it| !it.is_empty()).map(str::to_string),
            digest: None,
            plain: false,
            span: None,
        }
    }

    /// Rejects values that are invalid in paths and addresses. Errors: `invalid-value`.
    pub fn check(&self) -> Result<(), Diagnostic> {
        match (self.fault(), &self.span) {
            (None, _) => Ok(()),
            (Some((_, fault)), Some(span)) => Err(fault.at(span)),
            (Some((_, fault)), None) => Err(fault),
        }
    }

    /// The first invalid value and its field. The values become parts of paths and addresses.
    pub fn fault(&self) -> Option<(&'static str, Diagnostic)> {
        let version = self.version.as_deref().unwrap_or("");
        let is_version = version.len() <= VERSION_BYTES_MAX && version.chars().all(is_version_char);
        let (field, what, value, help) = if !is_plain_path(&self.name) {
            let help = "use the name as in Chart.yaml, without `.` or `..` as a segment";
            ("name", "chart name", &*self.name, help)
        } else if !is_address(&self.repository) {
            let help =
                "use an address without spaces, and without `.` or `..` as a segment of its path";
            ("repository", "chart repository", &*self.repository, help)
        } else if !is_version {
            let help = "use a version such as `1.2.3`, or a range such as `>=1.2.0`";
            ("version", "version or version range", version, help)
        } else {
            let digest = self.digest.as_deref().filter(|it| !is_digest(it))?;
            let help =
                "use the digest of the chart's manifest: `sha256:` and 64 hexadecimal digits";
            ("digest", "digest", digest, help)
        };
        let value: String = value.chars().take(VALUE_CHARS_MAX).collect();
        let message = format!("invalid {what} `{}`", value.escape_debug());
        Some((
            field,
            Diagnostic::error("invalid-value", message).help(help),
        ))
    }

    /// The range of versions; `None` if it is invalid.
    pub fn range(&self) -> Option<Range> {
        Range::parse(self.version.as_deref().unwrap_or("*")).ok()
    }

    /// The version or range in the lock.
    pub fn requested(&self) -> &str {
        let requested = self.digest.as_deref().or(self.version.as_deref());
        requested.unwrap_or("*")
    }

    /// `name version`, for messages.
    pub fn title(&self) -> String {
        match self.requested() {
            "*" => self.name.clone(),
            requested => format!("{} {requested}", self.name),
        }
    }

    /// Whether the chart is in the workspace itself: `./charts`, `file://charts`.
    pub fn is_local(&self) -> bool {
        !self.repository.contains("://") || self.repository.starts_with("file://")
    }

    /// The request without its location.
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.repository, &self.name, self.requested())
    }
}

/// The maximum number of characters of an invalid value in a message.
const VALUE_CHARS_MAX: usize = 200;
const VERSION_BYTES_MAX: usize = 256;

/// Whether a relative path has no `.` or `..` segments and no characters with a special meaning on any system.
fn is_plain_path(path: &str) -> bool {
    let is_name = |part: &str| !matches!(part, "" | "." | "..");
    path.split('/').all(is_name) && path.chars().all(|it| !it.is_control() && it != '\\')
}

/// Whether an address has no segments that lead elsewhere. Paths of the workspace are checked when they are read.
fn is_address(address: &str) -> bool {
    let is_allowed = |it: char| !it.is_control() && it != '\\';
    let Some((_, rest)) = address.split_once("://") else {
        return address.chars().all(is_allowed);
    };
    let path = rest.split(['?', '#']).next().unwrap_or("");
    // A server decodes `%2e` to a dot.
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    let mut parts = path.split(['/', '\\']);
    let is_local = address.starts_with("file://");
    address
        .chars()
        .all(|it| is_allowed(it) && !it.is_whitespace())
        && (is_local || parts.all(|it| !matches!(it, "." | "..")))
}

/// Whether a character is allowed in versions and ranges.
fn is_version_char(it: char) -> bool {
    it.is_ascii_alphanumeric() || ".-+*^~<>=!,| ".contains(it)
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, digits)| {
        matches!((algorithm, digits.len()), ("sha256", 64) | ("sha512", 128))
            && digits.bytes().all(|it| it.is_ascii_hexdigit())
    })
}

impl Ord for Request {
    fn cmp(&self, other: &Request) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Request {
    fn partial_cmp(&self, other: &Request) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Request {
    fn eq(&self, other: &Request) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Request {}

#[cfg(test)]
mod tests {
    use super::Request;

    const OCI: &str = "oci://example.com/charts";

    fn is_refused(repository: &str, name: &str, version: &str) -> bool {
        let request = Request::new(repository, name, Some(version));
        request.check().is_err()
    }

    #[test]
    fn names_with_dot_segments_are_refused() {
        for name in ["web", "group/web", "web.v2"] {
            assert!(!is_refused(OCI, name, ""), "{name}");
        }
        for name in [
            "",
            "..",
            "../web",
            "../../../../outside/chart",
            "a/../b",
            "./web",
            "a//b",
            "a\\b",
            "a\nb",
        ] {
            assert!(is_refused(OCI, name, ""), "{name}");
        }
    }

    #[test]
    fn repositories_with_dot_segments_are_refused() {
        for repository in [
            OCI,
            "https://example.com:8443/a/b.c/..d?x=../y",
            "./charts",
            "../charts",
            "file://charts",
        ] {
            assert!(!is_refused(repository, "web", ""), "{repository}");
        }
        for repository in [
            "oci://example.com/charts/../other",
            "https://example.com/..",
            "https://example.com/a/%2E%2e/b",
            "https://example.com/a/./b",
            "https://example.com/a\\..\\b",
            "https://example.com/a b",
            "https://example.com/a\r\nHost: x",
            "charts\n",
        ] {
            assert!(is_refused(repository, "web", ""), "{repository}");
        }
    }

    #[test]
    fn versions_with_other_characters_are_refused() {
        for version in [
            "",
            "1.2.3",
            "v1.2.3-rc.1+build.5",
            ">=1.2.0, <2 || ^3",
            "1.x",
            "1.2 - 2.0",
        ] {
            assert!(!is_refused(OCI, "web", version), "{version}");
        }
        let long = "1".repeat(300);
        for version in [
            "../1.0.0", "1.0.0/..", "1.0.0\n", "1\\2", "1?x", "1#2", "1:2", "1@2", &long,
        ] {
            assert!(is_refused(OCI, "web", version), "{version}");
        }
    }

    #[test]
    fn digests_of_unknown_form_are_refused() {
        let is_refused = |digest: String| {
            let request = Request {
                digest: Some(digest),
                ..Request::new(OCI, "web", None)
            };
            request.check().is_err()
        };
        assert!(!is_refused(format!("sha256:{}", "a1".repeat(32))));
        for digest in ["", "sha256:", "sha256:../x", "latest", "md5:aa"] {
            assert!(is_refused(digest.to_string()), "{digest}");
        }
    }
}
