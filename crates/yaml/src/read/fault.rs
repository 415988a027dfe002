//! Messages of the reader about invalid YAML: what was found, what was expected, and how to fix it.

use super::scan::{Scanner, Token, TokenKind};
use crate::diag::Diagnostic;

type Fault = Box<Diagnostic>;

fn help(mut fault: Fault, help: &str) -> Fault {
    fault.help.push(help.to_string());
    fault
}

impl Scanner<'_> {
    /// The range and description of the character at a position.
    fn character(&self, at: usize) -> (std::ops::Range<usize>, String) {
        let found = self.text.get(at..).and_then(|it| it.chars().next());
        let description = match found {
            None => return (at..at, "the end of the file".to_string()),
            Some('\t') => "a tab".to_string(),
            Some('\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}') => {
                return (at..at, "the end of the line".to_string());
            }
            Some(found) => format!("`{found}`"),
        };
        (at..at + found.map_or(0, char::len_utf8), description)
    }

    pub(super) fn cannot_start(&self) -> Fault {
        let (range, found) = self.character(self.at);
        let fault = self.fault(range, format!("{found} cannot begin a value"));
        help(fault, "quote the value")
    }

    pub(super) fn tab_fault(&self, at: usize) -> Fault {
        let fault = self.fault(at..at + 1, "found a tab in the indentation");
        help(fault, "replace the tab with spaces")
    }

    pub(super) fn tab_in_plain(&self, start: usize) -> Fault {
        let fault = self.fault(self.at..self.at + 1, "found a tab in the indentation");
        let value = self.span(start..self.line_end(start).min(self.at));
        help(
            Box::new(fault.related(value, "after this value")),
            "replace the tab with spaces, or remove it",
        )
    }

    pub(super) fn tab_in_block(&self, start: usize) -> Fault {
        let fault = self.fault(
            self.at..self.at + 1,
            "found a tab in the indentation of the block scalar",
        );
        let header = self.span(start..start + 1);
        help(
            Box::new(fault.related(header, "the block scalar begins here")),
            "replace the tab with spaces",
        )
    }

    pub(super) fn stray_dash(&self) -> Fault {
        let fault = self.fault(self.at..self.at + 1, "a list item cannot begin here");
        help(fault, "begin the list on a new line, or quote the value")
    }

    pub(super) fn stray_question_mark(&self) -> Fault {
        let fault = self.fault(self.at..self.at + 1, "a key cannot begin here");
        help(fault, "quote the value")
    }

    /// The error for an unexpected `:`, in an unquoted value or on a line with too much indentation.
    pub(super) fn stray_colon(&self, value: usize) -> Fault {
        let line = self.text[..self.at].rfind('\n').map_or(0, |it| it + 1);
        let fault = self.fault(self.at..self.at + 1, "unexpected `:`");
        if value >= line {
            let label = self.span(value..self.at);
            return help(
                Box::new(fault.related(label, "inside this value")),
                "quote a value that contains `: `",
            );
        }
        let value = self.span(value..self.line_end(value));
        let fault = Box::new(fault.related(
            value,
            "this value continues on the line with deeper indentation",
        ));
        help(
            fault,
            "indent the line like the lines around it, or quote the value",
        )
    }

    pub(super) fn missing_colon(&self, start: usize, line: usize) -> Fault {
        let end = self.line_end(start).min(if self.line_start == line {
            self.at
        } else {
            usize::MAX
        });
        let text = self.text[start..end].trim_end();
        let excerpt: String = text.chars().take(40).collect();
        let fault = self.fault(
            start..start + text.len(),
            format!("expected `:` after `{excerpt}`"),
        );
        if text.starts_with('-') {
            return help(
                fault,
                "add a space after the dash: a list item is `- ` and its value",
            );
        }
        help(
            fault,
            "write `key: value`, or indent the line deeper if it continues the value above",
        )
    }

    pub(super) fn collection_in_place_of_key(&self) -> Fault {
        let (range, found) = self.character(self.at);
        let fault = self.fault(range, format!("expected a key, found {found}"));
        help(
            fault,
            "quote a key that begins like this; indent a value deeper than its key",
        )
    }

    pub(super) fn unclosed_quote(&self, start: usize) -> Fault {
        let quote = self.byte_at(start) as char;
        let fault = self.fault(
            self.at..self.at,
            format!("expected the closing `{quote}`, found the end of the file"),
        );
        help(
            Box::new(fault.related(self.span(start..start + 1), "the quote opens here")),
            "close the quote",
        )
    }

    pub(super) fn marker_in_quotes(&self, start: usize) -> Fault {
        let fault = self.fault(
            self.at..self.at + 3,
            "found a document marker inside quotes",
        );
        help(
            Box::new(fault.related(self.span(start..start + 1), "the quote opens here")),
            "close the quote, or indent the line",
        )
    }

    pub(super) fn unknown_escape(&self) -> Fault {
        let (range, _) = self.character(self.at + 1);
        let end = range.end;
        let fault = self.fault(
            self.at..end,
            format!("unknown escape `{}`", &self.text[self.at..end]),
        );
        help(fault, "write a backslash as `\\\\`, or use single quotes")
    }

    pub(super) fn bad_code(&self, from: usize, digits: usize) -> Fault {
        let end = self.line_end(from).min(from + digits);
        help(
            self.fault(
                self.at..end,
                format!("expected {digits} hexadecimal digits of a character"),
            ),
            "write a backslash as `\\\\`, or use single quotes",
        )
    }

    pub(super) fn zero_indentation(&self) -> Fault {
        help(
            self.fault(
                self.at..self.at + 1,
                "the indentation of a block scalar cannot be 0",
            ),
            "remove the digit, or use one from 1 to 9",
        )
    }

    pub(super) fn text_in_block_header(&self, start: usize) -> Fault {
        let sign = self.byte_at(start) as char;
        let fault = self.fault(
            self.at..self.line_end(self.at),
            format!("found text on the line of `{sign}`"),
        );
        help(fault, "begin the text on the next line, or quote the value")
    }

    pub(super) fn bad_anchor(&self, start: usize) -> Fault {
        let sign = self.byte_at(start) as char;
        let fault = self.fault(
            start..self.at,
            format!("expected a name of letters, digits, `-` and `_` after `{sign}`"),
        );
        help(fault, "quote a value that begins with `&` or `*`")
    }

    pub(super) fn bad_tag(&self, start: usize) -> Fault {
        help(
            self.fault(start..self.at.max(start + 1), "invalid tag"),
            "quote a value that begins with `!`",
        )
    }

    pub(super) fn unknown_handle(&self, start: usize) -> Fault {
        let handle = &self.text[start..self.at];
        help(
            self.fault(
                start..self.at,
                format!("the tag handle `{handle}` is not declared"),
            ),
            "quote a value that begins with `!`",
        )
    }

    pub(super) fn other_version(&self, start: usize, end: usize) -> Fault {
        let fault = self.fault(
            start..end,
            "unsupported YAML version: Kubernetes tools accept only 1.1",
        );
        help(fault, "remove the line")
    }

    pub(super) fn unknown_directive(&self, start: usize, end: usize) -> Fault {
        let fault = self.fault(start..end, "expected `%YAML 1.1` or `%TAG !handle! prefix`");
        help(fault, "quote a value that begins with `%`")
    }

    /// The error for an unexpected token.
    pub(super) fn unexpected(&self, token: Token, expected: &str) -> Fault {
        let range = token.start as usize..token.end as usize;
        let found = match token.kind {
            TokenKind::StreamEnd => "the end of the file".to_string(),
            TokenKind::BlockEnd => "a line with less indentation".to_string(),
            TokenKind::BlockMappingStart | TokenKind::Key if range.is_empty() => {
                "a key".to_string()
            }
            TokenKind::BlockSequenceStart => "a list".to_string(),
            _ => {
                let text = self.text[range.clone()].lines().next().unwrap_or("");
                format!("`{}`", text.chars().take(40).collect::<String>())
            }
        };
        self.fault(range, format!("expected {expected}, found {found}"))
    }
}
