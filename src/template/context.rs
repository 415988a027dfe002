//! The names that a template can use, and where an expression has read their values.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use super::claims::{ClaimLookup, ClaimValue, Claims, Outputs};
use super::input::{INPUT_MISSING, InputData};
use super::placeholder::with_record;
use super::value::{Collection, LastRead, ReadScalar, Root, child, to_value, with_last_location};
use crate::yaml::Node;

/// The names that a template can use.
///
/// It records the last scalar that was read, because this is the origin of an expression's value: for minijinja, `{{ spec.version
/// }}` prints a plain text, and the record has the line of the claim.
#[derive(Default)]
pub struct Context {
    names: Arc<Names>,
    last: LastRead,
    claims: Claims,
}

/// Names and their values. A list is enough, because there are many expressions and each of them looks up few names.
#[derive(Clone, Debug, Default)]
struct Names {
    bindings: Vec<Binding>,
    /// The names of the parent context.
    parent: Option<Arc<Names>>,
}

/// A name and its value.
#[derive(Clone, Debug)]
struct Binding {
    name: Box<str>,
    value: Value,
    /// The origin of the value if it is a scalar; a collection has its own.
    scalar: Option<Node>,
}

impl Names {
    fn get(&self, name: &str) -> Option<&Binding> {
        let all = std::iter::successors(Some(self), |it| it.parent.as_deref());
        let mut all = all.flat_map(|it| &it.bindings);
        all.find(|it| *it.name == *name)
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let binding = self.get(key.as_str()?)?;
        with_record(|record| {
            let collection = binding.value.downcast_object_ref::<Collection>();
            let node = collection.and_then(Collection::node);
            if let Some(node) = node.or(binding.scalar.as_ref()) {
                record.read(None, node);
            }
        });
        Some(binding.value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let all = std::iter::successors(Some(&**self), |it| it.parent.as_deref());
        let names: BTreeSet<&str> = all
            .flat_map(|it| &it.bindings)
            .map(|it| &*it.name)
            .collect();
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }
}

/// The path of the scalar that an expression read last.
#[derive(Clone, Debug)]
pub(super) enum LastReadPath {
    /// No scalar was read.
    Nowhere,
    /// It was read before the beginning of the expression.
    Before,
    /// It is below a name, at a path of keys and positions.
    Below(Box<str>, Box<[Step]>),
    /// The value was printed unchanged, and has no location.
    Unlocated,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Key(Box<str>),
    Item(usize),
}

impl Context {
    /// A context in which no name is defined.
    pub fn new() -> Context {
        Context::default()
    }

    /// Adds a name, or replaces its value.
    pub fn set(&mut self, name: &str, node: &Node) {
        let value = self.wrap(node);
        let scalar = node.is_scalar().then(|| node.clone());
        let bindings = &mut Arc::make_mut(&mut self.names).bindings;
        bindings.retain(|it| *it.name != *name);
        let name = name.into();
        bindings.push(Binding {
            name,
            value,
            scalar,
        });
    }

    /// A child context, to which names can be added.
    #[must_use]
    pub fn child(&self) -> Context {
        let names = Names {
            bindings: Vec::new(),
            parent: Some(self.names.clone()),
        };
        Context {
            names: Arc::new(names),
            last: self.last.clone(),
            claims: self.claims.clone(),
        }
    }

    /// The claim lookups of its expressions.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Sets the result of `claim(kind, name)` in expressions. `outputs` has an entry for each output of the kind; its value is null
    /// if the claim does not have this output.
    pub fn provide_claim(&self, claim: ClaimLookup, node: &Node, outputs: &Node) {
        let part = |key: &str| {
            node.get(key)
                .map_or_else(|| Value::from(()), |it| self.wrap(it))
        };
        let outputs = Outputs {
            title: format!("{}/{}", claim.kind, claim.name),
            entries: self.wrap(outputs),
        };
        let value = ClaimValue {
            metadata: part("metadata"),
            spec: part("spec"),
            outputs: Value::from_object(outputs),
        };
        self.claims.provide(claim, Value::from_object(value));
    }

    fn wrap(&self, node: &Node) -> Value {
        let root = Arc::new(Root {
            node: node.clone(),
            last: self.last.clone(),
        });
        to_value(&root, Box::default(), node)
    }

    pub(super) fn to_value(&self) -> Value {
        Value::from_dyn_object(self.names.clone())
    }

    pub(super) fn last_read(&self) -> LastRead {
        self.last.clone()
    }

    /// Clears the scalar that was read last, as after printing an expression.
    pub(super) fn forget_last_read(&self) {
        self.take_last();
    }

    fn take_last(&self) -> Option<ReadScalar> {
        let last = self.last.lock();
        last.unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Begins an expression: previous reads do not belong to it.
    pub(super) fn begin_expression(&self) {
        let last = self.last.lock();
        if let Some(last) = &mut *last.unwrap_or_else(PoisonError::into_inner) {
            last.is_new = false;
        }
    }

    /// The path of the scalar that an expression read last, below one of these names. `None` if it is elsewhere.
    pub(super) fn last_read_path<'a>(
        &self,
        last: Option<&ReadScalar>,
        names: impl Iterator<Item = &'a str>,
    ) -> Option<LastReadPath> {
        let Some(last) = last else {
            return Some(LastReadPath::Nowhere);
        };
        if !last.is_new {
            return Some(LastReadPath::Before);
        }
        let (root, path) = last.source.as_ref()?;
        let has_root = |name: &&str| {
            let value = self.names.get(name).map(|it| &it.value);
            let collection = value.and_then(Value::downcast_object_ref::<Collection>);
            collection.is_some_and(|it| Arc::ptr_eq(&it.root, root) && it.path.is_empty())
        };
        let name = { names }.find(has_root)?;
        Some(LastReadPath::Below(name.into(), steps(&root.node, path)?))
    }

    /// A cached value of an expression, with the location that printing the expression would give it.
    pub(super) fn at_last_read(&self, node: &Node, path: &LastReadPath) -> Option<Node> {
        let below = match path {
            LastReadPath::Below(name, steps) => {
                let value = self.names.get(name).map(|it| &it.value)?;
                let root = value.downcast_object_ref::<Collection>()?.node()?;
                Some(steps.iter().try_fold(root, Step::follow)?)
            }
            LastReadPath::Nowhere | LastReadPath::Before | LastReadPath::Unlocated => None,
        };
        let before = self.take_last();
        let last = match path {
            LastReadPath::Before => before.as_ref().map(|it| &it.node),
            _ => below,
        };
        Some(match last {
            Some(last) => with_last_location(node.clone(), last),
            None => node.clone(),
        })
    }

    /// Serializes the data that an expression reads at a name and fields below it.
    pub(super) fn write_input(&self, path: &[Box<str>], to: &mut InputData) {
        let Some((name, fields)) = path.split_first() else {
            return;
        };
        let Some(Binding { value, .. }) = self.names.get(name) else {
            return to.bytes.push(INPUT_MISSING);
        };
        match value
            .downcast_object_ref::<Collection>()
            .map(Collection::node)
        {
            Some(Some(node)) => to.write_field(node, fields),
            _ => to.write_value(value, fields.len()),
        }
    }
}

impl Step {
    fn follow<'a>(node: &'a Node, step: &Step) -> Option<&'a Node> {
        match step {
            Step::Key(key) => node.get(key),
            Step::Item(at) => node.as_sequence()?.get(*at),
        }
    }
}

/// The keys and positions on a path to a node. `None` if a map on it has a key twice.
fn steps(root: &Node, path: &[u32]) -> Option<Box<[Step]>> {
    let (mut node, mut steps) = (root, Vec::with_capacity(path.len()));
    for at in path {
        let at = *at as usize;
        steps.push(match node.as_mapping() {
            Some(entries) => Step::Key(entries.as_slice().get(at)?.key.as_str()?.into()),
            None => Step::Item(at),
        });
        let next = child(node, at)?;
        if !std::ptr::eq(Step::follow(node, steps.last()?)?, next) {
            return None;
        }
        node = next;
    }
    Some(steps.into())
}
