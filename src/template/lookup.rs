//! What templates and expressions read, as paths with their places.

use super::{Origin, Templates};
use crate::diag::Span;

/// A path that a template reads, such as `spec.container.image`.
#[derive(Debug)]
pub struct Lookup {
    /// The path, with dots.
    pub path: String,
    /// Where it stands, or the whole template where that can't be told.
    pub span: Span,
    /// Whether an expression or a text of `kind.yaml` reads it, not a template file, which may see names of the one that includes it.
    pub is_expression: bool,
}

impl Lookup {
    /// Where the first parts of the path stand.
    pub fn part(&self, parts: usize) -> Span {
        let words: Vec<&str> = self.path.split('.').take(parts).collect();
        let start = self.span.start as usize;
        match self.span.text() == self.path {
            true => Span::new(&self.span.source, start..start + words.join(".").len()),
            false => self.span.clone(),
        }
    }
}

impl Templates<'_> {
    /// What the templates and expressions of a kind read, in the order of their names.
    pub fn lookups(&self, kind: &str) -> Vec<Lookup> {
        let is_file = |name: &str| {
            name.strip_prefix(kind)
                .is_some_and(|it| it.starts_with('/'))
        };
        let is_expression = |name: &str| {
            name.strip_prefix(kind)
                .is_some_and(|it| it.starts_with('#'))
        };
        let mut lookups = Vec::new();
        for (name, origin) in &self.origins {
            if !is_file(name) && !is_expression(name) {
                continue;
            }
            let Ok(template) = self.environment.get_template(name) else {
                continue;
            };
            let mut paths: Vec<String> = template.undeclared_variables(true).into_iter().collect();
            paths.sort();
            lookups.extend(paths.into_iter().map(|path| Lookup {
                span: place(origin, &path),
                path,
                is_expression: is_expression(name),
            }));
        }
        lookups
    }

    /// The names of the functions that templates can call.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.environment.globals().map(|it| it.0)
    }
}

/// Where a path stands as a whole, in the text that a template was compiled from.
fn place(origin: &Origin, path: &str) -> Span {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let text = origin.span.text();
    let found = text.match_indices(path).find(|(at, _)| {
        let (before, after) = (text.get(..*at), text.get(at + path.len()..));
        let ends_name = |c: char| is_name(c) || c == '.';
        !before.unwrap_or("").ends_with(ends_name) && !after.unwrap_or("").starts_with(is_name)
    });
    let start = origin.span.start as usize;
    match found {
        Some((at, _)) => Span::new(&origin.span.source, start + at..start + at + path.len()),
        None => origin.span.clone(),
    }
}
