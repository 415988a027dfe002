//! Renames: a removed object and a new one of the same kind and namespace with nearly the same content.

use std::collections::BTreeMap;

use crate::object::{Object, ObjectId};
use pleach_yaml::{Node, View};

use super::canonical::canonical;

/// The minimum share of equal values of two objects, in percent.
const SAME_MIN: usize = 80;

/// With more pairs than this, only identical values count, so that the time stays linear.
const PAIRS_MAX: usize = 4096;

/// Possible pairs of objects before and after.
type Candidates = (Vec<usize>, Vec<usize>);

/// For each renamed object in `new`, its former index in `gone`.
pub(super) fn find(
    before: &[Object],
    gone: &[usize],
    after: &[Object],
    new: &[usize],
) -> BTreeMap<usize, usize> {
    let mut groups: BTreeMap<(ObjectId, Vec<String>), Candidates> = BTreeMap::new();
    let nameless = |object: &Object| {
        let id = ObjectId {
            name: "".into(),
            ..object.id()
        };
        (id, deployed(object))
    };
    // The contents of a Namespace are deleted with it, so a Namespace is never considered renamed.
    let may_be_renamed = |it: &Object| !(it.kind() == "Namespace" && it.gvk().group.is_empty());
    for at in gone.iter().filter(|it| may_be_renamed(&before[**it])) {
        groups
            .entry(nameless(&before[*at]))
            .or_default()
            .0
            .push(*at);
    }
    for at in new.iter().filter(|it| may_be_renamed(&after[**it])) {
        groups.entry(nameless(&after[*at])).or_default().1.push(*at);
    }
    let mut renames = BTreeMap::new();
    for (old, new) in groups.values() {
        let (old, new) = (all_values(before, old), all_values(after, new));
        if old.len() * new.len() <= PAIRS_MAX {
            renames.extend(best(&old, &new));
        } else {
            renames.extend(equal(&old, &new));
        }
    }
    renames
}

/// The folders and charts that an object of Flux or Argo CD deploys. If they differ, it is another object, and not a renamed one,
/// even if most of its values are the same.
fn deployed(object: &Object) -> Vec<String> {
    const PATHS: [&[&str]; 5] = [
        &["spec", "path"],
        &["spec", "source"],
        &["spec", "sources"],
        &["spec", "chart", "spec", "chart"],
        &["spec", "chartRef", "name"],
    ];
    let is_sync = matches!(
        (&*object.gvk().group, object.kind()),
        ("kustomize.toolkit.fluxcd.io", "Kustomization")
            | ("helm.toolkit.fluxcd.io", "HelmRelease")
            | ("argoproj.io", "Application")
    );
    let nodes = PATHS.iter().filter(|_| is_sync);
    let nodes = nodes.filter_map(|it| object.node.at_keys(it));
    let nodes = nodes.flat_map(|it| match it.view() {
        View::Scalar(_) => vec![it],
        View::Sequence(sources) => sources.iter().flat_map(folder_or_chart).collect(),
        View::Mapping(_) => folder_or_chart(it),
    });
    let own_name = |part: &str| match part == object.name() {
        true => "its name".to_string(),
        false => part.to_string(),
    };
    let texts = nodes.filter_map(Node::as_str);
    texts
        .map(|it| it.split('/').map(own_name).collect::<Vec<_>>().join("/"))
        .collect()
}

/// What a source of an Application refers to.
fn folder_or_chart(source: &Node) -> Vec<&Node> {
    let fields = ["path", "chart"].iter();
    fields.filter_map(|it| source.get(it)).collect()
}

/// Objects by their index, each with its values.
type Valued = Vec<(usize, Vec<String>)>;

fn all_values(objects: &[Object], indexes: &[usize]) -> Valued {
    let valued = indexes.iter().map(|at| (*at, values(&objects[*at])));
    valued.collect()
}

/// The pairs with identical values that no other object has.
fn equal(old: &Valued, new: &Valued) -> Vec<(usize, usize)> {
    let mut by_values: BTreeMap<&[String], [Vec<usize>; 2]> = BTreeMap::new();
    for (side, valued) in [old, new].into_iter().enumerate() {
        for (at, values) in valued.iter().filter(|it| !it.1.is_empty()) {
            by_values.entry(values).or_default()[side].push(*at);
        }
    }
    let pairs = by_values.values().filter_map(|it| match it {
        [old, new] if old.len() == 1 && new.len() == 1 => Some((new[0], old[0])),
        _ => None,
    });
    pairs.collect()
}

/// The pairs in which each is the unique best match of the other.
fn best(old: &Valued, new: &Valued) -> Vec<(usize, usize)> {
    let mut for_old: Vec<Best> = vec![Best::default(); old.len()];
    let mut for_new: Vec<Best> = vec![Best::default(); new.len()];
    for (i, (_, a)) in old.iter().enumerate() {
        for (j, (_, b)) in new.iter().enumerate() {
            let score = similarity(a, b);
            for_old[i].offer(score, j);
            for_new[j].offer(score, i);
        }
    }
    let unique = |it: &Best| (it.score >= SAME_MIN && it.score > it.second).then_some(it.at);
    let mutual = for_new.iter().enumerate().filter_map(|(j, it)| {
        let i = unique(it)?;
        (unique(&for_old[i]) == Some(j)).then_some((new[j].0, old[i].0))
    });
    mutual.collect()
}

/// The best match so far, and the share of the second best.
#[derive(Clone, Default)]
struct Best {
    score: usize,
    at: usize,
    second: usize,
}

impl Best {
    fn offer(&mut self, score: usize, at: usize) {
        if score > self.score {
            self.second = self.score;
            (self.score, self.at) = (score, at);
        } else {
            self.second = self.second.max(score);
        }
    }
}

/// The share of common values of two sorted lists, in percent.
pub(super) fn similarity(a: &[String], b: &[String]) -> usize {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        shared += usize::from(x == y);
        (i, j) = (i + usize::from(x <= y), j + usize::from(x >= y));
    }
    (200 * shared).checked_div(a.len() + b.len()).unwrap_or(0)
}

/// The values of an object with their paths, sorted. The identity is left out, and occurrences of the object's own name count as
/// equal.
pub(super) fn values(object: &Object) -> Vec<String> {
    let mut found = Vec::new();
    for entry in object.node.as_mapping().into_iter().flatten() {
        match entry.key.as_str() {
            Some("apiVersion" | "kind") => {}
            key => gather(&entry.value, key.unwrap_or(""), object.name(), &mut found),
        }
    }
    found.retain(|it| !it.starts_with("metadata.name=") && !it.starts_with("metadata.namespace="));
    found.sort();
    found
}

fn gather(node: &Node, path: &str, name: &str, found: &mut Vec<String>) {
    match node.view() {
        View::Scalar(text) if text == name => found.push(format!("{path}=its name")),
        View::Scalar(_) => found.push(format!("{path}={}", canonical(node))),
        View::Sequence(items) => {
            let path = format!("{path}[]");
            items.iter().for_each(|it| gather(it, &path, name, found));
        }
        View::Mapping(entries) => {
            for entry in entries {
                let key = entry.key.as_str().unwrap_or("");
                gather(&entry.value, &format!("{path}.{key}"), name, found);
            }
        }
    }
}
