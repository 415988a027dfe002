//! Analyses the instructions of a template.

use std::collections::BTreeMap;

use super::{Abstract, Reading};
use crate::template::literal::Literal;
use crate::template::program::{Op, Target, Template};
use crate::value::Str;

/// The maximum number of passes over a template, for variables that loops change.
const ROUNDS_MAX: usize = 4;

/// A template and the state at one of its instructions.
struct Scan<'r, 'a, 't> {
    reading: &'r mut Reading<'a>,
    template: &'t Template,
    /// The index of the instruction.
    at: usize,
    stack: Vec<Abstract>,
    dot: Abstract,
    variables: BTreeMap<u32, Abstract>,
    /// The instruction that last declared each variable.
    declared: BTreeMap<u32, usize>,
    /// The values assigned to variables, by the declaring instruction.
    assigned: BTreeMap<usize, Abstract>,
    /// The dots outside of `with`, by the variable in which they are saved.
    saved: BTreeMap<u32, Abstract>,
    /// The ends of loops, and the dots outside of them.
    loops: Vec<(Target, Abstract)>,
    /// The value that the next loop iterates over.
    looped: Abstract,
    /// The ends of `and` and `or`, the height of the stack there, and their possible values.
    decided: Vec<(Target, usize, Abstract)>,
    /// The names of the methods that are being called.
    methods: Vec<Str>,
}

impl Reading<'_> {
    /// Analyses a template until its variables no longer change.
    pub(super) fn scan(&mut self, template: &Template, dot: &Abstract) {
        let mut assigned = BTreeMap::new();
        for _ in 0..ROUNDS_MAX {
            self.steps += template.code.len();
            let mut scan = Scan {
                reading: self,
                template,
                at: 0,
                stack: Vec::new(),
                dot: dot.clone(),
                variables: BTreeMap::from([(0, dot.clone())]),
                declared: BTreeMap::new(),
                assigned: assigned.clone(),
                saved: BTreeMap::new(),
                loops: Vec::new(),
                looped: Abstract::default(),
                decided: Vec::new(),
                methods: Vec::new(),
            };
            scan.run();
            let after = scan.assigned;
            if after == assigned {
                break;
            }
            assigned = after;
        }
    }
}

impl Scan<'_, '_, '_> {
    fn run(&mut self) {
        let template = self.template;
        for (at, op) in template.code.iter().enumerate() {
            self.at = at;
            self.land();
            self.step(*op);
        }
    }

    /// Handles loops and operators that end before this instruction.
    fn land(&mut self) {
        let is_here = |target: Target| target as usize == self.at;
        while let Some((_, dot)) = self.loops.pop_if(|it| is_here(it.0)) {
            self.dot = dot;
        }
        let here = self.decided.extract_if(.., |it| is_here(it.0));
        for (_, height, value) in here.collect::<Vec<_>>() {
            let is_there = self.stack.len() >= height;
            match self.stack.last_mut().filter(|_| is_there) {
                Some(top) => top.join(value),
                None => self.stack.push(value),
            }
        }
    }

    fn pop(&mut self) -> Abstract {
        self.stack.pop().unwrap_or_default()
    }

    fn keys(&self, path: u32) -> Vec<Str> {
        let paths = &self.template.source.paths;
        paths.get(path as usize).cloned().unwrap_or_default()
    }

    fn name(&self, path: u32) -> Str {
        self.keys(path).into_iter().next().unwrap_or_default()
    }

    fn variable(&self, slot: u32) -> Abstract {
        self.variables.get(&slot).cloned().unwrap_or_default()
    }

    fn arguments(&mut self, count: u16, piped: bool) -> Vec<Abstract> {
        let mut arguments: Vec<Abstract> = (0..count).map(|_| self.pop()).collect();
        arguments.reverse();
        if piped {
            arguments.push(self.pop());
        }
        arguments
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Print(_) => {
                let value = self.pop();
                self.reading.free(&value);
            }
            Op::Pop | Op::JumpIfFalse(_) => _ = self.pop(),
            Op::Nip => {
                let mut top = self.pop();
                top.join(self.pop());
                self.stack.push(top);
            }
            Op::Literal(at) | Op::TypedLiteral(at, _) | Op::MethodLiteral(at, _) => {
                let literal = self.template.source.literals.get(at as usize);
                self.stack.push(match literal {
                    Some(Literal::Text(text)) => Abstract::text(text.clone()),
                    Some(Literal::Number(number)) => Abstract::text((*number.text).into()),
                    _ => Abstract::other(),
                });
            }
            Op::Nothing => self.stack.push(Abstract::other()),
            Op::Dot => self.stack.push(self.dot.clone()),
            Op::Variable(slot) => self.stack.push(self.variable(slot)),
            Op::Fields { path, .. } => {
                let value = self.pop();
                self.push_fields(value, path);
            }
            Op::DotFields { path, .. } => self.push_fields(self.dot.clone(), path),
            Op::VariableFields { variable, path, .. } => {
                self.push_fields(self.variable(variable), path);
            }
            Op::Declare(slot) => self.declare(slot, self.stack.last().cloned()),
            Op::Assign(slot) => self.assign(slot),
            Op::Template { name } => {
                let dot = self.pop();
                let name = self.name(name);
                self.reading.enter_named(&name, dot);
            }
            op => self.call_or_branch(op),
        }
    }

    fn call_or_branch(&mut self, op: Op) {
        match op {
            Op::Call {
                function,
                arguments,
                piped,
                ..
            } => {
                let arguments = self.arguments(arguments, piped);
                let function = self.template.source.functions.get(function as usize);
                let name = function.map_or("", |it| it.name);
                let result = self.reading.call(name, arguments);
                self.stack.push(result);
            }
            Op::CallValue {
                arguments, piped, ..
            } => {
                let arguments = self.arguments(arguments, piped);
                arguments.iter().for_each(|it| self.reading.free(it));
                self.stack.push(Abstract::result(&arguments));
            }
            Op::Method { name, .. } => self.methods.push(self.name(name)),
            Op::CallMethod {
                arguments, piped, ..
            } => self.call_method(arguments, piped),
            // The value is either the result or dropped.
            Op::ShortCircuit { target, .. } => {
                let height = self.stack.len();
                let value = self.pop();
                self.decided.push((target, height, value));
            }
            Op::With { saved, .. } => {
                let value = self.pop();
                let dot = std::mem::replace(&mut self.dot, value);
                self.saved.insert(saved, dot);
            }
            Op::RestoreDot(saved) => {
                if let Some(dot) = self.saved.get(&saved) {
                    self.dot = dot.clone();
                }
            }
            Op::Range { target, .. } => {
                self.looped = self.pop();
                self.loops.push((target, self.dot.clone()));
            }
            Op::Next { key, value, .. } => self.next_round(key, value),
            _ => {}
        }
    }

    fn push_fields(&mut self, value: Abstract, path: u32) {
        let keys = self.keys(path);
        let found = self.reading.fields(value, &keys);
        self.stack.push(found);
    }

    fn declare(&mut self, slot: u32, value: Option<Abstract>) {
        let mut value = value.unwrap_or_default();
        if let Some(assigned) = self.assigned.get(&self.at) {
            value.join(assigned.clone());
        }
        self.declared.insert(slot, self.at);
        self.variables.insert(slot, value);
    }

    fn assign(&mut self, slot: u32) {
        let value = self.stack.last().cloned().unwrap_or_default();
        if let Some(at) = self.declared.get(&slot) {
            let known = self.assigned.entry(*at).or_default();
            known.join(value.clone());
            // A variable that grows with each pass would never become stable.
            if known.depth() > super::DEPTH_MAX {
                let deep = std::mem::replace(known, Abstract::other());
                self.reading.free(&deep);
            }
        }
        self.variables.entry(slot).or_default().join(value);
    }

    fn next_round(&mut self, key: Option<u32>, value: Option<u32>) {
        let looped = std::mem::take(&mut self.looped);
        let mut element = looped.elements();
        element.is_given |= !looped.locations.is_empty();
        let names = Abstract {
            texts: looped.fields.keys().cloned().collect(),
            is_other: looped.is_other || looped.fields.is_empty() || !looped.locations.is_empty(),
            is_given: looped.is_given || !looped.locations.is_empty(),
            ..Abstract::default()
        };
        // The loop reads all keys or items.
        self.reading.free(&Abstract {
            locations: looped.locations,
            ..Abstract::default()
        });
        if let Some(slot) = key {
            self.declare(slot, Some(names));
        }
        if let Some(slot) = value {
            self.declare(slot, Some(element.clone()));
        }
        self.dot = element;
    }

    /// `.Values.PathValue "a.b"`, or a field that is not a method, whose arguments are skipped.
    fn call_method(&mut self, arguments: u16, piped: bool) {
        let name = self.methods.pop().unwrap_or_default();
        let mut given = self.arguments(arguments, false);
        let receiver = self.pop();
        if piped {
            given.push(self.pop());
        }
        given.iter().for_each(|it| self.reading.free(it));
        let result = match name.to_str() {
            Some("PathValue" | "Table") => {
                let paths = given.first().and_then(Abstract::constants).cloned();
                let Some(paths) = paths else {
                    self.reading.free(&receiver);
                    return self.stack.push(Abstract::other());
                };
                let found = paths.iter().map(|path| {
                    let keys = path.split(|it| *it == b'.').map(Str::from);
                    let keys: Vec<Str> = keys.collect();
                    self.reading.fields(receiver.clone(), &keys)
                });
                Abstract::union(found.collect::<Vec<_>>())
            }
            Some("Encode" | "YAML") => {
                self.reading.free(&receiver);
                Abstract::other()
            }
            _ => self.reading.field(&receiver, &name),
        };
        self.stack.push(result);
    }
}
