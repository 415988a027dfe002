//! Empty values and defaults.

use super::convert::is_empty;
use super::{ANY, BOOL, text};
use crate::template::Function;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("all", &[ANY], |_, it| {
        Ok(Value::Bool(!it.0.iter().any(is_empty)))
    }),
    Function::variadic("any", &[ANY], |_, it| {
        Ok(Value::Bool(!it.0.iter().all(is_empty)))
    }),
    Function::variadic("coalesce", &[ANY], |_, it| {
        let found = it.0.iter().find(|it| !is_empty(it));
        Ok(found.cloned().unwrap_or_default())
    }),
    Function::variadic("default", &[ANY, ANY], |_, it| {
        let at = if is_empty(it.get(1)) { 0 } else { 1 };
        Ok(it.get(at).clone())
    }),
    Function::fixed("empty", &[ANY], |_, it| {
        Ok(Value::Bool(is_empty(it.get(0))))
    }),
    Function::fixed("hello", &[], |_, _| text("Hello!")),
    Function::fixed("ternary", &[ANY, ANY, BOOL], |_, it| {
        let at = if it.bool(2) { 0 } else { 1 };
        Ok(it.get(at).clone())
    }),
];
