//! A translated part of a pattern.

use crate::class::EMPTY;
use crate::parse::Operator;

/// The maximum depth of a pattern. In Go, it is 1000, but the regex crate compiles recursively and would need a large stack.
pub(crate) const MAX_HEIGHT: u32 = 250;
/// Go's limit for a count, and for the product of nested counts.
pub(crate) const MAX_REPEAT: u64 = 1000;

/// A part of a pattern that a repetition operator may follow.
pub(crate) struct Item {
    /// The text in the syntax of the regex crate.
    pub(crate) text: String,
    /// The depth of its syntax tree in Go.
    pub(crate) height: u32,
    /// The product of the nested counts.
    pub(crate) copies: u64,
    /// Whether an operator after `text` applies to all of it.
    is_atom: bool,
}

impl Item {
    pub(crate) fn atom(text: String) -> Item {
        Item {
            text,
            height: 1,
            copies: 1,
            is_atom: true,
        }
    }

    /// Joins items to a sequence or to alternatives.
    pub(crate) fn joined(mut items: Vec<Item>, separator: &str) -> Item {
        if items.len() == 1
            && let Some(item) = items.pop()
        {
            return item;
        }
        let texts: Vec<&str> = items.iter().map(|it| it.text.as_str()).collect();
        Item {
            text: texts.join(separator),
            height: 1 + items.iter().map(|it| it.height).max().unwrap_or(0),
            copies: items.iter().map(|it| it.copies).max().unwrap_or(1),
            is_atom: false,
        }
    }

    pub(crate) fn enclosed(self, opening: &str) -> Item {
        Item {
            text: format!("{opening}{})", self.text),
            height: self.height + u32::from(opening == "("),
            copies: self.copies,
            is_atom: true,
        }
    }

    pub(crate) fn repeated(self, operator: &Operator, lazy: bool) -> Item {
        let (open, close) = if self.is_atom { ("", "") } else { ("(?:", ")") };
        let mark = if lazy { "?" } else { "" };
        let copies = match operator.count {
            None => self.copies,
            Some((_, Some(0))) => 1,
            Some((least, most)) => self.copies.saturating_mul(most.unwrap_or(least).max(1)),
        };
        let text = match operator.count {
            // The regex crate drops groups that are repeated zero times, which would change the numbers of later groups.
            Some((_, Some(0))) => format!("(?:{open}{}{close}{EMPTY})?", self.text),
            _ => format!("{open}{}{close}{}{mark}", self.text, operator.text),
        };
        Item {
            text,
            height: self.height + 1,
            copies,
            is_atom: false,
        }
    }
}
