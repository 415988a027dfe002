//! Schemas in comments: `# {"items": {"$ref": …}, "x-kubernetes-patch-merge-key": "name", …}` at a key says what its value is.
//!
//! So it is with kyaml, whose setters once wrote such comments. They are looked for in the text of the objects themselves, and
//! hardly ever found: then nothing else is done.

use crate::schema::{Schemas, TypeRef};
use pleach_yaml::diag::{Source, Span};
use pleach_yaml::tree::TreePath;
use pleach_yaml::{Node, View, parse_one};

const OPENING: &str = "# {";

/// Types by the keys whose comments say them, and the schemas that know these types.
pub(super) struct Commented {
    pub(super) schemas: Schemas,
    types: Vec<(Span, TypeRef)>,
}

impl Commented {
    /// What the comments of some objects say; `None` where they say nothing.
    pub(super) fn read(objects: [&Node; 2], schemas: &Schemas) -> Option<Commented> {
        let mut commented = None;
        for object in objects
            .into_iter()
            .filter(|it| with_line_above(it.span()).contains(OPENING))
        {
            let commented = commented.get_or_insert_with(|| Commented {
                schemas: schemas.clone(),
                types: Vec::new(),
            });
            commented.walk(object);
        }
        commented.filter(|it| !it.types.is_empty())
    }

    /// The type that a comment gives to the value of a key.
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
                    let said = comments(entry.key.span()).into_iter().flatten();
                    let found = said
                        .filter_map(schema)
                        .find_map(|it| self.schemas.add_inline(&it));
                    self.types
                        .extend(found.map(|it| (entry.key.span().clone(), it)));
                    self.walk(&entry.value);
                }
            }
        }
    }
}

/// The comment behind a key, and the one on the line above it.
fn comments(key: &Span) -> [Option<&str>; 2] {
    let text = &key.source.text;
    let behind = text
        .get(key.end as usize..)
        .and_then(|it| it.lines().next());
    let behind = behind.and_then(|it| it.strip_prefix(':')).map(str::trim);
    let line = text.get(..key.start as usize).and_then(|it| it.rfind('\n'));
    let above = line
        .and_then(|at| text.get(..at))
        .and_then(|it| it.lines().next_back())
        .map(str::trim);
    [behind, above].map(|it| it.filter(|it| it.starts_with(OPENING)))
}

fn schema(comment: &str) -> Option<Node> {
    let text = comment.strip_prefix('#')?.trim();
    parse_one(&Source::new(TreePath::root(), text)).ok()
}

/// The text of an object with the line above it, where a comment may be.
fn with_line_above(span: &Span) -> &str {
    let text = &span.source.text;
    let before = text.get(..span.start as usize).unwrap_or("");
    let start = before
        .trim_end_matches(' ')
        .trim_end_matches('\n')
        .rfind('\n')
        .map_or(0, |at| at + 1);
    text.get(start..span.end as usize).unwrap_or("")
}
