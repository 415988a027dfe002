//! A translated part of a pattern.

use crate::class::EMPTY;
use crate::parse::Operator;

/// The limit on the depth of a pattern. Go's is 1000, but the regex crate compiles by recursion, which would need a large stack.
pub(crate) const MAX_HEIGHT: u32 = 250;
/// Go's limit on a count, and on the product of nested counts.
pub(crate) const MAX_REPEAT: u64 = 1000;

/// A part of a pattern that a repetition operator may follow.
pub(crate) struct Item {
    /// In the regex crate's syntax.
    pub(crate) text: String,
    /// The depth of Go's tree for it.
    pub(crate) height: u32,
    /// The product of the counts nested in it.
    pub(crate) copies: u64,
    /// Whether an operator after `text` takes all of it.
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

    /// Several items one after the other, or alternatives.
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
            // The regex crate forgets the groups in what it repeats no times, which would shift the numbers of later groups.
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
