//! Sorts documents in Helm's order of installation and output.

use pleach_yaml::diag::{Source, Span};
use pleach_yaml::tree::TreePath;

use super::head::read_head;
use super::hooks::{Role, role};
use super::kinds::compare;
use super::split::split;
use super::{RenderedFile, RenderedObject, ValueOrigin};
use crate::HelmVersion;
use crate::error::{HelmError, Warnings};
use crate::go::strconv::quote;
use crate::go::yaml::{YamlError, parse};

/// The documents of rendered files.
#[derive(Default)]
pub(crate) struct Sorted {
    pub(crate) objects: Vec<RenderedObject>,
    pub(crate) hooks: Vec<RenderedObject>,
    /// Hooks with unknown events.
    pub(crate) unknown_hooks: Vec<RenderedObject>,
}

/// The same location in the output of a template. The path of a template would name a file with other lines.
fn in_output(span: &Span, path: &str) -> Span {
    let source = Source::internal(&format!("<output of {path}>"), span.source.text.as_str());
    Span::new(&source, span.range())
}

/// The objects and hooks of rendered files, sorted by kind; within a kind, in the order of paths.
///
/// Errors: the first document that is not valid YAML or not a map.
pub(crate) fn sort(
    mut files: Vec<RenderedFile>,
    version: HelmVersion,
    warnings: &mut Warnings,
) -> Result<Sorted, HelmError> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut sorted = Sorted::default();
    for file in files {
        let path = TreePath::new(&file.path).unwrap_or_else(TreePath::root);
        let failed = |error: YamlError| HelmError {
            message: format!("YAML parse error on {}: {}", file.path, error.message),
            span: error.span.map(|it| Box::new(in_output(&it, &file.path))),
        };
        let content = match String::from_utf8(file.content) {
            Ok(content) => content,
            Err(error) => {
                let words = parse(error.as_bytes(), &path).err();
                let unknown = || HelmError::new(format!("{} is not valid UTF-8", file.path));
                return Err(words.map_or_else(unknown, failed));
            }
        };
        let mut lines = LineCounter::new(&content);
        for piece in split(&content, version) {
            let (head, node) = read_head(piece.text, &path, version).map_err(failed)?;
            let (hook, list) = match role(&head) {
                Role::Object => (None, &mut sorted.objects),
                Role::Hook(hook) => (Some(hook), &mut sorted.hooks),
                Role::UnknownHook(names) => {
                    warnings.push(format!(
                        "info: skipping unknown hook: {}",
                        quote(names.as_bytes())
                    ));
                    (None, &mut sorted.unknown_hooks)
                }
            };
            list.push(RenderedObject {
                path: file.path.clone(),
                text: piece.text.to_string(),
                first_line: lines.at(piece.start),
                head,
                node,
                hook,
                origins: origins_in(&file.origins, piece.start, piece.text.len()),
                not_deterministic: false,
            });
        }
    }
    let by_kind =
        |a: &RenderedObject, b: &RenderedObject| compare(&a.head.kind, &b.head.kind, version);
    sorted.objects.sort_by(by_kind);
    sorted.hooks.sort_by(by_kind);
    Ok(sorted)
}

/// The origins in a part of a file, relative to the part.
fn origins_in(origins: &[ValueOrigin], start: usize, length: usize) -> Vec<ValueOrigin> {
    let first = origins.partition_point(|it| it.range.end <= start);
    let own = origins.iter().skip(first);
    let own = own.take_while(|it| it.range.start < start + length);
    own.map(|it| {
        let cut = it.cut(start);
        let range = cut.range.start - start..(cut.range.end - start).min(length);
        ValueOrigin { range, ..cut }
    })
    .collect()
}

/// Computes lines of ascending positions in a single pass.
struct LineCounter<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl LineCounter<'_> {
    fn new(text: &str) -> LineCounter<'_> {
        LineCounter {
            text,
            at: 0,
            line: 1,
        }
    }

    fn at(&mut self, position: usize) -> usize {
        let passed = self.text.get(self.at..position).unwrap_or("");
        self.line += passed.bytes().filter(|it| *it == b'\n').count();
        self.at = position;
        self.line
    }
}
