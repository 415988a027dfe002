//! Base64 and base32.

use super::{STRING, text};
use crate::go::base64::{decode_32, decode_64, encode_32, encode_64};
use crate::template::{Function, Returned};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("b32dec", &[STRING], |_, it| decoded(decode_32(it.text(0)))),
    Function::fixed("b32enc", &[STRING], |context, it| {
        context.charge(it.text(0).len().saturating_mul(2))?;
        text(encode_32(it.text(0)))
    }),
    Function::fixed("b64dec", &[STRING], |_, it| decoded(decode_64(it.text(0)))),
    Function::fixed("b64enc", &[STRING], |context, it| {
        context.charge(it.text(0).len().saturating_mul(2))?;
        text(encode_64(it.text(0)))
    }),
];

/// As in sprig, the result for an invalid text is the error message.
fn decoded(result: Result<Vec<u8>, String>) -> Returned {
    match result {
        Ok(bytes) => text(bytes),
        Err(error) => text(error),
    }
}
