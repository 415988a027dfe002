//! Templates as they are executed: code for a machine with a stack.

use std::sync::Arc;

use super::Function;
use super::literal::Literal;
use crate::fmt::sprintf;
use crate::value::{Str, Type, Value};

/// A template, ready to be executed.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) name: Str,
    pub(super) source: Arc<Source>,
    pub(super) code: Vec<Op>,
    /// How many variables it needs, `$` included.
    pub(super) variables: usize,
    /// Whether it prints nothing but blanks.
    pub(super) is_blank: bool,
}

/// What the templates of one text have together.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The name that errors show.
    pub(super) name: String,
    pub(super) text: Str,
    pub(super) places: Vec<Place>,
    /// The expressions that errors show, one after the other.
    pub(super) expressions: String,
    pub(super) literals: Vec<Literal>,
    pub(super) functions: Vec<Function>,
    /// Paths of fields, and names of templates and variables.
    pub(super) paths: Vec<Vec<Str>>,
}

/// An expression that can fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where it begins in the text.
    pub(super) at: u32,
    /// Its part of [`Source::expressions`].
    pub(super) start: u32,
    pub(super) end: u32,
}

/// The index of a [`Place`].
pub(super) type PlaceId = u32;

/// The index of an instruction.
pub(super) type Target = u32;

/// An instruction. Those that Go's executor notes as its present node set the place first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// Prints a part of the template's text.
    Text {
        start: u32,
        end: u32,
    },
    /// Prints the value on top of the stack.
    Print(PlaceId),
    /// Drops the value on top.
    Pop,
    /// Drops the value below the one on top.
    Nip,
    At(PlaceId),
    /// A constant where any type will do.
    Literal(u32),
    /// A constant for a parameter of the type.
    TypedLiteral(u32, &'static Type),
    /// A constant as an argument of the method that is about to be called: its number, and which argument it is.
    MethodLiteral(u32, u32),
    /// The nil that a template is given without a pipeline.
    Nothing,
    Dot,
    Variable(u32),
    /// Fields of the value on top.
    Fields {
        path: u32,
        place: PlaceId,
    },
    /// Fields of the dot.
    DotFields {
        path: u32,
        place: PlaceId,
    },
    /// Fields of a variable.
    VariableFields {
        variable: u32,
        path: u32,
        place: PlaceId,
    },
    /// Takes the value on top out of its interface, as the end of a command does.
    Unbox,
    /// Gives a new variable the value on top, which stays there.
    Declare(u32),
    /// Gives a variable that exists the value on top, which stays there.
    Assign(u32),
    /// Checks the argument on top against the type of its parameter.
    Check(&'static Type),
    /// Checks the argument on top against the parameter of the method that is about to be called.
    MethodCheck(u32),
    /// Calls a function with this many arguments. The value of a pipeline is below them and becomes the last.
    Call {
        function: u32,
        arguments: u16,
        piped: bool,
        place: PlaceId,
    },
    /// `call`, with the name that errors show.
    CallValue {
        name: u32,
        arguments: u16,
        piped: bool,
        place: PlaceId,
    },
    /// `and`, `or`: jumps if the truth of the value on top is this, and drops the value otherwise.
    ShortCircuit {
        on: bool,
        target: Target,
    },
    /// Looks a method up. Without one the field is the value, and the arguments are passed over.
    Method {
        name: u32,
        arguments: u16,
        piped: bool,
        past: Target,
    },
    /// Calls the method that was looked up.
    CallMethod {
        arguments: u16,
        piped: bool,
        place: PlaceId,
    },
    Jump(Target),
    /// Jumps if the value on top is false, and drops it.
    JumpIfFalse(Target),
    /// Makes the value on top the dot, which is kept in a variable; jumps instead if it is false.
    With {
        saved: u32,
        target: Target,
    },
    /// Takes the dot back.
    RestoreDot(u32),
    /// Begins a loop over the value on top; jumps if there is nothing in it. The variables are given from the next instruction.
    Range {
        target: Target,
        two: bool,
    },
    /// The next round of the loop, or its end.
    Next {
        key: Option<u32>,
        value: Option<u32>,
        end: Target,
    },
    /// Leaves the loop before its end.
    Leave,
    /// Fails unless there is such a template.
    FindTemplate {
        name: u32,
        place: PlaceId,
    },
    /// Executes a template with the value on top as its dot.
    Template {
        name: u32,
    },
    /// Fails with the words.
    Fail(u32),
}

impl Source {
    /// `file:line:column` of a place. Columns are counted in bytes, from 0.
    pub(super) fn location(&self, place: PlaceId) -> (usize, usize) {
        let at = self
            .places
            .get(place as usize)
            .map_or(0, |it| it.at as usize);
        let before = self.text.get(..at).unwrap_or(&[]);
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = match memchr::memrchr(b'\n', before) {
            Some(end) => at - end - 1,
            None => at,
        };
        (line, column)
    }

    /// The expression at a place.
    pub(super) fn expression(&self, place: PlaceId) -> &str {
        let place = self.places.get(place as usize);
        let text = place.and_then(|it| self.expressions.get(it.start as usize..it.end as usize));
        text.unwrap_or("")
    }
}

/// A text in quotes, as `%q` prints it.
pub(super) fn quoted(text: &[u8]) -> String {
    crate::go::strconv::quote(text)
}

/// A value as `%v` prints it.
pub(super) fn shown(value: &Value) -> String {
    let text = sprintf(b"%v", std::slice::from_ref(value));
    String::from_utf8_lossy(&text).into_owned()
}
