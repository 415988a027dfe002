//! Limits of one build. Each limit is far above what a cluster accepts; `docs/limits.md` lists them.

use pleach_kube::patch::copy_size;
use pleach_yaml::diag::{Diagnostic, Span};
use pleach_yaml::{Node, View};

use super::resources::Resources;

/// The number of errors after which a build stops.
// A list of ten thousand invalid entries has one cause; reading all of them would only delay the
// message.
pub(super) const ERRORS_MAX: usize = 100;

/// The maximum number of values that transformers may add to the objects of a build; each 64 bytes of a long string count as one.
// Single fields can be harmless: 1,000 labels on 10,000 objects are ten million values from a file of
// a few kilobytes.
const ADDED_MAX: usize = 1_000_000;

/// The maximum number of repeated builds of the same kustomizations.
// Twenty levels that each include the one below twice are a million builds of the lowest one, from
// twenty short files.
pub(super) const REPEATS_MAX: usize = 1_000;

/// The maximum number of labels or annotations of an entry. The API server accepts 256 KiB of annotations per object.
const PAIRS_MAX: usize = 5_000;

/// The maximum size of long strings in the output of a build.
// An alias or variable costs nothing until it is printed: 100,000 aliases of a string of 1 MiB would be
// 100 GiB of output.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// Each part of this length in a string counts as a value.
const VALUE_BYTES: usize = 64;

/// The maximum length of paths: that of Linux.
const PATH_BYTES_MAX: usize = 4_096;

/// The number of values that transformers have added so far.
#[derive(Default)]
pub(super) struct Added(usize);

impl Added {
    /// Counts values that are about to be added.
    pub(super) fn add(&mut self, values: usize) -> Result<(), Diagnostic> {
        // Saturating, because the product of two lengths may exceed the type on 32-bit platforms.
        self.0 = self.0.saturating_add(values);
        match self.0 > ADDED_MAX {
            true => Err(limit(format!(
                "the build adds more than {ADDED_MAX} values to its objects"
            ))
            .help("add less, or add it to fewer objects; a long string counts as several values")),
            false => Ok(()),
        }
    }

    /// The number of values.
    pub(super) fn values(&self) -> usize {
        self.0
    }

    /// Whether the limit was reached (and reported), so that further additions can be skipped.
    pub(super) fn is_spent(&self) -> bool {
        self.0 > ADDED_MAX
    }

    /// Counts the copies of a value.
    pub(super) fn add_copies(&mut self, value: &Node, copies: usize) -> Result<(), Diagnostic> {
        self.add(copy_size(value)?.saturating_mul(copies))
    }

    /// Counts a string that is added to some objects.
    pub(super) fn add_text(&mut self, text: &str, objects: usize) -> Result<(), Diagnostic> {
        // A short string replaces another one of about the same size.
        self.add((text.len() / VALUE_BYTES).saturating_mul(objects))
    }

    /// Counts pairs that are added to some objects.
    pub(super) fn add_pairs<'a>(
        &mut self,
        pairs: impl ExactSizeIterator<Item = &'a str>,
        objects: usize,
    ) -> Result<(), Diagnostic> {
        if pairs.len() > PAIRS_MAX {
            let fault = limit(format!(
                "more than {PAIRS_MAX} labels or annotations are set at once"
            ));
            return Err(fault.help("put data in a ConfigMap"));
        }
        let values: usize = pairs.map(|value| 1 + value.len() / VALUE_BYTES).sum();
        self.add(values.saturating_mul(objects))
    }
}

/// The error for an exceeded limit.
pub(super) fn limit(message: String) -> Diagnostic {
    Diagnostic::error("build-limit", message)
}

/// Rejects a path that is longer than any system allows.
pub(super) fn check_path(path: &str, at: &Span) -> Result<(), Diagnostic> {
    match path.len() > PATH_BYTES_MAX {
        true => Err(limit(format!("the path is longer than {PATH_BYTES_MAX} bytes")).at(at)),
        false => Ok(()),
    }
}

/// Rejects objects that share long strings so often that they cannot be printed.
pub(super) fn check_output(resources: &Resources) -> Result<(), Diagnostic> {
    let mut left = TEXT_BYTES_MAX;
    for resource in resources.iter() {
        if take(resource.node(), &mut left).is_none() {
            let megabytes = TEXT_BYTES_MAX >> 20;
            return Err(limit(format!(
                "the build produces more than {megabytes} MiB of long strings"
            ))
            .at(resource.object.span())
            .help("reduce the repetition by aliases, variables, prefixes and common annotations"));
        }
    }
    Ok(())
}

fn take(node: &Node, left: &mut usize) -> Option<()> {
    match node.view() {
        View::Scalar(text) => take_text(text, left),
        View::Sequence(items) => items.iter().try_for_each(|it| take(it, left)),
        View::Mapping(entries) => entries.iter().try_for_each(|it| {
            take_text(it.key.as_str().unwrap_or(""), left)?;
            take(&it.value, left)
        }),
    }
}

fn take_text(text: &str, left: &mut usize) -> Option<()> {
    if text.len() > VALUE_BYTES {
        // Short strings are not counted here, because the number of values is limited when they are added.
        *left = left.checked_sub(text.len())?;
    }
    Some(())
}
