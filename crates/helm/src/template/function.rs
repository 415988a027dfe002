//! Functions that templates call: what they are given, what they give back, and how they are found.

use std::collections::BTreeMap;

use super::{Context, ExecError};
use crate::value::{List, Map, Str, Type, Value};

/// The parameters of a function or method.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// The types. The last one is that of each further argument where the function is variadic.
    pub parameters: &'static [Type],
    /// Whether any number of arguments of the last type may follow.
    pub variadic: bool,
}

impl Signature {
    /// A function that takes exactly these parameters.
    pub const fn fixed(parameters: &'static [Type]) -> Signature {
        Signature {
            parameters,
            variadic: false,
        }
    }

    /// These parameters, the last one any number of times, or not at all.
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

    /// The number of arguments that must be there.
    pub(crate) fn required(&self) -> usize {
        self.parameters.len() - usize::from(self.variadic)
    }
}

/// What a call of a function gives.
pub type Returned = Result<Value, FunctionError>;

/// A function of the template language.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The name by which templates call it.
    pub name: &'static str,
    /// Its parameters. Arguments are checked against them before the call, with Go's error texts, so that the function finds what it
    /// declares: a `map[string]interface {}` parameter is given a plain map (nil where the template said nil), `interface {}` any
    /// value.
    pub signature: Signature,
    pub(crate) call: Callable,
}

/// How a function is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callable {
    Plain(fn(&mut Context<'_>, Arguments<'_>) -> Returned),
    /// With values and whether each is in an interface: a nil in an interface and no value at all differ.
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

    /// A function whose last parameter may be given any number of times.
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

/// The arguments of a call; they fit the function's signature, so an accessor that finds another type than the declared one gives
/// that type's empty value.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a>(pub &'a [Value]);

const NIL: &Value = &Value::Nil;

impl<'a> Arguments<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An argument; nil if there is none.
    pub fn get(&self, index: usize) -> &'a Value {
        self.0.get(index).unwrap_or(NIL)
    }

    /// The arguments from an index on.
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

    /// A `string`, to share.
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

    /// The argument as a `float64`; 0 where it is of another type.
    pub fn float(&self, index: usize) -> f64 {
        match self.get(index) {
            Value::Float(value) => *value,
            _ => 0.0,
        }
    }

    /// The argument as a `bool`; false where it is of another type.
    pub fn bool(&self, index: usize) -> bool {
        matches!(self.get(index), Value::Bool(true))
    }

    /// The argument as a map; empty where it is of another type.
    pub fn map(&self, index: usize) -> Map {
        match self.get(index) {
            Value::Map(map) => map.clone(),
            _ => Map::nil(&Type::Any),
        }
    }

    /// The argument as a slice; empty where it is of another type.
    pub fn list(&self, index: usize) -> List {
        match self.get(index) {
            Value::List(list) => list.clone(),
            _ => List::nil(&Type::Any),
        }
    }
}

/// Why a function failed. Go's text for it follows `error calling NAME: `.
#[derive(Clone, Debug)]
pub enum FunctionError {
    /// The words of the function.
    Message(String),
    /// What the chart's author says by `fail` or `required`.
    Author(String),
    /// An error of a template that the function executed.
    Template(Box<ExecError>),
    /// Another error with words before it, as Go wraps errors: `WORDS: ERROR`.
    Wrapped(String, Box<FunctionError>),
}

impl FunctionError {
    /// An error with words.
    pub fn new(message: impl Into<String>) -> FunctionError {
        FunctionError::Message(message.into())
    }

    /// The error with words before it.
    #[must_use]
    pub fn within(self, words: impl Into<String>) -> FunctionError {
        FunctionError::Wrapped(words.into(), Box::new(self))
    }
}

/// The functions that templates can call, by name.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    by_name: BTreeMap<&'static str, Function>,
}

impl Functions {
    /// The functions of several groups. A later one of the same name replaces an earlier one.
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
