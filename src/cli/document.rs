//! The report of a run in a format for programs: one document, even if the command reports in several steps.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::output;
use pleach::diag::Diagnostics;
use pleach::report::{Format, View, report};
use pleach::tree::TreePath;

/// The document, which is printed when the command ends; empty until something is reported.
#[derive(Clone, Debug, Default)]
pub(super) struct Document(Arc<Mutex<Option<Content>>>);

#[derive(Debug, Default)]
struct Content {
    found: Diagnostics,
    /// How each path is shown.
    names: BTreeMap<TreePath, String>,
}

impl Document {
    /// Adds diagnostics; without any, the document is empty but is printed.
    pub(super) fn add(
        &self,
        found: &Diagnostics,
        format: Format,
        display: &dyn Fn(&TreePath) -> String,
    ) {
        let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let content = content.get_or_insert_default();
        let names = RefCell::new(std::mem::take(&mut content.names));
        // Only the format knows which paths it shows.
        let shown = |path: &TreePath| {
            let name = display(path);
            names.borrow_mut().insert(path.clone(), name.clone());
            name
        };
        let view = View {
            display: &shown,
            color: false,
        };
        report(found, format, &view);
        content.names = names.into_inner();
        content.found.extend(found.clone());
    }

    /// Prints the document to standard output, or to standard error if standard output has the output of the command.
    pub(super) fn print(&self, format: Format, has_output: bool) {
        let content = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(content) = content else {
            return;
        };
        let display = |path: &TreePath| {
            let name = content.names.get(path);
            name.map_or_else(|| path.to_string(), String::clone)
        };
        let view = View {
            display: &display,
            color: false,
        };
        let text = report(&content.found, format, &view);
        match has_output {
            true => output::document(&text),
            // A failure determines the exit code at the end.
            false => drop(output::data(text.as_bytes())),
        }
    }
}
