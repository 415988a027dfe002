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

    /// Prints the document to standard error, because standard output has the output of the command.
    pub(super) fn print_beside_output(&self, format: Format, has_failed: bool) {
        if let Some(content) = self.take(has_failed) {
            output::document(&content.text(format));
        }
    }

    /// Prints the document to standard output.
    pub(super) fn print(&self, format: Format, has_failed: bool) {
        if let Some(content) = self.take(has_failed) {
            // A failure to write determines the exit code at the end.
            drop(output::data(content.text(format).as_bytes()));
        }
    }

    /// The content. A command that has reported nothing has an empty document, unless it failed.
    fn take(&self, has_failed: bool) -> Option<Content> {
        let content = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        content.or((!has_failed).then(Content::default))
    }
}

impl Content {
    fn text(&self, format: Format) -> String {
        let display = |path: &TreePath| {
            let name = self.names.get(path);
            name.map_or_else(|| path.to_string(), String::clone)
        };
        let view = View {
            display: &display,
            color: false,
        };
        report(&self.found, format, &view)
    }
}
