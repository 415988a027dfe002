//! The versions of charts and images that an object names.

use super::scalar_fields::{Leaf, changed};
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};
use pleach_helm::semver::{Range, Version};

/// A version that changes.
pub(super) struct VersionChange<'a> {
    pub(super) object: &'a Object,
    /// The chart or the image.
    pub(super) of: String,
    pub(super) before: String,
    pub(super) after: String,
    /// What the two strings deploy.
    pub(super) newest: [Newest; 2],
    pub(super) field: FieldPath,
}

/// The versions that differ between the two sides, for the same chart or image. Strings without a version are skipped.
pub(super) fn version_changes<'a>(pair: &Pair<'a>) -> Vec<VersionChange<'a>> {
    let Pair::Same(before, after) = *pair else {
        return Vec::new();
    };
    let fields = changed(&before.node, &after.node, &is_version);
    let one = |(_, old, new): (String, Leaf<'a>, Leaf<'a>)| {
        let (name, was) = split(before, &old)?;
        let (now_name, is) = split(after, &new)?;
        if !is_same_image(&name, &now_name) || was == is {
            return None;
        }
        Some(VersionChange {
            object: after,
            of: now_name,
            newest: [newest(&was)?, newest(&is)?],
            before: was,
            after: is,
            field: new.field,
        })
    };
    fields.into_iter().filter_map(one).collect()
}

/// Whether two names are the same image or chart, also in another registry or below another path of it, as in a mirror.
fn is_same_image(before: &str, after: &str) -> bool {
    let (mut old, mut new) = (path(before).rsplit('/'), path(after).rsplit('/'));
    loop {
        match (old.next(), new.next()) {
            (Some(old), Some(new)) if old == new => {}
            (Some(_), Some(_)) => return false,
            _ => return true,
        }
    }
}

/// The name of an image without its registry and without `library`, which is the default of Docker Hub.
fn path(name: &str) -> &str {
    let path = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
        _ => name,
    };
    path.strip_prefix("library/").unwrap_or(path)
}

fn is_version(keys: &[&str]) -> bool {
    matches!(
        keys,
        [.., "image" | "imageName" | "imageTag" | "tag"]
            | ["spec", "targetRevision" | "version"]
            | ["version"]
    ) || keys == ["spec", "chart", "spec", "version"]
        || keys == ["spec", "ref", "tag"]
        || keys == ["spec", "ref", "semver"]
        || keys.ends_with(&["source", "targetRevision"])
        || keys.ends_with(&["sources", "targetRevision"])
}

/// The charts and images of an object, with their versions.
fn split(object: &Object, leaf: &Leaf<'_>) -> Option<(String, String)> {
    let text = leaf.node.as_str()?;
    let mut holder = leaf.field.clone();
    let last = holder.pop();
    let holder = object.node.at_path(&holder)?;
    let beside = |key: &str| holder.get(key).and_then(Node::as_str).map(str::to_string);
    if matches!(&last, Some(crate::yaml::Step::Key(key)) if matches!(&**key, "image" | "imageName"))
    {
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
    // A version without a chart may be anything.
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

/// Whether a tag belongs to an image: it is next to a repository, in a map named `image`, or in a source.
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

/// The newest version that is deployed by a version or a range.
pub(super) struct Newest {
    /// Its numbers, the major one first. For a range, only those that it fixes: `^4` has 4. Empty if any newer version matches.
    pub(super) numbers: Vec<u64>,
    /// Whether it is a range, which leaves the numbers that follow open.
    pub(super) is_range: bool,
    /// How far it is from the release with these numbers.
    stage: Stage,
}

/// The stage of a version, the earliest first: `1.2.3-rc.1`. Other suffixes, such as `-alpine`, are variants of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Alpha,
    Beta,
    Candidate,
    Release,
}

impl Stage {
    fn read(version: &str) -> Stage {
        let is_letter = |it: char| it.is_ascii_alphabetic();
        let after_numbers = version.trim_start_matches('v');
        let start = after_numbers.find(is_letter).unwrap_or(after_numbers.len());
        let suffix = after_numbers.get(start..).unwrap_or("");
        let word = suffix.split(|it| !is_letter(it)).next().unwrap_or("");
        match word {
            "alpha" => Stage::Alpha,
            "beta" => Stage::Beta,
            "rc" => Stage::Candidate,
            _ => Stage::Release,
        }
    }
}

impl Newest {
    /// Whether it is older than another version. Numbers that it leaves open do not count as older.
    pub(super) fn is_older_than(&self, other: &Newest) -> bool {
        let count = self.numbers.len();
        let numbers = other.numbers.get(..count).unwrap_or(&other.numbers);
        let is_earlier_stage = self.numbers == other.numbers && self.stage < other.stage;
        self.numbers.as_slice() < numbers || is_earlier_stage
    }

    /// The major and minor number; the maximum if they are open.
    pub(super) fn major_and_minor(&self) -> [u64; 2] {
        let open = if self.is_range { UNBOUNDED } else { 0 };
        [0, 1].map(|at| self.numbers.get(at).copied().unwrap_or(open))
    }
}

/// Larger than any number of a version.
const UNBOUNDED: u64 = 999_999_999;

/// The maximum length of a range.
const RANGE_BYTES_MAX: usize = 256;

/// The version that a string deploys: `24.8.4.13-alpine` is 24, 8, 4, 13, and `^4 || ^5` is 5. `None` for a single number, which may
/// be a date or a build number.
fn newest(text: &str) -> Option<Newest> {
    let is_range = text.contains([' ', ',', '|', '^', '~', '<', '>', '=', '*'])
        || text.split('.').any(|it| matches!(it, "x" | "X"));
    match is_range {
        true => Some(Newest {
            numbers: highest(text)?,
            is_range,
            stage: Stage::Release,
        }),
        false => numbers(text).map(|numbers| Newest {
            numbers,
            is_range,
            stage: Stage::read(text),
        }),
    }
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    let text = version.strip_prefix('v').unwrap_or(version);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (text, _) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let numbers = text.trim_end_matches('.').split('.');
    let numbers: Option<Vec<u64>> = numbers.map(|it| it.parse().ok()).collect();
    numbers.filter(|it| it.len() > 1)
}

/// The numbers of the highest version in a range, if it fixes them. The highest version is at one of its bounds, so these are
/// tried.
fn highest(text: &str) -> Option<Vec<u64>> {
    if text.len() > RANGE_BYTES_MAX {
        return None;
    }
    let range = Range::parse(text).ok()?;
    let bounds = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '*'));
    let mut tried = vec![[UNBOUNDED; 3]];
    for bound in bounds.filter(|it| !it.is_empty()) {
        let numbers = bound.trim_start_matches('v').split('.');
        let mut numbers = numbers.map_while(|it| it.parse::<u64>().ok());
        let [major, minor, patch] = [0; 3].map(|_| numbers.next().unwrap_or(0));
        tried.push([major, minor, patch]);
        tried.push([major, minor, UNBOUNDED]);
        tried.push([major, UNBOUNDED, UNBOUNDED]);
        // The highest version below the bound.
        tried.extend(patch.checked_sub(1).map(|it| [major, minor, it]));
        tried.extend(minor.checked_sub(1).map(|it| [major, it, UNBOUNDED]));
        tried.extend(major.checked_sub(1).map(|it| [it, UNBOUNDED, UNBOUNDED]));
    }
    let is_admitted = |[major, minor, patch]: &[u64; 3]| {
        let version = Version::parse(&format!("{major}.{minor}.{patch}"));
        version.is_ok_and(|it| range.admits(&it))
    };
    let highest = tried.into_iter().filter(is_admitted).max()?;
    Some(
        highest
            .into_iter()
            .take_while(|it| *it < UNBOUNDED)
            .collect(),
    )
}
