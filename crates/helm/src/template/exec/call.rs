//! Calls of functions and methods, and of templates by `include` and `tpl`.

use std::rc::Rc;

use super::{Frame, FrameKind, Machine, Step, fault, name_of, receiver};
use crate::template::compile::argument_count_error;
use crate::template::function::{Arguments, Callable, Returned};
use crate::template::limits::MAX_INCLUDES;
use crate::template::program::{LocationId, Template, quoted};
use crate::template::render::{Nested, no_template, without_no_value};
use crate::template::slot::{Origin, Slot};
use crate::template::{Cause, Context, Function, FunctionError, cost};
use crate::value::{Method, Str, Value};

impl Machine<'_, '_> {
    /// Calls a method with arguments that match its signature.
    pub(super) fn invoke(
        &mut self,
        method: &'static Method,
        receiver: &Value,
        arguments: &[Value],
        location: LocationId,
    ) -> Step<Slot> {
        let mut context = Context {
            state: &mut self.renderer.state,
            version: self.renderer.version,
            budget: &mut self.renderer.budget,
        };
        let returned = (method.call)(&mut context, receiver, arguments);
        self.returned(method.name, returned, location)
    }

    /// Handles the result of a function: its value, which is charged, or its error.
    fn returned(&mut self, name: &str, returned: Returned, location: LocationId) -> Step<Slot> {
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
            Err(error) => self.failed(name, error, location),
        }
    }

    /// The failure of a function, at its call.
    fn failed<T>(&mut self, name: &str, error: FunctionError, location: LocationId) -> Step<T> {
        self.frame.location = location;
        Err(Box::new(Cause::Call(name.to_string(), error)))
    }

    /// Looks up a method. If there is none, pushes the field and skips the arguments.
    pub(super) fn find_method(
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
            // As in Go, a field without a value is not an error, and the arguments are not evaluated.
            let field = slot.field(&name, true, self.renderer.missing_key);
            let field = field.map_err(|it| Box::new(Cause::Message(it)))?;
            if piped {
                self.pop();
            }
            self.push(field);
            self.frame.next = past;
            return Ok(false);
        };
        if let Some(message) =
            argument_count_error(method.name, &method.signature, arguments, piped)
        {
            return fault(message);
        }
        self.methods.push((method, receiver(method, slot.value)));
        Ok(false)
    }

    pub(super) fn call_method(
        &mut self,
        arguments: usize,
        piped: bool,
        location: LocationId,
    ) -> Step {
        let Some((method, receiver)) = self.methods.pop() else {
            return Ok(());
        };
        let last = method.signature.parameter(arguments);
        let (values, _) = self.take_arguments(arguments, piped, |slot| slot.check(last))?;
        let slot = self.invoke(method, &receiver, &values, location)?;
        self.recycle(values);
        self.push(slot);
        Ok(())
    }

    /// Pops the arguments of a call. The value of the pipeline, which is below them, becomes the last one, and is checked.
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

    /// Keeps the allocation of an argument list for the next call.
    fn recycle(&mut self, mut values: Vec<Value>) {
        values.clear();
        self.arguments = values;
    }

    pub(super) fn call(
        &mut self,
        function: Function,
        arguments: usize,
        piped: bool,
        location: LocationId,
    ) -> Step<bool> {
        let last = function.signature.parameter(arguments);
        let (values, boxed) = self.take_arguments(arguments, piped, |slot| slot.check(last))?;
        if matches!(function.call, Callable::Plain(_) | Callable::Reflected(_)) {
            let charged = cost::charge(&mut self.renderer.budget, function.name, &values);
            charged.map_err(|message| Box::new(Cause::Limit(message)))?;
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
            Callable::Include => return self.include(&values, location),
            Callable::Tpl => return self.tpl(&values, location),
            Callable::And | Callable::Or | Callable::Call => Ok(Value::Nil),
        };
        self.recycle(values);
        let slot = self.returned(function.name, returned, location)?;
        self.push(slot);
        Ok(false)
    }

    /// Calls `call`, which always fails, because templates of charts have no function values.
    pub(super) fn call_value(
        &mut self,
        template: &Template,
        name: u32,
        arguments: usize,
        piped: bool,
        location: LocationId,
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
        let message = match callee {
            Value::Nil => "call of nil".to_string(),
            value => format!("non-function {name} of type {}", value.type_name()),
        };
        self.failed("call", FunctionError::new(message), location)
    }

    fn include(&mut self, values: &[Value], location: LocationId) -> Step<bool> {
        let arguments = Arguments(values);
        let name = arguments.string(0);
        let count = self.renderer.open.get(&name).copied().unwrap_or(0);
        if count > MAX_INCLUDES {
            let name = name.to_lossy();
            let prefix = format!("rendering template has a nested reference name: {name}");
            let error = FunctionError::from("unable to execute template").within(prefix);
            return self.failed("include", error, location);
        }
        let Some(found) = self.find(&name).cloned() else {
            let error = FunctionError::new(no_template(&name));
            return self.failed("include", error, location);
        };
        self.renderer.open.insert(name.clone(), count + 1);
        let dot = Slot::own(arguments.get(1).clone());
        let kind = FrameKind::Include(name, self.out.len(), location);
        let frame = self.new_frame(found, dot, kind);
        self.enter(frame);
        Ok(true)
    }

    fn tpl(&mut self, values: &[Value], location: LocationId) -> Step<bool> {
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
                        let prefix = format!("cannot parse template {}", quoted(&text));
                        let error = FunctionError::new(error.to_string()).within(prefix);
                        return self.failed("tpl", error, location);
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
        let kind = FrameKind::Tpl(text, self.out.len(), location);
        let frame = self.new_frame(main, dot, kind);
        self.enter(Frame {
            scope: Some(scope),
            ..frame
        });
        Ok(true)
    }
}
