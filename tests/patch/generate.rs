//! Pairs of objects with the same identity, and content for which patches are difficult.

use pleach::yaml::{Entry, Mapping, Node, Style, Tag};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

type Nodes = BoxedStrategy<Node>;

/// Two objects with the same identity.
pub(super) fn pair() -> BoxedStrategy<(Node, Node)> {
    let kinds = [
        deployment(),
        service(),
        budget(),
        config(),
        custom(),
        custom(),
    ];
    select(kinds.to_vec())
        .prop_flat_map(|kind| (kind.clone(), kind))
        .boxed()
}

fn object(version: &str, kind: &str, rest: Vec<(&str, Nodes)>) -> Nodes {
    let head =
        [("apiVersion", version), ("kind", kind)].map(|(key, text)| entry(key, Node::from(text)));
    let metadata = maybe(vec![
        ("labels", map_of(prop_oneof![text()].boxed())),
        ("finalizers", list_of(&["a/x", "b/y", "c/z"])),
    ]);
    (metadata, maybe(rest))
        .prop_map(move |(mut metadata, rest)| {
            let mut object: Mapping = head.iter().cloned().collect();
            metadata.insert("name", "it");
            object.insert("metadata", metadata);
            object.entries_mut().extend(rest);
            Node::mapping(object)
        })
        .boxed()
}

fn deployment() -> Nodes {
    let env = map(vec![("value", text())]);
    let port = map(vec![("name", text())]);
    let container = map(vec![
        ("image", one_of(&["x:1", "x:2"])),
        ("args", list_of(&["a", "--b", "5", "yes"])),
        ("env", keyed("name", &["A", "B", "C", "D"], env)),
        ("ports", ports("containerPort", port)),
        ("resources", map(vec![("limits", map_of(number()))])),
    ]);
    let toleration = map(vec![
        ("key", one_of(&["a", "b"])),
        ("operator", one_of(&["Exists"])),
    ]);
    let spec = map(vec![
        ("containers", keyed("name", &["a", "b", "c"], container)),
        (
            "volumes",
            keyed("name", &["v", "w"], map(vec![("emptyDir", map(vec![]))])),
        ),
        (
            "tolerations",
            prop::collection::vec(toleration, 0..3)
                .prop_map(Node::sequence)
                .boxed(),
        ),
    ]);
    let template = map(vec![
        ("metadata", map(vec![("labels", map_of(text()))])),
        ("spec", spec),
    ]);
    let spec = map(vec![("replicas", number()), ("template", template)]);
    object("apps/v1", "Deployment", vec![("spec", spec)])
}

fn service() -> Nodes {
    let port = map(vec![("name", text()), ("targetPort", scalar())]);
    let spec = map(vec![
        ("ports", ports("port", port)),
        ("selector", map_of(text())),
    ]);
    object("v1", "Service", vec![("spec", spec)])
}

fn budget() -> Nodes {
    let amount = prop_oneof![number(), one_of(&["50%", "5"])].boxed();
    object(
        "policy/v1",
        "PodDisruptionBudget",
        vec![("spec", map(vec![("minAvailable", amount)]))],
    )
}

fn config() -> Nodes {
    object(
        "v1",
        "ConfigMap",
        vec![("data", map_of(text())), ("immutable", scalar())],
    )
}

fn custom() -> Nodes {
    let anything = scalar().prop_recursive(4, 24, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Node::sequence);
        prop_oneof![list, map_of(inner.boxed())]
    });
    object(
        "example.org/v1",
        "Thing",
        vec![
            ("spec", map_of(anything.boxed())),
            // An object inside an object has its own type, by which its lists are merged.
            ("template", prop_oneof![deployment(), service()].boxed()),
        ],
    )
}

fn scalar() -> Nodes {
    let rare = prop_oneof![
        Just(Node::null()),
        Just(Node::bool(true)),
        Just(Node::bool(false))
    ];
    prop_oneof![3 => text(), 2 => number(), 1 => rare].boxed()
}

fn text() -> Nodes {
    one_of(&[
        "a",
        "b",
        "",
        "yes",
        "y",
        "null",
        "~",
        "5",
        "1.0",
        "0x1f",
        "0777",
        "1e3",
        "12:30",
        "2020-01-01",
        "on",
        "<<",
        "=",
        "a: b",
        "- x",
        "#c",
        " x",
        "x ",
        "é",
        "😀",
        "a\nb\n",
        "a\n\nb",
        "\n",
        "a\tb",
        "%",
        "{}",
        "[]",
        "*a",
        "&a",
        "!x",
        "\"q\"",
        "it's",
        "$patch",
        "null\n",
        "true",
        "-",
        "?",
        "|",
        ">",
        "@",
        "`",
        "a #b",
        "a:",
        "\\n",
        "50%",
    ])
}

fn number() -> Nodes {
    let texts = [
        "0",
        "1",
        "-1",
        "5",
        "80",
        "9007199254740991",
        "1.5",
        "-0.25",
        "1e3",
        "1000000",
        "0.00001",
        "1e22",
        "1.0",
    ];
    let number = |text: &str| Node::scalar(text, Style::Plain, Tag::None);
    select(texts.map(number).to_vec()).boxed()
}

fn one_of(texts: &'static [&'static str]) -> Nodes {
    select(texts).prop_map(Node::from).boxed()
}

fn list_of(texts: &'static [&'static str]) -> Nodes {
    let items = subsequence(texts.to_vec(), 0..=texts.len()).prop_shuffle();
    items
        .prop_map(|it| Node::sequence(it.into_iter().map(Node::from)))
        .boxed()
}

/// A mapping with any of the fields.
fn maybe(fields: Vec<(&str, Nodes)>) -> BoxedStrategy<Mapping> {
    let fields = fields.into_iter().map(|(key, value)| {
        let key = key.to_string();
        proptest::option::weighted(0.7, value).prop_map(move |value| Some(entry(&key, value?)))
    });
    let fields: Vec<_> = fields.collect();
    fields
        .prop_map(|it| it.into_iter().flatten().collect())
        .boxed()
}

fn map(fields: Vec<(&str, Nodes)>) -> Nodes {
    maybe(fields).prop_map(Node::mapping).boxed()
}

fn map_of(values: Nodes) -> Nodes {
    let keys = ["a", "b", "c", "y", "5", "a.b/c~d", "x y", "on"];
    let keys = subsequence(keys.to_vec(), 0..4).prop_shuffle();
    (keys, prop::collection::vec(values, 4))
        .prop_map(|(keys, values)| {
            Node::mapping(
                keys.into_iter()
                    .zip(values)
                    .map(|(key, it)| entry(key, it))
                    .collect::<Mapping>(),
            )
        })
        .boxed()
}

fn keyed(key: &'static str, names: &'static [&'static str], rest: Nodes) -> Nodes {
    let names = subsequence(names.to_vec(), 0..=names.len()).prop_shuffle();
    (names, prop::collection::vec(rest, 4))
        .prop_map(move |(names, rest)| {
            let items = names.into_iter().zip(rest).map(|(name, rest)| {
                let mut item: Mapping = [entry(key, Node::from(name))].into_iter().collect();
                item.entries_mut().extend(rest.into_mapping().unwrap());
                Node::mapping(item)
            });
            Node::sequence(items)
        })
        .boxed()
}

fn ports(key: &'static str, rest: Nodes) -> Nodes {
    let ports = [
        (80, "TCP"),
        (80, "UDP"),
        (443, ""),
        (8080, "TCP"),
        (53, "UDP"),
    ];
    let ports = subsequence(ports.to_vec(), 0..=ports.len()).prop_shuffle();
    (ports, prop::collection::vec(rest, 5))
        .prop_map(move |(ports, rest)| {
            let items = ports.into_iter().zip(rest).map(|((port, protocol), rest)| {
                let mut item: Mapping = [entry(key, Node::int(port))].into_iter().collect();
                if !protocol.is_empty() {
                    item.insert("protocol", protocol);
                }
                item.entries_mut().extend(rest.into_mapping().unwrap());
                Node::mapping(item)
            });
            Node::sequence(items)
        })
        .boxed()
}

fn entry(key: &str, value: Node) -> Entry {
    Entry {
        key: Node::from(key),
        value,
    }
}

/// A pod with malformed lists: items without a key, duplicate keys, nulls, empty maps, directives.
pub(super) fn malformed() -> Nodes {
    let item = |key: &'static str,
                names: &'static [&'static str],
                rest: Vec<(&'static str, Nodes)>| {
        let name = proptest::option::weighted(0.85, one_of(names));
        let directive = proptest::option::weighted(0.12, one_of(&["delete", "replace", "merge"]));
        let item = (name, maybe(rest), directive).prop_map(move |(name, mut item, directive)| {
            if let Some(name) = name {
                item.insert(key, name);
            }
            if let Some(directive) = directive {
                item.insert("$patch", directive);
            }
            Node::mapping(item)
        });
        let item = prop_oneof![20 => item, 1 => Just(Node::null()), 1 => Just(Node::mapping(Mapping::new()))];
        prop::collection::vec(item, 0..4)
            .prop_map(Node::sequence)
            .boxed()
    };
    let value =
        prop_oneof![3 => one_of(&["a", "5", "yes", "50%"]), 1 => number(), 1 => Just(Node::null())]
            .boxed();
    let port = vec![
        ("protocol", one_of(&["TCP", "UDP"])),
        ("name", value.clone()),
    ];
    let container = vec![
        ("image", value.clone()),
        (
            "env",
            item("name", &["A", "B", "C"], vec![("value", value.clone())]),
        ),
        ("ports", item("containerPort", &["80", "81"], port)),
        (
            "args",
            prop::collection::vec(value.clone(), 0..3)
                .prop_map(Node::sequence)
                .boxed(),
        ),
    ];
    let spec = map(vec![
        ("containers", item("name", &["a", "b", "c"], container)),
        (
            "nodeSelector",
            prop_oneof![map_of(value.clone()), Just(Node::null())].boxed(),
        ),
        ("hostname", value),
    ]);
    object("v1", "Pod", vec![("spec", spec)])
}
