//! Interprets the instructions of a template with abstract values.

use std::collections::BTreeMap;

use super::{AbstractValue, Analyzer};
use crate::template::literal::Literal;
use crate::template::program::{Op, Target, Template};
use crate::value::Str;

/// The maximum number of passes over a template, for variables that loops change.
const PASSES_MAX: usize = 4;

/// The state of the interpretation of a template at one of its instructions.
struct Interpreter<'r, 'a, 't> {
    analyzer: &'r mut Analyzer<'a>,
    template: &'t Template,
    /// The index of the instruction.
    at: usize,
    stack: Vec<AbstractValue>,
    dot: AbstractValue,
    variables: BTreeMap<u32, AbstractValue>,
    /// The instruction that last declared each variable.
    declared: BTreeMap<u32, usize>,
    /// The values assigned to each variable, by the instruction that declares it.
    assigned: BTreeMap<usize, AbstractValue>,
    /// The dots outside of `with`, by the variable in which they are saved.
    saved: BTreeMap<u32, AbstractValue>,
    /// The ends of loops, and the dots outside of them.
    loops: Vec<(Target, AbstractValue)>,
    /// The value that the next `range` iterates over.
    range_value: AbstractValue,
    /// The end of each open `and` and `or`, the height of the stack there, and a possible result.
    short_circuits: Vec<(Target, usize, AbstractValue)>,
    /// The names of the methods that are being called.
    methods: Vec<Str>,
}

impl Analyzer<'_> {
    /// Analyses a template until its variables no longer change.
    pub(super) fn interpret(&mut self, template: &Template, dot: &AbstractValue) {
        let mut assigned = BTreeMap::new();
        for _ in 0..PASSES_MAX {
            self.steps += template.code.len();
            let mut interpreter = Interpreter {
                analyzer: self,
                template,
                at: 0,
                stack: Vec::new(),
                dot: dot.clone(),
                variables: BTreeMap::from([(0, dot.clone())]),
                declared: BTreeMap::new(),
                assigned: assigned.clone(),
                saved: BTreeMap::new(),
                loops: Vec::new(),
                range_value: AbstractValue::default(),
                short_circuits: Vec::new(),
                methods: Vec::new(),
            };
            interpreter.run();
            let after = interpreter.assigned;
            if after == assigned {
                break;
            }
            assigned = after;
        }
    }
}

impl Interpreter<'_, '_, '_> {
    fn run(&mut self) {
        let template = self.template;
        for (at, op) in template.code.iter().enumerate() {
            self.at = at;
            self.end_blocks();
            self.step(*op);
        }
    }

    /// Ends the loops and the `and` and `or` operators whose end is this instruction.
    fn end_blocks(&mut self) {
        let is_here = |target: Target| target as usize == self.at;
        while let Some((_, dot)) = self.loops.pop_if(|it| is_here(it.0)) {
            self.dot = dot;
        }
        let here = self.short_circuits.extract_if(.., |it| is_here(it.0));
        for (_, height, value) in here.collect::<Vec<_>>() {
            let is_there = self.stack.len() >= height;
            match self.stack.last_mut().filter(|_| is_there) {
                Some(top) => top.join(value),
                None => self.stack.push(value),
            }
        }
    }

    fn pop(&mut self) -> AbstractValue {
        self.stack.pop().unwrap_or_default()
    }

    fn keys(&self, path: u32) -> Vec<Str> {
        let paths = &self.template.source.paths;
        paths.get(path as usize).cloned().unwrap_or_default()
    }

    fn name(&self, path: u32) -> Str {
        self.keys(path).into_iter().next().unwrap_or_default()
    }

    fn variable(&self, slot: u32) -> AbstractValue {
        self.variables.get(&slot).cloned().unwrap_or_default()
    }

    fn arguments(&mut self, count: u16, piped: bool) -> Vec<AbstractValue> {
        let mut arguments: Vec<AbstractValue> = (0..count).map(|_| self.pop()).collect();
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
                self.analyzer.read_all(&value);
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
                    Some(Literal::Text(text)) => AbstractValue::text(text.clone()),
                    Some(Literal::Number(number)) => AbstractValue::text((*number.text).into()),
                    _ => AbstractValue::unknown(),
                });
            }
            Op::Nil => self.stack.push(AbstractValue::unknown()),
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
                self.analyzer.enter_named(&name, dot);
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
                let result = self.analyzer.call(name, arguments);
                self.stack.push(result);
            }
            Op::CallValue {
                arguments, piped, ..
            } => {
                let arguments = self.arguments(arguments, piped);
                arguments.iter().for_each(|it| self.analyzer.read_all(it));
                self.stack.push(AbstractValue::result(&arguments));
            }
            Op::Method { name, .. } => self.methods.push(self.name(name)),
            Op::CallMethod {
                arguments, piped, ..
            } => self.call_method(arguments, piped),
            // The value may be the result.
            Op::ShortCircuit { target, .. } => {
                let height = self.stack.len();
                let value = self.pop();
                self.short_circuits.push((target, height, value));
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
                self.range_value = self.pop();
                self.loops.push((target, self.dot.clone()));
            }
            Op::Next { key, value, .. } => self.next_iteration(key, value),
            _ => {}
        }
    }

    fn push_fields(&mut self, value: AbstractValue, path: u32) {
        let keys = self.keys(path);
        let found = self.analyzer.fields(value, &keys);
        self.stack.push(found);
    }

    fn declare(&mut self, slot: u32, value: Option<AbstractValue>) {
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
                let deep = std::mem::replace(known, AbstractValue::unknown());
                self.analyzer.read_all(&deep);
            }
        }
        self.variables.entry(slot).or_default().join(value);
    }

    fn next_iteration(&mut self, key: Option<u32>, value: Option<u32>) {
        let range_value = std::mem::take(&mut self.range_value);
        let mut element = range_value.elements();
        element.is_dynamic |= !range_value.locations.is_empty();
        let names = AbstractValue {
            texts: range_value.fields.keys().cloned().collect(),
            may_be_unknown: range_value.may_be_unknown
                || range_value.fields.is_empty()
                || !range_value.locations.is_empty(),
            is_dynamic: range_value.is_dynamic || !range_value.locations.is_empty(),
            ..AbstractValue::default()
        };
        // The loop reads all keys or items.
        self.analyzer.read_all(&AbstractValue {
            locations: range_value.locations,
            ..AbstractValue::default()
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
        let mut values = self.arguments(arguments, false);
        let receiver = self.pop();
        if piped {
            values.push(self.pop());
        }
        values.iter().for_each(|it| self.analyzer.read_all(it));
        let result = match name.to_str() {
            Some("PathValue" | "Table") => {
                let paths = values.first().and_then(AbstractValue::constants).cloned();
                let Some(paths) = paths else {
                    self.analyzer.read_all(&receiver);
                    return self.stack.push(AbstractValue::unknown());
                };
                let found = paths.iter().map(|path| {
                    let keys = path.split(|it| *it == b'.').map(Str::from);
                    let keys: Vec<Str> = keys.collect();
                    self.analyzer.fields(receiver.clone(), &keys)
                });
                AbstractValue::union(found.collect::<Vec<_>>())
            }
            Some("Encode" | "YAML") => {
                self.analyzer.read_all(&receiver);
                AbstractValue::unknown()
            }
            _ => self.analyzer.field(&receiver, &name),
        };
        self.stack.push(result);
    }
}
