//! The locations of the parts of a chart's output: in the user's values and in the chart's templates.

use crate::diag::Span;
use crate::yaml::{Entry, Mapping, Node, View};
use pleach_helm::manifests::ValueOrigin;

/// Replaces locations in the output of a chart by those of the user's values that it printed, and of its template if these were
/// traced. Parts of other templates, such as those of `include`, have the location of the object, so that all other files are the
/// user's.
pub(super) struct Locations<'a> {
    origins: &'a [ValueOrigin],
    written: &'a [Node],
    object: Span,
}

impl<'a> Locations<'a> {
    pub(super) fn new(
        node: &Node,
        origins: &'a [ValueOrigin],
        written: &'a [Node],
    ) -> Locations<'a> {
        let mut locations = Locations {
            origins,
            written,
            object: node.span().clone(),
        };
        let object = locations.traced(node.span());
        locations.object = object.unwrap_or_else(|| node.span().clone());
        locations
    }

    pub(super) fn replace(&self, node: Node) -> Node {
        let span = self.in_template(node.span());
        let style = node.style();
        match node.view() {
            View::Scalar(_) => {
                let written = self.written(node.span());
                node.at(written.unwrap_or(span))
            }
            View::Sequence(_) => {
                let items = node.into_sequence().unwrap_or_default().into_iter();
                let items = items.map(|it| self.replace(it));
                Node::sequence(items.collect::<Vec<_>>())
                    .styled(style)
                    .at(span)
            }
            View::Mapping(_) => {
                let entries = node.into_mapping().unwrap_or_default().into_iter();
                let entries = entries.map(|it| {
                    let key = self.in_template(it.key.span());
                    Entry {
                        key: it.key.at(key),
                        value: self.replace(it.value),
                    }
                });
                Node::mapping(entries.collect::<Mapping>())
                    .styled(style)
                    .at(span)
            }
        }
    }

    /// The location of the value that is printed in a range of the output. For a text with several values, such as an image, the
    /// last one is used, because it is the version.
    fn written(&self, span: &Span) -> Option<Span> {
        let mut values = self
            .overlapping(span)
            .rev()
            .filter(|it| !it.path.is_empty());
        let value = values.find_map(|it| written_at(self.written, &it.path));
        value.map(|it| it.span().clone())
    }

    /// The location in the object's template; if templates were not traced, in the output.
    fn in_template(&self, span: &Span) -> Span {
        let found = self.traced(span).unwrap_or_else(|| span.clone());
        match found.path() == self.object.path() {
            true => found,
            false => self.object.clone(),
        }
    }

    fn traced(&self, span: &Span) -> Option<Span> {
        let mut parts = self.overlapping(span);
        parts.find_map(|it| it.in_template(span.range()))
    }

    /// The parts of the output, in order, that overlap a range of it.
    fn overlapping(&self, span: &Span) -> impl DoubleEndedIterator<Item = &'a ValueOrigin> {
        let range = span.range();
        let first = self
            .origins
            .partition_point(|it| it.range.end <= range.start);
        let end = self
            .origins
            .partition_point(|it| it.range.start < range.end);
        self.origins.get(first..end).unwrap_or_default().iter()
    }
}

/// The location of a value; later documents take precedence.
fn written_at<'a>(written: &'a [Node], path: &[String]) -> Option<&'a Node> {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    let mut values = written.iter().rev();
    values.find_map(|it| it.at_keys(&keys))
}
