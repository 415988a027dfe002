//! Node literals in the syntax of YAML's flow style.

use super::Node;

/// A node as a literal, like `serde_json::json!`: maps, lists, and expressions for [`Node::from`]. A key with a `?` has an `Option`
/// as value, and is left out if it is `None`. A key is a string literal or a constant. Keys must be unique.
///
/// ```
/// use pleach_yaml::{emit_canonical, node};
///
/// let (name, namespace, labels) = ("web", None::<&str>, node!({"team": "shop"}));
/// let object = node!({
///     "kind": "Service",
///     "metadata": {"name": name, "namespace"?: namespace, "labels": labels},
///     "spec": {"ports": [{"port": 80}], "selector": {}},
/// });
/// assert_eq!(emit_canonical(&object), "\
/// kind: Service
/// metadata:
///   name: web
///   labels:
///     team: shop
/// spec:
///   ports:
///   - port: 80
///   selector: {}
/// ");
/// ```
#[macro_export]
macro_rules! node {
    ({ $($entries:tt)* }) => { $crate::Node::mapping($crate::map!($($entries)*)) };
    ([ $($items:tt)* ]) => { $crate::Node::sequence($crate::__items!([] $($items)*)) };
    (null) => { $crate::Node::null() };
    ($literal:literal) => { $crate::literal::Literal::into_node($literal) };
    ($value:expr) => { $crate::Node::from($value) };
}

/// The entries of a [`node!`](crate::node) in braces, as a [`Mapping`](crate::Mapping).
#[macro_export]
macro_rules! map {
    () => { $crate::Mapping::new() };
    ($($entries:tt)*) => {{
        let mut mapping = $crate::Mapping::new();
        $crate::__entries!(mapping $($entries)*);
        mapping
    }};
}

// Entries and items are processed one by one, because a repetition cannot match both maps and expressions.
#[doc(hidden)]
#[macro_export]
macro_rules! __entries {
    ($mapping:ident) => {};
    ($mapping:ident $key:tt ? : $value:expr $(, $($rest:tt)*)?) => {
        if let Some(value) = $value {
            $mapping.push($crate::Node::constant($key), $crate::Node::from(value));
        }
        $crate::__entries!($mapping $($($rest)*)?);
    };
    ($mapping:ident $key:tt : { $($value:tt)* } $(, $($rest:tt)*)?) => {
        $mapping.push($crate::Node::constant($key), $crate::node!({ $($value)* }));
        $crate::__entries!($mapping $($($rest)*)?);
    };
    ($mapping:ident $key:tt : [ $($value:tt)* ] $(, $($rest:tt)*)?) => {
        $mapping.push($crate::Node::constant($key), $crate::node!([ $($value)* ]));
        $crate::__entries!($mapping $($($rest)*)?);
    };
    ($mapping:ident $key:tt : null $(, $($rest:tt)*)?) => {
        $mapping.push($crate::Node::constant($key), $crate::Node::null());
        $crate::__entries!($mapping $($($rest)*)?);
    };
    ($mapping:ident $key:tt : $value:literal $(, $($rest:tt)*)?) => {
        $mapping.push($crate::Node::constant($key), $crate::node!($value));
        $crate::__entries!($mapping $($($rest)*)?);
    };
    ($mapping:ident $key:tt : $value:expr $(, $($rest:tt)*)?) => {
        $mapping.push($crate::Node::constant($key), $crate::Node::from($value));
        $crate::__entries!($mapping $($($rest)*)?);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __items {
    ([$($done:expr,)*]) => { [$($done,)*] };
    ([$($done:expr,)*] { $($value:tt)* } $(, $($rest:tt)*)?) => {
        $crate::__items!([$($done,)* $crate::node!({ $($value)* }),] $($($rest)*)?)
    };
    ([$($done:expr,)*] [ $($value:tt)* ] $(, $($rest:tt)*)?) => {
        $crate::__items!([$($done,)* $crate::node!([ $($value)* ]),] $($($rest)*)?)
    };
    ([$($done:expr,)*] $value:literal $(, $($rest:tt)*)?) => {
        $crate::__items!([$($done,)* $crate::node!($value),] $($($rest)*)?)
    };
    ([$($done:expr,)*] $value:expr $(, $($rest:tt)*)?) => {
        $crate::__items!([$($done,)* $crate::Node::from($value),] $($($rest)*)?)
    };
}

/// A Rust literal. Unlike [`Node::from`], it does not copy strings.
#[doc(hidden)]
pub trait Literal {
    /// The literal as a node.
    fn into_node(self) -> Node;
}

impl Literal for &'static str {
    fn into_node(self) -> Node {
        Node::constant(self)
    }
}

impl Literal for bool {
    fn into_node(self) -> Node {
        Node::bool(self)
    }
}

impl Literal for i64 {
    fn into_node(self) -> Node {
        Node::int(self)
    }
}
