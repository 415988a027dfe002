//! The syntax tree of expressions (Go, `parse.Node`).

use super::Function;
use super::literal::Literal;
use crate::value::Str;

/// A pipeline: `$x := a | b c`.
#[derive(Debug)]
pub(super) struct Pipeline {
    /// The offset in the text.
    pub(super) at: u32,
    /// Whether existing variables are assigned (`=`), and not declared (`:=`).
    pub(super) assigns: bool,
    /// The names of the variables, with the dollar sign.
    pub(super) variables: Vec<String>,
    pub(super) commands: Vec<Command>,
}

/// A command of a pipeline: a function or value with arguments.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) at: u32,
    pub(super) operands: Vec<Operand>,
}

/// An operand of a command, with its offset in the text.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) at: u32,
    pub(super) term: Term,
}

/// The kind of an operand.
#[derive(Debug)]
pub(super) enum Term {
    Dot,
    /// A constant, and its text as written.
    Literal(Literal, String),
    Field(Vec<Str>),
    Variable(String, Vec<Str>),
    Function(Function),
    /// Fields of another operand: `(a).b.c`.
    Chain(Box<Operand>, Vec<Str>),
    /// A pipeline in parentheses.
    Pipeline(Pipeline),
}

impl Pipeline {
    /// Writes the node as Go prints it in errors.
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
    /// Writes the node as Go prints it in errors.
    pub(super) fn write(&self, out: &mut String) {
        for (index, operand) in self.operands.iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            operand.write_nested(out);
        }
    }
}

impl Operand {
    /// Writes the node as Go prints it in errors. A pipeline has no parentheses.
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
                inner.write_nested(out);
                write_path(path, out);
            }
            Term::Pipeline(pipeline) => pipeline.write(out),
        }
    }

    /// Writes the node as a part of another one. A pipeline has parentheses.
    fn write_nested(&self, out: &mut String) {
        match &self.term {
            Term::Pipeline(pipeline) => {
                out.push('(');
                pipeline.write(out);
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
