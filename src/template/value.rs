//! Converts nodes to template values and back.

use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{DynObject, Enumerator, Object, ObjectExt, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::meter::charge;
use super::placeholder::with_record;
use crate::yaml::{KeyIndex, Kind, Mapping, Node, Style, Tag, View};

/// The scalar that was read last, if any.
pub(super) type LastRead = Arc<Mutex<Option<ReadScalar>>>;

/// A scalar that was read.
#[derive(Debug)]
pub(super) struct ReadScalar {
    pub(super) node: Node,
    /// The root that it was read from, and its path there; `None` if it is the value of a name itself.
    pub(super) source: Option<(Arc<Root>, Box<[u32]>)>,
    /// Whether it was read after the beginning of the expression.
    pub(super) is_new: bool,
}

/// A node that is given to templates, and where reads from it are recorded.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) node: Node,
    pub(super) last: LastRead,
}

/// A collection inside a root.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) root: Arc<Root>,
    /// The positions of its parents and of itself in their parents.
    pub(super) path: Box<[u32]>,
}

/// The value of the node at a path of a root. If it is a scalar, it is recorded as read.
pub(super) fn to_value(root: &Arc<Root>, path: Box<[u32]>, node: &Node) -> Value {
    let View::Scalar(text) = node.view() else {
        return Value::from_object(Collection {
            root: root.clone(),
            path,
        });
    };
    let last = ReadScalar {
        node: node.clone(),
        source: (!path.is_empty()).then(|| (root.clone(), path)),
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

    /// The value of the child at a position; records the read.
    fn value(&self, at: usize, node: &Node) -> Value {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let path = self.path.iter().copied().chain([at]).collect();
        with_record(|record| record.read(self.node(), node));
        to_value(&self.root, path, node)
    }
}

pub(super) fn child(node: &Node, at: usize) -> Option<&Node> {
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
                // Charged, because a large map is searched from its beginning.
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

/// The node of a value: the original node if it is unchanged, otherwise a new one with the location of `last`. Errors: a value that
/// cannot be written as YAML.
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
        Some(last) => node_with_last_location(node, last),
        None => node,
    })
}

/// A new node with the location of the scalar that was read last.
fn node_with_last_location(node: Node, last: &Node) -> Node {
    // The text as written: `1.10` stays `1.10` although it is a number in minijinja.
    match node.is_scalar() && is_same_scalar(&node, last) {
        true => last.clone(),
        false => node.at(last.span()),
    }
}

/// The node of a filter's argument.
pub(super) fn argument_node(value: &Value) -> Result<Node, Error> {
    to_node(value, None).map_err(|message| Error::new(ErrorKind::InvalidOperation, message))
}

/// The node, in which it and all nodes below it have the location of the scalar that was read last.
pub(super) fn with_last_location(mut node: Node, last: &Node) -> Node {
    let location =
        |it: &mut Node| *it = with_last_location(std::mem::replace(it, Node::null()), last);
    if let Some(items) = node.as_sequence_mut() {
        items.iter_mut().for_each(location);
    } else if let Some(entries) = node.as_mapping_mut() {
        entries.iter_mut().for_each(|it| location(&mut it.value));
    }
    node_with_last_location(node, last)
}

/// The node of a value that was created by an expression, without a location.
pub(super) fn to_new_node(value: &Value) -> Option<Node> {
    is_new(value).then(|| to_node(value, None).ok()).flatten()
}

/// The node of a value that passed through unchanged, if no part of it has a location.
pub(super) fn to_node_without_location(value: &Value) -> Option<Node> {
    let node = value.downcast_object_ref::<Collection>()?.node()?;
    (!has_location(node)).then(|| node.clone())
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

/// A node as a value whose reads are not recorded, for results of filters.
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

/// Whether any part of a node has a location in a file.
pub(super) fn has_location(node: &Node) -> bool {
    node.has_origin()
        || match node.view() {
            View::Scalar(_) => false,
            View::Sequence(items) => items.iter().any(has_location),
            View::Mapping(entries) => entries
                .iter()
                .any(|it| has_location(&it.key) || has_location(&it.value)),
        }
}
