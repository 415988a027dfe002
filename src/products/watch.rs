//! The namespaces that an operator watches, as the values of its chart set them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::operators::{charts, namespace};
use super::{items, text, texts};
use crate::diag::Source;
use crate::object::Object;
use crate::yaml::{Node, parse_one};

/// How the values of a chart limit the namespaces that its operator watches.
#[derive(Debug)]
pub struct Watch {
    /// The name of the chart.
    pub chart: String,
    /// The kinds whose objects the operator ignores in other namespaces.
    pub kinds: Vec<String>,
    /// The value with the names: a list, or a text with commas.
    namespaces: Vec<String>,
    /// A value that is true if all namespaces are watched, whatever the names are.
    all: Vec<String>,
    /// A value that is false if only its own namespace is watched, unless there are names. Otherwise all are.
    own: Vec<String>,
    /// A list of environment variables that may also set the namespaces.
    variables: Vec<String>,
    /// Whether it also watches its own namespace if there are names.
    with_own: bool,
    /// The namespace in which an operator without names watches all namespaces.
    all_in: Option<String>,
}

/// The namespaces that an operator watches.
#[derive(Debug, PartialEq, Eq)]
pub enum Watched {
    /// All namespaces.
    All,
    /// Those with these names.
    Names(BTreeSet<String>),
    /// Some values are not in the object, or a name is a pattern.
    Unknown,
}

impl Watched {
    /// Whether an operator ignores a namespace, as far as known.
    pub fn excludes(&self, namespace: &str) -> bool {
        match self {
            Watched::All | Watched::Unknown => false,
            // Names may be found anywhere in the name of a namespace.
            Watched::Names(names) => !names.iter().any(|it| namespace.contains(&**it)),
        }
    }
}

impl Watch {
    pub(super) fn parse(node: &Node) -> Option<Watch> {
        let path = |key: &str| texts(node.get(key)).map(str::to_string).collect();
        Some(Watch {
            chart: text(node, "chart")?,
            kinds: path("kinds"),
            namespaces: path("namespaces"),
            all: path("all"),
            own: path("own"),
            variables: path("variables"),
            with_own: node.get("withOwn").and_then(Node::as_bool) == Some(true),
            all_in: text(node, "allIn"),
        })
    }

    /// The namespaces that the operator watches which an object installs; `None` if it does not install this chart.
    pub fn of(&self, installation: &Object) -> Option<Watched> {
        let is_release = matches!(installation.kind(), "HelmRelease" | "Application");
        if !is_release || !charts(installation).contains(&*self.chart) {
            return None;
        }
        let own = namespace(installation);
        Some(match values(installation) {
            Some(values) if !own.is_empty() => self.watched(values.as_deref(), own),
            _ => Watched::Unknown,
        })
    }

    fn watched(&self, values: Option<&Node>, own: &str) -> Watched {
        let value = |path: &[String]| {
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            values?.at_keys(&keys).filter(|_| !keys.is_empty())
        };
        if value(&self.all).and_then(Node::as_bool) == Some(true) {
            return Watched::All;
        }
        let mut variables = items(value(&self.variables)).iter();
        let is_watch =
            |it: &Node| text(it, "name").is_some_and(|it| it.starts_with("WATCH_NAMESPACE"));
        if variables.any(is_watch) {
            return Watched::Unknown;
        }
        let names = value(&self.namespaces);
        let listed = names.and_then(Node::as_str).unwrap_or("").split(',');
        let names = listed.map(str::trim).chain(texts(names));
        let mut names: BTreeSet<String> = names
            .filter(|it| !it.is_empty())
            .map(str::to_string)
            .collect();
        if names.contains("*") || names.contains(".*") {
            return Watched::All;
        }
        if !names.iter().all(|it| is_name(it)) {
            return Watched::Unknown;
        }
        let is_open = self.all_in.as_deref() == Some(own)
            || !self.own.is_empty() && value(&self.own).and_then(Node::as_bool) != Some(false);
        match names.is_empty() {
            true if is_open => return Watched::All,
            true => _ = names.insert(own.to_string()),
            false if self.with_own => _ = names.insert(own.to_string()),
            false => {}
        }
        Watched::Names(names)
    }
}

fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The values that an installation contains: `Some(None)` if it has none, and `None` if they are not all in the object.
fn values(installation: &Object) -> Option<Option<Cow<'_, Node>>> {
    let node = &installation.node;
    if installation.kind() == "HelmRelease" {
        let others = items(node.at_keys(&["spec", "valuesFrom"]));
        let values = node.at_keys(&["spec", "values"]).map(Cow::Borrowed);
        return others.is_empty().then_some(values);
    }
    // Of several sources, another one may have value files for the chart.
    let helm = node.at_keys(&["spec", "source", "helm"]);
    if node.at_keys(&["spec", "sources"]).is_some() {
        return None;
    }
    let Some(helm) = helm else {
        return Some(None);
    };
    let others = ["valueFiles", "parameters", "fileParameters"];
    if others.iter().any(|it| !items(helm.get(it)).is_empty()) {
        return None;
    }
    if let Some(values) = helm.get("valuesObject") {
        return Some(Some(Cow::Borrowed(values)));
    }
    match helm.get("values").and_then(Node::as_str) {
        Some(values) => {
            let parsed = parse_one(&Source::internal("values", values)).ok()?;
            Some(Some(Cow::Owned(parsed)))
        }
        None => Some(None),
    }
}
