//! Schemas in comments: `# {"items": {"$ref": …}, "x-kubernetes-patch-merge-key": "name", …}` at a field defines the type of its
//! value.
//!
//! kyaml supports them because its setters once wrote such comments: after a value, after a key, or on the line above it. They are
//! searched in the text of the objects.

use crate::schema::{Schemas, TypeRef};
use pleach_yaml::diag::{Source, Span};
use pleach_yaml::tree::TreePath;
use pleach_yaml::{Node, Style, View, parse_one};

/// Types by the keys with comments, and the schemas of these types.
pub(super) struct Commented {
    pub(super) schemas: Schemas,
    types: Vec<(Span, TypeRef)>,
}

impl Commented {
    /// The types in the comments of some objects; `None` if there are none.
    pub(super) fn read(objects: [&Node; 2], schemas: &Schemas) -> Option<Commented> {
        let mut commented = None;
        for object in objects
            .into_iter()
            .filter(|it| has_schema(with_line_above(it.span())))
        {
            let commented = commented.get_or_insert_with(|| Commented {
                schemas: schemas.clone(),
                types: Vec::new(),
            });
            commented.walk(object);
        }
        commented.filter(|it| !it.types.is_empty())
    }

    /// The type of a key's value from its comment.
    pub(super) fn type_of(&self, key: &Node) -> Option<TypeRef> {
        self.types
            .iter()
            .find(|it| it.0 == *key.span())
            .map(|it| it.1)
    }

    fn walk(&mut self, node: &Node) {
        match node.view() {
            View::Scalar(_) => {}
            View::Sequence(items) => items.iter().for_each(|item| self.walk(item)),
            View::Mapping(mapping) => {
                for entry in mapping {
                    let comments = [comment_after_value(&entry.value), at_key(entry.key.span())];
                    let mut comments = comments.into_iter().flatten().filter_map(schema);
                    let found = comments.find_map(|it| self.schemas.add_inline(&it));
                    self.types
                        .extend(found.map(|it| (entry.key.span().clone(), it)));
                    self.walk(&entry.value);
                }
            }
        }
    }
}

/// Whether a text may contain a comment with a schema.
fn has_schema(text: &str) -> bool {
    text.match_indices('#').any(|(at, _)| {
        let rest = text.get(at..).unwrap_or("");
        rest.trim_start_matches('#')
            .trim_start_matches(' ')
            .starts_with('{')
    })
}

/// The comment after a single-line value.
fn comment_after_value(value: &Node) -> Option<&str> {
    let is_block = !value.is_scalar() && value.style() != Style::Flow;
    let span = value.span();
    let rest = span
        .source()
        .text
        .get(span.end as usize..)?
        .lines()
        .next()?;
    comment(rest).filter(|_| !is_block)
}

/// The comment after a key, otherwise the one on the line above it.
fn at_key(key: &Span) -> Option<&str> {
    let text = &key.source().text;
    let behind = text.get(key.end as usize..)?.lines().next()?;
    let behind = behind.trim_start_matches(['"', '\'']).strip_prefix(':');
    behind.and_then(comment).or_else(|| {
        let line = text.get(..key.start as usize)?.rfind('\n')?;
        let mut above = text.get(..line)?.lines().rev();
        let last = comment(above.next()?)?;
        // kyaml joins several lines, so the result is not a schema.
        let is_alone = above.next().and_then(comment).is_none();
        is_alone.then_some(last)
    })
}

fn comment(line: &str) -> Option<&str> {
    Some(line.trim()).filter(|it| it.starts_with('#'))
}

fn schema(comment: &str) -> Option<Node> {
    let text = comment.trim_start_matches('#').trim();
    let is_map = text.starts_with('{');
    let source = || Source::new(TreePath::root(), text);
    is_map.then(|| parse_one(&source()).ok()).flatten()
}

/// The text of an object with the line above it, which may be a comment.
fn with_line_above(span: &Span) -> &str {
    let text = &span.source().text;
    let before = text.get(..span.start as usize).unwrap_or("");
    let start = before
        .trim_end_matches(' ')
        .trim_end_matches('\n')
        .rfind('\n')
        .map_or(0, |at| at + 1);
    text.get(start..span.end as usize).unwrap_or("")
}
