//! What a rule is, and the manual pages of all codes.
//!
//! A rule is data and a judge. What it judges is the judge's type: a change or a tree in `danger`, an environment in `check`.

mod change;
mod page;

use crate::diag::Severity;
pub use change::{ChangeSet, Danger, Faults, Finding, Judge, run};
pub use page::{Page, written};

/// Something that must not be so, with its manual page and what finds it.
pub struct Rule<J: 'static> {
    /// Stable name that reads after "allow".
    pub code: &'static str,
    /// An error where something is lost or refused for certain, else a warning.
    pub severity: Severity,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// The manual page: why it is wrong and what to do.
    pub explain: &'static str,
    /// What finds it.
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
