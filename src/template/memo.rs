//! Caches results of expressions by their inputs, because the claims of many environments are similar.
//!
//! The result of an expression only depends on what it reads, which its text shows: names and fields. The same data gives the same
//! result, wherever it was written; the path of a value is that of a scalar in the data, which is looked up each time.
//! Expressions that call functions may depend on more and are always evaluated.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use indexmap::IndexMap;
use minijinja::Template;

use super::context::{Context, LastReadPath};
use super::input::InputData;
use super::placeholder::Produced;
use crate::yaml::{Node, View};

/// The maximum size of all cached inputs and results.
const BYTES_MAX: usize = 32 << 20;

/// For longer inputs, comparing takes as long as evaluating.
const INPUT_BYTES_MAX: usize = 1_024;

/// The assumed size of a result without its inputs and its value, and of each node of the value.
const KNOWN_BYTES: usize = 192;
const NODE_BYTES: usize = 96;

/// Functions whose result only depends on their arguments.
const PURE: [&str; 2] = ["dict", "range"];

/// The results of expressions.
#[derive(Default)]
pub(super) struct Memo {
    conditions: RwLock<IndexMap<Box<str>, Arc<Condition>>>,
    bytes: AtomicUsize,
}

type Results = IndexMap<Box<[u8]>, (Known, Cost)>;

/// An expression and its known results.
pub(super) struct Condition {
    /// Names and fields that it reads; `None` if it may depend on more.
    reads: Option<Vec<Vec<Box<str>>>>,
    results: Mutex<Results>,
    /// The numbers of lookups and hits.
    looks: AtomicUsize,
    finds: AtomicUsize,
}

/// The result of an expression for some inputs.
#[derive(Clone)]
enum Known {
    /// Whether its value is true in templates. The value itself is a part of the inputs.
    Truth(bool),
    /// Its value, and the path of the scalar that has its location.
    Value(bool, Node, LastReadPath),
}

/// The cost of an evaluation for the limits of a run. It counts each time the result is used, so that the limits do not depend on
/// the cache.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) steps: usize,
    pub(super) bytes: usize,
}

/// The inputs of one evaluation.
pub(super) struct Input {
    condition: Arc<Condition>,
    data: InputData,
}

impl Memo {
    /// The inputs of a condition; `None` if its result is not cached. `read` determines the inputs.
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
        let mut data = InputData::default();
        data.bytes.reserve(128);
        for path in condition.reads.as_ref()? {
            context.write_input(path, &mut data);
            if data.bytes.len() > INPUT_BYTES_MAX {
                return None;
            }
        }
        data.bytes.push(u8::from(data.is_placed));
        Some(Input { condition, data })
    }

    /// Stores the value of an expression. `is_true` is whether it is true in templates.
    pub(super) fn keep(
        &self,
        input: Input,
        is_true: bool,
        made: Option<Produced>,
        cost: Cost,
        context: &Context,
    ) {
        let reads = input.condition.reads.iter().flatten();
        let names = reads.filter_map(|it| it.first().map(|it| &**it));
        let known = made.and_then(|it| match it {
            Produced::New(node, last) => {
                let path = context.last_read_path(last.as_ref(), names)?;
                Some(Known::Value(is_true, node, path))
            }
            // In another claim, the same data has other locations.
            Produced::Unplaced(_) if input.data.is_placed => None,
            Produced::Unplaced(node) => Some(Known::Value(is_true, node, LastReadPath::Own)),
        });
        let known = known.unwrap_or(Known::Truth(is_true));
        let bytes = input.data.bytes.len() + known.bytes();
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) < BYTES_MAX {
            let results = input.condition.results.lock();
            let mut results = results.unwrap_or_else(PoisonError::into_inner);
            results.insert(input.data.bytes.into(), (known, cost));
        }
    }
}

impl Known {
    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        match self {
            Known::Truth(_) => KNOWN_BYTES,
            Known::Value(_, node, _) => KNOWN_BYTES + NODE_BYTES * nodes(node),
        }
    }
}

fn nodes(node: &Node) -> usize {
    1 + match node.view() {
        View::Scalar(_) => 0,
        View::Sequence(items) => items.iter().map(nodes).sum(),
        View::Mapping(entries) => entries.iter().map(|it| 1 + nodes(&it.value)).sum(),
    }
}

impl Input {
    /// Whether the value for these inputs is true in templates, if known.
    pub(super) fn truth(&self) -> Option<(bool, Cost)> {
        self.known().map(|(known, cost)| match known {
            Known::Truth(is_true) | Known::Value(is_true, ..) => (is_true, cost),
        })
    }

    /// The value for these inputs, if known, with its location in them.
    pub(super) fn value(&self, context: &Context) -> Option<(Node, Cost)> {
        match self.known()? {
            (Known::Truth(_), _) => None,
            (Known::Value(_, node, path), cost) => {
                context.at_last_read(&node, &path).map(|it| (it, cost))
            }
        }
    }

    fn known(&self) -> Option<(Known, Cost)> {
        self.condition.looks.fetch_add(1, Ordering::Relaxed);
        let results = self.condition.results.lock();
        let results = results.unwrap_or_else(PoisonError::into_inner);
        let known = results.get(&*self.data.bytes).cloned()?;
        self.condition.finds.fetch_add(1, Ordering::Relaxed);
        Some(known)
    }
}

/// The number of lookups after which the hit rate decides whether an expression is cached. An expression that reads the name of its claim
/// only has hits in the second environment, after all claims of the first one.
const LOOKS_MIN: usize = 16 << 10;

impl Condition {
    /// Whether at least an eighth of the lookups are hits.
    fn is_worth_it(&self) -> bool {
        let looks = self.looks.load(Ordering::Relaxed);
        looks < LOOKS_MIN || self.finds.load(Ordering::Relaxed) >= looks / 8
    }

    /// A condition whose result is never cached.
    pub(super) fn unknown() -> Condition {
        Condition {
            reads: None,
            results: Mutex::default(),
            looks: AtomicUsize::new(0),
            finds: AtomicUsize::new(0),
        }
    }

    /// Finds the inputs in the text of a condition. Inputs of statements are not found here.
    pub(super) fn from_template(
        template: &Template<'_, '_>,
        is_function: impl Fn(&str) -> bool,
    ) -> Condition {
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
