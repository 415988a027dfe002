//! The locations of secrets in objects and kustomizations.

use std::borrow::Cow;
use std::ops::Range;

use pleach_yaml::{Entry, Kind, Mapping, Node, View};

use super::names::{Certainty, certainty};
use super::references::{is_reference, may_be_name};
use super::shapes::secret_parts;
use super::{Salt, hide_text};

/// How a detected secret is processed.
pub(super) trait Visitor {
    /// A scalar that is secret as a whole.
    fn whole(&mut self, node: &Node) -> Node;
    /// A text that may contain secrets; `None` if it has none.
    fn text(&mut self, node: &Node, text: &str) -> Option<Node>;
    /// A text with one part that is secret because of its location.
    fn part(&mut self, node: &Node, part: Range<usize>) -> Node;
    /// Whether ambiguous names count.
    fn takes(&self, certainty: Certainty, value: &str) -> bool {
        let _ = value;
        certainty != Certainty::None
    }
}

/// Fields of a Secret that are shown. All others are hidden, including unknown ones, which may be a misspelled `data`.
const OPEN: [&str; 5] = ["apiVersion", "kind", "metadata", "type", "immutable"];

/// The fields of a repository or cluster of Argo CD other than credentials.
const OPEN_OF_ARGO: [&str; 15] = [
    "type",
    "url",
    "name",
    "project",
    "server",
    "namespaces",
    "clusterResources",
    "enableOCI",
    "enableLfs",
    "insecure",
    "insecureIgnoreHostKey",
    "forceHttpBasicAuth",
    "proxy",
    "noProxy",
    "githubAppEnterpriseBaseUrl",
];

/// Whether a key of `data` and `stringData` of a Secret may be shown, because Argo CD stores repositories and clusters in Secrets.
/// Secrets within a value, such as in an address, are still hidden.
pub fn is_open_key(secret: &Node, key: &str) -> bool {
    let label = ["metadata", "labels", "argocd.argoproj.io/secret-type"];
    OPEN_OF_ARGO.contains(&key) && secret.at_keys(&label).is_some()
}

/// The object with a digest in place of each secret value.
pub fn hide(object: &Node, salt: &Salt) -> Node {
    walk(object, &mut Hide(salt))
}

/// The value of a field with a digest in place of secrets.
pub fn hide_field(value: &Node, name: &str, salt: &Salt) -> Node {
    let mut walk = Walk {
        visitor: &mut Hide(salt),
        fills_a_secret: false,
    };
    walk.value(value, name)
}

/// The object with values that are certainly secret replaced.
pub(super) fn hide_certain(object: &Node) -> Node {
    walk(object, &mut Certain)
}

/// Visits the secrets in a document.
pub(super) fn walk(document: &Node, visitor: &mut dyn Visitor) -> Node {
    let mut walk = Walk {
        visitor,
        fills_a_secret: false,
    };
    match is_secret(document) {
        true => walk.secret(document),
        false => walk.value(document, ""),
    }
}

/// Whether an object is a Secret.
pub fn is_secret(node: &Node) -> bool {
    kind(node).eq_ignore_ascii_case("Secret")
}

fn kind(node: &Node) -> &str {
    node.get("kind").and_then(Node::as_str).unwrap_or("")
}

struct Walk<'a> {
    visitor: &'a mut dyn Visitor,
    /// Whether the object is a template for Secrets that a controller creates.
    fills_a_secret: bool,
}

impl Walk<'_> {
    fn secret(&mut self, object: &Node) -> Node {
        map_entries(object, |key, node| match key {
            "metadata" => self.metadata(node),
            "stringData" => map_entries(node, |key, node| match is_open_key(object, key) {
                true => self.value(node, ""),
                false => self.all(node),
            }),
            key if OPEN.contains(&key) => self.value(node, key),
            _ => self.all(node),
        })
    }

    /// A Secret's metadata: an annotation may contain a copy of the whole object.
    fn metadata(&mut self, metadata: &Node) -> Node {
        map_entries(metadata, |key, node| match key {
            "annotations" => map_entries(node, |key, node| {
                match key.ends_with("last-applied-configuration") {
                    true => self.all(node),
                    false => self.value(node, key),
                }
            }),
            key => self.value(node, key),
        })
    }

    /// Searches for secrets in the value of a field.
    fn value(&mut self, node: &Node, name: &str) -> Node {
        match node.view() {
            View::Scalar(text) => self.scalar(node, text, name),
            View::Sequence(items) => self.items(node, items, name),
            View::Mapping(_) => self.mapping(node, name),
        }
    }

    fn scalar(&mut self, node: &Node, text: &str, name: &str) -> Node {
        let is_named = || {
            let certainty = certainty(name);
            certainty != Certainty::None && self.visitor.takes(certainty, text)
        };
        match node.kind() {
            Kind::Null | Kind::Bool => node.clone(),
            _ if !is_reference(text) && is_named() => self.visitor.whole(node),
            Kind::String => self
                .visitor
                .text(node, text)
                .unwrap_or_else(|| node.clone()),
            _ => node.clone(),
        }
    }

    fn items(&mut self, node: &Node, items: &[Node], name: &str) -> Node {
        let mut flag = "";
        let mut mapped = Vec::with_capacity(items.len());
        for item in items {
            let text = item.as_string().unwrap_or("");
            // Arguments: `[--token, X]`.
            let follows = std::mem::take(&mut flag);
            flag = match text {
                "-u" | USER => USER,
                text if text.starts_with('-') && !text.contains(['=', ' ']) => {
                    text.trim_start_matches('-')
                }
                _ => "",
            };
            mapped.push(match (name, follows) {
                ("literals", _) => self.literal(item, text),
                (_, USER) => match text.find(':') {
                    Some(at) => self.visitor.part(item, at + 1..text.len()),
                    None => self.value(item, name),
                },
                (_, follows) if !follows.is_empty() && !text.starts_with('-') => {
                    self.value(item, follows)
                }
                _ => self.value(item, name),
            });
        }
        Node::sequence(mapped).at(node.span())
    }

    /// `key=value` of a generator.
    fn literal(&mut self, item: &Node, text: &str) -> Node {
        match text.find('=') {
            Some(at) if self.fills_a_secret => self.visitor.part(item, at + 1..text.len()),
            // An invalid literal may be the value itself.
            None if self.fills_a_secret => self.visitor.whole(item),
            Some(at) => {
                let (name, value) = (
                    text.get(..at).unwrap_or(""),
                    text.get(at + 1..).unwrap_or(""),
                );
                let is_secret = certainty(name) != Certainty::None && !is_reference(value);
                match is_secret {
                    true => self.visitor.part(item, at + 1..text.len()),
                    false => self.value(item, ""),
                }
            }
            None => self.value(item, ""),
        }
    }

    fn mapping(&mut self, node: &Node, name: &str) -> Node {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or("");
        let kind = kind(node);
        let is_secret = kind.eq_ignore_ascii_case("Secret");
        let outer = self.fills_a_secret;
        self.fills_a_secret |= matches!(
            kind,
            "SealedSecret" | "ExternalSecret" | "ClusterExternalSecret" | "SecretGenerator"
        );
        // Also in a misspelled `secretGenerator`.
        self.fills_a_secret |= node.get("literals").is_some()
            && name != "configMapGenerator"
            && kind != "ConfigMapGenerator";
        let is_operation = !text("op").is_empty() && node.get("path").is_some();
        let is_patch_of_secret = node
            .at_keys(&["target", "kind"])
            .and_then(Node::as_str)
            .is_some_and(|it| it.eq_ignore_ascii_case("Secret"));
        let is_reference_of_key = ["remoteRef", "sourceRef", "secretName", "existingSecret"]
            .iter()
            .any(|it| node.get(it).is_some());
        let variable = match text("name") {
            "" => text("key"),
            name => name,
        };
        let mapped = map_entries(node, |key, node| match key {
            "data" | "stringData" if is_secret => self.all(node),
            // With a target, the kind in the patch itself does not matter.
            "stringData" => self.all(node),
            "data" if name == "template" && self.fills_a_secret => self.template(node),
            "data" if name == "fake" => self.fake_store(node),
            "metadata" if is_secret => self.metadata(node),
            "secretGenerator" => self.generators(node),
            "patch" if is_patch_of_secret => self.all(node),
            "value" if is_operation => self.operation(node, text("path")),
            "value" => self.value(node, if variable.is_empty() { key } else { variable }),
            // In an ExternalSecret, it is the name of a key.
            "secretKey" if is_reference_of_key => node.clone(),
            "auth" if node.is_scalar() && text("auth").len() > 3 && name.contains('.') => {
                self.value(node, "token")
            }
            key => self.value(node, child_name(name, key, node)),
        });
        self.fills_a_secret = outer;
        mapped
    }

    /// The operation of a JSON patch. In a separate file, it is unknown whether it is for a Secret.
    fn operation(&mut self, value: &Node, path: &str) -> Node {
        let path = path.trim_start_matches('/');
        match path.split('/').next() {
            Some("data" | "stringData") => self.all(value),
            _ => self.value(value, path.rsplit('/').next().unwrap_or("")),
        }
    }

    fn generators(&mut self, node: &Node) -> Node {
        let outer = std::mem::replace(&mut self.fills_a_secret, true);
        let mapped = self.value(node, "");
        self.fills_a_secret = outer;
        mapped
    }

    /// Data that a controller writes into a Secret: text, or templates of text.
    fn template(&mut self, data: &Node) -> Node {
        map_entries(data, |_, node| match node.as_str() {
            Some(text) if text.contains("{{") => self.value(node, ""),
            _ => self.all(node),
        })
    }

    /// The store of External Secrets that contains its values.
    fn fake_store(&mut self, data: &Node) -> Node {
        let items = data.as_sequence().unwrap_or_default().iter();
        let items = items.map(|item| {
            map_entries(item, |key, node| match key {
                "value" | "valueMap" => self.all(node),
                key => self.value(node, key),
            })
        });
        Node::sequence(items.collect::<Vec<_>>()).at(data.span())
    }

    /// Every value below a node.
    fn all(&mut self, node: &Node) -> Node {
        match node.view() {
            View::Scalar(_) if node.is_null() => node.clone(),
            View::Scalar("") => node.clone(),
            View::Scalar(_) => self.visitor.whole(node),
            View::Sequence(items) => {
                let items: Vec<Node> = items.iter().map(|it| self.all(it)).collect();
                Node::sequence(items).at(node.span())
            }
            View::Mapping(_) => map_entries(node, |_, node| self.all(node)),
        }
    }
}

/// The flag `--user`, whose value is a name and a password.
const USER: &str = "--user";

/// The name that describes a value: in `passwords: {ann: …}`, it is that of the map.
fn child_name<'a>(name: &'a str, key: &'a str, node: &Node) -> &'a str {
    const OF_REFERENCES: [&str; 9] = [
        "name",
        "key",
        "kind",
        "namespace",
        "secretName",
        "existingSecret",
        "type",
        "enabled",
        "create",
    ];
    let ends_with = |end: &str| {
        let at = name.len().checked_sub(end.len());
        at.and_then(|at| name.get(at..))
            .is_some_and(|it| it.eq_ignore_ascii_case(end))
    };
    let is_collection = ["passwords", "tokens", "apikeys"]
        .into_iter()
        .any(ends_with);
    match is_collection && node.is_scalar() && !OF_REFERENCES.contains(&key) {
        true => name,
        false => key,
    }
}

fn map_entries(node: &Node, mut map: impl FnMut(&str, &Node) -> Node) -> Node {
    let Some(entries) = node.as_mapping() else {
        // A list or string in place of a map is hidden, too.
        return map("", node);
    };
    let entries = entries.iter().map(|Entry { key, value }| Entry {
        key: key.clone(),
        value: map(key.as_str().unwrap_or(""), value),
    });
    Node::mapping(Mapping::from_entries(entries.collect())).at(node.span())
}

struct Hide<'a>(&'a Salt);

impl Visitor for Hide<'_> {
    fn whole(&mut self, node: &Node) -> Node {
        let text = node.as_str().unwrap_or("");
        Node::string(self.0.digest(text)).at(node.span())
    }

    fn text(&mut self, node: &Node, text: &str) -> Option<Node> {
        match hide_text(text, self.0) {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(Node::string(text).styled(node.style()).at(node.span())),
        }
    }

    fn part(&mut self, node: &Node, part: Range<usize>) -> Node {
        let text = node.as_str().unwrap_or("");
        let (before, after) = (text.get(..part.start), text.get(part.end..));
        let digest = self.0.digest(text.get(part).unwrap_or(""));
        let text = format!("{}{digest}{}", before.unwrap_or(""), after.unwrap_or(""));
        Node::string(text).at(node.span())
    }
}

struct Certain;

impl Visitor for Certain {
    fn whole(&mut self, node: &Node) -> Node {
        Node::string(super::HIDDEN).at(node.span())
    }

    fn text(&mut self, node: &Node, text: &str) -> Option<Node> {
        (!secret_parts(text).is_empty()).then(|| self.whole(node))
    }

    fn part(&mut self, node: &Node, _: Range<usize>) -> Node {
        self.whole(node)
    }

    fn takes(&self, certainty: Certainty, value: &str) -> bool {
        certainty == Certainty::Certain || !may_be_name(value)
    }
}
