//! Turns rendered files into manifests as Helm does: splits them into documents, separates hooks, sorts and prints them.

mod head;
mod hooks;
mod json_types;
mod kinds;
mod print;
mod sort;
mod split;

pub use head::Head;
pub use hooks::{Hook, HookEvent, hook_events};
pub use json_types::set_json_types;
pub use print::{PrintOptions, print};
pub(crate) use sort::sort;

use pleach_yaml::Node;
use pleach_yaml::diag::Span;

/// The output of one template.
#[derive(Clone, Debug)]
pub struct RenderedFile {
    /// The template's path: `app/templates/a.yaml`.
    pub path: String,
    /// The output. It need not be UTF-8, because a template can truncate a string within a character.
    pub content: Vec<u8>,
    /// The parts that are values, if traced.
    pub origins: Vec<ValueOrigin>,
}

/// A part of a rendered text that is a value of `.Values`, or, with [`crate::RenderOptions::locations`], any part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueOrigin {
    /// Its byte range in the text.
    pub range: std::ops::Range<usize>,
    /// The path of the value in the values of the outermost chart; empty if it is not a value.
    pub path: Vec<String>,
    /// The location in a template, if traced.
    pub location: Option<TemplateLocation>,
}

/// The location in a template of the text or expression that printed a part of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateLocation {
    /// The path of the template: `app/templates/a.yaml`.
    pub template: String,
    /// The location of the copied text or of the expression in the file.
    pub span: Span,
    /// Whether the text was copied byte for byte.
    pub is_copied: bool,
}

impl ValueOrigin {
    /// The location in the template of a range of the rendered text that begins in this part. For copied text, it is the same
    /// range, up to the end of its line; for other text, the expression that printed it. `None` if locations were not traced.
    pub fn in_template(&self, range: std::ops::Range<usize>) -> Option<Span> {
        let TemplateLocation {
            span, is_copied, ..
        } = self.location.as_ref()?;
        let start = span.range().start;
        if !is_copied {
            return Some(Span::new(span.source(), start..start));
        }
        let start = start + range.start.saturating_sub(self.range.start);
        let length = range
            .end
            .min(self.range.end)
            .saturating_sub(range.start.max(self.range.start));
        let text = span.source().text.get(start..).unwrap_or("");
        let line = text.lines().next().map_or(0, str::len);
        Some(Span::new(span.source(), start..start + length.min(line)))
    }

    /// The origin of the part without the text before an offset.
    pub(crate) fn starting_at(&self, start: usize) -> ValueOrigin {
        let skipped = start.saturating_sub(self.range.start);
        let mut origin = self.clone();
        origin.range.start += skipped;
        if let Some(location) = origin.location.as_mut().filter(|it| it.is_copied) {
            let start = location.span.range().start + skipped;
            location.span = Span::new(location.span.source(), start..start);
        }
        origin
    }
}

/// A document of the output of a chart.
#[derive(Clone, Debug)]
pub struct RenderedObject {
    /// The path of the template, as in Helm's `# Source:` line: `app/charts/kid/templates/a.yaml`.
    pub path: String,
    /// The text of the document, trimmed as in Helm's output.
    pub text: String,
    /// The line of the rendered file at which the document begins, counted from 1.
    pub first_line: usize,
    /// Its identity; empty for a document with only comments.
    pub head: Head,
    /// Its value, with spans in `text`; absent for a document with only comments.
    pub node: Option<Node>,
    /// Its hook settings; absent for an object of the release.
    pub hook: Option<Hook>,
    /// The parts of its text that are values, if traced.
    pub origins: Vec<ValueOrigin>,
    /// Whether it contains a value that would differ in each rendering of Helm, such as a random password.
    pub not_deterministic: bool,
}

/// A file of a chart's `crds/`, which is not a template.
#[derive(Clone, Debug)]
pub struct CrdFile {
    /// Its path, which begins with the name of the chart: `app/crds/a.yaml`.
    pub path: String,
    /// The content of the file.
    pub text: String,
}

/// The output of a chart.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// The objects of the release, by kind in the order of installation, then by file.
    pub objects: Vec<RenderedObject>,
    /// The hooks, in the same order.
    pub hooks: Vec<RenderedObject>,
    /// Hooks with unknown events: Helm does not install them, but passes them to post-renderers.
    pub unknown_hooks: Vec<RenderedObject>,
    /// The files of `crds/`, those of subcharts last.
    pub crds: Vec<CrdFile>,
    /// `NOTES.txt` of the chart itself.
    pub notes: Option<String>,
}
