//! Escapes text from users: names of files and objects, values, and messages that quote them.
//!
//! Each format escapes at its writer. [`printable`] is for a piece of text within a line; [`screened`] is the last step of
//! whatever goes to a terminal or to the log of a job.

use std::fmt::Write;

/// A text as one line, with escapes for characters that would move the cursor, change colours, or reverse or hide adjacent text.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\t' => out.push(char),
            char if is_unprintable(char) => _ = write!(out, "{}", char.escape_default()),
            char => out.push(char),
        }
    }
    out
}

/// A text as one word of a command for a POSIX shell, with escapes for characters that are not printable.
pub fn shell_word(text: &str) -> String {
    let text = printable(text);
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Control characters, marks for the direction of writing, Unicode line separators, and invisible characters.
pub(super) fn is_unprintable(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// A text of several lines that may go to a terminal or to the log of a job: no control character but line ends, tabs and the
/// colours that the program sets, and no line that a runner of GitHub Actions takes for a command.
pub fn screened(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        let begin = out.len();
        let mut rest = line;
        while let Some(char) = rest.chars().next() {
            match color_code(rest) {
                Some(code) => {
                    out.push_str(code);
                    rest = rest.get(code.len()..).unwrap_or("");
                }
                None => {
                    match char == '\t' || !is_unprintable(char) {
                        true => out.push(char),
                        false => _ = write!(out, "{}", char.escape_default()),
                    }
                    rest = rest.get(char.len_utf8()..).unwrap_or("");
                }
            }
        }
        break_commands(&mut out, begin);
        out.push_str(end);
    }
    out
}

/// `ESC [ … m` at the beginning of a text.
fn color_code(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("\u{1b}[")?;
    let digits = inside.trim_start_matches(|it: char| it.is_ascii_digit() || it == ';');
    let rest = digits.strip_prefix('m')?;
    text.get(..text.len() - rest.len())
}

/// Breaks the marks of workflow commands in the last line: `::` at its beginning, where the runner skips white space, and `##[`
/// anywhere in it.
fn break_commands(out: &mut String, begin: usize) {
    let Some(line) = out.get(begin..) else {
        return;
    };
    let mut bare = line;
    loop {
        let trimmed = bare.trim_start();
        match color_code(trimmed) {
            Some(code) => bare = trimmed.get(code.len()..).unwrap_or(""),
            None => {
                bare = trimmed;
                break;
            }
        }
    }
    // `::: path` in an excerpt is not a command.
    let command = bare.strip_prefix("::").filter(|it| !it.starts_with(": "));
    if let Some(command) = command {
        let (at, command) = (out.len() - bare.len(), command.to_string());
        out.truncate(at);
        _ = write!(out, "{}:{command}", escape(':'));
    }
    if out.get(begin..).is_some_and(|it| it.contains("##[")) {
        let line = out
            .split_off(begin)
            .replace("##[", &format!("#{}[", escape('#')));
        out.push_str(&line);
    }
}

fn escape(char: char) -> String {
    format!("\\u{{{:x}}}", u32::from(char))
}

#[cfg(test)]
mod tests {
    use super::{printable, screened, shell_word};

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(
            printable("a\n\u{1b}[2Jb\u{7}\u{202e}\tc"),
            "a\\n\\u{1b}[2Jb\\u{7}\\u{202e}\tc"
        );
        assert_eq!(
            screened("a\r\u{1b}[2Jb\n\u{1b}[1mc\u{1b}[0m"),
            "a\\r\\u{1b}[2Jb\n\u{1b}[1mc\u{1b}[0m"
        );
    }

    #[test]
    fn a_word_of_a_command_is_quoted_if_necessary() {
        let cases = [
            ("apps/my-app", "apps/my-app"),
            ("", "''"),
            ("my platform", "'my platform'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
        ];
        for (text, expected) in cases {
            assert_eq!(shell_word(text), expected);
        }
    }

    #[test]
    fn no_line_is_a_command() {
        let cases = [
            ("::error::x", "\\u{3a}:error::x"),
            ("a\n  ::error::x\n", "a\n  \\u{3a}:error::x\n"),
            ("\u{1b}[1m ::error::x", "\u{1b}[1m \\u{3a}:error::x"),
            ("a ##[error]x", "a #\\u{23}[error]x"),
            ("a ::error::x", "a ::error::x"),
            (" ::: a.yaml:1:2", " ::: a.yaml:1:2"),
        ];
        for (text, expected) in cases {
            assert_eq!(screened(text), expected);
        }
    }
}
