//! Case of words, and line breaks.

use super::case::{
    connected_case, initials, lower, pascal_case, swap_case, title, untitle, upper, without_space,
};
use super::{INT, STRING, text};
use crate::template::{Context, Function, FunctionError};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("camelcase", &[STRING], |_, it| {
        text(pascal_case(it.text(0)))
    }),
    Function::fixed("initials", &[STRING], |_, it| text(initials(it.text(0)))),
    Function::fixed("kebabcase", &[STRING], |_, it| {
        text(connected_case(it.text(0), '-'))
    }),
    Function::fixed("lower", &[STRING], |_, it| text(lower(it.text(0)))),
    Function::fixed("nospace", &[STRING], |_, it| {
        text(without_space(it.text(0)))
    }),
    Function::fixed("snakecase", &[STRING], |_, it| {
        text(connected_case(it.text(0), '_'))
    }),
    Function::fixed("swapcase", &[STRING], |_, it| text(swap_case(it.text(0)))),
    Function::fixed("title", &[STRING], |_, it| text(title(it.text(0)))),
    Function::fixed("untitle", &[STRING], |_, it| text(untitle(it.text(0)))),
    Function::fixed("upper", &[STRING], |_, it| text(upper(it.text(0)))),
    Function::fixed("wrap", &[INT, STRING], |context, it| {
        text(wrap(context, it.text(1), it.int(0), b"\n", false)?)
    }),
    Function::fixed("wrapWith", &[INT, STRING, STRING], |context, it| {
        let line_break = match it.text(1) {
            b"" => b"\n",
            line_break => line_break,
        };
        text(wrap(context, it.text(2), it.int(0), line_break, true)?)
    }),
];

/// Wraps a text at blanks to lines of at most `width` bytes. Longer words are kept, or cut if `cuts` is set.
fn wrap(
    context: &mut Context<'_>,
    text: &[u8],
    width: i64,
    line_break: &[u8],
    cuts: bool,
) -> Result<Vec<u8>, FunctionError> {
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let breaks = text.len() / width.min(text.len().max(1)) + 1;
    context.charge(
        text.len()
            .saturating_add(line_break.len().saturating_mul(breaks)),
    )?;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while rest.len() > width {
        if let Some(after) = rest.strip_prefix(b" ") {
            rest = after;
            continue;
        }
        let head = rest.get(..=width).unwrap_or(rest);
        let at = head.iter().rposition(|it| *it == b' ');
        let at = at.or_else(|| match cuts {
            true => None,
            false => {
                let beyond = rest.get(width..).unwrap_or_default();
                let blank = beyond.iter().position(|it| *it == b' ');
                Some(blank.map_or(rest.len(), |it| it + width))
            }
        });
        let (line, after) = rest.split_at(at.unwrap_or(width));
        out.extend_from_slice(line);
        rest = after;
        if at.is_some() && rest.is_empty() {
            break;
        }
        out.extend_from_slice(line_break);
        if at.is_some() {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    out.extend_from_slice(rest);
    Ok(out)
}
