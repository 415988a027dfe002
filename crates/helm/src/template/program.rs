//! Compiled templates: code for a stack machine.

use std::sync::Arc;

use super::Function;
use super::literal::Literal;
use crate::value::{Str, Type};

#[derive(Debug)]
pub(super) struct Template {
    pub(super) name: Str,
    pub(super) source: Arc<Source>,
    pub(super) code: Vec<Op>,
    /// The number of variables, including `$`.
    pub(super) variables: usize,
    /// Whether it only prints white space (Go, `IsEmptyTree`).
    pub(super) is_blank: bool,
}

/// The common data of the templates of a text.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The name in errors.
    pub(super) name: String,
    pub(super) text: Str,
    pub(super) locations: Vec<Location>,
    /// The expressions for errors, concatenated.
    pub(super) expressions: String,
    pub(super) literals: Vec<Literal>,
    pub(super) functions: Vec<Function>,
    /// Paths of fields, and names of templates and variables.
    pub(super) paths: Vec<Vec<Str>>,
}

/// An expression that can fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location {
    /// Its start in the text.
    pub(super) at: u32,
    /// The start of its part of [`Source::expressions`].
    pub(super) start: u32,
    pub(super) end: u32,
}

/// The index of a [`Location`].
pub(super) type LocationId = u32;

/// The index of an instruction.
pub(super) type Target = u32;

/// An instruction. Those that Go's executor records as its current node set the location first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// Prints a part of the template's text.
    Text {
        start: u32,
        end: u32,
    },
    /// Prints the value on top of the stack.
    Print(LocationId),
    /// Drops the value on top.
    Pop,
    /// Drops the value below the one on top (the `nip` of Forth).
    Nip,
    /// Sets the current location, for errors.
    At(LocationId),
    /// A constant for any type.
    Literal(u32),
    /// A constant for a parameter of a type.
    TypedLiteral(u32, &'static Type),
    /// A constant as an argument of the next method call: its number, and the index of the argument.
    MethodLiteral(u32, u32),
    /// Pushes nil, the dot of a `template` action without a pipeline.
    Nil,
    Dot,
    Variable(u32),
    /// Fields of the value on top.
    Fields {
        path: u32,
        location: LocationId,
    },
    /// Fields of the dot.
    DotFields {
        path: u32,
        location: LocationId,
    },
    /// Fields of a variable.
    VariableFields {
        variable: u32,
        path: u32,
        location: LocationId,
    },
    /// Unwraps the top value from its interface, at the end of a command.
    Unbox,
    /// Declares a variable with the top value, which stays on the stack.
    Declare(u32),
    /// Assigns the top value, which stays on the stack, to a variable.
    Assign(u32),
    /// Checks the top argument against the type of its parameter.
    Check(&'static Type),
    /// Checks the top argument against the parameter of the next method call.
    MethodCheck(u32),
    /// Calls a function with a number of arguments. The value of a pipeline is below them and becomes the last argument.
    Call {
        function: u32,
        arguments: u16,
        piped: bool,
        location: LocationId,
    },
    /// `call`, with the name for errors.
    CallValue {
        name: u32,
        arguments: u16,
        piped: bool,
        location: LocationId,
    },
    /// `and`, `or`: jumps if the top value has this truth value, and drops it otherwise.
    ShortCircuit {
        on: bool,
        target: Target,
    },
    /// Looks up a method. If there is none, the field is the value, and the arguments are skipped.
    Method {
        name: u32,
        arguments: u16,
        piped: bool,
        past: Target,
    },
    /// Calls the looked-up method.
    CallMethod {
        arguments: u16,
        piped: bool,
        location: LocationId,
    },
    Jump(Target),
    /// Drops the top value, and jumps if it is false.
    JumpIfFalse(Target),
    /// Saves the dot in a variable and sets it to the top value; jumps instead if the value is false.
    With {
        saved: u32,
        target: Target,
    },
    /// Restores the dot.
    RestoreDot(u32),
    /// Begins a loop over the top value; jumps if it is empty. The next instruction sets the variables.
    Range {
        target: Target,
        two: bool,
    },
    /// Begins the next iteration of the loop, or ends it.
    Next {
        key: Option<u32>,
        value: Option<u32>,
        end: Target,
    },
    /// Leaves the loop early.
    Leave,
    /// Fails unless there is such a template.
    FindTemplate {
        name: u32,
        location: LocationId,
    },
    /// Executes a template with the top value as its dot.
    Template {
        name: u32,
    },
    /// Fails with a message.
    Fail(u32),
}

impl Source {
    /// The line and column of a location. Columns are in bytes, counted from 0.
    pub(super) fn line_and_column(&self, location: LocationId) -> (usize, usize) {
        let at = self
            .locations
            .get(location as usize)
            .map_or(0, |it| it.at as usize);
        let before = self.text.get(..at).unwrap_or(&[]);
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = match memchr::memrchr(b'\n', before) {
            Some(end) => at - end - 1,
            None => at,
        };
        (line, column)
    }

    /// The expression at a location.
    pub(super) fn expression(&self, location: LocationId) -> &str {
        let location = self.locations.get(location as usize);
        let text = location.and_then(|it| self.expressions.get(it.start as usize..it.end as usize));
        text.unwrap_or("")
    }
}

/// A text in the format `%q`.
pub(super) fn quoted(text: &[u8]) -> String {
    crate::go::strconv::quote(text)
}
