//! Limits for the length and depth of an expression. The parser and the evaluator are recursive, and macros of CEL repeat the
//! expression that they are called on, so the text is checked before parsing.

/// The maximum length of an expression in characters, as in cel-go.
const LENGTH_MAX: usize = 100_000;
/// The maximum depth of brackets and operators. An operator increases the depth of its left operand.
const DEPTH_MAX: usize = 250;
/// The depth of a bracket: the parser recurses through all levels of operators.
const BRACKET_LEVELS: usize = 4;
/// The maximum product of length and depth, because nested macros copy the text for each level.
const LENGTH_TIMES_DEPTH_MAX: usize = 1_000_000;
/// The maximum size of expanded macros that repeat the expression that they are called on.
const REPEATED_MAX: usize = 1 << 20;

/// Checks an expression. An error if it is too long or too deep.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.len() > LENGTH_MAX {
        return Err(format!("it is longer than {LENGTH_MAX} characters"));
    }
    let mut scan = Scan::default();
    let mut rest = text.as_bytes();
    while let Some(length) = scan.token(rest) {
        rest = rest.get(length..).unwrap_or_default();
    }
    if scan.deepest > DEPTH_MAX || scan.deepest * text.len() > LENGTH_TIMES_DEPTH_MAX {
        return Err(format!(
            "its operators and brackets are nested too deeply ({} levels)",
            scan.deepest
        ));
    }
    let repeats = u32::try_from(scan.repeating).unwrap_or(u32::MAX);
    let length = text.len().checked_mul(2_usize.saturating_pow(repeats));
    if length.is_none_or(|it| it > REPEATED_MAX) && repeats > 0 {
        return Err(format!("it has {repeats} calls of optMap and optFlatMap"));
    }
    Ok(())
}

/// The state of the scan.
#[derive(Default)]
struct Scan {
    /// The operators in each open bracket, since the last comma.
    open: Vec<usize>,
    /// The operators outside of brackets.
    own: usize,
    depth: usize,
    deepest: usize,
    /// The number of calls of macros that repeat the expression that they are called on.
    repeating: usize,
}

impl Scan {
    /// Consumes the next token and returns its length; `None` at the end.
    fn token(&mut self, text: &[u8]) -> Option<usize> {
        let first = *text.first()?;
        Some(match first {
            b'\'' | b'"' => string(text, false),
            b'/' if text.get(1) == Some(&b'/') => length_while(text, |it| it != b'\n'),
            b'(' | b'[' | b'{' => {
                self.deeper(BRACKET_LEVELS);
                self.open.push(0);
                1
            }
            b')' | b']' | b'}' => {
                // A call or an index adds a level to the expression before it.
                let inside = self.open.pop().unwrap_or(0);
                self.depth = self.depth.saturating_sub(inside + BRACKET_LEVELS);
                self.operator();
                1
            }
            b',' => {
                let own = std::mem::take(self.count());
                self.depth = self.depth.saturating_sub(own);
                1
            }
            b'.' | b'!' | b'-' | b'+' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' | b'&' | b'|'
            | b'?' | b':' => {
                self.operator();
                // `&&`, `||`, `==`, `<=` are one operator; each `!` and `-` is a separate one.
                let is_pair = matches!(first, b'&' | b'|' | b'=' | b'<' | b'>' | b'!');
                let second = text.get(1);
                let is_double = second == Some(&first) && first != b'!';
                1 + usize::from(is_pair && (is_double || second == Some(&b'=')))
            }
            _ if is_word(first) => self.word(text),
            _ => 1,
        })
    }

    fn word(&mut self, text: &[u8]) -> usize {
        let length = length_while(text, is_word);
        let (word, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
        match (word, rest.first()) {
            // A prefix of a string: raw, bytes, or both.
            (
                b"r" | b"R" | b"b" | b"B" | b"rb" | b"br" | b"Rb" | b"bR" | b"rB" | b"Br" | b"RB"
                | b"BR",
                Some(b'\'' | b'"'),
            ) => length + string(rest, word.iter().any(|it| matches!(it, b'r' | b'R'))),
            (b"optMap" | b"optFlatMap", _) => {
                self.repeating += 1;
                length
            }
            (b"in", _) => {
                self.operator();
                length
            }
            _ => length,
        }
    }

    fn count(&mut self) -> &mut usize {
        self.open.last_mut().unwrap_or(&mut self.own)
    }

    fn operator(&mut self) {
        *self.count() += 1;
        self.deeper(1);
    }

    fn deeper(&mut self, levels: usize) {
        self.depth += levels;
        self.deepest = self.deepest.max(self.depth);
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn length_while(text: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|it| holds(**it)).count().max(1)
}

/// The length of a string in single or triple quotes; to the end of the line or of the text if it is not closed.
fn string(text: &[u8], is_raw: bool) -> usize {
    let Some(quote) = text.first() else {
        return 1;
    };
    let triple = [*quote; 3];
    let end: &[u8] = match text.starts_with(&triple) {
        true => &triple,
        false => std::slice::from_ref(quote),
    };
    let mut at = end.len();
    while let Some(rest) = text.get(at..).filter(|it| !it.is_empty()) {
        if rest.starts_with(end) {
            return at + end.len();
        }
        at += match rest.first() {
            Some(b'\\') if !is_raw => 2,
            Some(b'\n') if end.len() == 1 => return at,
            _ => 1,
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{Scan, check};

    fn depth(text: &str) -> usize {
        let mut scan = Scan::default();
        let mut rest = text.as_bytes();
        while let Some(length) = scan.token(rest) {
            rest = rest.get(length..).unwrap_or_default();
        }
        scan.deepest
    }

    #[test]
    fn levels() {
        for (text, levels) in [
            ("a", 0),
            ("a.b.c", 2),
            ("a && b", 1),
            ("a <= b", 1),
            ("!!a", 2),
            ("[a, b, c, -d]", 5),
            ("(a) && (b)", 6),
            ("f(1)(2)(3)", 6),
            ("'(((' == r'\\' // (((", 1),
            ("'''a'(''' + \"\\\"((\"", 1),
            ("x in [1]", 5),
        ] {
            assert_eq!(depth(text), levels, "{text}");
        }
    }

    #[test]
    fn what_is_too_much() {
        let deep =
            |open: &str, close: &str| format!("{}1{}", open.repeat(25_000), close.repeat(25_000));
        for text in [
            deep("(", ")"),
            deep("!", ""),
            deep("1+", ""),
            deep("a.", ""),
            deep("", "[1]"),
            deep("[1].map(x,", ")"),
            " ".repeat(100_001),
            format!("a{}", ".optMap(x, x)".repeat(40)),
            format!(
                "{}{}{}",
                "[1].all(x, ".repeat(60),
                "1,".repeat(10_000),
                ")".repeat(60)
            ),
        ] {
            assert!(
                check(&text).is_err(),
                "{}",
                text.chars().take(40).collect::<String>()
            );
        }
        assert_eq!(check("self.?a.optMap(x, x.b).orValue(1) > 0"), Ok(()));
    }
}
