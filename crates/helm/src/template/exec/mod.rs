//! The stack machine that executes templates. Calls of templates use its own stacks, so they cannot overflow that of the thread.

mod call;
mod step;

use std::rc::Rc;
use std::sync::Arc;

use super::compile::argument_count_error;
use super::iterate::Loop;
use super::limits::size;
use super::program::{LocationId, Template, quoted};
use super::render::{Renderer, Scope, without_no_value};
use super::slot::{Origin, Slot};
use super::trace::Tracer;
use super::{Cause, ExecError, FunctionError};
use crate::fmt::write_value;
use crate::value::{Method, Str, Value};

/// The state of executing a template and those that it calls.
pub(super) struct Machine<'r, 't> {
    renderer: &'r mut Renderer<'t>,
    frame: Frame,
    callers: Vec<Frame>,
    out: Vec<u8>,
    stack: Vec<Slot>,
    variables: Vec<Slot>,
    loops: Vec<Loop>,
    /// Methods whose arguments are being evaluated, with their receivers.
    methods: Vec<(&'static Method, Value)>,
    /// The arguments of the current function call.
    arguments: Vec<Value>,
    tracer: Option<Tracer>,
}

/// A template that is being executed.
struct Frame {
    template: Arc<Template>,
    next: usize,
    /// The current expression, for errors.
    location: LocationId,
    dot: Slot,
    /// The index of its first variable.
    variables: usize,
    /// Its depth of `template` calls.
    depth: usize,
    scope: Option<Rc<Scope>>,
    kind: FrameKind,
}

/// The kind of a call.
enum FrameKind {
    /// By `template`, or as the file itself.
    Template,
    /// By `include`: the name, the offset at which the output begins, and the call.
    Include(Str, usize, LocationId),
    /// By `tpl`: the text, the offset at which the output begins, and the call.
    Tpl(Str, usize, LocationId),
}

/// The result of an instruction; the error is boxed because it is rare.
type Step<T = ()> = Result<T, Box<Cause>>;

fn fault<T>(message: impl Into<String>) -> Step<T> {
    Err(Box::new(Cause::Message(message.into())))
}

fn limit<T>(message: impl Into<String>) -> Step<T> {
    Err(Box::new(Cause::Limit(message.into())))
}

impl<'r, 't> Machine<'r, 't> {
    pub(super) fn new(
        renderer: &'r mut Renderer<'t>,
        template: Arc<Template>,
        data: Value,
        tracer: Option<Tracer>,
    ) -> Machine<'r, 't> {
        let mut machine = Machine {
            renderer,
            frame: Frame {
                template: template.clone(),
                next: 0,
                location: 0,
                dot: Slot::own(Value::Nil),
                variables: 0,
                depth: 0,
                scope: None,
                kind: FrameKind::Template,
            },
            callers: Vec::new(),
            out: Vec::new(),
            stack: Vec::new(),
            variables: Vec::new(),
            loops: Vec::new(),
            methods: Vec::new(),
            arguments: Vec::new(),
            tracer,
        };
        machine.frame = machine.new_frame(template, Slot::own(data), FrameKind::Template);
        machine
    }

    fn new_frame(&mut self, template: Arc<Template>, dot: Slot, kind: FrameKind) -> Frame {
        let base = self.variables.len();
        let undeclared = Slot {
            value: Value::Nil,
            origin: Origin::Undeclared,
        };
        self.variables.push(dot.clone());
        self.variables
            .resize(base + template.variables.max(1), undeclared);
        Frame {
            template,
            next: 0,
            location: 0,
            dot,
            variables: base,
            depth: 0,
            scope: self.frame.scope.clone(),
            kind,
        }
    }

    /// Runs the machine; returns the output, and the tracer with its records.
    pub(super) fn run(mut self) -> Result<(Vec<u8>, Option<Tracer>), Box<ExecError>> {
        loop {
            let template = self.frame.template.clone();
            match self.run_frame(&template) {
                Ok(true) => {}
                Ok(false) => return Ok((self.out, self.tracer)),
                Err(cause) => return Err(self.unwind(*cause)),
            }
        }
    }

    /// Executes a template up to a call of another one, or to its end. Returns false at the end of the outermost one.
    fn run_frame(&mut self, template: &Template) -> Step<bool> {
        while let Some(op) = template.code.get(self.frame.next).copied() {
            self.frame.next += 1;
            self.renderer.budget.steps += 1;
            if self.renderer.budget.steps > self.renderer.budget.limits.steps {
                let steps = self.renderer.budget.limits.steps;
                return limit(format!("the templates take more than {steps} steps"));
            }
            if self.step(template, op)? {
                return Ok(true);
            }
        }
        self.leave()
    }

    /// Ends the current template. Returns false if it was the outermost one.
    fn leave(&mut self) -> Step<bool> {
        let Some(caller) = self.callers.pop() else {
            return Ok(false);
        };
        let frame = std::mem::replace(&mut self.frame, caller);
        self.variables.truncate(frame.variables);
        match frame.kind {
            FrameKind::Template => {}
            FrameKind::Include(name, start, _) => {
                if let Some(count) = self.renderer.open.get_mut(&name) {
                    *count -= 1;
                }
                self.nest(start);
                let text = Str::from(self.out.get(start..).unwrap_or(&[]));
                self.out.truncate(start);
                self.push(Slot::own(Value::String(text)));
            }
            FrameKind::Tpl(_, start, _) => {
                self.nest(start);
                let text = self.out.split_off(start);
                let text = Str::from(without_no_value(text));
                self.push(Slot::own(Value::String(text)));
            }
        }
        Ok(true)
    }

    /// Marks the output from `start` as nested, if origins are traced.
    fn nest(&mut self, start: usize) {
        if let Some(tracer) = &mut self.tracer {
            tracer.nest(start, &self.out);
        }
    }

    /// The error of the current expression, wrapped for each `include` and `tpl` around it.
    fn unwind(mut self, cause: Cause) -> Box<ExecError> {
        let mut error = Box::new(self.error(cause));
        while let Some(caller) = self.callers.pop() {
            let frame = std::mem::replace(&mut self.frame, caller);
            let cause = match frame.kind {
                FrameKind::Template => continue,
                FrameKind::Include(name, _, location) => {
                    self.frame.location = location;
                    if let Some(count) = self.renderer.open.get_mut(&name) {
                        *count -= 1;
                    }
                    Cause::Call("include".to_string(), FunctionError::Template(error))
                }
                FrameKind::Tpl(text, _, location) => {
                    self.frame.location = location;
                    let prefix =
                        format!("error during tpl function execution for {}", quoted(&text));
                    let error = FunctionError::Template(error).within(prefix);
                    Cause::Call("tpl".to_string(), error)
                }
            };
            error = Box::new(self.error(cause));
        }
        error
    }

    fn error(&self, cause: Cause) -> ExecError {
        let template = &self.frame.template;
        let source = &template.source;
        let (line, column) = source.line_and_column(self.frame.location);
        ExecError {
            source: source.name.clone(),
            line,
            column,
            template: template.name.to_lossy().into_owned(),
            expression: source.expression(self.frame.location).to_string(),
            cause,
        }
    }

    fn push(&mut self, slot: Slot) {
        self.stack.push(slot);
    }

    /// Pops the top value. The compiler ensures that there is one.
    fn pop(&mut self) -> Slot {
        self.stack.pop().unwrap_or(Slot::own(Value::Nil))
    }

    fn charge(&mut self, bytes: usize) -> Step {
        let charged = self.renderer.budget.charge(bytes);
        charged.map_err(|message| Box::new(Cause::Limit(message)))
    }

    fn check_output(&mut self, before: usize) -> Step {
        let bytes_max = self.renderer.budget.limits.output;
        if self.out.len() > bytes_max {
            let size = size(bytes_max as u64);
            return limit(format!("the output is larger than {size}"));
        }
        self.charge(self.out.len() - before)
    }

    fn enter(&mut self, frame: Frame) {
        let caller = std::mem::replace(&mut self.frame, frame);
        self.callers.push(caller);
    }

    /// The template with a name: of the current `tpl` scope, or of the set.
    fn find(&self, name: &[u8]) -> Option<&Arc<Template>> {
        let nested = self.frame.scope.as_ref().and_then(|it| it.get(name));
        nested.or_else(|| self.renderer.templates.get(name))
    }

    fn variable(&self, template: &Template, slot: u32) -> Step<&Slot> {
        match self.variables.get(self.frame.variables + slot as usize) {
            Some(variable) if variable.origin != Origin::Undeclared => Ok(variable),
            _ => {
                // Only if the declaration was in an argument that `and`, `or` or a method skipped.
                let expression = template.source.expression(self.frame.location);
                let name = expression.split('.').next().unwrap_or(expression);
                fault(format!("undefined variable: {name}"))
            }
        }
    }

    fn print(&mut self) -> Step {
        let slot = self.pop();
        let before = self.out.len();
        write_printable(&mut self.out, &slot);
        if let Some(tracer) = &mut self.tracer {
            let printed = self.out.get(before..).unwrap_or(&[]);
            let (source, location) = (&self.frame.template.source, self.frame.location);
            tracer.value(before, source, location, slot.value, printed);
        }
        self.check_output(before)
    }

    /// Evaluates a chain of fields and methods without arguments, and pushes its value (Go, `evalFieldChain`).
    fn field_chain(
        &mut self,
        template: &Template,
        mut slot: Slot,
        path: u32,
        location: LocationId,
    ) -> Step {
        let path = template.source.paths.get(path as usize);
        for name in path.into_iter().flatten() {
            slot = match slot.method(name) {
                Some(method) => {
                    if let Some(message) =
                        argument_count_error(method.name, &method.signature, 0, false)
                    {
                        return fault(message);
                    }
                    let receiver = receiver(method, slot.value);
                    self.invoke(method, &receiver, &[], location)?
                }
                None => match slot.field(name, false, self.renderer.missing_key) {
                    Ok(field) => {
                        if let Some(tracer) = &mut self.tracer {
                            tracer.read(&slot.value, name, &field.value);
                        }
                        field
                    }
                    Err(message) => return fault(message),
                },
            };
        }
        self.push(slot);
        Ok(())
    }

    fn next_iteration(&mut self, key: Option<u32>, value: Option<u32>, end: usize) {
        let iteration = self.loops.last_mut().and_then(Loop::next);
        let Some((index, item)) = iteration else {
            self.leave_loop();
            self.frame.next = end;
            return;
        };
        for (slot, new) in [(value, item.clone()), (key, index)] {
            let Some(slot) = slot else { continue };
            let at = self.frame.variables + slot as usize;
            if let Some(variable) = self.variables.get_mut(at) {
                *variable = new;
            }
        }
        self.frame.dot = item;
    }

    fn leave_loop(&mut self) {
        if let Some(range) = self.loops.pop() {
            self.frame.dot = range.dot;
        }
    }
}

fn name_of(template: &Template, index: u32) -> Str {
    let path = template.source.paths.get(index as usize);
    path.and_then(|it| it.first()).cloned().unwrap_or_default()
}

/// The receiver of a method: its pointer, if only pointers have the method.
fn receiver(method: &Method, value: Value) -> Value {
    match value {
        Value::Struct(object) if method.on_pointer => Value::Pointer(object),
        Value::Pointer(object) if !method.on_pointer && !object.is_nil() => Value::Struct(object),
        value => value,
    }
}

/// Writes a value as printed by templates: with pointers dereferenced, and `<no value>` if there is none.
pub(super) fn write_printable(out: &mut Vec<u8>, slot: &Slot) {
    match &slot.value {
        Value::Nil => out.extend_from_slice(b"<no value>"),
        Value::Pointer(object) if !object.is_nil() && object.ty().display.is_none() => {
            write_value(out, &Value::Struct(object.clone()));
        }
        Value::Struct(object)
            if slot.origin == Origin::Addressable
                && object.ty().display.is_some_and(|it| it.on_pointer) =>
        {
            write_value(out, &Value::Pointer(object.clone()));
        }
        value => write_value(out, value),
    }
}
