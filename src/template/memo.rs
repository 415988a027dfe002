//! Caches results of expressions by their inputs, because the claims of many environments are similar.
//!
//! The result of an expression only depends on the names and fields that occur in its text. The same data gives the same value,
//! wherever it was written. Only the location of the value differs: it is that of the last scalar that was read, whose path is
//! cached with the value and looked up in the data each time.
//! Expressions that call functions may depend on more and are always evaluated.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use indexmap::IndexMap;

use super::context::{Context, LastReadPath};
use super::input::InputData;
use super::placeholder::CacheableValue;
use crate::yaml::{Node, View};

/// The maximum size of all cached inputs and results.
const BYTES_MAX: usize = 32 << 20;

/// For longer inputs, comparing takes as long as evaluating.
const INPUT_BYTES_MAX: usize = 1_024;

/// The assumed size of a result without its inputs and its value.
const RESULT_BYTES: usize = 192;
/// The assumed size of a node of the value.
const NODE_BYTES: usize = 96;

/// Functions whose result only depends on their arguments.
const PURE: [&str; 2] = ["dict", "range"];

/// The results of expressions.
#[derive(Default)]
pub(super) struct Memo {
    expressions: RwLock<IndexMap<Box<str>, Arc<CachedExpression>>>,
    /// The size of all cached inputs and results.
    bytes: AtomicUsize,
}

/// The results of an expression by its inputs.
type Results = IndexMap<Box<[u8]>, (CachedResult, Cost)>;

/// An expression and its cached results.
pub(super) struct CachedExpression {
    /// Names and fields that it reads; `None` if it may depend on more.
    reads: Option<Vec<Vec<Box<str>>>>,
    results: Mutex<Results>,
    lookups: AtomicUsize,
    hits: AtomicUsize,
}

/// The result of an expression for some inputs.
#[derive(Clone)]
enum CachedResult {
    /// Whether its value is true in templates. The value itself is not cached, because its locations differ between claims.
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
    expression: Arc<CachedExpression>,
    data: InputData,
}

impl Memo {
    /// The inputs of an expression; `None` if its result is not cached. `parse` determines which names and fields it reads.
    pub(super) fn input(
        &self,
        name: &str,
        context: &Context,
        parse: impl FnOnce() -> CachedExpression,
    ) -> Option<Input> {
        let known = self.expressions.read();
        let known = known
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned();
        let expression = known.unwrap_or_else(|| {
            let expression = Arc::new(parse());
            let all = self.expressions.write();
            let mut all = all.unwrap_or_else(PoisonError::into_inner);
            all.entry(name.into()).or_insert(expression).clone()
        });
        if !expression.is_worth_caching() {
            return None;
        }
        let mut data = InputData::default();
        data.bytes.reserve(128);
        for path in expression.reads.as_ref()? {
            context.write_input(path, &mut data);
            if data.bytes.len() > INPUT_BYTES_MAX {
                return None;
            }
        }
        data.bytes.push(u8::from(data.has_locations));
        Some(Input { expression, data })
    }

    /// Stores the result of an expression. `is_true` is whether its value is true in templates; `value` is `None` if it cannot be
    /// cached itself.
    pub(super) fn store(
        &self,
        input: Input,
        is_true: bool,
        value: Option<CacheableValue>,
        cost: Cost,
        context: &Context,
    ) {
        let reads = input.expression.reads.iter().flatten();
        let names = reads.filter_map(|it| it.first().map(|it| &**it));
        let result = value.and_then(|it| match it {
            CacheableValue::New(node, last) => {
                let path = context.last_read_path(last.as_ref(), names)?;
                Some(CachedResult::Value(is_true, node, path))
            }
            // In another claim, the same data has other locations.
            CacheableValue::WithoutLocation(_) if input.data.has_locations => None,
            CacheableValue::WithoutLocation(node) => {
                Some(CachedResult::Value(is_true, node, LastReadPath::Unlocated))
            }
        });
        let result = result.unwrap_or(CachedResult::Truth(is_true));
        let bytes = input.data.bytes.len() + result.bytes();
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) < BYTES_MAX {
            let results = input.expression.results.lock();
            let mut results = results.unwrap_or_else(PoisonError::into_inner);
            results.insert(input.data.bytes.into(), (result, cost));
        }
    }
}

impl CachedResult {
    /// Its approximate size in memory.
    fn bytes(&self) -> usize {
        match self {
            CachedResult::Truth(_) => RESULT_BYTES,
            CachedResult::Value(_, node, _) => RESULT_BYTES + NODE_BYTES * count_nodes(node),
        }
    }
}

fn count_nodes(node: &Node) -> usize {
    1 + match node.view() {
        View::Scalar(_) => 0,
        View::Sequence(items) => items.iter().map(count_nodes).sum(),
        View::Mapping(entries) => entries.iter().map(|it| 1 + count_nodes(&it.value)).sum(),
    }
}

impl Input {
    /// Whether the value for these inputs is true in templates, if known.
    pub(super) fn truth(&self) -> Option<(bool, Cost)> {
        self.look_up().map(|(result, cost)| match result {
            CachedResult::Truth(is_true) | CachedResult::Value(is_true, ..) => (is_true, cost),
        })
    }

    /// The value for these inputs, if known, with its location in this claim.
    pub(super) fn value(&self, context: &Context) -> Option<(Node, Cost)> {
        match self.look_up()? {
            (CachedResult::Truth(_), _) => None,
            (CachedResult::Value(_, node, path), cost) => {
                context.at_last_read(&node, &path).map(|it| (it, cost))
            }
        }
    }

    fn look_up(&self) -> Option<(CachedResult, Cost)> {
        self.expression.lookups.fetch_add(1, Ordering::Relaxed);
        let results = self.expression.results.lock();
        let results = results.unwrap_or_else(PoisonError::into_inner);
        let result = results.get(&*self.data.bytes).cloned()?;
        self.expression.hits.fetch_add(1, Ordering::Relaxed);
        Some(result)
    }
}

/// The number of lookups after which the hit rate decides whether an expression is cached. An expression that reads the name of its
/// claim only has hits in the second environment, after all claims of the first one.
const LOOKUPS_MIN: usize = 16 << 10;

impl CachedExpression {
    /// Whether at least an eighth of the lookups are hits.
    fn is_worth_caching(&self) -> bool {
        let lookups = self.lookups.load(Ordering::Relaxed);
        lookups < LOOKUPS_MIN || self.hits.load(Ordering::Relaxed) >= lookups / 8
    }

    /// An expression whose results are never cached.
    pub(super) fn uncached() -> CachedExpression {
        CachedExpression {
            reads: None,
            results: Mutex::default(),
            lookups: AtomicUsize::new(0),
            hits: AtomicUsize::new(0),
        }
    }

    /// An expression that reads some names and fields.
    pub(super) fn new(
        paths: &BTreeSet<String>,
        is_function: impl Fn(&str) -> bool,
    ) -> CachedExpression {
        let paths = paths
            .iter()
            .map(|it| it.split('.').map(Box::from).collect());
        let paths: Vec<Vec<Box<str>>> = paths.collect();
        let mut names = paths.iter().filter_map(|it| it.first());
        let is_pure = names.all(|it| PURE.contains(&&**it) || !is_function(it));
        CachedExpression {
            reads: is_pure.then_some(paths),
            ..CachedExpression::uncached()
        }
    }
}
