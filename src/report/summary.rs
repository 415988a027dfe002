//! The last line of a report: counts.

use crate::diag::{Diagnostics, Severity};
use crate::emit::Plan;

/// `2 errors, 1 warning`; empty if there are no diagnostics.
pub fn count(diagnostics: &Diagnostics) -> String {
    let of = |severity, word: &str| {
        let list = diagnostics.iter();
        match list.filter(|it| it.severity == severity).count() {
            0 => None,
            many => Some(counted(many, word)),
        }
    };
    let parts = [
        of(Severity::Error, "error"),
        of(Severity::Warning, "warning"),
        of(Severity::Note, "note"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `12 files written, 3 removed, 140 unchanged`, and the number of kept files, if any.
pub fn plan_summary(plan: &Plan) -> String {
    let written = counted(plan.written(), "file");
    let (removed, unchanged) = (plan.removed(), plan.unchanged);
    let kept = match plan.kept() {
        0 => String::new(),
        kept => format!(", {kept} kept"),
    };
    format!("{written} written, {removed} removed, {unchanged} unchanged{kept}")
}

/// A number and a noun: `1 error`, `2 errors`.
pub fn counted(many: usize, word: &str) -> String {
    match many {
        1 => format!("1 {word}"),
        many => format!("{many} {word}s"),
    }
}
