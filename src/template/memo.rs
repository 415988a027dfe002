//! Expressions that were evaluated before with the same inputs: the claims of many environments say much the same.
//!
//! An expression is a function of what it reads, which its text says: names with the fields that are read of them. An evaluation with
//! the same data there has the same result, wherever the data was written: the place of a value is that of a scalar in the data, which
//! is looked up each time. What calls a function may depend on more, and is evaluated each time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use indexmap::IndexMap;
use minijinja::Template;

use super::placeholder::Made;
use super::value::{Context, Place};
use crate::yaml::Node;

/// What all remembered inputs together may take.
const BYTES_MAX: usize = 16 << 20;

/// Longer inputs are compared for as long as they are evaluated.
const INPUT_BYTES_MAX: usize = 1_024;

/// What a result takes beside its inputs: a longer value is rare, and made of them.
const KNOWN_BYTES: usize = 256;

/// Functions whose result depends on nothing but their arguments.
const PURE: [&str; 2] = ["dict", "range"];

/// The results of expressions.
#[derive(Default)]
pub(super) struct Memo {
    conditions: RwLock<IndexMap<Box<str>, Arc<Condition>>>,
    bytes: AtomicUsize,
}

/// Results by the inputs that they have.
type Results = IndexMap<Box<[u8]>, (Known, Cost)>;

/// An expression and its known results.
pub(super) struct Condition {
    /// Names and the fields that are read of them; `None` where it may depend on more.
    reads: Option<Vec<Vec<Box<str>>>>,
    results: Mutex<Results>,
    /// How often a result was looked for and found.
    looks: AtomicUsize,
    finds: AtomicUsize,
}

/// What an expression comes to for some inputs.
#[derive(Clone)]
enum Known {
    /// Whether its value is one that templates take for true. The value itself is a part of the inputs.
    Truth(bool),
    /// Its value, and the place that it gets.
    Value(bool, Node, Place),
}

/// What an evaluation counts for the limits of a run. It counts each time that its result is used, so that the limits do not depend on
/// what was remembered.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) steps: usize,
    pub(super) bytes: usize,
}

/// The inputs of one evaluation.
pub(super) struct Input {
    condition: Arc<Condition>,
    data: Vec<u8>,
}

impl Memo {
    /// What a condition reads; `None` where its result is not remembered. `read` finds out what it reads.
    pub(super) fn input(
        &self,
        name: &str,
        context: &Context,
        read: impl FnOnce() -> Condition,
    ) -> Option<Input> {
        let known = self.conditions.read();
        let known = known
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned();
        let condition = known.unwrap_or_else(|| {
            let condition = Arc::new(read());
            let all = self.conditions.write();
            let mut all = all.unwrap_or_else(PoisonError::into_inner);
            all.entry(name.into()).or_insert(condition).clone()
        });
        if !condition.is_worth_it() {
            return None;
        }
        let mut data = Vec::with_capacity(128);
        for path in condition.reads.as_ref()? {
            context.write_input(path, &mut data);
            if data.len() > INPUT_BYTES_MAX {
                return None;
            }
        }
        Some(Input { condition, data })
    }

    /// Remembers the value of an expression, of which `is_true` is whether templates take it for true.
    pub(super) fn keep(
        &self,
        input: Input,
        is_true: bool,
        made: Option<Made>,
        cost: Cost,
        context: &Context,
    ) {
        let reads = input.condition.reads.iter().flatten();
        let names = reads.filter_map(|it| it.first().map(|it| &**it));
        let known = made.and_then(|it| {
            let place = context.place_of(it.last.as_ref(), names)?;
            Some(Known::Value(is_true, it.node, place))
        });
        let bytes = input.data.len() + KNOWN_BYTES;
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) < BYTES_MAX {
            let results = input.condition.results.lock();
            let mut results = results.unwrap_or_else(PoisonError::into_inner);
            let known = known.unwrap_or(Known::Truth(is_true));
            results.insert(input.data.into(), (known, cost));
        }
    }
}

impl Input {
    /// Whether the value for these inputs is one that templates take for true, if it is known.
    pub(super) fn truth(&self) -> Option<(bool, Cost)> {
        self.known().map(|(known, cost)| match known {
            Known::Truth(is_true) | Known::Value(is_true, ..) => (is_true, cost),
        })
    }

    /// The value for these inputs, if it is known, at its place in these.
    pub(super) fn value(&self, context: &Context) -> Option<(Node, Cost)> {
        match self.known()? {
            (Known::Truth(_), _) => None,
            (Known::Value(_, node, place), cost) => {
                context.at_place(&node, &place).map(|it| (it, cost))
            }
        }
    }

    fn known(&self) -> Option<(Known, Cost)> {
        self.condition.looks.fetch_add(1, Ordering::Relaxed);
        let results = self.condition.results.lock();
        let results = results.unwrap_or_else(PoisonError::into_inner);
        let known = results.get(&*self.data).cloned()?;
        self.condition.finds.fetch_add(1, Ordering::Relaxed);
        Some(known)
    }
}

/// After so many looks it is known whether an expression has the same inputs in many claims: one that reads names does not.
const LOOKS_MIN: usize = 64;

impl Condition {
    /// Whether one look of four finds something.
    fn is_worth_it(&self) -> bool {
        let looks = self.looks.load(Ordering::Relaxed);
        looks < LOOKS_MIN || self.finds.load(Ordering::Relaxed) >= looks / 4
    }

    /// A condition whose result is never remembered.
    pub(super) fn unknown() -> Condition {
        Condition {
            reads: None,
            results: Mutex::default(),
            looks: AtomicUsize::new(0),
            finds: AtomicUsize::new(0),
        }
    }

    /// Finds what the text of a condition reads. Statements can read what is not found here.
    pub(super) fn of(template: &Template<'_, '_>, is_function: impl Fn(&str) -> bool) -> Condition {
        let mut condition = Condition::unknown();
        if template.source().contains("{%") {
            return condition;
        }
        let mut paths: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        paths.sort_unstable();
        let paths = paths
            .iter()
            .map(|it| it.split('.').map(Box::from).collect());
        let paths: Vec<Vec<Box<str>>> = paths.collect();
        let mut names = paths.iter().filter_map(|it| it.first());
        let is_pure = names.all(|it| PURE.contains(&&**it) || !is_function(it));
        condition.reads = is_pure.then_some(paths);
        condition
    }
}
