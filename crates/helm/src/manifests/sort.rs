//! Sorts documents into objects and hooks, in Helm's order of installation and output (Helm, `SortManifests`).

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

/// The sorted documents of rendered files.
#[derive(Default)]
pub(crate) struct Sorted {
    pub(crate) objects: Vec<RenderedObject>,
    pub(crate) hooks: Vec<RenderedObject>,
    /// Hooks with unknown events.
    pub(crate) unknown_hooks: Vec<RenderedObject>,
}

/// The location of an error in the output of a template. Under the path of the template, its line would be wrong.
fn in_output(span: &Span, path: &str) -> Span {
    let source = Source::internal(&format!("<output of {path}>"), span.source().text.as_str());
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
        let failed = |error: YamlError| parse_error(error, &file.path);
        let content = match String::from_utf8(file.content) {
            Ok(content) => content,
            Err(error) => {
                let yaml_error = parse(error.as_bytes(), &path).err();
                let invalid_utf8 = || HelmError::new(format!("{} is not valid UTF-8", file.path));
                return Err(yaml_error.map_or_else(invalid_utf8, failed));
            }
        };
        let mut lines = LineCounter::new(&content);
        for document in split(&content, version) {
            let (head, node) = read_head(document.text, &path, version).map_err(failed)?;
            let (hook, list) = match role(&head) {
                Role::Object => (None, &mut sorted.objects),
                Role::Hook(hook) => (Some(hook), &mut sorted.hooks),
                Role::UnknownHook(names) => {
                    let names = quote(names.as_bytes());
                    warnings.push(format!("info: skipping unknown hook: {names}"));
                    (None, &mut sorted.unknown_hooks)
                }
            };
            list.push(RenderedObject {
                path: file.path.clone(),
                text: document.text.to_string(),
                first_line: lines.at(document.start),
                head,
                node,
                hook,
                origins: origins_in(&file.origins, document.start, document.text.len()),
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

fn parse_error(error: YamlError, path: &str) -> HelmError {
    let span = error.span.map(|it| in_output(&it, path));
    HelmError::new(format!("YAML parse error on {path}: {}", error.message)).at(span)
}

/// The origins in a document of a file, with ranges relative to the document.
fn origins_in(origins: &[ValueOrigin], start: usize, length: usize) -> Vec<ValueOrigin> {
    let first = origins.partition_point(|it| it.range.end <= start);
    let inside = origins.iter().skip(first);
    let inside = inside.take_while(|it| it.range.start < start + length);
    inside
        .map(|it| {
            let origin = it.starting_at(start);
            let range = origin.range.start - start..(origin.range.end - start).min(length);
            ValueOrigin { range, ..origin }
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
