//! What a rule is, and the manual pages of all codes.
//!
//! A rule consists of data and a function. The type of the function determines its input: a change or a tree in `danger`, an
//! environment in `check`.

mod change;
mod page;

use crate::diag::Severity;
pub use change::{ChangeSet, Danger, Faults, Finding, RuleKind, run};
pub use page::{Page, written};

/// A rule with its manual page and its function.
pub struct Rule<C: 'static> {
    /// The stable name that users write in `# pleach: allow[unknown-field]`.
    pub code: &'static str,
    /// An error if data is certainly lost or an object certainly rejected, otherwise a warning.
    pub severity: Severity,
    /// A summary of what it finds, in one line.
    pub summary: &'static str,
    /// The manual page: the reason and what to do.
    pub explain: &'static str,
    /// The function that finds violations.
    pub check: C,
}

impl<C> Rule<C> {
    /// The page that `pleach explain` prints.
    pub fn page(&self) -> Page {
        Page {
            code: self.code,
            severity: self.severity,
            summary: self.summary,
            explain: self.explain,
        }
    }
}

impl<C> std::fmt::Debug for Rule<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code)
    }
}
