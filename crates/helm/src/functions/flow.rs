//! `fail`, `required` and functions that access a cluster or the network.

use super::{ANY, STRING, text};
use crate::template::{Function, FunctionError};
use crate::value::{Map, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("fail", &[STRING], |_, it| {
        let message = it.string(0).to_lossy().into_owned();
        Err(FunctionError::Author(message))
    }),
    // No names are looked up, because the network is not an input.
    Function::fixed("getHostByName", &[STRING], |_, _| text("")),
    // Without a cluster, nothing is found.
    Function::fixed("lookup", &[STRING, STRING, STRING, STRING], |_, _| {
        Ok(Value::Map(Map::new(Default::default())))
    }),
    Function::fixed("required", &[STRING, ANY], |_, it| match it.get(1) {
        Value::Nil => Err(FunctionError::Author(it.string(0).to_lossy().into_owned())),
        Value::String(text) if text.is_empty() => {
            Err(FunctionError::Author(it.string(0).to_lossy().into_owned()))
        }
        value => Ok(value.clone()),
    }),
];
