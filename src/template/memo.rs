//! Conditions that were evaluated before with the same inputs: the claims of many environments say much the same.
//!
//! A condition is a function of what it reads, which its text says: names with the fields that are read of them. An evaluation with
//! the same data there has the same result, wherever the data was written. What calls a function may depend on more, and is
//! evaluated each time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use indexmap::IndexMap;
use minijinja::Template;

use super::value::Context;

/// What all remembered inputs together may take.
const BYTES_MAX: usize = 16 << 20;

/// Longer inputs are compared for as long as they are evaluated.
const INPUT_BYTES_MAX: usize = 1_024;

/// Functions whose result depends on nothing but their arguments.
const PURE: [&str; 2] = ["dict", "range"];

/// The results of conditions.
#[derive(Default)]
pub(super) struct Memo {
    conditions: RwLock<IndexMap<Box<str>, Arc<Condition>>>,
    bytes: AtomicUsize,
}

/// A condition and its known results.
pub(super) struct Condition {
    /// Names and the fields that are read of them; `None` where it may depend on more.
    reads: Option<Vec<Vec<Box<str>>>>,
    results: Mutex<IndexMap<Box<[u8]>, bool>>,
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
        let mut data = Vec::with_capacity(128);
        for path in condition.reads.as_ref()? {
            context.write_input(path, &mut data);
            if data.len() > INPUT_BYTES_MAX {
                return None;
            }
        }
        Some(Input { condition, data })
    }

    pub(super) fn keep(&self, input: Input, result: bool) {
        let bytes = self.bytes.fetch_add(input.data.len(), Ordering::Relaxed);
        if bytes < BYTES_MAX {
            let results = input.condition.results.lock();
            let mut results = results.unwrap_or_else(PoisonError::into_inner);
            results.insert(input.data.into(), result);
        }
    }
}

impl Input {
    /// The result for these inputs, if it is known.
    pub(super) fn result(&self) -> Option<bool> {
        let results = self.condition.results.lock();
        let results = results.unwrap_or_else(PoisonError::into_inner);
        results.get(&*self.data).copied()
    }
}

impl Condition {
    /// A condition whose result is never remembered.
    pub(super) fn unknown() -> Condition {
        Condition {
            reads: None,
            results: Mutex::default(),
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
