//! The parser: compiles tokens to code. Control structures are kept in a list of open blocks; only parentheses are parsed
//! recursively, up to a limit.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compile::{Block, BlockKind, Unit};
use super::lex::{Kind, Lexer, Token};
use super::literal::{Literal, Number, unquote};
use super::program::{Op, Source, Template, quoted};
use super::syntax::{Command, Operand, Pipeline, Term};
use super::{Functions, ParseError};
use crate::value::Str;

/// The maximum depth of parentheses. Go allows 10,000.
pub const MAX_PARENTHESES: usize = 100;

/// Parses a text into the templates that it defines, followed by its own with the given name.
///
/// Errors: the first one, with Go's message.
pub(super) fn parse(
    name: &str,
    text: &Str,
    functions: &Functions,
) -> Result<Vec<Arc<Template>>, ParseError> {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        tokens: [None; 3],
        pending: 0,
        functions,
        source: Source {
            name: name.to_string(),
            text: text.clone(),
            ..Source::default()
        },
        units: vec![Unit::new(name.into())],
        unit: Unit::new(Str::default()),
        finished: Vec::new(),
        by_name: BTreeMap::new(),
        parentheses: 0,
    };
    if u32::try_from(text.len()).is_err() {
        return Err(parser.error("the template is larger than 4 GiB"));
    }
    parser.unit = parser.units.pop().unwrap_or(Unit::new(name.into()));
    parser.run()?;
    let source = Arc::new(parser.source);
    let templates = parser.finished.into_iter();
    Ok(templates
        .map(|it| Arc::new(it.into_template(&source)))
        .collect())
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// Lookahead tokens, the latest first.
    tokens: [Option<Token>; 3],
    pending: usize,
    functions: &'t Functions,
    source: Source,
    /// The templates around the current one, which a `define` or `block` interrupts.
    units: Vec<Unit>,
    unit: Unit,
    finished: Vec<Unit>,
    /// The finished templates by name.
    by_name: BTreeMap<Str, usize>,
    parentheses: usize,
}

type Parsed<T> = Result<T, ParseError>;

/// The name of a `block` in parse errors.
const BLOCK: &str = "block clause";

impl Parser<'_> {
    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError {
            template: self.source.name.clone(),
            line: self.unit.last_line,
            message: message.into(),
        }
    }

    fn next(&mut self) -> Token {
        if self.pending > 0 {
            self.pending -= 1;
        } else {
            let token = self.lexer.next();
            self.unit.last_line = token.line;
            self.tokens[0] = Some(token);
        }
        let token = self.tokens.get(self.pending).copied().flatten();
        token.unwrap_or_else(|| self.lexer.next())
    }

    fn back_up(&mut self) {
        self.pending += 1;
    }

    fn peek(&mut self) -> Token {
        let token = self.next();
        self.back_up();
        token
    }

    fn next_non_space(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Token {
        let token = self.next_non_space();
        self.back_up();
        token
    }

    fn unexpected<T>(&self, token: Token, context: &str) -> Parsed<T> {
        let description = self.lexer.describe(token);
        if token.kind != Kind::Error {
            return Err(self.error(format!("unexpected {description} in {context}")));
        }
        let started = self.unit.action_line.filter(|it| *it != token.line);
        let extra = started.map_or(String::new(), |line| {
            let in_action = if description.ends_with(" action") {
                ""
            } else {
                " in action"
            };
            format!("{in_action} started at {}:{line}", self.source.name)
        });
        Err(self.error(format!("{description}{extra}")))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token> {
        let token = self.next_non_space();
        match token.kind == kind {
            true => Ok(token),
            false => self.unexpected(token, context),
        }
    }

    fn run(&mut self) -> Parsed<()> {
        loop {
            let is_top = self.unit.blocks.is_empty() && self.units.is_empty();
            let token = if is_top {
                self.next()
            } else {
                self.next_non_space()
            };
            match token.kind {
                Kind::Eof if is_top => break,
                Kind::Eof => return Err(self.error("unexpected EOF")),
                Kind::Text => self.text(token),
                Kind::LeftDelimiter => self.action(token, is_top)?,
                _ => self.unexpected(token, "input")?,
            }
        }
        self.finish()
    }

    fn text(&mut self, token: Token) {
        let text = self.lexer.slice(token);
        if !is_blank(text) {
            self.unit.is_blank = false;
        }
        self.unit.emit(Op::Text {
            start: position(token.start),
            end: position(token.end),
        });
    }

    fn action(&mut self, delimiter: Token, is_top: bool) -> Parsed<()> {
        let token = self.next_non_space();
        if is_top && token.kind == Kind::Define {
            return self.define();
        }
        self.unit.action_line = Some(delimiter.line);
        match token.kind {
            Kind::If => return self.branch(BlockKind::If),
            Kind::With => return self.branch(BlockKind::With),
            Kind::Range => return self.range(),
            Kind::Block => return self.block(),
            Kind::Else => self.else_action()?,
            Kind::End => self.end()?,
            Kind::Break => self.leave_loop("{{break}}", true)?,
            Kind::Continue => self.leave_loop("{{continue}}", false)?,
            Kind::Template => self.template()?,
            _ => {
                self.back_up();
                self.print()?;
            }
        }
        self.unit.action_line = None;
        Ok(())
    }

    fn print(&mut self) -> Parsed<()> {
        let pipeline = self.pipeline("command", Kind::RightDelimiter)?;
        self.unit.is_blank = false;
        self.unit.pipeline(&mut self.source, &pipeline);
        if pipeline.variables.is_empty() {
            let location = self.source.pipeline_location(&pipeline);
            self.unit.emit(Op::Print(location));
        } else {
            self.unit.emit(Op::Pop);
        }
        Ok(())
    }

    fn branch(&mut self, kind: BlockKind) -> Parsed<()> {
        let context = if kind == BlockKind::With {
            "with"
        } else {
            "if"
        };
        self.unit.is_blank = false;
        let mut block = self.unit.open(kind);
        let pipeline = self.pipeline(context, Kind::RightDelimiter)?;
        self.unit.pipeline(&mut self.source, &pipeline);
        if kind == BlockKind::With {
            block.saved_dot = self.unit.new_slot();
            block.to_else = self.unit.emit(Op::With {
                saved: block.saved_dot,
                target: 0,
            });
        } else {
            block.to_else = self.unit.emit(Op::JumpIfFalse(0));
        }
        block.body_scope = self.unit.scope_length();
        self.unit.blocks.push(block);
        Ok(())
    }

    fn range(&mut self) -> Parsed<()> {
        self.unit.is_blank = false;
        let mut block = self.unit.open(BlockKind::Range);
        let pipeline = self.pipeline("range", Kind::RightDelimiter)?;
        let slots = self.unit.pipeline(&mut self.source, &pipeline);
        let two = slots.len() > 1;
        block.to_else = self.unit.emit(Op::Range { target: 0, two });
        let (key, value) = match slots.as_slice() {
            [key, value] => (Some(*key), Some(*value)),
            [value] => (None, Some(*value)),
            _ => (None, None),
        };
        block.head = self.unit.emit(Op::Next { key, value, end: 0 });
        block.body_scope = self.unit.scope_length();
        self.unit.blocks.push(block);
        self.unit.range_depth += 1;
        Ok(())
    }

    /// Parses `else`, `else if` and `else with`.
    fn else_action(&mut self) -> Parsed<()> {
        let token = self.peek_non_space();
        let follows = match token.kind {
            Kind::If => Some(BlockKind::If),
            Kind::With => Some(BlockKind::With),
            _ => None,
        };
        if follows.is_none() {
            self.expect(Kind::RightDelimiter, "else")?;
        }
        let Some(block) = self.unit.blocks.last() else {
            return Err(self.misplaced_else());
        };
        if block.in_else {
            return Err(self.error("expected end; found {{else}}"));
        }
        let chained = follows.filter(|it| *it == block.kind);
        self.unit.begin_else();
        let Some(kind) = chained else {
            return Ok(());
        };
        self.next_non_space();
        self.unit.action_line = None;
        self.branch(kind)?;
        if let Some(block) = self.unit.blocks.last_mut() {
            block.is_chained = true;
        }
        Ok(())
    }

    /// The error for an `else` without a block.
    fn misplaced_else(&mut self) -> ParseError {
        let Some(context) = self.unit.context else {
            return self.error("unexpected {{else}}");
        };
        // For a `block`, the error is reported by the surrounding template, at its current line.
        if let (BLOCK, Some(outer)) = (context, self.units.last()) {
            self.unit.last_line = outer.last_line;
        }
        self.error(format!("unexpected {{{{else}}}} in {context}"))
    }

    fn end(&mut self) -> Parsed<()> {
        self.expect(Kind::RightDelimiter, "end")?;
        if self.unit.blocks.is_empty() {
            return match self.units.pop() {
                Some(outer) => {
                    self.finish()?;
                    self.unit = outer;
                    Ok(())
                }
                None => Err(self.error("unexpected {{end}}")),
            };
        }
        while self.unit.close_block() {}
        Ok(())
    }

    fn leave_loop(&mut self, action: &str, breaks: bool) -> Parsed<()> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelimiter {
            return self.unexpected(token, action);
        }
        if self.unit.range_depth == 0 {
            return Err(self.error(format!("{action} outside {{{{range}}}}")));
        }
        self.unit.is_blank = false;
        self.unit.leave_loop(breaks);
        Ok(())
    }

    fn template(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(token, CONTEXT)?;
        let pipeline = match self.next_non_space().kind {
            Kind::RightDelimiter => None,
            _ => {
                self.back_up();
                Some(self.pipeline(CONTEXT, Kind::RightDelimiter)?)
            }
        };
        self.unit.call_template(
            &mut self.source,
            position(token.start),
            name,
            pipeline.as_ref(),
        );
        Ok(())
    }

    fn template_name(&mut self, token: Token, context: &str) -> Parsed<Str> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        match unquote(self.lexer.slice(token)) {
            Some(name) => Ok(name.into()),
            None => Err(self.error("invalid syntax")),
        }
    }

    /// Begins a template within the current one.
    fn open_unit(&mut self, name: Str, context: &'static str) {
        let mut unit = Unit::new(name);
        unit.context = Some(context);
        let outer = std::mem::replace(&mut self.unit, unit);
        self.units.push(outer);
    }

    fn define(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        self.open_unit(Str::default(), CONTEXT);
        let token = self.next_non_space();
        self.unit.name = self.template_name(token, CONTEXT)?;
        self.expect(Kind::RightDelimiter, CONTEXT)?;
        Ok(())
    }

    fn block(&mut self) -> Parsed<()> {
        let token = self.next_non_space();
        let name = self.template_name(token, BLOCK)?;
        let pipeline = self.pipeline(BLOCK, Kind::RightDelimiter)?;
        let at = position(token.start);
        self.unit
            .call_template(&mut self.source, at, name.clone(), Some(&pipeline));
        self.unit.action_line = None;
        self.open_unit(name, BLOCK);
        Ok(())
    }

    /// Completes the current template.
    fn finish(&mut self) -> Parsed<()> {
        let unit = std::mem::replace(&mut self.unit, Unit::new(Str::default()));
        let earlier = self.by_name.get(&unit.name).copied();
        match earlier.and_then(|it| self.finished.get_mut(it)) {
            Some(slot) if slot.is_blank => *slot = unit,
            Some(_) if unit.is_blank => {}
            Some(_) => {
                let name = quoted(&unit.name);
                self.unit.last_line = unit.last_line;
                return Err(self.error(format!("template: multiple definition of template {name}")));
            }
            None => {
                self.by_name.insert(unit.name.clone(), self.finished.len());
                self.finished.push(unit);
            }
        }
        Ok(())
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipeline> {
        let first = self.peek_non_space();
        let mut pipeline = Pipeline {
            at: position(first.start),
            assigns: false,
            variables: Vec::new(),
            commands: Vec::new(),
        };
        self.declarations(context, &mut pipeline)?;
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.back_up();
                    let command = self.command()?;
                    pipeline.commands.push(command);
                }
                _ => return self.unexpected(token, context),
            }
        }
        self.check_pipeline(&pipeline, context)?;
        Ok(pipeline)
    }

    /// Parses the variables at the beginning of a pipeline, up to `=` or `:=`. Without such an operator, backs up.
    fn declarations(&mut self, context: &str, pipeline: &mut Pipeline) -> Parsed<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            let after = self.peek();
            let next = self.peek_non_space();
            let name = String::from_utf8_lossy(self.lexer.slice(variable)).into_owned();
            let is_comma = next.kind == Kind::Char && self.lexer.slice(next) == b",";
            if !is_comma && !matches!(next.kind, Kind::Assign | Kind::Declare) {
                // An argument, possibly followed by space.
                if after.kind == Kind::Space {
                    self.tokens[1] = Some(after);
                    self.tokens[2] = Some(variable);
                    self.pending = 3;
                } else {
                    self.tokens[1] = Some(variable);
                    self.pending = 2;
                }
                return Ok(());
            }
            self.next_non_space();
            self.unit.declared.push(name.clone());
            pipeline.variables.push(name);
            if !is_comma {
                pipeline.assigns = next.kind == Kind::Assign;
                return Ok(());
            }
            if context != "range" || pipeline.variables.len() >= 2 {
                return Err(self.error(format!("too many declarations in {context}")));
            }
            let follows = self.peek_non_space().kind;
            if !matches!(
                follows,
                Kind::Variable | Kind::RightDelimiter | Kind::RightParen
            ) {
                return Err(self.error("range can only initialize variables"));
            }
        }
    }

    fn check_pipeline(&self, pipeline: &Pipeline, context: &str) -> Parsed<()> {
        if pipeline.commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        for (index, command) in pipeline.commands.iter().enumerate().skip(1) {
            if let Some(Term::Dot | Term::Literal(..)) = command.operands.first().map(|it| &it.term)
            {
                let stage = index + 1;
                let message = format!("non executable command in pipeline stage {stage}");
                return Err(self.error(message));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let first = self.peek_non_space();
        let mut operands = Vec::new();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelimiter | Kind::RightParen => self.back_up(),
                Kind::Pipe => {}
                _ => return self.unexpected(token, "operand"),
            }
            break;
        }
        if operands.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(Command {
            at: position(first.start),
            operands,
        })
    }

    /// Parses a term with the fields after it.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(operand) = self.term()? else {
            return Ok(None);
        };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(operand));
        }
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            let token = self.next();
            fields.push(self.field_name(token));
        }
        let term = match operand.term {
            Term::Field(mut path) => {
                path.append(&mut fields);
                Term::Field(path)
            }
            Term::Variable(name, mut path) => {
                path.append(&mut fields);
                Term::Variable(name, path)
            }
            Term::Dot | Term::Literal(..) => {
                let mut term = String::new();
                operand.write(&mut term);
                let term = quoted(term.as_bytes());
                return Err(self.error(format!("unexpected . after term {term}")));
            }
            Term::Function(_) | Term::Chain(..) | Term::Pipeline(_) => {
                Term::Chain(Box::new(operand), fields)
            }
        };
        let at = position(first.start);
        Ok(Some(Operand { at, term }))
    }

    fn field_name(&self, token: Token) -> Str {
        let text = self.lexer.slice(token);
        Str::from(text.get(1..).unwrap_or(&[]))
    }

    /// Parses a single term; `None` if the token begins none.
    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_non_space();
        let text = self.lexer.slice(token);
        let text_owned = || String::from_utf8_lossy(text).into_owned();
        let term = match token.kind {
            Kind::Identifier => {
                let name = std::str::from_utf8(text).ok();
                let function = name.and_then(|it| self.functions.get(it));
                Term::Function(function.ok_or_else(|| {
                    let name = quoted(text);
                    self.error(format!("function {name} not defined"))
                })?)
            }
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Literal(Literal::Nil, text_owned()),
            Kind::Bool => Term::Literal(Literal::Bool(text == b"true"), text_owned()),
            Kind::Variable => {
                let name = text_owned();
                if !self.unit.declared.contains(&name) {
                    let name = quoted(text);
                    return Err(self.error(format!("undefined variable {name}")));
                }
                Term::Variable(name, Vec::new())
            }
            Kind::Field => Term::Field(vec![self.field_name(token)]),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let number = match token.kind {
                    Kind::CharConstant => Number::from_char(text),
                    Kind::Complex => Number::from_complex(text),
                    _ => Number::parse(text),
                };
                let number = number.map_err(|it| self.error(it))?;
                Term::Literal(Literal::Number(number), text_owned())
            }
            Kind::LeftParen => return self.parenthesized().map(Some),
            Kind::String | Kind::RawString => match unquote(text) {
                Some(value) => Term::Literal(Literal::Text(value.into()), text_owned()),
                None => return Err(self.error("invalid syntax")),
            },
            _ => {
                self.back_up();
                return Ok(None);
            }
        };
        let at = position(token.start);
        Ok(Some(Operand { at, term }))
    }

    /// Parses a pipeline after its opening parenthesis.
    fn parenthesized(&mut self) -> Parsed<Operand> {
        if self.parentheses >= MAX_PARENTHESES {
            return Err(self.error("max expression depth exceeded"));
        }
        self.parentheses += 1;
        let pipeline = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
        self.parentheses -= 1;
        Ok(Operand {
            at: pipeline.at,
            term: Term::Pipeline(pipeline),
        })
    }
}

/// A position in 32 bits; longer texts are rejected at the start.
fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Whether a text only contains Unicode white space.
fn is_blank(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|it| it.trim().is_empty())
}

impl Block {
    /// Whether the block is a `range`.
    pub(super) fn is_range(&self) -> bool {
        self.kind == BlockKind::Range
    }
}
