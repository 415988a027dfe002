//! The functions of sprig and Helm.
//!
//! Each file contains the functions of one area. They work on Go values and have the error messages of the originals.

mod case;
mod certificates;
mod convert;
mod dates;
mod defaults;
mod dicts;
mod encoding;
mod flow;
mod hashes;
mod json;
mod lists;
mod math;
mod merge;
mod paths;
mod random;
mod reflect;
mod regex;
mod semver;
mod state;
mod strings;
mod toml;
mod urls;
mod words;
mod yaml;

pub use state::{NotDeterministic, State};
pub(crate) use yaml::to_yaml;

use crate::template::{Function, FunctionError, Returned};
use crate::value::{IntType, Type, UintType, Value};

const ANY: Type = Type::Any;
const ANY_LIST: Type = Type::Slice(&Type::Any);
const BOOL: Type = Type::Bool;
const FLOAT: Type = Type::Float64;
const INT: Type = Type::Int(IntType::Int);
const MAP: Type = Type::Map(&Type::Any);
const STRING: Type = Type::String;
const UINT_32: Type = Type::Uint(UintType::Uint32);

static MAP_TYPE: Type = MAP;
static LIST_TYPE: Type = ANY_LIST;

/// Go's message for accessing the type of nil.
const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

/// All functions, in groups.
pub fn groups() -> Vec<&'static [Function]> {
    vec![
        certificates::FUNCTIONS,
        dates::FUNCTIONS,
        defaults::FUNCTIONS,
        dicts::FUNCTIONS,
        encoding::FUNCTIONS,
        flow::FUNCTIONS,
        hashes::FUNCTIONS,
        json::FUNCTIONS,
        lists::FUNCTIONS,
        math::FUNCTIONS,
        paths::FUNCTIONS,
        random::FUNCTIONS,
        reflect::FUNCTIONS,
        regex::FUNCTIONS,
        semver::FUNCTIONS,
        strings::FUNCTIONS,
        toml::FUNCTIONS,
        urls::FUNCTIONS,
        words::FUNCTIONS,
        yaml::FUNCTIONS,
    ]
}

/// The result of a function that returns a string.
fn text(text: impl Into<crate::value::Str>) -> Returned {
    Ok(Value::String(text.into()))
}

/// The error of a function, with Go's message.
fn fail<T>(message: impl Into<String>) -> Result<T, FunctionError> {
    Err(FunctionError::new(message))
}
