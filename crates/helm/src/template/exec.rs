//! The machine that executes templates. All nesting is on its own stacks, so no template can overflow the program's.

use std::rc::Rc;
use std::sync::Arc;

use super::compile::wrong_count;
use super::function::{Arguments, Callable, Returned};
use super::iterate::Loop;
use super::limits::{MAX_INCLUDES, MAX_TEMPLATE_DEPTH};
use super::program::{Op, PlaceId, Template, quoted, shown};
use super::render::{Nested, Renderer, Scope, no_template, without_no_value};
use super::slot::{Origin, Slot};
use super::trace::Tracer;
use super::{Cause, Context, ExecError, FunctionError, cost};
use crate::fmt::write_value;
use crate::value::{Method, Str, Value};

/// Executes one template and those that it calls.
pub(super) struct Machine<'r, 't> {
    renderer: &'r mut Renderer<'t>,
    frame: Frame,
    /// The templates that wait for the present one.
    callers: Vec<Frame>,
    out: Vec<u8>,
    stack: Vec<Slot>,
    variables: Vec<Slot>,
    loops: Vec<Loop>,
    /// Methods whose arguments are being evaluated, and what they are called on.
    methods: Vec<(&'static Method, Value)>,
    /// The arguments of the function that is being called.
    arguments: Vec<Value>,
    tracer: Option<Tracer>,
}

/// A template that is being executed.
struct Frame {
    template: Arc<Template>,
    next: usize,
    /// The present expression, for errors.
    place: PlaceId,
    dot: Slot,
    /// Where its variables begin.
    variables: usize,
    /// How deep it is by `template`.
    depth: usize,
    scope: Option<Rc<Scope>>,
    kind: FrameKind,
}

/// How a template was called.
enum FrameKind {
    /// By `template`, or as the file itself.
    Template,
    /// By `include`: the name, where the output begins, and the call.
    Include(Str, usize, PlaceId),
    /// By `tpl`: the text, where its output begins, and the call.
    Tpl(Str, usize, PlaceId),
}

/// What a failing instruction gives; it is boxed since it hardly ever happens.
type Step<T = ()> = Result<T, Box<Cause>>;

fn fault<T>(words: impl Into<String>) -> Step<T> {
    Err(Box::new(Cause::Message(words.into())))
}

fn limit<T>(words: impl Into<String>) -> Step<T> {
    Err(Box::new(Cause::Limit(words.into())))
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
                place: 0,
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
            place: 0,
            dot,
            variables: base,
            depth: 0,
            scope: self.frame.scope.clone(),
            kind,
        }
    }

    /// The output, and the tracer with what it noted.
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

    /// Executes a template up to a call of another one, or to its end. False at the end of all.
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

    /// The end of the present template. False where it was the file itself.
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

    fn nest(&mut self, start: usize) {
        if let Some(tracer) = &mut self.tracer {
            tracer.nest(start, &self.out);
        }
    }

    /// The error of the present expression, and of all calls that led to it.
    fn unwind(mut self, cause: Cause) -> Box<ExecError> {
        let mut error = Box::new(self.error(cause));
        while let Some(caller) = self.callers.pop() {
            let frame = std::mem::replace(&mut self.frame, caller);
            let cause = match frame.kind {
                FrameKind::Template => continue,
                FrameKind::Include(name, _, place) => {
                    self.frame.place = place;
                    if let Some(count) = self.renderer.open.get_mut(&name) {
                        *count -= 1;
                    }
                    Cause::Call("include".to_string(), FunctionError::Template(error))
                }
                FrameKind::Tpl(text, _, place) => {
                    self.frame.place = place;
                    let words =
                        format!("error during tpl function execution for {}", quoted(&text));
                    let error = FunctionError::Template(error).within(words);
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
        let (line, column) = source.location(self.frame.place);
        ExecError {
            source: source.name.clone(),
            line,
            column,
            template: template.name.to_lossy().into_owned(),
            expression: source.expression(self.frame.place).to_string(),
            cause,
        }
    }

    fn push(&mut self, slot: Slot) {
        self.stack.push(slot);
    }

    /// The value on top. The compiler sees to it that there is one.
    fn pop(&mut self) -> Slot {
        self.stack.pop().unwrap_or(Slot::own(Value::Nil))
    }

    fn charge(&mut self, bytes: usize) -> Step {
        let charged = self.renderer.budget.charge(bytes);
        charged.map_err(|words| Box::new(Cause::Limit(words)))
    }

    fn check_output(&mut self, before: usize) -> Step {
        let most = self.renderer.budget.limits.output;
        if self.out.len() > most {
            return limit(format!("the output is larger than {most} bytes"));
        }
        self.charge(self.out.len() - before)
    }

    /// Executes an instruction. True where another template is to be executed next.
    fn step(&mut self, template: &Template, op: Op) -> Step<bool> {
        let source = &template.source;
        match op {
            Op::Text { start, end } => {
                let text = source.text.get(start as usize..end as usize);
                let before = self.out.len();
                if let Some(tracer) = &mut self.tracer {
                    tracer.text(before, source, start as usize);
                }
                self.out.extend_from_slice(text.unwrap_or(&[]));
                self.check_output(before)?;
            }
            Op::Print(place) => {
                self.frame.place = place;
                self.print()?;
            }
            Op::Pop => _ = self.pop(),
            Op::Nip => {
                let top = self.pop();
                self.pop();
                self.push(top);
            }
            Op::At(place) => self.frame.place = place,
            Op::Literal(literal) => {
                let literal = source.literals.get(literal as usize);
                let value = literal.and_then(|it| it.ideal().ok()).unwrap_or_default();
                self.push(Slot::own(value));
            }
            Op::TypedLiteral(literal, ty) => {
                let literal = source.literals.get(literal as usize);
                let value = literal.and_then(|it| it.for_type(ty, "").ok());
                self.push(Slot::own(value.unwrap_or_default()));
            }
            Op::MethodLiteral(literal, index) => {
                let ty = self
                    .methods
                    .last()
                    .map(|it| it.0.signature.parameter(index as usize));
                if let (Some(ty), Some(literal)) = (ty, source.literals.get(literal as usize)) {
                    let expression = source.expression(self.frame.place);
                    let value = literal.for_type(ty, expression);
                    let value = value.map_err(|it| Box::new(Cause::Message(it)))?;
                    self.push(Slot::own(value));
                }
            }
            Op::Nothing => self.push(Slot::own(Value::Nil)),
            Op::Dot => self.push(self.frame.dot.clone()),
            Op::Variable(slot) => {
                let value = self.variable(template, slot)?.clone();
                self.push(value);
            }
            Op::DotFields { path, place } => {
                self.frame.place = place;
                let dot = self.frame.dot.clone();
                self.walk(template, dot, path, place)?;
            }
            Op::VariableFields {
                variable,
                path,
                place,
            } => {
                self.frame.place = place;
                let value = self.variable(template, variable)?.clone();
                self.walk(template, value, path, place)?;
            }
            Op::Fields { path, place } => {
                let value = self.pop();
                self.walk(template, value, path, place)?;
            }
            Op::Unbox => {
                if let Some(top) = self.stack.last_mut()
                    && top.is_boxed()
                {
                    top.origin = Origin::Own;
                }
            }
            Op::Declare(slot) => {
                let value = self.stack.last().cloned();
                let index = self.frame.variables + slot as usize;
                if let (Some(variable), Some(value)) = (self.variables.get_mut(index), value) {
                    *variable = value;
                }
            }
            Op::Check(ty) => {
                let slot = self.pop();
                let value = slot.check(ty).map_err(|it| Box::new(Cause::Message(it)))?;
                self.push(Slot::own(value));
            }
            Op::MethodCheck(index) => {
                let slot = self.pop();
                let ty = self
                    .methods
                    .last()
                    .map(|it| it.0.signature.parameter(index as usize));
                let value = match ty {
                    Some(ty) => slot.check(ty).map_err(|it| Box::new(Cause::Message(it)))?,
                    None => slot.value,
                };
                self.push(Slot::own(value));
            }
            Op::Call {
                function,
                arguments,
                piped,
                place,
            } => {
                if let Some(function) = source.functions.get(function as usize) {
                    return self.call(*function, arguments as usize, piped, place);
                }
            }
            Op::CallValue {
                name,
                arguments,
                piped,
                place,
            } => {
                return self.call_value(template, name, arguments as usize, piped, place);
            }
            Op::ShortCircuit { on, target } => {
                if self.stack.last().is_some_and(|it| it.value.is_true()) == on {
                    self.frame.next = target as usize;
                } else {
                    self.pop();
                }
            }
            Op::Method {
                name,
                arguments,
                piped,
                past,
            } => {
                return self.find_method(template, name, arguments as usize, piped, past as usize);
            }
            Op::CallMethod {
                arguments,
                piped,
                place,
            } => {
                self.call_method(arguments as usize, piped, place)?;
            }
            Op::Jump(target) => self.frame.next = target as usize,
            Op::JumpIfFalse(target) => {
                if !self.pop().value.is_true() {
                    self.frame.next = target as usize;
                }
            }
            Op::With { saved, target } => {
                let value = self.pop();
                if value.value.is_true() {
                    let dot = std::mem::replace(&mut self.frame.dot, value);
                    let index = self.frame.variables + saved as usize;
                    if let Some(variable) = self.variables.get_mut(index) {
                        *variable = dot;
                    }
                } else {
                    self.frame.next = target as usize;
                }
            }
            Op::RestoreDot(saved) => {
                let index = self.frame.variables + saved as usize;
                if let Some(dot) = self.variables.get(index) {
                    self.frame.dot = dot.clone();
                }
            }
            Op::Range { target, two } => {
                let value = self.pop();
                let dot = self.frame.dot.clone();
                match Loop::new(value.value, dot, two) {
                    Ok(Some(range)) => self.loops.push(range),
                    Ok(None) => self.frame.next = target as usize,
                    Err(words) => return fault(words),
                }
            }
            Op::Next { key, value, end } => self.next_round(key, value, end as usize),
            Op::Leave => self.leave_loop(),
            Op::FindTemplate { name, place } => {
                self.frame.place = place;
                let name = name_of(template, name);
                if self.find(&name).is_none() {
                    return fault(format!("template {} not defined", quoted(&name)));
                }
                if self.frame.depth == MAX_TEMPLATE_DEPTH {
                    let words = format!("exceeded maximum template depth ({MAX_TEMPLATE_DEPTH})");
                    return fault(words);
                }
            }
            Op::Template { name } => {
                let dot = self.pop();
                if let Some(found) = self.find(&name_of(template, name)).cloned() {
                    let depth = self.frame.depth + 1;
                    let frame = self.new_frame(found, dot, FrameKind::Template);
                    self.enter(Frame { depth, ..frame });
                    return Ok(true);
                }
            }
            Op::Fail(words) => {
                let words = name_of(template, words);
                return fault(words.to_lossy());
            }
        }
        Ok(false)
    }

    fn enter(&mut self, frame: Frame) {
        let caller = std::mem::replace(&mut self.frame, frame);
        self.callers.push(caller);
    }

    fn find(&self, name: &[u8]) -> Option<&Arc<Template>> {
        let nested = self.frame.scope.as_ref().and_then(|it| it.get(name));
        nested.or_else(|| self.renderer.templates.get(name))
    }

    fn variable(&self, template: &Template, slot: u32) -> Step<&Slot> {
        match self.variables.get(self.frame.variables + slot as usize) {
            Some(variable) if variable.origin != Origin::Undeclared => Ok(variable),
            _ => {
                // Only an argument that `and`, `or` or a method passed over can have been meant to declare it.
                let expression = template.source.expression(self.frame.place);
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
            let (source, place) = (&self.frame.template.source, self.frame.place);
            tracer.value(before, source, place, slot.value, printed);
        }
        self.check_output(before)
    }

    /// Takes fields of a value, one after the other, and leaves the last one on the stack.
    fn walk(&mut self, template: &Template, mut slot: Slot, path: u32, place: PlaceId) -> Step {
        let path = template.source.paths.get(path as usize);
        for name in path.into_iter().flatten() {
            slot = match slot.method(name) {
                Some(method) => {
                    if let Some(words) = wrong_count(method.name, &method.signature, 0, false) {
                        return fault(words);
                    }
                    let receiver = receiver(method, slot.value);
                    self.invoke(method, &receiver, &[], place)?
                }
                None => match slot.field(name, false) {
                    Ok(field) => {
                        if let Some(tracer) = &mut self.tracer {
                            tracer.read(&slot.value, name, &field.value);
                        }
                        field
                    }
                    Err(words) => return fault(words),
                },
            };
        }
        self.push(slot);
        Ok(())
    }

    fn invoke(
        &mut self,
        method: &'static Method,
        receiver: &Value,
        arguments: &[Value],
        place: PlaceId,
    ) -> Step<Slot> {
        let mut context = Context {
            state: &mut self.renderer.state,
            version: self.renderer.version,
            budget: &mut self.renderer.budget,
        };
        let returned = (method.call)(&mut context, receiver, arguments);
        self.returned(method.name, returned, place)
    }

    /// What a function gave: its value, which is counted, or its error, at the call.
    fn returned(&mut self, name: &str, returned: Returned, place: PlaceId) -> Step<Slot> {
        match returned {
            Ok(value) => {
                if let Value::String(text) | Value::Bytes(text) = &value {
                    self.charge(text.len())?;
                }
                let origin = match value {
                    Value::Nil => Origin::Boxed,
                    _ => Origin::Own,
                };
                Ok(Slot { value, origin })
            }
            Err(error) => self.failed(name, error, place),
        }
    }

    /// The failure of a function, at its call.
    fn failed<T>(&mut self, name: &str, error: FunctionError, place: PlaceId) -> Step<T> {
        self.frame.place = place;
        Err(Box::new(Cause::Call(name.to_string(), error)))
    }

    fn find_method(
        &mut self,
        template: &Template,
        name: u32,
        arguments: usize,
        piped: bool,
        past: usize,
    ) -> Step<bool> {
        let slot = self.pop();
        let name = name_of(template, name);
        let Some(method) = slot.method(&name) else {
            // Only where there is no value this is no error; the arguments are not evaluated then.
            let field = slot.field(&name, true);
            let field = field.map_err(|it| Box::new(Cause::Message(it)))?;
            if piped {
                self.pop();
            }
            self.push(field);
            self.frame.next = past;
            return Ok(false);
        };
        if let Some(words) = wrong_count(method.name, &method.signature, arguments, piped) {
            return fault(words);
        }
        self.methods.push((method, receiver(method, slot.value)));
        Ok(false)
    }

    fn call_method(&mut self, arguments: usize, piped: bool, place: PlaceId) -> Step {
        let Some((method, receiver)) = self.methods.pop() else {
            return Ok(());
        };
        let last = method.signature.parameter(arguments);
        let (values, _) = self.take_arguments(arguments, piped, |slot| slot.check(last))?;
        let slot = self.invoke(method, &receiver, &values, place)?;
        self.give_back(values);
        self.push(slot);
        Ok(())
    }

    /// Takes the arguments of a call off the stack. The pipeline's value, which is below them, becomes the last, checked.
    fn take_arguments(
        &mut self,
        count: usize,
        piped: bool,
        check: impl FnOnce(&Slot) -> Result<Value, String>,
    ) -> Step<(Vec<Value>, Vec<bool>)> {
        let mut values = std::mem::take(&mut self.arguments);
        let mut boxed = Vec::new();
        let start = self.stack.len().saturating_sub(count);
        for slot in self.stack.drain(start..) {
            if slot.is_boxed() {
                boxed.resize(values.len(), false);
                boxed.push(true);
            }
            values.push(slot.value);
        }
        if piped {
            let slot = self.pop();
            values.push(check(&slot).map_err(|it| Box::new(Cause::Message(it)))?);
        }
        Ok((values, boxed))
    }

    fn give_back(&mut self, mut values: Vec<Value>) {
        values.clear();
        self.arguments = values;
    }

    fn call(
        &mut self,
        function: super::Function,
        arguments: usize,
        piped: bool,
        place: PlaceId,
    ) -> Step<bool> {
        let last = function.signature.parameter(arguments);
        let (values, boxed) = self.take_arguments(arguments, piped, |slot| slot.check(last))?;
        if matches!(function.call, Callable::Plain(_) | Callable::Reflected(_)) {
            let charged = cost::charge(&mut self.renderer.budget, function.name, &values);
            charged.map_err(|words| Box::new(Cause::Limit(words)))?;
        }
        let returned = match function.call {
            Callable::Plain(call) => {
                let mut context = Context {
                    state: &mut self.renderer.state,
                    version: self.renderer.version,
                    budget: &mut self.renderer.budget,
                };
                call(&mut context, Arguments(&values))
            }
            Callable::Reflected(call) => call(&values, &boxed),
            Callable::Include => return self.include(&values, place),
            Callable::Tpl => return self.tpl(&values, place),
            Callable::And | Callable::Or | Callable::Call => Ok(Value::Nil),
        };
        self.give_back(values);
        let slot = self.returned(function.name, returned, place)?;
        self.push(slot);
        Ok(false)
    }

    /// `call`: no value that a chart can get at is a function.
    fn call_value(
        &mut self,
        template: &Template,
        name: u32,
        arguments: usize,
        piped: bool,
        place: PlaceId,
    ) -> Step<bool> {
        let (values, _) = self.take_arguments(arguments, piped, |slot| Ok(slot.value.clone()))?;
        let callee = values.first().cloned().unwrap_or_default();
        let mut name = name_of(template, name).to_lossy().into_owned();
        if arguments == 0 {
            name = match &callee {
                Value::String(text) => text.to_lossy().into_owned(),
                value => format!("<{} Value>", value.type_name()),
            };
        }
        let words = match callee {
            Value::Nil => "call of nil".to_string(),
            value => format!("non-function {name} of type {}", value.type_name()),
        };
        self.failed("call", FunctionError::new(words), place)
    }

    fn include(&mut self, values: &[Value], place: PlaceId) -> Step<bool> {
        let arguments = Arguments(values);
        let name = arguments.string(0);
        let count = self.renderer.open.get(&name).copied().unwrap_or(0);
        if count > MAX_INCLUDES {
            let name = name.to_lossy();
            let words = format!("rendering template has a nested reference name: {name}");
            let error = FunctionError::from("unable to execute template").within(words);
            return self.failed("include", error, place);
        }
        let Some(found) = self.find(&name).cloned() else {
            let error = FunctionError::new(no_template(&name));
            return self.failed("include", error, place);
        };
        self.renderer.open.insert(name.clone(), count + 1);
        let dot = Slot::own(arguments.get(1).clone());
        let kind = FrameKind::Include(name, self.out.len(), place);
        let frame = self.new_frame(found, dot, kind);
        self.enter(frame);
        Ok(true)
    }

    fn tpl(&mut self, values: &[Value], place: PlaceId) -> Step<bool> {
        let arguments = Arguments(values);
        let text = arguments.string(0);
        if memchr::memmem::find(&text, b"{{").is_none() {
            let text = match memchr::memmem::find(&text, b"<no value>") {
                None => text,
                Some(_) => Str::from(without_no_value(text.to_vec())),
            };
            self.push(Slot::own(Value::String(text)));
            return Ok(false);
        }
        let nested = match self.renderer.nested.get(&text) {
            Some(nested) => nested.clone(),
            None => {
                self.charge(text.len())?;
                let nested = match Nested::parse(&text, self.renderer.templates.functions()) {
                    Ok(nested) => nested,
                    Err(error) => {
                        let words = format!("cannot parse template {}", quoted(&text));
                        let error = FunctionError::new(error.to_string()).within(words);
                        return self.failed("tpl", error, place);
                    }
                };
                let nested = Rc::new(nested);
                self.renderer.nested.insert(text.clone(), nested.clone());
                nested
            }
        };
        let Some(main) = nested.main().cloned() else {
            self.push(Slot::own(Value::from("")));
            return Ok(false);
        };
        let scope = nested.scope(self.frame.scope.clone());
        let dot = Slot::own(arguments.get(1).clone());
        let kind = FrameKind::Tpl(text, self.out.len(), place);
        let frame = self.new_frame(main, dot, kind);
        self.enter(Frame {
            scope: Some(scope),
            ..frame
        });
        Ok(true)
    }

    fn next_round(&mut self, key: Option<u32>, value: Option<u32>, end: usize) {
        let round = self.loops.last_mut().and_then(Loop::next);
        let Some((index, item)) = round else {
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

/// What the method is called on: its pointer, if only pointers have it.
fn receiver(method: &Method, value: Value) -> Value {
    match value {
        Value::Struct(object) if method.on_pointer => Value::Pointer(object),
        Value::Pointer(object) if !method.on_pointer && !object.is_nil() => Value::Struct(object),
        value => value,
    }
}

/// Writes a value as a template prints it: without pointers, and `<no value>` where there is none.
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

/// A value as errors show it.
pub(super) fn describe(value: &Value) -> String {
    shown(value)
}
