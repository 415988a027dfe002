//! Code generation for a template: blocks with jumps, scopes of variables, and expressions.

use std::sync::Arc;

use super::function::{Callable, Function, Signature};
use super::literal::Literal;
use super::program::{Location, LocationId, Op, Source, Target, Template};
use super::syntax::{Command, Operand, Pipeline, Term};
use crate::value::{Str, Type};

/// The compilation unit of a template: its code so far, and the open blocks and scopes.
pub(super) struct Unit {
    pub(super) name: Str,
    /// Its name in parse errors; `None` for the text itself.
    pub(super) context: Option<&'static str>,
    pub(super) is_blank: bool,
    /// The line of its last token.
    pub(super) last_line: usize,
    /// The line of the current action.
    pub(super) action_line: Option<usize>,
    pub(super) blocks: Vec<Block>,
    pub(super) range_depth: usize,
    /// The variables that are defined for Go's parser (`Tree.vars`), including those of earlier branches.
    pub(super) declared: Vec<String>,
    /// The variables in scope at run time, and their slots.
    scope: Vec<(String, u32)>,
    slots: u32,
    max_slots: u32,
    code: Vec<Op>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    If,
    With,
    Range,
}

/// An open `if`, `with` or `range`.
pub(super) struct Block {
    pub(super) kind: BlockKind,
    /// The instruction that jumps over the body.
    pub(super) to_else: Target,
    /// The first instruction of each iteration of a `range`.
    pub(super) head: Target,
    /// The slot of the saved dot.
    pub(super) saved_dot: u32,
    pub(super) in_else: bool,
    /// Whether it is an `else if`, which ends with its parent.
    pub(super) is_chained: bool,
    /// The number of variables before the body.
    pub(super) body_scope: usize,
    /// The instructions that jump to the end.
    to_end: Vec<Target>,
    scope: usize,
    declared: usize,
    slots: u32,
}

/// What an argument is checked against.
#[derive(Clone, Copy)]
enum Parameter {
    Typed(&'static Type),
    /// The parameter with an index, of a method that is looked up at run time.
    Method(u32),
    /// Nothing: the value is a receiver, whose fields are accessed.
    Receiver,
}

impl Unit {
    pub(super) fn new(name: Str) -> Unit {
        Unit {
            name,
            context: None,
            is_blank: true,
            last_line: 0,
            action_line: None,
            blocks: Vec::new(),
            range_depth: 0,
            declared: vec!["$".to_string()],
            scope: vec![("$".to_string(), 0)],
            slots: 1,
            max_slots: 1,
            code: Vec::new(),
        }
    }

    pub(super) fn into_template(self, source: &Arc<Source>) -> Template {
        Template {
            name: self.name,
            source: source.clone(),
            code: self.code,
            variables: self.max_slots as usize,
            is_blank: self.is_blank,
        }
    }

    pub(super) fn emit(&mut self, op: Op) -> Target {
        self.code.push(op);
        index(self.code.len() - 1)
    }

    fn here(&self) -> Target {
        index(self.code.len())
    }

    /// Sets the target of a jump to the next instruction that is emitted.
    fn patch(&mut self, jump: Target) {
        let here = self.here();
        if let Some(
            Op::Jump(target)
            | Op::JumpIfFalse(target)
            | Op::With { target, .. }
            | Op::Range { target, .. }
            | Op::Next { end: target, .. }
            | Op::ShortCircuit { target, .. }
            | Op::Method { past: target, .. },
        ) = self.code.get_mut(jump as usize)
        {
            *target = here;
        }
    }

    pub(super) fn new_slot(&mut self) -> u32 {
        let slot = self.slots;
        self.slots += 1;
        self.max_slots = self.max_slots.max(self.slots);
        slot
    }

    pub(super) fn scope_length(&self) -> usize {
        self.scope.len()
    }

    pub(super) fn open(&self, kind: BlockKind) -> Block {
        Block {
            kind,
            to_else: 0,
            head: 0,
            saved_dot: 0,
            in_else: false,
            is_chained: false,
            body_scope: 0,
            to_end: Vec::new(),
            scope: self.scope.len(),
            declared: self.declared.len(),
            slots: self.slots,
        }
    }

    /// Ends the body of a block, before the jump.
    fn end_body(&mut self, block: &mut Block) {
        match block.kind {
            BlockKind::If => {}
            BlockKind::With => _ = self.emit(Op::RestoreDot(block.saved_dot)),
            BlockKind::Range => {
                self.emit(Op::Jump(block.head));
                self.range_depth -= 1;
                block.to_end.push(block.head);
            }
        }
    }

    /// Begins the other branch of the innermost block.
    pub(super) fn begin_else(&mut self) {
        let Some(mut block) = self.blocks.pop() else {
            return;
        };
        self.end_body(&mut block);
        if block.kind != BlockKind::Range {
            let jump = self.emit(Op::Jump(0));
            block.to_end.push(jump);
        }
        self.patch(block.to_else);
        self.scope.truncate(block.body_scope);
        block.in_else = true;
        self.blocks.push(block);
    }

    /// Ends the innermost block. Returns whether its parent also ends here.
    pub(super) fn close_block(&mut self) -> bool {
        let Some(mut block) = self.blocks.pop() else {
            return false;
        };
        if !block.in_else {
            self.end_body(&mut block);
            self.patch(block.to_else);
        }
        for jump in block.to_end {
            self.patch(jump);
        }
        self.scope.truncate(block.scope);
        self.declared.truncate(block.declared);
        self.slots = block.slots;
        block.is_chained
    }

    /// `break` or `continue` of the innermost loop.
    pub(super) fn leave_loop(&mut self, breaks: bool) {
        let enclosing = self
            .blocks
            .iter()
            .rposition(|it| it.is_range() && !it.in_else);
        let head = enclosing
            .and_then(|it| self.blocks.get(it))
            .map_or(0, |it| it.head);
        if !breaks {
            self.emit(Op::Jump(head));
            return;
        }
        self.emit(Op::Leave);
        let jump = self.emit(Op::Jump(0));
        if let Some(block) = enclosing.and_then(|it| self.blocks.get_mut(it)) {
            block.to_end.push(jump);
        }
    }

    pub(super) fn call_template(
        &mut self,
        source: &mut Source,
        at: u32,
        name: Str,
        pipeline: Option<&Pipeline>,
    ) {
        self.is_blank = false;
        let location = source.location(at, |out| {
            out.push_str("{{template ");
            out.push_str(&super::program::quoted(&name));
            if let Some(pipeline) = pipeline {
                out.push(' ');
                pipeline.write(out);
            }
            out.push_str("}}");
        });
        let name = source.path(&[name]);
        self.emit(Op::FindTemplate { name, location });
        match pipeline {
            Some(pipeline) => _ = self.pipeline(source, pipeline),
            None => _ = self.emit(Op::Nil),
        }
        self.emit(Op::Template { name });
    }

    /// Compiles a pipeline, which leaves its value on the stack. Returns the slots of its variables.
    pub(super) fn pipeline(&mut self, source: &mut Source, pipeline: &Pipeline) -> Vec<u32> {
        let location = source.pipeline_location(pipeline);
        self.emit(Op::At(location));
        for (index, command) in pipeline.commands.iter().enumerate() {
            self.command(source, command, index > 0);
            self.emit(Op::Unbox);
        }
        let mut slots = Vec::new();
        for name in &pipeline.variables {
            let slot = match pipeline.assigns {
                true => self.resolve(name),
                false => {
                    let slot = self.new_slot();
                    self.scope.push((name.clone(), slot));
                    Some(slot)
                }
            };
            match slot {
                Some(slot) => {
                    self.emit(match pipeline.assigns {
                        true => Op::Assign(slot),
                        false => Op::Declare(slot),
                    });
                    slots.push(slot);
                }
                None => self.undefined(source, name),
            }
        }
        slots
    }

    fn resolve(&self, name: &str) -> Option<u32> {
        let found = self.scope.iter().rfind(|it| it.0 == name);
        found.map(|it| it.1)
    }

    fn undefined(&mut self, source: &mut Source, name: &str) {
        let message = source.path(&[format!("undefined variable: {name}").into()]);
        self.emit(Op::Fail(message));
    }

    /// Emits a failure with a message, because Go reports such errors when it executes the template.
    fn fail(&mut self, source: &mut Source, message: String) {
        let message = source.path(&[message.into()]);
        self.emit(Op::Fail(message));
    }

    fn command(&mut self, source: &mut Source, command: &Command, piped: bool) {
        let Some((first, arguments)) = command.operands.split_first() else {
            return;
        };
        let is_call = piped || !arguments.is_empty();
        match &first.term {
            Term::Field(_) | Term::Chain(..) => self.fields(source, first, arguments, piped),
            Term::Variable(_, path) if !path.is_empty() => {
                self.fields(source, first, arguments, piped);
            }
            Term::Variable(name, _) => {
                let location = source.operand_location(first);
                self.emit(Op::At(location));
                self.variable(source, name);
                if is_call {
                    self.not_a_function(source, first);
                }
            }
            Term::Function(function) => {
                let node = source.command_location(command);
                self.function(source, first, *function, arguments, piped, node);
            }
            Term::Pipeline(pipeline) => {
                if is_call {
                    self.not_a_function(source, first);
                }
                self.pipeline(source, pipeline);
            }
            Term::Dot | Term::Literal(..) => {
                let location = source.operand_location(first);
                self.emit(Op::At(location));
                if is_call {
                    self.not_a_function(source, first);
                }
                match &first.term {
                    Term::Literal(literal, _) => self.literal(source, literal),
                    _ => _ = self.emit(Op::Dot),
                }
            }
        }
    }

    /// Emits the failure of a value that is called like a function.
    fn not_a_function(&mut self, source: &mut Source, operand: &Operand) {
        let mut message = "can't give argument to non-function ".to_string();
        operand.write(&mut message);
        self.fail(source, message);
    }

    fn literal(&mut self, source: &mut Source, literal: &Literal) {
        match literal.ideal() {
            Ok(_) => {
                let literal = source.literal(literal);
                self.emit(Op::Literal(literal));
            }
            Err(message) => self.fail(source, message),
        }
    }

    fn variable(&mut self, source: &mut Source, name: &str) {
        match self.resolve(name) {
            Some(slot) => _ = self.emit(Op::Variable(slot)),
            None => self.undefined(source, name),
        }
    }

    /// Compiles a field, or a method with arguments.
    fn fields(
        &mut self,
        source: &mut Source,
        operand: &Operand,
        arguments: &[Operand],
        piped: bool,
    ) {
        let location = source.operand_location(operand);
        self.emit(Op::At(location));
        let (Term::Field(path) | Term::Variable(_, path) | Term::Chain(_, path)) = &operand.term
        else {
            return;
        };
        let is_call = piped || !arguments.is_empty();
        let Some((name, receiver)) = path.split_last() else {
            return;
        };
        let fields = if is_call { receiver } else { path };
        match &operand.term {
            Term::Variable(variable, _) => match self.resolve(variable) {
                Some(variable) if !fields.is_empty() => {
                    let path = source.path(fields);
                    self.emit(Op::VariableFields {
                        variable,
                        path,
                        location,
                    });
                }
                _ => self.variable(source, variable),
            },
            Term::Chain(inner, _) => {
                self.receiver(source, operand, inner);
                if !fields.is_empty() {
                    let path = source.path(fields);
                    self.emit(Op::Fields { path, location });
                }
            }
            _ if fields.is_empty() => _ = self.emit(Op::Dot),
            _ => {
                let path = source.path(fields);
                self.emit(Op::DotFields { path, location });
            }
        }
        if is_call {
            let name = source.path(std::slice::from_ref(name));
            self.method(source, name, arguments, piped, location);
        }
    }

    fn receiver(&mut self, source: &mut Source, chain: &Operand, inner: &Operand) {
        if let Term::Literal(Literal::Nil, _) = inner.term {
            let mut message = "indirection through explicit nil in ".to_string();
            chain.write(&mut message);
            return self.fail(source, message);
        }
        self.argument(source, inner, Parameter::Receiver);
    }

    fn method(
        &mut self,
        source: &mut Source,
        name: u32,
        arguments: &[Operand],
        piped: bool,
        location: LocationId,
    ) {
        let count = u16::try_from(arguments.len()).unwrap_or(u16::MAX);
        let lookup = self.emit(Op::Method {
            name,
            arguments: count,
            piped,
            past: 0,
        });
        for (argument, at) in arguments.iter().zip(0..) {
            self.argument(source, argument, Parameter::Method(at));
        }
        self.emit(Op::CallMethod {
            arguments: count,
            piped,
            location,
        });
        self.patch(lookup);
    }

    fn function(
        &mut self,
        source: &mut Source,
        operand: &Operand,
        function: Function,
        arguments: &[Operand],
        piped: bool,
        node: LocationId,
    ) {
        let location = source.operand_location(operand);
        self.emit(Op::At(location));
        if let Some(message) =
            argument_count_error(function.name, &function.signature, arguments.len(), piped)
        {
            return self.fail(source, message);
        }
        if let Callable::And | Callable::Or = function.call {
            return self.short_circuit(source, function, arguments, piped);
        }
        for (index, argument) in arguments.iter().enumerate() {
            let ty = function.signature.parameter(index);
            self.argument(source, argument, Parameter::Typed(ty));
        }
        let count = u16::try_from(arguments.len()).unwrap_or(u16::MAX);
        if let Callable::Call = function.call {
            let mut callee = String::new();
            if let Some(first) = arguments.first() {
                first.write(&mut callee);
            }
            let name = source.path(&[callee.into()]);
            self.emit(Op::CallValue {
                name,
                arguments: count,
                piped,
                location: node,
            });
            return;
        }
        source.functions.push(function);
        let function = index(source.functions.len() - 1);
        self.emit(Op::Call {
            function,
            arguments: count,
            piped,
            location: node,
        });
    }

    /// Compiles `and` and `or`, which do not evaluate the arguments after the decisive one.
    fn short_circuit(
        &mut self,
        source: &mut Source,
        function: Function,
        arguments: &[Operand],
        piped: bool,
    ) {
        let on = matches!(function.call, Callable::Or);
        let mut jumps = Vec::new();
        let last = arguments.len().saturating_sub(1);
        for (index, argument) in arguments.iter().enumerate() {
            self.argument(source, argument, Parameter::Typed(&Type::Reflected));
            // The last value is always the result.
            if index < last || piped {
                jumps.push(self.emit(Op::ShortCircuit { on, target: 0 }));
            }
        }
        if !piped {
            for jump in jumps {
                self.patch(jump);
            }
            return;
        }
        // Without a jump, the value of the pipeline is on top and is the result. After a jump, it is below the result and is
        // dropped.
        let end = self.emit(Op::Jump(0));
        for jump in jumps {
            self.patch(jump);
        }
        self.emit(Op::Nip);
        self.patch(end);
    }

    fn argument(&mut self, source: &mut Source, operand: &Operand, parameter: Parameter) {
        match &operand.term {
            Term::Literal(literal, text) => {
                let location = source.operand_location(operand);
                self.emit(Op::At(location));
                return self.literal_argument(source, literal, text, parameter);
            }
            Term::Field(_) | Term::Chain(..) => self.fields(source, operand, &[], false),
            Term::Variable(_, path) if !path.is_empty() => {
                self.fields(source, operand, &[], false);
            }
            term => {
                let location = source.operand_location(operand);
                self.emit(Op::At(location));
                match term {
                    Term::Variable(name, _) => self.variable(source, name),
                    Term::Function(function) => {
                        self.function(source, operand, *function, &[], false, location);
                    }
                    Term::Pipeline(pipeline) => _ = self.pipeline(source, pipeline),
                    _ => _ = self.emit(Op::Dot),
                }
            }
        }
        match parameter {
            Parameter::Typed(Type::Any | Type::Reflected) | Parameter::Receiver => {}
            Parameter::Typed(ty) => _ = self.emit(Op::Check(ty)),
            Parameter::Method(at) => _ = self.emit(Op::MethodCheck(at)),
        }
    }

    fn literal_argument(
        &mut self,
        source: &mut Source,
        literal: &Literal,
        text: &str,
        parameter: Parameter,
    ) {
        let ty = match parameter {
            Parameter::Typed(ty) => ty,
            Parameter::Method(at) => {
                let literal = source.literal(literal);
                self.emit(Op::MethodLiteral(literal, at));
                return;
            }
            Parameter::Receiver => &Type::Any,
        };
        match literal.for_type(ty, text) {
            Ok(_) => {
                let literal = source.literal(literal);
                self.emit(Op::TypedLiteral(literal, ty));
            }
            Err(message) => self.fail(source, message),
        }
    }
}

/// Go's message for a wrong number of arguments; `None` if the number is right.
pub(super) fn argument_count_error(
    name: &str,
    signature: &Signature,
    arguments: usize,
    piped: bool,
) -> Option<String> {
    let given = arguments + usize::from(piped);
    let required = signature.required();
    if signature.variadic {
        return (given < required).then(|| {
            format!("wrong number of args for {name}: want at least {required} got {arguments}")
        });
    }
    (given != required)
        .then(|| format!("wrong number of args for {name}: want {required} got {given}"))
}

fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Source {
    /// Records an expression that can fail.
    fn location(&mut self, at: u32, write: impl FnOnce(&mut String)) -> LocationId {
        let start = self.expressions.len();
        write(&mut self.expressions);
        let mut location = Location {
            at,
            start: index(start),
            end: index(self.expressions.len()),
        };
        // For a pipeline of one operand, pipeline, command and operand have the same text.
        if let Some(last) = self.locations.last() {
            let text = self.expressions.get(start..);
            if text == self.expressions.get(last.start as usize..last.end as usize) {
                (location.start, location.end) = (last.start, last.end);
                self.expressions.truncate(start);
                if location.at == last.at {
                    return index(self.locations.len() - 1);
                }
            }
        }
        self.locations.push(location);
        index(self.locations.len() - 1)
    }

    pub(super) fn pipeline_location(&mut self, pipeline: &Pipeline) -> LocationId {
        self.location(pipeline.at, |out| pipeline.write(out))
    }

    fn command_location(&mut self, command: &Command) -> LocationId {
        self.location(command.at, |out| command.write(out))
    }

    fn operand_location(&mut self, operand: &Operand) -> LocationId {
        self.location(operand.at, |out| operand.write(out))
    }

    fn path(&mut self, names: &[Str]) -> u32 {
        self.paths.push(names.to_vec());
        index(self.paths.len() - 1)
    }

    fn literal(&mut self, literal: &Literal) -> u32 {
        self.literals.push(literal.clone());
        index(self.literals.len() - 1)
    }
}
