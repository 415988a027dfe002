//! The versions of charts and images that an object names.

use super::scalar_fields::{Leaf, both};
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

/// A version that changes.
pub(super) struct Step<'a> {
    pub(super) object: &'a Object,
    /// The chart or the image.
    pub(super) of: String,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) field: FieldPath,
}

/// The versions that differ between the two sides, of what is the same chart or image on both.
pub(super) fn steps<'a>(pair: &Pair<'a>) -> Vec<Step<'a>> {
    let Pair::Same(before, after) = *pair else {
        return Vec::new();
    };
    let fields = both(&before.node, &after.node, &is_version);
    let one = |(_, old, new): (String, Leaf<'a>, Leaf<'a>)| {
        let (name, was) = split(before, &old)?;
        let (now_name, is) = split(after, &new)?;
        (name == now_name && was != is).then_some(Step {
            object: after,
            of: name,
            before: was,
            after: is,
            field: new.field,
        })
    };
    fields.into_iter().filter_map(one).collect()
}

fn is_version(keys: &[&str]) -> bool {
    matches!(
        keys,
        [.., "image" | "imageTag" | "tag"] | ["spec", "targetRevision" | "version"] | ["version"]
    ) || keys == ["spec", "chart", "spec", "version"]
        || keys == ["spec", "ref", "tag"]
        || keys == ["spec", "ref", "semver"]
        || keys.ends_with(&["source", "targetRevision"])
        || keys.ends_with(&["sources", "targetRevision"])
}

/// What has a version, and the version.
fn split(object: &Object, leaf: &Leaf<'_>) -> Option<(String, String)> {
    let text = leaf.node.as_str()?;
    let mut holder = leaf.field.clone();
    let last = holder.pop();
    let holder = object.node.at_path(&holder)?;
    let beside = |key: &str| holder.get(key).and_then(Node::as_str).map(str::to_string);
    if matches!(&last, Some(crate::yaml::Step::Key(key)) if &**key == "image") {
        let text = text.split('@').next()?;
        let (name, tag) = text.rsplit_once(':').filter(|it| !it.1.contains('/'))?;
        return Some((name.to_string(), tag.to_string()));
    }
    if matches!(&last, Some(crate::yaml::Step::Key(key)) if &**key == "tag")
        && !is_of_image(object, leaf)
    {
        return None;
    }
    let url = || {
        object
            .node
            .at_keys(&["spec", "url"])?
            .as_str()
            .map(str::to_string)
    };
    let name = beside("chart")
        .or_else(|| beside("repository"))
        .or_else(url);
    // A version with no chart beside it may be anything.
    let is_chart = matches!(object.kind(), "HelmChart" | "HelmChartInflationGenerator");
    let is_bare = ["spec.version", "version"]
        .map(FieldPath::dotted)
        .contains(&leaf.field);
    let is_bare = is_bare && !is_chart;
    let name = match object.kind() {
        "HelmChartInflationGenerator" => beside("name"),
        _ => name,
    };
    (!is_bare).then(|| {
        (
            name.unwrap_or_else(|| object.name().to_string()),
            text.to_string(),
        )
    })
}

/// Whether a tag is that of an image: beside its repository, in a map that is called so, or of a source.
fn is_of_image(object: &Object, leaf: &Leaf<'_>) -> bool {
    let mut above = leaf.field.clone();
    above.pop();
    let holder = object.node.at_path(&above);
    let has_repository = || {
        let mut keys = ["repository", "registry", "image"].iter();
        keys.any(|it| holder.and_then(|holder| holder.get(it)).is_some())
    };
    let is_called_so = match above.pop() {
        Some(crate::yaml::Step::Key(key)) => key.to_lowercase().ends_with("image"),
        _ => false,
    };
    leaf.field == FieldPath::dotted("spec.ref.tag") || is_called_so || has_repository()
}

/// The numbers that a version or a range begins with: `24.8.4.13-alpine` is 24, 8, 4, 13, and `4.x` is 4. A bare number is none: it
/// may be a date or a build.
pub(super) fn numbers(version: &str) -> Option<Vec<u64>> {
    let text = version.trim_start_matches(['^', '~', '>', '<', '=', ' ']);
    let has_operator = text.len() < version.len();
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (text, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let has_wildcard = text.ends_with('.') && rest.starts_with(['x', 'X', '*']);
    let numbers: Option<Vec<u64>> = text
        .trim_end_matches('.')
        .split('.')
        .map(|it| it.parse().ok())
        .collect();
    numbers.filter(|it| it.len() > 1 || has_operator || has_wildcard)
}
