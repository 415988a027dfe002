//! The execution of instructions.

use std::sync::Arc;

use super::{Frame, FrameKind, Machine, Step, fault, name_of};
use crate::template::Cause;
use crate::template::iterate::Loop;
use crate::template::limits::MAX_TEMPLATE_DEPTH;
use crate::template::program::{LocationId, Op, Source, Template, quoted};
use crate::template::slot::{Origin, Slot};
use crate::value::{Type, Value};

impl Machine<'_, '_> {
    /// Executes an instruction. Returns true if another template is executed next.
    pub(super) fn step(&mut self, template: &Template, op: Op) -> Step<bool> {
        let source = &template.source;
        match op {
            Op::Text { start, end } => self.text(source, start as usize, end as usize)?,
            Op::Print(location) => {
                self.frame.location = location;
                self.print()?;
            }
            Op::Pop => _ = self.pop(),
            Op::Nip => self.nip(),
            Op::At(location) => self.frame.location = location,
            Op::Literal(literal) => self.literal(source, literal),
            Op::TypedLiteral(literal, ty) => self.typed_literal(source, literal, ty),
            Op::MethodLiteral(literal, index) => self.method_literal(source, literal, index)?,
            Op::Nil => self.push(Slot::own(Value::Nil)),
            Op::Dot => self.push(self.frame.dot.clone()),
            Op::Variable(slot) => {
                let value = self.variable(template, slot)?.clone();
                self.push(value);
            }
            Op::DotFields { path, location } => self.dot_fields(template, path, location)?,
            Op::VariableFields {
                variable,
                path,
                location,
            } => self.variable_fields(template, variable, path, location)?,
            Op::Fields { path, location } => {
                let value = self.pop();
                self.field_chain(template, value, path, location)?;
            }
            Op::Unbox => self.unbox(),
            Op::Declare(slot) | Op::Assign(slot) => {
                let value = self.stack.last().cloned();
                self.set_variable(slot, value);
            }
            Op::Check(ty) => self.check_type(Some(ty))?,
            Op::MethodCheck(index) => self.check_type(self.method_parameter(index))?,
            Op::Call { .. } | Op::CallValue { .. } | Op::Method { .. } | Op::CallMethod { .. } => {
                return self.called(template, op);
            }
            Op::FindTemplate { name, location } => self.check_template(template, name, location)?,
            Op::Template { name } => return Ok(self.enter_template(template, name)),
            Op::Fail(message) => return fault(name_of(template, message).to_lossy()),
            Op::ShortCircuit { .. }
            | Op::Jump(_)
            | Op::JumpIfFalse(_)
            | Op::With { .. }
            | Op::RestoreDot(_)
            | Op::Range { .. }
            | Op::Next { .. }
            | Op::Leave => self.branch(op)?,
        }
        Ok(false)
    }

    /// Executes an instruction that calls a function, a value or a method.
    fn called(&mut self, template: &Template, op: Op) -> Step<bool> {
        match op {
            Op::Call {
                function,
                arguments,
                piped,
                location,
            } => {
                if let Some(function) = template.source.functions.get(function as usize) {
                    return self.call(*function, arguments as usize, piped, location);
                }
            }
            Op::CallValue {
                name,
                arguments,
                piped,
                location,
            } => return self.call_value(template, name, arguments as usize, piped, location),
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
                location,
            } => self.call_method(arguments as usize, piped, location)?,
            _ => {}
        }
        Ok(false)
    }

    /// Executes a branching instruction.
    fn branch(&mut self, op: Op) -> Step {
        match op {
            Op::ShortCircuit { on, target } => {
                if self.stack.last().is_some_and(|it| it.value.is_true()) == on {
                    self.frame.next = target as usize;
                } else {
                    self.pop();
                }
            }
            Op::Jump(target) => self.frame.next = target as usize,
            Op::JumpIfFalse(target) => {
                let condition = self.pop();
                if !condition.value.is_true() {
                    self.frame.next = target as usize;
                }
            }
            Op::With { saved, target } => {
                let value = self.pop();
                if value.value.is_true() {
                    let dot = std::mem::replace(&mut self.frame.dot, value);
                    self.set_variable(saved, Some(dot));
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
                    Err(message) => return fault(message),
                }
            }
            Op::Next { key, value, end } => self.next_iteration(key, value, end as usize),
            Op::Leave => self.leave_loop(),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, source: &Arc<Source>, start: usize, end: usize) -> Step {
        let before = self.out.len();
        if let Some(tracer) = &mut self.tracer {
            tracer.text(before, source, start);
        }
        let text = source.text.get(start..end);
        self.out.extend_from_slice(text.unwrap_or(&[]));
        self.check_output(before)
    }

    /// Removes the value below the top.
    fn nip(&mut self) {
        let top = self.pop();
        self.pop();
        self.push(top);
    }

    /// Pushes a literal whose type its use does not determine.
    fn literal(&mut self, source: &Source, literal: u32) {
        let literal = source.literals.get(literal as usize);
        let value = literal.and_then(|it| it.ideal().ok()).unwrap_or_default();
        self.push(Slot::own(value));
    }

    fn typed_literal(&mut self, source: &Source, literal: u32, ty: &'static Type) {
        let literal = source.literals.get(literal as usize);
        let value = literal.and_then(|it| it.for_type(ty, "").ok());
        self.push(Slot::own(value.unwrap_or_default()));
    }

    fn dot_fields(&mut self, template: &Template, path: u32, location: LocationId) -> Step {
        self.frame.location = location;
        let dot = self.frame.dot.clone();
        self.field_chain(template, dot, path, location)
    }

    fn variable_fields(
        &mut self,
        template: &Template,
        variable: u32,
        path: u32,
        location: LocationId,
    ) -> Step {
        self.frame.location = location;
        let value = self.variable(template, variable)?.clone();
        self.field_chain(template, value, path, location)
    }

    /// A literal as an argument of a method, which determines its type.
    fn method_literal(&mut self, source: &Source, literal: u32, index: u32) -> Step {
        let ty = self.method_parameter(index);
        if let (Some(ty), Some(literal)) = (ty, source.literals.get(literal as usize)) {
            let expression = source.expression(self.frame.location);
            let value = literal.for_type(ty, expression);
            let value = value.map_err(|it| Box::new(Cause::Message(it)))?;
            self.push(Slot::own(value));
        }
        Ok(())
    }

    fn method_parameter(&self, index: u32) -> Option<&'static Type> {
        let method = self.methods.last();
        method.map(|it| it.0.signature.parameter(index as usize))
    }

    /// Checks the value on top against the type of a parameter.
    fn check_type(&mut self, ty: Option<&'static Type>) -> Step {
        let slot = self.pop();
        let value = match ty {
            Some(ty) => slot.check(ty).map_err(|it| Box::new(Cause::Message(it)))?,
            None => slot.value,
        };
        self.push(Slot::own(value));
        Ok(())
    }

    fn unbox(&mut self) {
        if let Some(top) = self.stack.last_mut()
            && top.is_boxed()
        {
            top.origin = Origin::Own;
        }
    }

    fn set_variable(&mut self, slot: u32, value: Option<Slot>) {
        let index = self.frame.variables + slot as usize;
        if let (Some(variable), Some(value)) = (self.variables.get_mut(index), value) {
            *variable = value;
        }
    }

    /// Go looks up a template before it evaluates its argument.
    fn check_template(&mut self, template: &Template, name: u32, location: LocationId) -> Step {
        self.frame.location = location;
        let name = name_of(template, name);
        if self.find(&name).is_none() {
            return fault(format!("template {} not defined", quoted(&name)));
        }
        if self.frame.depth == MAX_TEMPLATE_DEPTH {
            return fault(format!(
                "exceeded maximum template depth ({MAX_TEMPLATE_DEPTH})"
            ));
        }
        Ok(())
    }

    /// Enters a template; true if it exists, which an earlier instruction has checked.
    fn enter_template(&mut self, template: &Template, name: u32) -> bool {
        let dot = self.pop();
        let Some(found) = self.find(&name_of(template, name)).cloned() else {
            return false;
        };
        let depth = self.frame.depth + 1;
        let frame = self.new_frame(found, dot, FrameKind::Template);
        self.enter(Frame { depth, ..frame });
        true
    }
}
