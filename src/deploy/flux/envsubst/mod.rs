//! Expressions `${NAME}` with the functions of a shell, as Flux replaces them (`fluxcd/pkg/envsubst`).
//!
//! The grammar is Flux's own and narrower than a shell's: there is `${NAME:-default}` but no `${NAME-default}`, and `$NAME` is plain
//! text.

mod parse;

use super::super::glob;
use parse::{Expression, Function, Piece};
pub(crate) use parse::{Fault, mentions};

/// The known state of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable<'a> {
    /// A variable with this value.
    Set(&'a str),
    Unset,
    /// A variable that is set to a value outside of the repository.
    Unseen,
}

/// A text with its expressions replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Replaced {
    /// The text. Expressions with unknown values are not replaced.
    pub(super) text: String,
    /// The names of unset variables without a default, once for each use.
    pub(super) unset: Vec<String>,
    /// The variables whose value is not in the repository.
    pub(super) unseen: Vec<String>,
}

/// An expression that is invalid in Flux.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadExpression {
    pub(super) message: &'static str,
    /// The byte offset at which Flux's parser stops.
    pub(super) at: usize,
}

/// Replaces all expressions of a text. Errors: an invalid expression, with which the whole Kustomization fails.
pub(super) fn replace<'a>(
    text: &str,
    variable: &dyn Fn(&str) -> Variable<'a>,
) -> Result<Replaced, BadExpression> {
    let (pieces, faults) = parse::parse(text);
    if let Some(fault) = faults.first() {
        return Err(BadExpression {
            message: fault.reason,
            at: fault.at,
        });
    }
    let mut evaluation = Evaluation {
        text,
        variable,
        replaced: Replaced::default(),
    };
    let text = evaluation.all(&pieces)?;
    Ok(Replaced {
        text,
        ..evaluation.replaced
    })
}

struct Evaluation<'t, 'a, 'f> {
    text: &'t str,
    variable: &'f dyn Fn(&str) -> Variable<'a>,
    replaced: Replaced,
}

type Read<T> = Result<T, BadExpression>;

impl Evaluation<'_, '_, '_> {
    fn all(&mut self, pieces: &[Piece<'_>]) -> Read<String> {
        pieces.iter().map(|it| self.piece(it)).collect()
    }

    fn piece(&mut self, piece: &Piece<'_>) -> Read<String> {
        match piece {
            Piece::Text(text, escapes) => Ok(unescaped(text, escapes)),
            Piece::Expression(expression) => self.expression(expression),
        }
    }

    fn expression(&mut self, expression: &Expression<'_>) -> Read<String> {
        match &expression.function {
            Function::Value => self.value(expression, |value| Ok(value.to_string())),
            Function::Length => self.value(expression, |value| Ok(value.len().to_string())),
            Function::Default(pieces) => {
                let default = self.all(pieces)?;
                self.value(expression, |value| match value {
                    "" => Ok(default.clone()),
                    value => Ok(value.to_string()),
                })
            }
            Function::Part(offset, length) => {
                let offset = self.piece(offset)?;
                let length = length.as_ref().map(|it| self.piece(it)).transpose()?;
                self.value(expression, |value| {
                    part_of(value, &offset, length.as_deref()).ok_or("slice bounds out of range")
                })
            }
            Function::LetterCase(signs) => {
                self.value(expression, |value| Ok(in_letter_case(value, signs)))
            }
            Function::Replace { signs, old, new } => {
                let old = self.piece(old)?;
                let new = new.as_ref().map(|it| self.piece(it)).transpose()?;
                self.value(expression, |value| {
                    Ok(replaced(value, signs, &old, new.as_deref()))
                })
            }
            Function::Remove(signs, pattern) => {
                let pattern = self.piece(pattern)?;
                let (is_suffix, is_longest) = (signs.starts_with('%'), signs.len() == 2);
                self.value(expression, |value| {
                    Ok(glob::strip_match(value, &pattern, is_suffix, is_longest))
                })
            }
        }
    }

    /// The modified value of the variable; the expression itself if the value is unknown.
    fn value(
        &mut self,
        expression: &Expression<'_>,
        change: impl Fn(&str) -> Result<String, &'static str>,
    ) -> Read<String> {
        let name = expression.name;
        let value = match (self.variable)(name) {
            Variable::Unseen => {
                self.replaced.unseen.push(name.to_string());
                let text = self.text.get(expression.range.clone());
                return Ok(text.unwrap_or("").to_string());
            }
            Variable::Set(value) => value,
            Variable::Unset => {
                if !matches!(expression.function, Function::Default(_)) {
                    self.replaced.unset.push(name.to_string());
                }
                ""
            }
        };
        let at = expression.range.end;
        change(value).map_err(|message| BadExpression { message, at })
    }
}

/// A text without its escapes: `$$` is a dollar, and where a backslash escapes, `\/` and `\\` are a slash and a backslash.
fn unescaped(text: &str, escapes: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        let escaped = match next {
            '$' => "$",
            '\\' => "/\\",
            _ => "",
        };
        let is_escaped = |it: &char| escapes.contains(next) && escaped.contains(*it);
        out.push(rest.next_if(is_escaped).unwrap_or(next));
    }
    out
}

fn in_letter_case(value: &str, signs: &str) -> String {
    let first = |map: &dyn Fn(char) -> String| {
        let mut rest = value.chars();
        rest.next().map(map).unwrap_or_default() + rest.as_str()
    };
    match signs {
        "," => first(&|it| it.to_lowercase().collect()),
        "^" => first(&|it| it.to_uppercase().collect()),
        ",," => value.to_lowercase(),
        "^^" => value.to_uppercase(),
        _ => value.to_string(),
    }
}

fn replaced(value: &str, signs: &str, old: &str, new: Option<&str>) -> String {
    let with = new.unwrap_or("");
    match signs {
        "/" => value.replacen(old, with, 1),
        "//" => value.replace(old, with),
        // Without a replacement, the other two do not change the value.
        _ if new.is_none() => value.to_string(),
        "/#" if value.starts_with(old) => value.replacen(old, with, 1),
        "/%" => match value.strip_suffix(old) {
            Some(kept) => format!("{kept}{with}"),
            None => value.to_string(),
        },
        _ => value.to_string(),
    }
}

/// Go's slice of a text. Invalid numbers have no effect; `None` if Go would panic.
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
