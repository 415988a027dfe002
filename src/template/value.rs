//! Converts nodes to template values and back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::Value;
use minijinja::value::{DynObject, Enumerator, Object, ObjectExt, ObjectRepr, ValueKind};

use super::claims::{ClaimName, Claims, Found, Outputs};
use super::meter::charge;
use super::placeholder::with_record;
use crate::yaml::{KeyIndex, Kind, Mapping, Node, Style, Tag, View};

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
    own: Vec<Named>,
    /// The names of the parent context.
    outer: Option<Arc<Names>>,
}

#[derive(Clone, Debug)]
struct Named {
    name: Box<str>,
    value: Value,
    /// The origin of the value if it is a scalar; a collection has its own.
    scalar: Option<Node>,
}

impl Names {
    fn get(&self, name: &str) -> Option<&Named> {
        let all = std::iter::successors(Some(self), |it| it.outer.as_deref());
        let mut all = all.flat_map(|it| &it.own);
        all.find(|it| *it.name == *name)
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let named = self.get(key.as_str()?)?;
        with_record(|record| {
            let collection = named.value.downcast_object_ref::<Collection>();
            let node = collection.and_then(Collection::node);
            if let Some(node) = node.or(named.scalar.as_ref()) {
                record.read(None, node);
            }
        });
        Some(named.value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let all = std::iter::successors(Some(&**self), |it| it.outer.as_deref());
        let names: BTreeSet<&str> = all.flat_map(|it| &it.own).map(|it| &*it.name).collect();
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }
}

/// The scalar that was read last.
pub(super) type LastRead = Arc<Mutex<Option<Last>>>;

/// A scalar that was read.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) node: Node,
    /// The collection it was read from; `None` if it is the value of a name.
    read: Option<(Arc<Root>, Box<[u32]>)>,
    /// Whether it was read after the beginning of the expression.
    is_new: bool,
}

/// The path of the scalar that an expression read last.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// No scalar was read.
    Nowhere,
    /// It was read before the beginning of the expression.
    Before,
    /// Below a name, by keys and positions.
    Below(Box<str>, Box<[Step]>),
    /// The value is printed unchanged and has no location.
    Own,
}

/// The data that an expression reads. Equal bytes mean equal data: the kinds and texts of scalars, and the existing part of a path.
#[derive(Default)]
pub(super) struct InputData {
    pub(super) bytes: Vec<u8>,
    /// Whether it contains a collection with locations: the same data can have other locations in another claim.
    pub(super) is_placed: bool,
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
        let names = &mut Arc::make_mut(&mut self.names).own;
        names.retain(|it| *it.name != *name);
        let name = name.into();
        names.push(Named {
            name,
            value,
            scalar,
        });
    }

    /// A child context, to which names can be added.
    #[must_use]
    pub fn child(&self) -> Context {
        let names = Names {
            own: Vec::new(),
            outer: Some(self.names.clone()),
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

    /// Sets the result of `claim(kind, name)` in expressions. `outputs` has all outputs of its kind, null if the claim does not
    /// have them.
    pub fn answer(&self, claim: ClaimName, node: &Node, outputs: &Node) {
        let part = |key: &str| {
            node.get(key)
                .map_or_else(|| Value::from(()), |it| self.wrap(it))
        };
        let outputs = Outputs {
            title: format!("{}/{}", claim.kind, claim.name),
            entries: self.wrap(outputs),
        };
        let found = Found {
            metadata: part("metadata"),
            spec: part("spec"),
            outputs: Value::from_object(outputs),
        };
        self.claims.answer(claim, Value::from_object(found));
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

    fn take_last(&self) -> Option<Last> {
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
    pub(super) fn place_of<'a>(
        &self,
        last: Option<&Last>,
        names: impl Iterator<Item = &'a str>,
    ) -> Option<Place> {
        let Some(last) = last else {
            return Some(Place::Nowhere);
        };
        if !last.is_new {
            return Some(Place::Before);
        }
        let (root, path) = last.read.as_ref()?;
        let has_root = |name: &&str| {
            let value = self.names.get(name).map(|it| &it.value);
            let collection = value.and_then(Value::downcast_object_ref::<Collection>);
            collection.is_some_and(|it| Arc::ptr_eq(&it.root, root) && it.path.is_empty())
        };
        let name = { names }.find(has_root)?;
        Some(Place::Below(name.into(), steps(&root.node, path)?))
    }

    /// A value that an expression creates, with the location of its last read, as in printing.
    pub(super) fn at_place(&self, node: &Node, place: &Place) -> Option<Node> {
        let below = match place {
            Place::Below(name, steps) => {
                let value = self.names.get(name).map(|it| &it.value)?;
                let root = value.downcast_object_ref::<Collection>()?.node()?;
                Some(steps.iter().try_fold(root, Step::follow)?)
            }
            Place::Nowhere | Place::Before | Place::Own => None,
        };
        let before = self.take_last();
        let last = match place {
            Place::Before => before.as_ref().map(|it| &it.node),
            _ => below,
        };
        Some(match last {
            Some(last) => placed(node.clone(), last),
            None => node.clone(),
        })
    }

    /// Serializes the data that an expression reads at a name and fields below it.
    pub(super) fn write_input(&self, path: &[Box<str>], to: &mut InputData) {
        let Some((name, fields)) = path.split_first() else {
            return;
        };
        let Some(Named { value, .. }) = self.names.get(name) else {
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

/// Tags at the beginning of an input; the kinds of nodes have higher numbers.
const INPUT_MISSING: u8 = 0;
const INPUT_VALUE: u8 = 1;
const INPUT_KIND: u8 = 2;

impl InputData {
    /// The node at a path below another one; if it does not exist, the length of the existing part and the node there.
    fn write_field(&mut self, node: &Node, fields: &[Box<str>]) {
        let mut node = node;
        for (at, field) in fields.iter().enumerate() {
            match node.get(field) {
                Some(next) => node = next,
                None => {
                    let kind = INPUT_KIND + node.kind() as u8;
                    self.bytes.extend([INPUT_MISSING, kind]);
                    return self.write_length(at);
                }
            }
        }
        self.is_placed |= !node.is_scalar() && has_place(node);
        self.write_node(node);
    }

    fn write_node(&mut self, node: &Node) {
        self.bytes.push(INPUT_KIND + node.kind() as u8);
        match node.view() {
            View::Scalar(text) => self.write_text(text),
            View::Sequence(items) => {
                self.write_length(items.len());
                items.iter().for_each(|it| self.write_node(it));
            }
            View::Mapping(mapping) => {
                self.write_length(mapping.len());
                for entry in mapping {
                    self.write_node(&entry.key);
                    self.write_node(&entry.value);
                }
            }
        }
    }

    /// A value that is not a collection of a claim, and the number of fields that are read of it.
    fn write_value(&mut self, value: &Value, fields: usize) {
        let kind = value.kind();
        self.is_placed |= matches!(kind, ValueKind::Map | ValueKind::Seq | ValueKind::Iterable);
        self.bytes.extend([INPUT_VALUE, kind as u8]);
        self.write_length(fields);
        match value.as_str() {
            Some(text) => self.write_text(text),
            None => self.write_text(&value.to_string()),
        }
    }

    fn write_text(&mut self, text: &str) {
        self.write_length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn write_length(&mut self, length: usize) {
        self.bytes.extend_from_slice(&length.to_le_bytes());
    }
}

/// Whether any part of a node has a location in a file.
fn has_place(node: &Node) -> bool {
    node.has_origin()
        || match node.view() {
            View::Scalar(_) => false,
            View::Sequence(items) => items.iter().any(has_place),
            View::Mapping(entries) => entries
                .iter()
                .any(|it| has_place(&it.key) || has_place(&it.value)),
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

/// The path of keys and indexes to a node. Not possible if a map has a key twice.
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

#[derive(Debug)]
pub(super) struct Root {
    node: Node,
    last: LastRead,
}

/// A collection inside a root, by the indices that lead to it.
#[derive(Debug)]
pub(super) struct Collection {
    root: Arc<Root>,
    path: Box<[u32]>,
}

fn to_value(root: &Arc<Root>, path: Box<[u32]>, node: &Node) -> Value {
    let View::Scalar(text) = node.view() else {
        return Value::from_object(Collection {
            root: root.clone(),
            path,
        });
    };
    let last = Last {
        node: node.clone(),
        read: (!path.is_empty()).then(|| (root.clone(), path)),
        is_new: true,
    };
    *root.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    match node.kind() {
        Kind::Null => Value::from(()),
        Kind::Bool => Value::from(node.as_bool().unwrap_or(false)),
        Kind::Int => match (node.as_int(), text.parse::<u64>()) {
            (Some(value), _) => Value::from(value),
            (None, Ok(value)) => Value::from(value),
            (None, Err(_)) => Value::from(text),
        },
        Kind::Float => text
            .parse::<f64>()
            .map_or_else(|_| Value::from(text), Value::from),
        _ => Value::from(text),
    }
}

impl Collection {
    pub(super) fn node(&self) -> Option<&Node> {
        self.path
            .iter()
            .try_fold(&self.root.node, |node, at| child(node, *at as usize))
    }

    fn value(&self, at: usize, node: &Node) -> Value {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let path = self.path.iter().copied().chain([at]).collect();
        with_record(|record| record.read(self.node(), node));
        to_value(&self.root, path, node)
    }
}

fn child(node: &Node, at: usize) -> Option<&Node> {
    match node.view() {
        View::Sequence(items) => items.get(at),
        View::Mapping(mapping) => mapping.iter().nth(at).map(|it| &it.value),
        View::Scalar(_) => None,
    }
}

impl Object for Collection {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.node().and_then(Node::as_sequence) {
            Some(_) => ObjectRepr::Seq,
            None => ObjectRepr::Map,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match self.node()?.view() {
            View::Sequence(items) => {
                let at = key.as_usize()?;
                Some(self.value(at, items.get(at)?))
            }
            View::Mapping(mapping) => {
                // A large map is searched from its beginning.
                if let Err(error) = charge(mapping.len() / 8) {
                    return Some(Value::from(error));
                }
                let Some(at) = mapping.position(key.as_str()?) else {
                    with_record(|record| self.node().map(|it| record.enter(it)));
                    return None;
                };
                Some(self.value(at, &mapping.iter().nth(at)?.value))
            }
            View::Scalar(_) => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.node().map(Node::view) {
            Some(View::Sequence(items)) => {
                let values: Vec<Value> = items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| self.value(at, item))
                    .collect();
                Enumerator::Iter(Box::new(values.into_iter()))
            }
            Some(View::Mapping(mapping)) if mapping.is_empty() => Enumerator::Empty,
            Some(View::Mapping(_)) => self.mapped_enumerator(|this| {
                let mapping = this.node().and_then(Node::as_mapping);
                Box::new(
                    mapping
                        .into_iter()
                        .flat_map(|it| it.keys().map(Value::from)),
                )
            }),
            _ => Enumerator::Empty,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match self.node()?.view() {
            View::Sequence(items) => Some(items.len()),
            View::Mapping(mapping) => Some(mapping.len()),
            View::Scalar(_) => None,
        }
    }
}

/// The node of a value: the original one if it is unchanged, otherwise a new one.
pub(super) fn to_node(value: &Value, last: Option<&Node>) -> Result<Node, String> {
    if let Some(node) = value
        .downcast_object_ref::<Collection>()
        .and_then(Collection::node)
    {
        return Ok(node.clone());
    }
    let node = match value.kind() {
        ValueKind::Undefined => return Err("the expression has no value".to_string()),
        ValueKind::None => Node::null(),
        ValueKind::Bool => Node::bool(value.is_true()),
        ValueKind::Number => {
            let tag = if value.is_integer() {
                Tag::Int
            } else {
                Tag::Float
            };
            Node::scalar(value.to_string(), Style::Plain, tag)
        }
        ValueKind::String => Node::string(value.as_str().unwrap_or("")),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| error.to_string())?;
            Node::sequence(
                items
                    .map(|item| to_node(&item, last))
                    .collect::<Result<Vec<_>, _>>()?,
            )
        }
        ValueKind::Map => {
            let (mut mapping, mut index) = (Mapping::new(), KeyIndex::default());
            for key in value.try_iter().map_err(|error| error.to_string())? {
                let inner = value.get_item(&key).map_err(|error| error.to_string())?;
                let key = Node::string(key.to_string());
                index.insert(&mut mapping, key, to_node(&inner, last)?);
            }
            Node::mapping(mapping)
        }
        kind => return Err(format!("a {kind} cannot be written as YAML")),
    };
    Ok(match last {
        Some(last) => placed_alone(node, last),
        None => node,
    })
}

/// A new node with the location of the scalar that was read last.
fn placed_alone(node: Node, last: &Node) -> Node {
    // The text as written: `1.10` stays `1.10` although it is a number in minijinja.
    match node.is_scalar() && is_same_scalar(&node, last) {
        true => last.clone(),
        false => node.at(last.span()),
    }
}

/// The same for all nodes in it.
fn placed(mut node: Node, last: &Node) -> Node {
    let place = |it: &mut Node| *it = placed(std::mem::replace(it, Node::null()), last);
    if let Some(items) = node.as_sequence_mut() {
        items.iter_mut().for_each(place);
    } else if let Some(entries) = node.as_mapping_mut() {
        entries.iter_mut().for_each(|it| place(&mut it.value));
    }
    placed_alone(node, last)
}

/// The node of a value that was created by an expression, without a location.
pub(super) fn to_new_node(value: &Value) -> Option<Node> {
    is_new(value).then(|| to_node(value, None).ok()).flatten()
}

/// The node of a value that passed through unchanged, if no part of it has a location.
pub(super) fn to_unplaced_node(value: &Value) -> Option<Node> {
    let node = value.downcast_object_ref::<Collection>()?.node()?;
    (!has_place(node)).then(|| node.clone())
}

fn is_new(value: &Value) -> bool {
    let is_item_new = |key: &Value| value.get_item(key).is_ok_and(|it| is_new(&it));
    match value.kind() {
        ValueKind::None | ValueKind::Bool | ValueKind::Number | ValueKind::String => true,
        _ if value.downcast_object_ref::<Collection>().is_some() => false,
        ValueKind::Seq => value
            .try_iter()
            .is_ok_and(|mut it| it.all(|it| is_new(&it))),
        ValueKind::Map => value
            .try_iter()
            .is_ok_and(|mut it| it.all(|it| is_item_new(&it))),
        _ => false,
    }
}

fn is_same_scalar(node: &Node, last: &Node) -> bool {
    let (Some(text), Some(other)) = (node.as_str(), last.as_str()) else {
        return false;
    };
    match (node.kind(), last.kind()) {
        (Kind::Int, Kind::Int) => node.as_int() == last.as_int() && node.as_int().is_some(),
        (Kind::Float, Kind::Float) => text.parse::<f64>().ok() == other.parse::<f64>().ok(),
        (kind, other_kind) => kind == other_kind && text == other,
    }
}

/// A node as a value without a span, for results of filters.
pub(super) fn from_node(node: &Node) -> Value {
    let root = Arc::new(Root {
        node: node.clone(),
        last: LastRead::default(),
    });
    match node.view() {
        View::Scalar(_) => to_value(&root, Box::default(), node),
        _ => Value::from_dyn_object(DynObject::new(Arc::new(Collection {
            root,
            path: Box::default(),
        }))),
    }
}
