//! Types and kinds of values.

use super::convert::{deep_equal, type_name};
use super::{ANY, STRING, text};
use crate::template::Function;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("deepEqual", &[ANY, ANY], |_, it| {
        Ok(Value::Bool(deep_equal(it.get(0), it.get(1))))
    }),
    Function::fixed("kindIs", &[STRING, ANY], |_, it| {
        Ok(Value::Bool(
            it.get(1).kind().name().as_bytes() == it.text(0),
        ))
    }),
    Function::fixed("kindOf", &[ANY], |_, it| text(it.get(0).kind().name())),
    Function::fixed("typeIs", &[STRING, ANY], |_, it| {
        Ok(Value::Bool(type_name(it.get(1)).as_bytes() == it.text(0)))
    }),
    Function::fixed("typeIsLike", &[STRING, ANY], |_, it| {
        let name = type_name(it.get(1));
        let plain = name.strip_prefix('*').unwrap_or(&name);
        let expected = it.text(0);
        Ok(Value::Bool(
            expected == name.as_bytes() || expected == plain.as_bytes(),
        ))
    }),
    Function::fixed("typeOf", &[ANY], |_, it| {
        text(type_name(it.get(0)).as_ref())
    }),
];
