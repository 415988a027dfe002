//! Functions on regular expressions, in the syntax of RE2.

use super::{INT, STRING, text};
use crate::go::strconv::quote;
use crate::template::{Arguments, Context, Function, FunctionError, Returned};
use crate::value::{List, Type, Value};
use pleach_re2::Regexp;

static STRING_LIST: Type = Type::Slice(&Type::String);

const TWO: &[Type] = &[STRING, STRING];
const THREE: &[Type] = &[STRING, STRING, STRING];
const LIMITED: &[Type] = &[STRING, STRING, INT];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("mustRegexFind", TWO, |context, it| {
        find(compile(context, it)?, it)
    }),
    Function::fixed("mustRegexFindAll", LIMITED, |context, it| {
        find_all(compile(context, it)?, it)
    }),
    Function::fixed("mustRegexMatch", TWO, |context, it| {
        Ok(Value::Bool(compile(context, it)?.is_match(it.text(1))))
    }),
    Function::fixed("mustRegexReplaceAll", THREE, |context, it| {
        replace_all(context, it, compile, false)
    }),
    Function::fixed("mustRegexReplaceAllLiteral", THREE, |context, it| {
        replace_all(context, it, compile, true)
    }),
    Function::fixed("mustRegexSplit", LIMITED, |context, it| {
        split(compile(context, it)?, it)
    }),
    Function::fixed("regexFind", TWO, |context, it| {
        find(must_compile(context, it)?, it)
    }),
    Function::fixed("regexFindAll", LIMITED, |context, it| {
        find_all(must_compile(context, it)?, it)
    }),
    // Here, an invalid pattern matches nothing.
    Function::fixed("regexMatch", TWO, |context, it| {
        let pattern = context.state.pattern(&it.string(0)).as_ref();
        Ok(Value::Bool(
            pattern.is_ok_and(|pattern| pattern.is_match(it.text(1))),
        ))
    }),
    Function::fixed("regexQuoteMeta", &[STRING], |context, it| {
        context.charge(it.text(0).len().saturating_mul(2))?;
        text(pleach_re2::quote_meta(it.text(0)))
    }),
    Function::fixed("regexReplaceAll", THREE, |context, it| {
        replace_all(context, it, must_compile, false)
    }),
    Function::fixed("regexReplaceAllLiteral", THREE, |context, it| {
        replace_all(context, it, must_compile, true)
    }),
    Function::fixed("regexSplit", LIMITED, |context, it| {
        split(must_compile(context, it)?, it)
    }),
];

/// Compiles the pattern in the first argument. Errors: those of `regexp.Compile`.
fn compile<'c>(
    context: &'c mut Context<'_>,
    arguments: Arguments<'_>,
) -> Result<&'c Regexp, FunctionError> {
    let pattern = context.state.pattern(&arguments.string(0));
    pattern
        .as_ref()
        .map_err(|it| FunctionError::new(it.clone()))
}

/// Compiles the pattern in the first argument. Errors: the panics of `regexp.MustCompile`.
fn must_compile<'c>(
    context: &'c mut Context<'_>,
    arguments: Arguments<'_>,
) -> Result<&'c Regexp, FunctionError> {
    let source = arguments.string(0);
    let pattern = context.state.pattern(&source).as_ref();
    pattern.map_err(|error| {
        let quoted = match source.to_str().filter(|it| can_backquote(it)) {
            Some(source) => format!("`{source}`"),
            None => quote(&source),
        };
        FunctionError::new(format!("regexp: Compile({quoted}): {error}"))
    })
}

/// Whether Go quotes a text with backquotes (`strconv.CanBackquote`).
fn can_backquote(text: &str) -> bool {
    let is_refused =
        |it: char| it == '`' || it == '\u{7f}' || it == '\u{feff}' || it < ' ' && it != '\t';
    !text.contains(is_refused)
}

fn find(pattern: &Regexp, arguments: Arguments<'_>) -> Returned {
    let source = arguments.text(1);
    let found = pattern.find(source).and_then(|it| source.get(it));
    text(found.unwrap_or_default())
}

/// A number below 0 means all.
fn limit(arguments: Arguments<'_>) -> Option<usize> {
    usize::try_from(arguments.int(2)).ok()
}

/// Without matches, the list is nil.
fn list(parts: Vec<&[u8]>) -> Value {
    match parts.is_empty() {
        true => Value::List(List::nil(&STRING_LIST)),
        false => Value::strings(parts),
    }
}

fn find_all(pattern: &Regexp, arguments: Arguments<'_>) -> Returned {
    let source = arguments.text(1);
    let found = pattern.find_all(source, limit(arguments));
    let found = found.into_iter().filter_map(|it| source.get(it));
    Ok(list(found.collect()))
}

fn split(pattern: &Regexp, arguments: Arguments<'_>) -> Returned {
    let parts = pattern.split(arguments.text(1), limit(arguments));
    Ok(match limit(arguments) {
        Some(0) => list(Vec::new()),
        _ => Value::strings(parts),
    })
}

type Compile = for<'c> fn(&'c mut Context<'_>, Arguments<'_>) -> Result<&'c Regexp, FunctionError>;

fn replace_all(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    compile: Compile,
    is_literal: bool,
) -> Returned {
    let (source, replacement) = (arguments.text(1), arguments.text(2));
    let pattern = compile(context, arguments)?.clone();
    // Each match inserts the template, and each reference at most the match itself.
    let matches = pattern.find_all(source, None).len();
    let references = replacement.iter().filter(|it| **it == b'$').count();
    let referenced = if is_literal {
        0
    } else {
        references.saturating_mul(source.len())
    };
    let inserted = matches.saturating_mul(replacement.len());
    context.charge(
        source
            .len()
            .saturating_add(inserted)
            .saturating_add(referenced),
    )?;
    text(match is_literal {
        true => pattern.replace_all_literal(source, replacement),
        false => pattern.replace_all(source, replacement),
    })
}
