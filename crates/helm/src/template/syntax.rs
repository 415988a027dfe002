//! The syntax tree of expressions.

use super::Function;
use super::literal::Literal;
use crate::value::Str;

/// `$x := a | b c`
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) at: u32,
    /// Whether it is an assignment to existing variables.
    pub(super) assigns: bool,
    /// The names of the variables, with the dollar sign.
    pub(super) variables: Vec<String>,
    pub(super) commands: Vec<Command>,
}

/// A function or value with arguments.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) at: u32,
    pub(super) operands: Vec<Operand>,
}

/// A part of a command.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) at: u32,
    pub(super) term: Term,
}

#[derive(Debug)]
pub(super) enum Term {
    Dot,
    /// A constant, and its text as written.
    Literal(Literal, String),
    Field(Vec<Str>),
    Variable(String, Vec<Str>),
    Function(Function),
    Chain(Box<Operand>, Vec<Str>),
    Pipe(Pipe),
}

impl Pipe {
    /// Writes it for errors.
    pub(super) fn write(&self, out: &mut String) {
        if !self.variables.is_empty() {
            out.push_str(&self.variables.join(", "));
            out.push_str(if self.assigns { " = " } else { " := " });
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                out.push_str(" | ");
            }
            command.write(out);
        }
    }
}

impl Command {
    /// Writes it for errors.
    pub(super) fn write(&self, out: &mut String) {
        for (index, operand) in self.operands.iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            operand.write_within(out);
        }
    }
}

impl Operand {
    /// Writes it for errors: a pipeline without its parentheses.
    pub(super) fn write(&self, out: &mut String) {
        match &self.term {
            Term::Dot => out.push('.'),
            Term::Literal(_, text) => out.push_str(text),
            Term::Field(path) => write_path(path, out),
            Term::Variable(name, path) => {
                out.push_str(name);
                write_path(path, out);
            }
            Term::Function(function) => out.push_str(function.name),
            Term::Chain(inner, path) => {
                inner.write_within(out);
                write_path(path, out);
            }
            Term::Pipe(pipe) => pipe.write(out),
        }
    }

    fn write_within(&self, out: &mut String) {
        match &self.term {
            Term::Pipe(pipe) => {
                out.push('(');
                pipe.write(out);
                out.push(')');
            }
            _ => self.write(out),
        }
    }
}

fn write_path(path: &[Str], out: &mut String) {
    for name in path {
        out.push('.');
        out.push_str(&name.to_lossy());
    }
}
