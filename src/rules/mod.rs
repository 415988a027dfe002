//! What a rule is, and the manual pages of all codes.
//!
//! A rule consists of data and a judge. The type of the judge determines its input: a change or a tree in `danger`, an environment
//! in `check`.

mod change;
mod page;

use crate::diag::Severity;
pub use change::{ChangeSet, Danger, Faults, Finding, Judge, run};
pub use page::{Page, written};

/// A rule with its manual page and its judge.
pub struct Rule<J: 'static> {
    /// Stable name that reads after "allow".
    pub code: &'static str,
    /// An error if data is certainly lost or an object certainly rejected, otherwise a warning.
    pub severity: Severity,
    /// A summary of what it finds, in one line.
    pub summary: &'static str,
    /// The manual page: the reason and what to do.
    pub explain: &'static str,
    /// The function that finds violations.
    pub judge: J,
}

impl<J> Rule<J> {
    /// Its manual page.
    pub fn page(&self) -> Page {
        Page {
            code: self.code,
            severity: self.severity,
            summary: self.summary,
            explain: self.explain,
        }
    }
}

impl<J> std::fmt::Debug for Rule<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code)
    }
}
