//! From rendered files to manifests: cut into documents, separated from hooks, sorted and printed as Helm does.

mod head;
mod hooks;
mod kinds;
mod print;
mod sort;
mod split;

pub use head::Head;
pub use hooks::{Hook, HookEvent, hook_events};
pub use print::{PrintOptions, print};
pub(crate) use sort::sort;

use pleach_yaml::Node;
use pleach_yaml::diag::Span;

/// A file that a template was rendered to.
#[derive(Clone, Debug)]
pub struct RenderedFile {
    /// The template's path: `app/templates/a.yaml`.
    pub path: String,
    /// What it was rendered to. Bytes, since a template can cut a character in half.
    pub content: Vec<u8>,
    /// The parts that are values, where that is traced.
    pub origins: Vec<ValueOrigin>,
}

/// A part of a rendered text that is a value of `.Values`; with [`crate::RenderOptions::places`], any part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueOrigin {
    /// Its bytes in the text.
    pub range: std::ops::Range<usize>,
    /// The keys that lead to the value in the values of the outermost chart; empty for what is no value.
    pub path: Vec<String>,
    /// Where a template has it, where that is traced too.
    pub place: Option<TemplatePlace>,
}

/// The part of a template that printed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplatePlace {
    /// The path of the template: `app/templates/a.yaml`.
    pub template: String,
    /// The place in its file: of the text that was copied, or of the expression.
    pub span: Span,
    /// Whether it was copied, byte for byte, from the place on.
    pub is_copied: bool,
}

impl ValueOrigin {
    /// The part of it from a byte of the text on.
    pub(crate) fn cut(&self, start: usize) -> ValueOrigin {
        let skipped = start.saturating_sub(self.range.start);
        let mut cut = self.clone();
        cut.range.start += skipped;
        if let Some(place) = cut.place.as_mut().filter(|it| it.is_copied) {
            let start = place.span.range().start + skipped;
            place.span = Span::new(&place.span.source, start..start);
        }
        cut
    }
}

/// One document that a chart was rendered to.
#[derive(Clone, Debug)]
pub struct RenderedObject {
    /// The path of the template, as in Helm's `# Source:` line: `app/charts/kid/templates/a.yaml`.
    pub path: String,
    /// The document's text, trimmed as Helm prints it.
    pub text: String,
    /// The line of the rendered file that the document begins at, counted from 1.
    pub first_line: usize,
    /// Its identity; empty for a document of comments.
    pub head: Head,
    /// Its value, with spans in `text`; absent for a document of comments.
    pub node: Option<Node>,
    /// What it is as a hook; absent for an object of the release.
    pub hook: Option<Hook>,
    /// The parts of its text that are values, where that is traced.
    pub origins: Vec<ValueOrigin>,
    /// Whether it holds a value that Helm makes again in each rendering, such as a random password.
    pub not_deterministic: bool,
}

/// A file of a chart's `crds/`, which is not a template.
#[derive(Clone, Debug)]
pub struct CrdFile {
    /// Its path, which begins with the chart's name: `app/crds/a.yaml`.
    pub path: String,
    /// The file as it is: CRDs are not templates.
    pub text: String,
}

/// Everything that a chart was rendered to.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// The objects of the release, by kind in the order of installation, then by file.
    pub objects: Vec<RenderedObject>,
    /// The hooks, in the same order.
    pub hooks: Vec<RenderedObject>,
    /// Hooks for events that Helm does not know: it installs none of them, but its post-renderers get them.
    pub unknown_hooks: Vec<RenderedObject>,
    /// The files of `crds/`, of subcharts after those of the chart.
    pub crds: Vec<CrdFile>,
    /// `NOTES.txt` of the chart itself.
    pub notes: Option<String>,
}
