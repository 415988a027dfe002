//! What an AppProject of Argo CD permits its Applications.

use crate::object::Object;
use crate::yaml::Node;

/// Whether an AppProject permits a repository.
pub fn permits_source(project: &Object, address: &str) -> bool {
    let patterns = list(project, "sourceRepos");
    let mut texts = patterns.iter().filter_map(Node::as_str);
    let is_denied = |it: &str| it.strip_prefix('!').is_some_and(|it| fits(it, address));
    !texts.clone().any(is_denied) && texts.any(|it| fits(it, address))
}

/// Where an Application deploys to.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// How the cluster is identified: `server` or `name`.
    pub field: &'static str,
    /// Its address or name.
    pub cluster: &'a str,
    /// The namespace of the destination.
    pub namespace: &'a str,
}

/// Whether an AppProject may permit a destination.
pub fn permits(project: &Object, destination: &Destination<'_>) -> bool {
    let entries = list(project, "destinations");
    let text = |it: &Node, key: &str| it.get(key).and_then(Node::as_str).unwrap_or("").to_string();
    let is_comparable = |it: &Node| !text(it, destination.field).is_empty();
    let denies = |it: &Node| {
        ["server", "name", "namespace"]
            .iter()
            .any(|key| text(it, key).starts_with('!'))
    };
    // An entry that identifies clusters in the other way, or that excludes some, may match the same cluster.
    if entries.iter().any(|it| !is_comparable(it) || denies(it)) {
        return true;
    }
    entries.iter().any(|it| {
        fits(&text(it, destination.field), destination.cluster)
            && fits(&text(it, "namespace"), destination.namespace)
    })
}

pub(super) fn list<'a>(project: &'a Object, field: &str) -> &'a [Node] {
    let list = project.node.at_keys(&["spec", field]);
    list.and_then(Node::as_sequence).unwrap_or_default()
}

/// Whether a pattern with `*` matches a text; `.git` at the end of an address is ignored. In Argo CD, `*` does not match `/` in an
/// address, but `**` does; here both do, so that nothing permitted is rejected.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let plain = |it: &str| {
        it.trim_end_matches('/')
            .trim_end_matches(".git")
            .to_lowercase()
    };
    let (pattern, text) = (plain(pattern), plain(text));
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut left) = text.strip_prefix(start) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(at) = left.find(part) else {
            return false;
        };
        left = left.get(at + part.len()..).unwrap_or("");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns() {
        for (pattern, text) in [
            ("*", "https://a/b"),
            ("https://a/b.git", "https://A/b"),
            ("https://a/*", "https://a/b/c"),
            ("https://*/b*", "https://a/b1"),
            ("team-*", "team-a"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("https://a", "https://b"),
            ("a*b", "abc"),
            ("*-x", "x"),
            ("a*ab", "ab"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}
