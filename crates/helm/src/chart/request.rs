//! What claims and templates ask for.

use std::cmp::Ordering;

use crate::semver::Range;
use pleach_yaml::diag::{Diagnostic, Span};

/// A chart that is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The repository's address as the claim says it, without a final slash.
    pub repository: String,
    /// The chart's name.
    pub name: String,
    /// A version or a range; none is the newest.
    pub version: Option<String>,
    /// The digest of an OCI manifest, which says more than any version.
    pub digest: Option<String>,
    /// Whether it is to be pulled over plain HTTP.
    pub plain: bool,
    /// Who asks.
    pub span: Option<Span>,
}

impl Request {
    /// A request.
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

    /// Refuses a name that leads elsewhere than to a chart below the repository. Errors: `invalid-value`.
    pub fn check_name(&self) -> Result<(), Diagnostic> {
        let is_name = |part: &str| !matches!(part, "" | "." | "..");
        let is_plain = |it: char| !it.is_control() && it != '\\';
        match self.name.split('/').all(is_name) && self.name.chars().all(is_plain) {
            true => Ok(()),
            false => {
                let message = format!("invalid chart name `{}`", self.name.escape_debug());
                let fault = Diagnostic::error("invalid-value", message);
                let fault = fault.help(
                    "write the name in the chart's Chart.yaml, without `.` or `..` as a part",
                );
                Err(match &self.span {
                    Some(span) => fault.at(span.clone()),
                    None => fault,
                })
            }
        }
    }

    /// The range of versions; `None` where what is written is none.
    pub fn range(&self) -> Option<Range> {
        Range::parse(self.version.as_deref().unwrap_or("*")).ok()
    }

    /// The words that a pin is found by.
    pub fn requested(&self) -> &str {
        let words = self.digest.as_deref().or(self.version.as_deref());
        words.unwrap_or("*")
    }

    /// `name version`, as messages say it.
    pub fn title(&self) -> String {
        match self.requested() {
            "*" => self.name.clone(),
            words => format!("{} {words}", self.name),
        }
    }

    /// Whether the chart lies in the workspace itself: `./charts`, `file://charts`.
    pub fn is_local(&self) -> bool {
        !self.repository.contains("://") || self.repository.starts_with("file://")
    }

    /// What it asks for, without who asks.
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.repository, &self.name, self.requested())
    }
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

    #[test]
    fn a_name_leads_nowhere_but_below_the_repository() {
        let is_refused = |name| {
            Request::new("oci://example.com/charts", name, None)
                .check_name()
                .is_err()
        };
        assert!(!["web", "group/web", "web.v2"].into_iter().any(is_refused));
        let wrong = [
            "",
            "..",
            "../web",
            "../../../../outside/chart",
            "a/../b",
            "./web",
            "a//b",
            "a\\b",
            "a\nb",
        ];
        assert!(wrong.into_iter().all(is_refused));
    }
}
