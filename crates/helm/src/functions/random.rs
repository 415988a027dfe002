//! Random values: passwords and identifiers. `State` makes them deterministic.

use super::{INT, STRING, fail, text};
use crate::go::base64::encode_64;
use crate::go::unicode::runes;
use crate::template::{Arguments, Context, Function, FunctionError, Returned};
use crate::value::{Str, Value};

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const DIGITS: &[u8] = b"0123456789";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("randAlpha", &[INT], |context, it| {
        letters(context, "randAlpha", it, &[UPPER, LOWER].concat())
    }),
    Function::fixed("randAlphaNum", &[INT], |context, it| {
        letters(
            context,
            "randAlphaNum",
            it,
            &[UPPER, LOWER, DIGITS].concat(),
        )
    }),
    Function::fixed("randAscii", &[INT], |context, it| {
        let printable: Vec<u8> = (b' '..=b'~').collect();
        letters(context, "randAscii", it, &printable)
    }),
    Function::fixed("randBytes", &[INT], |context, it| {
        let Ok(count) = usize::try_from(it.int(0)) else {
            return fail("runtime error: makeslice: len out of range");
        };
        context.charge(count.saturating_mul(2))?;
        let mut bytes = vec![0; count];
        let call = format!("randBytes\0{count}");
        context.state.generator(call.as_bytes()).fill(&mut bytes);
        recorded(context, "randBytes", encode_64(&bytes))
    }),
    Function::fixed("randInt", &[INT, INT], |context, it| {
        let (min, max) = (it.int(0), it.int(1));
        let range = max.wrapping_sub(min);
        let Some(range) = u64::try_from(range).ok().filter(|it| *it > 0) else {
            return fail("invalid argument to Intn");
        };
        let call = format!("randInt\0{min}\0{max}");
        let number = context.state.generator(call.as_bytes()).below(range);
        let number = min.wrapping_add_unsigned(number);
        context.state.record("randInt", number.to_string().into());
        Ok(Value::int(number))
    }),
    Function::fixed("randNumeric", &[INT], |context, it| {
        letters(context, "randNumeric", it, DIGITS)
    }),
    Function::fixed("shuffle", &[STRING], shuffle),
    Function::fixed("uuidv4", &[], |context, _| {
        let mut bytes = [0; 16];
        context.state.generator(b"uuidv4").fill(&mut bytes);
        let number = u128::from_be_bytes(bytes);
        // Version 4 and the variant of RFC 4122.
        let number = number & !(0xf << 76) | 4 << 76;
        let number = number & !(3 << 62) | 2 << 62;
        let digits = format!("{number:032x}");
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("");
        let parts = [
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32),
        ];
        recorded(context, "uuidv4", parts.join("-"))
    }),
];

fn recorded(context: &mut Context<'_>, function: &'static str, value: impl Into<Str>) -> Returned {
    let value = value.into();
    context.state.record(function, value.clone());
    Ok(Value::String(value))
}

/// Random letters of an alphabet; none if the count is negative.
fn letters(
    context: &mut Context<'_>,
    function: &'static str,
    arguments: Arguments<'_>,
    alphabet: &[u8],
) -> Returned {
    let Ok(count) = usize::try_from(arguments.int(0)) else {
        return text("");
    };
    context.charge(count)?;
    let call = format!("{function}\0{count}");
    let mut generator = context.state.generator(call.as_bytes());
    let letters = (0..count).filter_map(|_| {
        let at = generator.below(alphabet.len() as u64);
        alphabet.get(usize::try_from(at).ok()?).copied()
    });
    let letters: Vec<u8> = letters.collect();
    recorded(context, function, letters)
}

fn shuffle(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let source = arguments.text(0);
    context.charge(source.len())?;
    let mut letters: Vec<char> = runes(source).collect();
    let mut generator = context.state.generator(&[b"shuffle\0", source].concat());
    for last in (1..letters.len()).rev() {
        let at = usize::try_from(generator.below(last as u64 + 1)).map_err(overflow)?;
        letters.swap(last, at);
    }
    recorded(context, "shuffle", letters.into_iter().collect::<String>())
}

fn overflow(_: std::num::TryFromIntError) -> FunctionError {
    FunctionError::new("runtime error: index out of range")
}
