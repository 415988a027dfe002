//! Functions of templates: parameters, results and lookup.

use std::collections::BTreeMap;

use super::{Context, ExecError};
use crate::value::{List, Map, Str, Type, Value};

/// The parameters of a function or method.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// The types. If the function is variadic, the last one applies to all further arguments.
    pub parameters: &'static [Type],
    /// Whether any number of arguments of the last type may follow.
    pub variadic: bool,
}

impl Signature {
    /// A signature with exactly these parameters.
    pub const fn fixed(parameters: &'static [Type]) -> Signature {
        Signature {
            parameters,
            variadic: false,
        }
    }

    /// A signature whose last parameter may occur any number of times, including zero.
    pub const fn variadic(parameters: &'static [Type]) -> Signature {
        Signature {
            parameters,
            variadic: true,
        }
    }

    /// The type of the argument with this index.
    pub(crate) fn parameter(&self, index: usize) -> &'static Type {
        let last = if self.variadic {
            self.parameters.last()
        } else {
            None
        };
        self.parameters.get(index).or(last).unwrap_or(&Type::Any)
    }

    /// The number of required arguments.
    pub(crate) fn required(&self) -> usize {
        self.parameters.len() - usize::from(self.variadic)
    }
}

/// The result of a function.
pub type Returned = Result<Value, FunctionError>;

/// A function of the template language.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The name by which templates call it.
    pub name: &'static str,
    /// Its parameters. Arguments are checked before the call, with Go's error messages, so the function gets the declared types: a
    /// plain map for a `map[string]interface {}` parameter (nil if the template passes nil), any value for `interface {}`.
    pub signature: Signature,
    pub(crate) call: Callable,
}

/// The implementation of a function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callable {
    Plain(fn(&mut Context<'_>, Arguments<'_>) -> Returned),
    /// With the information whether each value is in an interface, because a nil in an interface and a missing value differ.
    Reflected(fn(&[Value], &[bool]) -> Returned),
    And,
    Or,
    Call,
    Include,
    Tpl,
}

impl Function {
    /// A function with exactly these parameters.
    pub const fn fixed(
        name: &'static str,
        parameters: &'static [Type],
        call: fn(&mut Context<'_>, Arguments<'_>) -> Returned,
    ) -> Function {
        Function {
            name,
            signature: Signature::fixed(parameters),
            call: Callable::Plain(call),
        }
    }

    /// A function whose last parameter may occur any number of times.
    pub const fn variadic(
        name: &'static str,
        parameters: &'static [Type],
        call: fn(&mut Context<'_>, Arguments<'_>) -> Returned,
    ) -> Function {
        Function {
            name,
            signature: Signature::variadic(parameters),
            call: Callable::Plain(call),
        }
    }
}

/// The arguments of a call, which match the signature. An accessor for another type returns the empty value of that type.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a>(pub &'a [Value]);

const NIL: &Value = &Value::Nil;

impl<'a> Arguments<'a> {
    /// The number of arguments.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An argument; nil if it does not exist.
    pub fn get(&self, index: usize) -> &'a Value {
        self.0.get(index).unwrap_or(NIL)
    }

    /// The arguments from an index.
    pub fn rest(&self, index: usize) -> &'a [Value] {
        self.0.get(index..).unwrap_or(&[])
    }

    /// The bytes of a `string`.
    pub fn text(&self, index: usize) -> &'a [u8] {
        match self.get(index) {
            Value::String(text) | Value::Bytes(text) => text,
            _ => &[],
        }
    }

    /// A `string`, shared.
    pub fn string(&self, index: usize) -> Str {
        match self.get(index) {
            Value::String(text) | Value::Bytes(text) => text.clone(),
            _ => Str::default(),
        }
    }

    /// An integer of any signed type.
    pub fn int(&self, index: usize) -> i64 {
        match self.get(index) {
            Value::Int(_, value) => *value,
            _ => 0,
        }
    }

    /// The argument as a `float64`; 0 for another type.
    pub fn float(&self, index: usize) -> f64 {
        match self.get(index) {
            Value::Float(value) => *value,
            _ => 0.0,
        }
    }

    /// The argument as a `bool`; false for another type.
    pub fn bool(&self, index: usize) -> bool {
        matches!(self.get(index), Value::Bool(true))
    }

    /// The argument as a map; empty for another type.
    pub fn map(&self, index: usize) -> Map {
        match self.get(index) {
            Value::Map(map) => map.clone(),
            _ => Map::nil(&Type::Any),
        }
    }

    /// The argument as a slice; empty for another type.
    pub fn list(&self, index: usize) -> List {
        match self.get(index) {
            Value::List(list) => list.clone(),
            _ => List::nil(&Type::Any),
        }
    }
}

/// The error of a function. In Go's message, it follows `error calling NAME: `.
#[derive(Clone, Debug)]
pub enum FunctionError {
    /// The message of the function.
    Message(String),
    /// The message of `fail` or `required`.
    Author(String),
    /// An error of a template that the function executed.
    Template(Box<ExecError>),
    /// An error with a prefix, as Go wraps errors: `PREFIX: ERROR`.
    Wrapped(String, Box<FunctionError>),
}

impl FunctionError {
    /// An error with a message.
    pub fn new(message: impl Into<String>) -> FunctionError {
        FunctionError::Message(message.into())
    }

    /// The error with a prefix.
    #[must_use]
    pub fn within(self, prefix: impl Into<String>) -> FunctionError {
        FunctionError::Wrapped(prefix.into(), Box::new(self))
    }
}

/// The functions that templates can call, by name.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    by_name: BTreeMap<&'static str, Function>,
}

impl Functions {
    /// The functions of several groups. A later function replaces an earlier one with the same name.
    pub fn new<'a>(groups: impl IntoIterator<Item = &'a [Function]>) -> Functions {
        let functions = groups.into_iter().flatten();
        Functions {
            by_name: functions.map(|it| (it.name, *it)).collect(),
        }
    }

    /// A function by its name.
    pub fn get(&self, name: &str) -> Option<Function> {
        self.by_name.get(name).copied()
    }

    /// The names of all functions, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.by_name.keys().copied()
    }
}
