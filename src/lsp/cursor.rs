//! Finds the path of keys to the cursor in a YAML text that may not be valid yet, and whether it is on a key or a value.
//!
//! Blocks are recognized by their indentation and flow collections by their brackets; nothing else matters for the path.

use std::ops::Range;

use crate::yaml::Step;

/// What is at a byte of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The bytes of the document.
    pub document: Range<usize>,
    /// For a key, the map or list that contains it; for a value, the value itself.
    pub path: Vec<Step>,
    /// What the cursor is on.
    pub target: CursorTarget,
}

/// A key or a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorTarget {
    /// A complete or incomplete key; in a list, this may also be a scalar item.
    Key {
        /// The bytes of the word.
        word: Range<usize>,
        /// The column of the key; `None` in a flow collection.
        indent: Option<usize>,
        /// Whether a colon follows.
        has_value: bool,
    },
    /// The value of a field.
    Value {
        /// The bytes of the text.
        word: Range<usize>,
    },
}

impl Cursor {
    /// The bytes of the word.
    pub fn word(&self) -> Range<usize> {
        match &self.target {
            CursorTarget::Key { word, .. } | CursorTarget::Value { word } => word.clone(),
        }
    }

    /// The path of the field, including its key.
    pub fn field(&self, text: &str) -> Vec<Step> {
        let mut path = self.path.clone();
        if let CursorTarget::Key {
            word,
            has_value: true,
            ..
        } = &self.target
        {
            path.push(key_step(text.get(word.clone()).unwrap_or("")));
        }
        path
    }
}

fn key_step(text: &str) -> Step {
    Step::Key(text.trim().trim_matches(['"', '\'']).into())
}

/// Finds what is at a byte of a text; `None` in a comment and in a multi-line scalar.
pub(super) fn cursor(text: &str, at: usize) -> Option<Cursor> {
    let document = document(text, at);
    let mut scanner = Scanner::default();
    let mut start = document.start;
    for line in text.get(document.clone())?.split_inclusive('\n') {
        let end = start + line.len();
        let is_last = at < end || end == document.end && at == end && !line.ends_with('\n');
        if is_last {
            break;
        }
        scanner.line(text, start, line.trim_end_matches(['\n', '\r']));
        start = end;
    }
    let (path, target) = scanner.finish(text, start, at)?;
    Some(Cursor {
        document,
        path,
        target,
    })
}

/// The document around a byte: between two lines `---`.
fn document(text: &str, at: usize) -> Range<usize> {
    let (mut start, mut document_start) = (0, 0);
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if line.starts_with("---") && line[3..].trim_end().is_empty() {
            if start > at {
                return document_start..start;
            }
            document_start = end;
        }
        start = end;
    }
    document_start..text.len()
}

/// A key or list item of block style whose value may continue on the next line.
#[derive(Clone, Debug)]
struct Frame {
    indent: usize,
    step: Step,
}

/// A flow collection that is not closed yet. `word` is the offset at which the current key, value or item begins.
#[derive(Clone, Debug)]
enum Flow {
    Map { key: Option<String>, word: usize },
    List { index: usize, word: usize },
}

/// Reads a document line by line up to the cursor.
#[derive(Default)]
struct Scanner {
    /// The keys and items around the current line, the outermost first.
    frames: Vec<Frame>,
    /// The flow collections around the current position, the outermost first.
    flow: Vec<Flow>,
    /// In a block scalar: the indentation of its parent.
    block: Option<usize>,
}

impl Scanner {
    /// Processes a whole line.
    fn line(&mut self, text: &str, start: usize, line: &str) {
        if !self.flow.is_empty() {
            self.flow_text(text, start, start + line.len());
            return;
        }
        let bare = line.trim_start_matches(' ');
        let indent = line.len() - bare.len();
        if let Some(parent) = self.block {
            if bare.is_empty() || indent > parent {
                return;
            }
            self.block = None;
        }
        if bare.is_empty() || bare.starts_with('#') {
            return;
        }
        let (column, rest) = self.enter(indent, bare);
        let Some((key, value)) = split_key(rest) else {
            self.value(text, start + column, rest, indent);
            return;
        };
        self.frames.push(Frame {
            indent: column,
            step: key_step(key),
        });
        let value_at = start + column + rest.len() - value.len();
        self.value(text, value_at, value, column);
    }

    /// Closes the collections that a line ends, and opens the list items that it begins. Returns the column and the text after the
    /// dashes.
    fn enter<'t>(&mut self, mut indent: usize, mut rest: &'t str) -> (usize, &'t str) {
        while let Some(after) = dash(rest) {
            let mut index = 0;
            while let Some(top) = self.frames.last() {
                match &top.step {
                    Step::Index(at) if top.indent == indent => index = at + 1,
                    _ if top.indent > indent => {}
                    _ => break,
                }
                self.frames.pop();
            }
            self.frames.push(Frame {
                indent,
                step: Step::Index(index),
            });
            let bare = after.trim_start_matches(' ');
            indent += rest.len() - bare.len();
            rest = bare;
        }
        self.leave(indent);
        (indent, rest)
    }

    /// Closes everything that does not contain a key at this column.
    fn leave(&mut self, indent: usize) {
        while self.frames.last().is_some_and(|it| it.indent >= indent) {
            self.frames.pop();
        }
    }

    /// Processes the text after a key or a dash on its line.
    fn value(&mut self, text: &str, at: usize, value: &str, parent: usize) {
        let bare = value.trim_start();
        let at = at + value.len() - bare.len();
        match bare.chars().next() {
            Some('|' | '>') => self.block = Some(parent),
            Some('{' | '[') => self.flow_text(text, at, at + bare.trim_end().len()),
            _ => {}
        }
    }

    /// Processes the brackets, commas and colons of a part of a line in flow style.
    fn flow_text(&mut self, text: &str, from: usize, to: usize) {
        let Some(part) = text.get(from..to) else {
            return;
        };
        let mut quote = None;
        let mut before = ' ';
        for (at, c) in part.char_indices() {
            let here = from + at;
            match (quote, c) {
                (Some(open), _) if c == open && before != '\\' => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
                (None, '#') if before == ' ' => return,
                (None, '{') => self.flow.push(Flow::Map {
                    key: None,
                    word: here + 1,
                }),
                (None, '[') => self.flow.push(Flow::List {
                    index: 0,
                    word: here + 1,
                }),
                (None, '}' | ']') => drop(self.flow.pop()),
                (None, ',') => match self.flow.last_mut() {
                    Some(Flow::Map { key, word }) => (*key, *word) = (None, here + 1),
                    Some(Flow::List { index, word }) => (*index, *word) = (*index + 1, here + 1),
                    None => {}
                },
                (None, ':') => {
                    if let Some(Flow::Map {
                        key: key @ None,
                        word,
                    }) = self.flow.last_mut()
                    {
                        *key = Some(text.get(*word..here).unwrap_or("").to_string());
                        *word = here + 1;
                    }
                }
                _ => {}
            }
            before = c;
        }
    }

    /// Finds what is at a byte of the line that begins at `start`.
    fn finish(mut self, text: &str, start: usize, at: usize) -> Option<(Vec<Step>, CursorTarget)> {
        let before = text.get(start..at)?;
        if !self.flow.is_empty() {
            self.flow_text(text, start, at);
            return self.finish_flow(text, at);
        }
        let bare = before.trim_start_matches(' ');
        let indent = before.len() - bare.len();
        if let Some(parent) = self.block {
            let whole = text.get(start..)?.split('\n').next()?;
            if whole.trim().is_empty() || indent > parent {
                return None;
            }
            self.block = None;
        }
        if bare.starts_with('#') || bare.contains(" #") {
            return None;
        }
        let (column, rest) = self.enter(indent, bare);
        if let Some((key, value)) = split_key(rest) {
            self.frames.push(Frame {
                indent: column,
                step: key_step(key),
            });
            let value_start = start + column + rest.len() - value.len();
            self.value(text, value_start, value, column);
            if self.block.is_some() {
                return None;
            }
            if !self.flow.is_empty() {
                // The processed part of the value is before the cursor.
                return self.finish_flow(text, at);
            }
            let skipped = value.len() - value.trim_start().len();
            let word = word_at(text, value_start + skipped, at, &[]);
            return Some((self.path(), CursorTarget::Value { word }));
        }
        self.value(text, start + column, rest, indent);
        if !self.flow.is_empty() {
            return self.finish_flow(text, at);
        }
        let word = word_at(text, start + column, at, &[':']);
        let has_value = text.get(word.end..).is_some_and(|it| it.starts_with(':'));
        let target = CursorTarget::Key {
            word,
            indent: Some(column),
            has_value,
        };
        Some((self.path(), target))
    }

    /// Finds what is at a byte inside a flow collection.
    fn finish_flow(self, text: &str, at: usize) -> Option<(Vec<Step>, CursorTarget)> {
        let mut path = self.path();
        let (last, above) = self.flow.split_last()?;
        for flow in above {
            path.push(match flow {
                Flow::Map { key, .. } => key_step(key.as_deref().unwrap_or("")),
                Flow::List { index, .. } => Step::Index(*index),
            });
        }
        let from = |word: usize| {
            let part = text.get(word..at).unwrap_or("");
            word + part.len() - part.trim_start().len()
        };
        Some(match last {
            Flow::Map {
                key: Some(key),
                word,
            } => {
                path.push(key_step(key));
                let word = word_at(text, from(*word), at, &[',', '}', ']']);
                (path, CursorTarget::Value { word })
            }
            Flow::Map { key: None, word } => {
                let word = word_at(text, from(*word), at, &[':', ',', '}', ']']);
                let has_value = text.get(word.end..).is_some_and(|it| it.starts_with(':'));
                (
                    path,
                    CursorTarget::Key {
                        word,
                        indent: None,
                        has_value,
                    },
                )
            }
            Flow::List { index, word } => {
                path.push(Step::Index(*index));
                let word = word_at(text, from(*word), at, &[',', '}', ']']);
                (
                    path,
                    CursorTarget::Key {
                        word,
                        indent: None,
                        has_value: false,
                    },
                )
            }
        })
    }

    fn path(&self) -> Vec<Step> {
        self.frames.iter().map(|it| it.step.clone()).collect()
    }
}

/// The text after a dash that begins a list item.
fn dash(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('-')?;
    (rest.is_empty() || rest.starts_with(' ')).then_some(rest)
}

/// A key, and the text after its colon.
fn split_key(line: &str) -> Option<(&str, &str)> {
    let open = line.chars().next()?;
    if matches!(open, '{' | '[' | '|' | '>' | '#') {
        return None;
    }
    let skip = match open {
        '"' | '\'' => line.get(1..)?.find(open)? + 2,
        _ => 0,
    };
    let mut colons = line
        .match_indices(':')
        .map(|it| it.0)
        .filter(|at| *at >= skip);
    let is_end = |at: &usize| {
        let after = line.get(at + 1..).unwrap_or("");
        after.is_empty() || after.starts_with([' ', '\t'])
    };
    let at = colons.find(is_end)?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

/// The word from `start` that continues after the cursor to the end of the line, a comment, or a character of `ends`.
fn word_at(text: &str, start: usize, at: usize, ends: &[char]) -> Range<usize> {
    let start = start.min(at);
    let rest = text.get(at..).unwrap_or("");
    let line = rest.split(['\n', '\r']).next().unwrap_or("");
    let line = line.split(" #").next().unwrap_or("");
    let end = line
        .find(ends)
        .filter(|_| !ends.is_empty())
        .unwrap_or(line.len());
    let tail = line.get(..end).unwrap_or("").trim_end();
    start..at + tail.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path, a slash and the word, with `=` before a value; `|` is the cursor.
    fn describe(text: &str) -> String {
        let at = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let Some(cursor) = cursor(&text, at) else {
            return "none".to_string();
        };
        let steps = cursor.path.iter().map(|it| match it {
            Step::Key(key) => key.to_string(),
            Step::Index(at) => at.to_string(),
        });
        let path: Vec<String> = steps.collect();
        let sign = match cursor.target {
            CursorTarget::Key { .. } => "/",
            CursorTarget::Value { .. } => "=",
        };
        format!("{}{sign}{}", path.join("."), &text[cursor.word()])
    }

    #[test]
    fn blocks() {
        assert_eq!(describe("a:\n  b: 1\n  c|"), "a/c");
        assert_eq!(describe("a:\n  b: 1\n|"), "/");
        assert_eq!(describe("a:\n  b: 1\n  |"), "a/");
        assert_eq!(describe("a:\n  b: x|y # c\n"), "a.b=xy");
        assert_eq!(describe("a:\n  b|c: 1\n"), "a/bc");
        assert_eq!(describe("a:\n- n: 1\n- m: 2\n  k|"), "a.1/k");
        assert_eq!(describe("a:\n  - n: 1\n  - |"), "a.1/");
        assert_eq!(describe("a:\n  - n: 1\nb|"), "/b");
        assert_eq!(describe("a: |\n").replace('|', ""), "a=");
        assert_eq!(describe("x: 1\n---\na:\n  b|"), "a/b");
        assert_eq!(describe("# c|"), "none");
        assert_eq!(describe("a:\r\n  b: x|\r\n"), "a.b=x");
        assert_eq!(describe("a: http://x|y\n"), "a=http://xy");
        assert_eq!(describe("\"a b\": c|\n"), "a b=c");
    }

    #[test]
    fn texts_over_lines() {
        assert_eq!(describe("a: >\n  b: c|\n"), "none");
        assert_eq!(describe("a: >\n  b: c\nd|\n"), "/d");
    }

    #[test]
    fn flows() {
        assert_eq!(describe("a: {b: 1, c|}"), "a/c");
        assert_eq!(describe("a: {b: {c: x|y}, d: 1}"), "a.b.c=xy");
        assert_eq!(describe("a: [x, {n: 1, m|: 2}]"), "a.1/m");
        assert_eq!(describe("a: [x, y|, z]"), "a.1/y");
        assert_eq!(describe("a: {b: 1,\n  c: 2, d|"), "a/d");
        assert_eq!(describe("a: {b: 'x, y', c|}"), "a/c");
        assert_eq!(describe("a: {b: 1}\nc: x|"), "c=x");
        assert_eq!(describe("- {b: 1, c|: 2}"), "0/c");
    }
}
