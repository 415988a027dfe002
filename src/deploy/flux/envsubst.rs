//! Expressions `${NAME}` with the functions of a shell, as Flux replaces them (`fluxcd/pkg/envsubst`).
//!
//! The grammar is Flux's own and narrower than a shell's: there is `${NAME:-default}` but no `${NAME-default}`, and `$NAME` is plain
//! text.

use std::ops::Range;

use super::super::glob;

/// What is known of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable<'a> {
    /// It has this value.
    Set(&'a str),
    Unset,
    /// It is set, to a value that is not in the repository.
    Unseen,
}

/// A text with its expressions replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Replaced {
    /// The text. An expression whose value is not known is left as it is.
    pub(super) text: String,
    /// The variables that nothing sets, and that have no default: their names, each as often as it is used.
    pub(super) unset: Vec<String>,
    /// The variables whose value is not in the repository.
    pub(super) unseen: Vec<String>,
}

/// An expression that Flux refuses.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadExpression {
    pub(super) message: &'static str,
    /// The byte of the text at which its reader stopped.
    pub(super) at: usize,
}

/// How deep expressions may be nested in the defaults of others.
const DEPTH_MAX: usize = 64;

/// Replaces all expressions of a text. Errors: what Flux refuses, which fails the whole Kustomization.
pub(super) fn replace<'a>(
    text: &str,
    variable: &dyn Fn(&str) -> Variable<'a>,
) -> Result<Replaced, BadExpression> {
    let mut reader = Reader {
        text,
        at: 0,
        variable,
        said: Replaced::default(),
    };
    let mut out = String::with_capacity(text.len());
    loop {
        out.push_str(&reader.plain(&|_| true, Escapes::Dollar));
        match reader.rest().starts_with("${") {
            true => out.push_str(&reader.expression(0)?),
            false => break,
        }
    }
    Ok(Replaced {
        text: out,
        ..reader.said
    })
}

/// What may be written doubled or after a backslash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    /// `$$` is a dollar.
    Dollar,
    /// So are `\/` and `\\` a slash and a backslash.
    All,
}

struct Reader<'t, 'a, 'f> {
    text: &'t str,
    at: usize,
    variable: &'f dyn Fn(&str) -> Variable<'a>,
    said: Replaced,
}

type Read<T> = Result<T, BadExpression>;

impl Reader<'_, '_, '_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fault<T>(&self, message: &'static str) -> Read<T> {
        let at = self.at;
        Err(BadExpression { message, at })
    }

    fn expect(&mut self, text: &str, message: &'static str) -> Read<()> {
        match self.rest().starts_with(text) {
            true => {
                self.at += text.len();
                Ok(())
            }
            false => self.fault(message),
        }
    }

    /// Characters that are accepted, up to the next expression, escapes resolved.
    fn plain(&mut self, accept: &dyn Fn(char) -> bool, escapes: Escapes) -> String {
        let mut out = String::new();
        while let Some(next) = self.peek() {
            let rest = self.rest();
            let is_escaped = match next {
                '$' => escapes != Escapes::None && rest.starts_with("$$"),
                '\\' => {
                    escapes == Escapes::All && (rest.starts_with(r"\/") || rest.starts_with(r"\\"))
                }
                _ => false,
            };
            if is_escaped {
                out.extend(rest.chars().nth(1));
                self.at += 2;
            } else if rest.starts_with("${") || !accept(next) {
                break;
            } else {
                out.push(next);
                self.at += next.len_utf8();
            }
        }
        out
    }

    fn name(&mut self) -> Read<Range<usize>> {
        let start = self.at;
        let is_part = |it: char| it.is_alphanumeric() || it == '_';
        let name: usize = self
            .rest()
            .chars()
            .take_while(|it| is_part(*it))
            .map(char::len_utf8)
            .sum();
        self.at += name;
        match name {
            0 => self.fault("unable to parse variable name"),
            _ => Ok(start..self.at),
        }
    }

    /// The expression that begins here.
    fn expression(&mut self, depth: usize) -> Read<String> {
        if depth > DEPTH_MAX {
            return self.fault("expressions are nested too deep");
        }
        let start = self.at;
        self.at += 2;
        if self.peek() == Some('#') {
            self.at += 1;
            let name = self.name()?;
            self.expect("}", "bad substitution")?;
            let length = |value: &str| Ok(value.len().to_string());
            return self.value(name, start, false, length);
        }
        let name = self.name()?;
        match self.peek() {
            Some(':') if matches!(self.rest().chars().nth(1), Some('=' | '-' | '?' | '+')) => {
                self.at += 2;
                self.default(name, start, depth)
            }
            Some('=') => {
                self.at += 1;
                self.default(name, start, depth)
            }
            Some(':') => self.part(name, start, depth),
            Some(',' | '^') => self.letter_case(name, start),
            Some('/') => self.replacement(name, start, depth),
            Some('#' | '%') => self.removal(name, start, depth),
            _ => {
                self.expect("}", "missing closing brace")?;
                self.value(name, start, false, |value| Ok(value.to_string()))
            }
        }
    }

    /// One argument: a nested expression, or text of accepted characters.
    fn argument(
        &mut self,
        accept: &dyn Fn(char) -> bool,
        escapes: Escapes,
        depth: usize,
    ) -> Read<String> {
        if self.rest().starts_with("${") {
            return self.expression(depth + 1);
        }
        let start = self.at;
        let text = self.plain(accept, escapes);
        match self.at > start {
            true => Ok(text),
            false => self.fault("unable to parse substitution within function"),
        }
    }

    /// `${NAME:=text}`, and the other operators that Flux takes for the same.
    fn default(&mut self, name: Range<usize>, start: usize, depth: usize) -> Read<String> {
        let mut default = String::new();
        while self.peek() != Some('}') {
            default.push_str(&self.argument(&|it| it != '}', Escapes::None, depth)?);
        }
        self.at += 1;
        self.value(name, start, true, |value| {
            Ok(match value {
                "" => default.clone(),
                value => value.to_string(),
            })
        })
    }

    fn part(&mut self, name: Range<usize>, start: usize, depth: usize) -> Read<String> {
        self.at += 1;
        let offset = self.argument(&|it| it != ':' && it != '}', Escapes::None, depth)?;
        let mut length = None;
        if self.peek() == Some(':') {
            while self.peek() == Some(':') {
                self.at += 1;
            }
            length = Some(self.argument(&|it| it != '}', Escapes::None, depth)?);
        }
        self.expect("}", "bad substitution")?;
        self.value(name, start, false, |value| {
            part_of(value, &offset, length.as_deref()).ok_or("slice bounds out of range")
        })
    }

    /// `${NAME,}`, `${NAME,,}`, `${NAME^}` and `${NAME^^}`.
    fn letter_case(&mut self, name: Range<usize>, start: usize) -> Read<String> {
        let signs: String = self
            .rest()
            .chars()
            .take(2)
            .filter(|it| matches!(it, ',' | '^'))
            .collect();
        self.at += signs.len();
        self.expect("}", "bad substitution")?;
        let first = |value: &str, map: &dyn Fn(char) -> String| {
            let mut rest = value.chars();
            rest.next().map(map).unwrap_or_default() + rest.as_str()
        };
        self.value(name, start, false, |value| {
            Ok(match &*signs {
                "," => first(value, &|it| it.to_lowercase().collect()),
                "^" => first(value, &|it| it.to_uppercase().collect()),
                ",," => value.to_lowercase(),
                "^^" => value.to_uppercase(),
                _ => value.to_string(),
            })
        })
    }

    /// `${NAME/old/new}`, with `//` for all, `/#` at the start and `/%` at the end.
    fn replacement(&mut self, name: Range<usize>, start: usize, depth: usize) -> Read<String> {
        self.at += 1;
        let place = self.peek().filter(|it| matches!(it, '/' | '#' | '%'));
        self.at += place.map_or(0, char::len_utf8);
        let old = self.argument(&|it| it != '/', Escapes::All, depth)?;
        if self.peek() != Some('/') {
            return self.fault("bad substitution");
        }
        while self.peek() == Some('/') {
            self.at += 1;
        }
        let new = match self.peek() {
            Some('}') => None,
            _ => Some(self.argument(&|it| it != '}', Escapes::All, depth)?),
        };
        self.expect("}", "bad substitution")?;
        self.value(name, start, false, |value| {
            let with = new.as_deref().unwrap_or("");
            Ok(match place {
                Some('/') => value.replace(&*old, with),
                // Without a new text these two leave the value alone.
                Some(_) if new.is_none() => value.to_string(),
                Some('#') if value.starts_with(&*old) => value.replacen(&*old, with, 1),
                Some('%') => match value.strip_suffix(&*old) {
                    Some(kept) => format!("{kept}{with}"),
                    None => value.to_string(),
                },
                Some(_) => value.to_string(),
                None => value.replacen(&*old, with, 1),
            })
        })
    }

    /// `${NAME#pattern}`, `${NAME##pattern}`, `${NAME%pattern}` and `${NAME%%pattern}`.
    fn removal(&mut self, name: Range<usize>, start: usize, depth: usize) -> Read<String> {
        let sign = self.peek().unwrap_or('#');
        let count = self
            .rest()
            .chars()
            .take(2)
            .take_while(|it| *it == sign)
            .count();
        self.at += count;
        let pattern = self.argument(&|it| it != '}', Escapes::None, depth)?;
        self.expect("}", "bad substitution")?;
        self.value(name, start, false, |value| {
            Ok(glob::without(value, &pattern, sign == '%', count == 2))
        })
    }

    /// The value of the variable, changed; the expression itself where the value is not known.
    fn value(
        &mut self,
        name: Range<usize>,
        start: usize,
        has_default: bool,
        change: impl Fn(&str) -> Result<String, &'static str>,
    ) -> Read<String> {
        let name = self.text.get(name).unwrap_or("");
        let value = match (self.variable)(name) {
            Variable::Unseen => {
                self.said.unseen.push(name.to_string());
                return Ok(self.text.get(start..self.at).unwrap_or("").to_string());
            }
            Variable::Set(value) => value,
            Variable::Unset => {
                if !has_default {
                    self.said.unset.push(name.to_string());
                }
                ""
            }
        };
        change(value).or_else(|message| self.fault(message))
    }
}

/// Go's slice of a text. What is no number leaves the text alone; `None` where Go would panic.
fn part_of(value: &str, offset: &str, length: Option<&str>) -> Option<String> {
    let whole = || Some(value.to_string());
    let size = i64::try_from(value.len()).ok()?;
    let Ok(offset) = offset.parse::<i64>() else {
        return whole();
    };
    let offset = if offset < 0 {
        (size + offset).max(0)
    } else {
        offset
    };
    let end = match length.map(str::parse::<i64>) {
        None => size,
        Some(Err(_)) => return whole(),
        Some(Ok(length)) => offset.saturating_add(length).min(size),
    };
    if offset >= size {
        return Some(String::new());
    }
    let range = usize::try_from(offset).ok()?..usize::try_from(end).ok()?;
    let bytes = value.as_bytes().get(range)?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> String {
        let variable = |name: &str| match name {
            "a" => Variable::Set("alpha"),
            "path" => Variable::Set("/home/bozo/ideas/thoughts.txt"),
            "empty" => Variable::Set(""),
            "secret" => Variable::Unseen,
            _ => Variable::Unset,
        };
        match replace(text, &variable) {
            Ok(it) => it.text,
            Err(fault) => format!("{} at {}", fault.message, fault.at),
        }
    }

    #[test]
    fn values_and_defaults() {
        for (text, expected) in [
            ("x ${a} y", "x alpha y"),
            ("${none}", ""),
            ("${none:=d}", "d"),
            ("${none:-${a}-x}", "alpha-x"),
            ("${empty:=d}", "d"),
            ("${a:=d}", "alpha"),
            ("${none=d}", "d"),
            ("${none:?d}${none:+d}", "dd"),
            ("${none:=}", ""),
            ("$a $(a) {a}", "$a $(a) {a}"),
        ] {
            assert_eq!(replaced(text), expected, "{text}");
        }
    }

    #[test]
    fn dollars_are_doubled() {
        for (text, expected) in [
            ("$${a}", "${a}"),
            ("$$${a}", "$alpha"),
            ("cost $$5", "cost $5"),
            ("$${a} ${a}", "${a} alpha"),
        ] {
            assert_eq!(replaced(text), expected, "{text}");
        }
    }

    #[test]
    fn functions_of_a_shell() {
        for (text, expected) in [
            ("${#a}", "5"),
            ("${a^}${a^^}", "AlphaALPHA"),
            ("${a:1}", "lpha"),
            ("${a:1:2}", "lp"),
            ("${a: -3}", "alpha"),
            ("${a:-3:2}", "alpha"),
            ("${a:9}", ""),
            ("${a/l/L}${a//a/A}", "aLphaAlphA"),
            ("${a/#al/X}${a/%ha/X}", "XphaalpX"),
            ("${a//a/}", "lph"),
            (r"${path//\//-}", "-home-bozo-ideas-thoughts.txt"),
            ("${path#*/}", "home/bozo/ideas/thoughts.txt"),
            ("${path##*/}", "thoughts.txt"),
            ("${path%.*}", "/home/bozo/ideas/thoughts"),
            ("${path%%/b*}", "/home"),
        ] {
            assert_eq!(replaced(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_in_the_repository_stays_an_expression() {
        for text in ["${secret}", "x-${secret:=d}-y", "${secret^^}"] {
            assert_eq!(replaced(text), text);
        }
        assert_eq!(replaced("${none:=${secret}}"), "${secret}");
    }

    #[test]
    fn flux_refuses_the_rest() {
        for text in [
            "${a",
            "${}",
            "${a-b}",
            "${ a}",
            "${a:}",
            "${a!}",
            "${#a",
            "${a:3:-1}",
        ] {
            assert!(
                replaced(text).contains(" at "),
                "{text}: {}",
                replaced(text)
            );
        }
    }
}
