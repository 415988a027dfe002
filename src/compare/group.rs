//! Groups equal changes of several environments, objects and claims, and finds the exceptions.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::{IndexMap, IndexSet};

use super::{ChangedObject, Claim, Comparison, LocatedFinding};
use crate::danger::rank;
use crate::diag::Severity;
use crate::diff::{Change, ChangeKind, FieldCause, FieldChange, fields, generator};
use crate::object::{Gvk, ObjectId};
use crate::schema::Schemas;

/// The changes of one or more claims.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// The claims; a claim that several environments define is contained once for each location. Empty if the origin of the tree is
    /// unknown.
    pub claims: Vec<&'a Claim>,
    /// The groups of equal changes.
    pub groups: Vec<Group<'a>>,
}

/// A group of equal changes.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// How the objects changed.
    pub kind: &'a ChangeKind,
    /// The fields that changed in each occurrence.
    pub fields: Vec<&'a FieldChange>,
    /// The objects that changed in this way, sorted by environment.
    pub occurrences: Vec<Occurrence<'a>>,
    /// The environments in which the new object has different content.
    pub variants: Vec<Variant<'a>>,
    /// Environments that have one of the objects and in which it does not change in this way.
    pub exceptions: Vec<Exception<'a>>,
}

/// Environments in which a new object differs from that of the other environments.
#[derive(Clone, Debug)]
pub struct Variant<'a> {
    /// The environments that have this variant.
    pub environments: Vec<&'a str>,
    /// The fields in which it differs from the others' object.
    pub fields: Vec<FieldChange>,
}

/// A new object with more differences than this is in a group of its own instead of being a variant.
const VARIANT_MAX: usize = 12;

impl Group<'_> {
    /// The number of different objects.
    pub fn objects(&self) -> usize {
        let ids = self.occurrences.iter().map(|it| &it.object.change.id);
        let ids = ids.map(|it| generator(it).unwrap_or_else(|| it.clone()));
        ids.collect::<BTreeSet<_>>().len()
    }
}

/// A changed object of one environment.
#[derive(Clone, Copy, Debug)]
pub struct Occurrence<'a> {
    /// The environment that the object is in.
    pub environment: &'a str,
    /// The position of the environment in the comparison.
    rank: usize,
    /// The object and its change.
    pub object: &'a ChangedObject,
}

impl<'a> Group<'a> {
    /// The lines that caused the change of a field, in all occurrences.
    pub fn causes(&self, field: &FieldChange) -> Vec<&'a FieldCause> {
        let mut causes: Vec<&FieldCause> = Vec::new();
        for occurrence in &self.occurrences {
            let fields = occurrence.object.change.fields.iter();
            let same = fields.filter(|it| it.path == field.path);
            for cause in same.flat_map(|it| &it.causes) {
                if !causes.contains(&cause) {
                    causes.push(cause);
                }
            }
        }
        causes
    }
}

/// An environment in which an object does not change in the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exception<'a> {
    /// The environment that differs from the others.
    pub environment: &'a str,
    /// The object.
    pub id: &'a ObjectId,
    /// Whether the same fields change there, but to other values.
    pub differs: bool,
}

/// A finding and all environments in which it was found.
#[derive(Clone, Debug)]
pub struct FindingGroup<'a> {
    /// The finding of the first environment.
    pub found: &'a LocatedFinding,
    /// The environments in which it was found.
    pub environments: Vec<&'a str>,
}

/// Groups the changes, and the groups by their claims.
pub fn sections(comparison: &Comparison) -> Vec<Section<'_>> {
    let mut sections: IndexMap<BTreeSet<&str>, (Section<'_>, BTreeSet<_>)> = IndexMap::new();
    for group in groups(comparison) {
        let claims = group
            .occurrences
            .iter()
            .filter_map(|it| it.object.claim.as_deref());
        let titles = claims.clone().map(|it| &*it.title).collect();
        let (section, known) = sections.entry(titles).or_insert_with(|| {
            let section = Section {
                claims: Vec::new(),
                groups: Vec::new(),
            };
            (section, BTreeSet::new())
        });
        for claim in claims {
            if known.insert((&*claim.title, claim.location())) {
                section.claims.push(claim);
            }
        }
        section.groups.push(group);
    }
    let sections = sections.into_values().map(|it| it.0);
    let mut sections: Vec<_> = sections.collect();
    for section in &mut sections {
        section
            .claims
            .sort_by(|a, b| (&a.title, a.location()).cmp(&(&b.title, b.location())));
        section.groups.sort_by_key(|it| it.kind.is_gone());
    }
    sections
}

/// All findings, each once, sorted by severity.
pub fn findings(comparison: &Comparison) -> Vec<FindingGroup<'_>> {
    let mut groups: IndexMap<(&str, &ObjectId, &str), FindingGroup<'_>> = IndexMap::new();
    for environment in &comparison.environments {
        for found in &environment.findings {
            let finding = &found.finding;
            let key = (finding.danger.code, &finding.id, &*finding.message);
            let group = groups.entry(key).or_insert_with(|| FindingGroup {
                found,
                environments: Vec::new(),
            });
            // Findings of one environment are adjacent.
            if group.environments.last() != Some(&&*environment.name) {
                group.environments.push(&environment.name);
            }
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|it| {
        let danger = it.found.finding.danger;
        (danger.severity != Severity::Error, rank(danger))
    });
    groups
}

/// Findings about several objects that only differ in the object.
#[derive(Clone, Debug)]
pub struct DangerGroup<'a> {
    /// A finding for each object; at least one.
    pub members: Vec<FindingGroup<'a>>,
}

impl<'a> DangerGroup<'a> {
    /// The environments of all findings, each once.
    pub fn environments(&self) -> Vec<&'a str> {
        let members = self.members.iter();
        let all: IndexSet<&str> = members
            .flat_map(|it| it.environments.iter().copied())
            .collect();
        all.into_iter().collect()
    }
}

/// The findings, grouped by message and sorted by severity.
pub fn danger_groups(comparison: &Comparison) -> Vec<DangerGroup<'_>> {
    let mut groups: IndexMap<(&str, String), DangerGroup<'_>> = IndexMap::new();
    for found in findings(comparison) {
        let finding = &found.found.finding;
        let message = finding.message.replace(&finding.id.to_string(), "");
        let group = groups.entry((finding.danger.code, message));
        let group = group.or_insert_with(|| DangerGroup {
            members: Vec::new(),
        });
        group.members.push(found);
    }
    groups.into_values().collect()
}

/// A part of an object's change: fields that change in the same way in the same environments.
#[derive(Default)]
struct Block<'a> {
    fields: Vec<&'a FieldChange>,
    occurrences: Vec<Occurrence<'a>>,
    variants: Vec<Variant<'a>>,
}

/// Groups equal changes, in the order of the first change of each group.
fn groups(comparison: &Comparison) -> Vec<Group<'_>> {
    let mut groups: IndexMap<String, Group<'_>> = IndexMap::new();
    for object in by_object(comparison).into_values() {
        for block in blocks(&object) {
            let Some(first) = block.occurrences.first() else {
                continue;
            };
            let key = key(first, &block);
            let exceptions = exceptions(comparison, &object, &block);
            let group = groups.entry(key).or_insert_with(|| Group {
                kind: &first.object.change.kind,
                fields: block.fields,
                variants: block.variants,
                occurrences: Vec::new(),
                exceptions: Vec::new(),
            });
            group.occurrences.extend(block.occurrences);
            group.exceptions.extend(exceptions);
        }
    }
    groups.into_values().collect()
}

/// The changes by object and kind of change. Names that only differ in a generated hash are the same object.
fn by_object(comparison: &Comparison) -> IndexMap<(ObjectId, &ChangeKind), Vec<Occurrence<'_>>> {
    let mut objects: IndexMap<_, Vec<Occurrence<'_>>> = IndexMap::new();
    for (rank, environment) in comparison.environments.iter().enumerate() {
        for object in &environment.objects {
            let id = &object.change.id;
            let key = (
                generator(id).unwrap_or_else(|| id.clone()),
                &object.change.kind,
            );
            objects.entry(key).or_default().push(Occurrence {
                environment: &environment.name,
                rank,
                object,
            });
        }
    }
    objects
}

/// Splits the changes of one object into blocks that are equal in the same environments.
fn blocks<'a>(occurrences: &[Occurrence<'a>]) -> Vec<Block<'a>> {
    let mut fields: IndexMap<String, (&'a FieldChange, Vec<usize>)> = IndexMap::new();
    for (at, occurrence) in occurrences.iter().enumerate() {
        for field in &occurrence.object.change.fields {
            let key = format!("{}: {}", field.path, field.difference.key());
            let entry = fields.entry(key).or_insert_with(|| (field, Vec::new()));
            entry.1.push(at);
        }
    }
    let mut blocks: IndexMap<Vec<usize>, Block<'a>> = IndexMap::new();
    // A rename may have no changed field.
    if fields.is_empty() {
        blocks.insert(
            Vec::new(),
            Block {
                occurrences: occurrences.to_vec(),
                ..Block::default()
            },
        );
    }
    for (field, at) in fields.into_values() {
        let own = at.iter().filter_map(|it| occurrences.get(*it).copied());
        let block = blocks.entry(at.clone()).or_insert_with(|| Block {
            occurrences: own.collect(),
            ..Block::default()
        });
        block.fields.push(field);
    }
    let mut blocks: Vec<_> = blocks.into_values().collect();
    blocks.sort_by_key(|it| std::cmp::Reverse(it.occurrences.len()));
    if occurrences
        .iter()
        .all(|it| it.object.change.kind == ChangeKind::Added)
    {
        merge_variants(&mut blocks);
    }
    blocks
}

/// Merges blocks of new objects that differ little from the first one into it, as variants.
fn merge_variants(blocks: &mut Vec<Block<'_>>) {
    if blocks.len() < 2 {
        return;
    }
    let mut rest = blocks.split_off(1);
    let Some(mut first) = blocks.pop() else {
        return;
    };
    let change = first.occurrences.first().map(|it| &it.object.change);
    let Some((base, gvk)) = change.and_then(|it| Some((it.after.as_ref()?, gvk(it)?))) else {
        blocks.push(first);
        return blocks.append(&mut rest);
    };
    let mut others = Vec::new();
    for block in rest {
        let other = block
            .occurrences
            .first()
            .and_then(|it| it.object.change.after.as_ref());
        let fields = other.map(|it| fields(base, it, &gvk, Schemas::builtin()));
        match fields.filter(|it| it.len() <= VARIANT_MAX) {
            Some(fields) => {
                first.variants.push(Variant {
                    environments: block.occurrences.iter().map(|it| it.environment).collect(),
                    fields,
                });
                first.occurrences.extend(block.occurrences);
            }
            None => others.push(block),
        }
    }
    first.occurrences.sort_by_key(|it| it.rank);
    blocks.push(first);
    blocks.extend(others);
}

fn gvk(change: &Change) -> Option<Gvk> {
    let text = |key: &str| change.after.as_ref()?.get(key)?.as_str();
    Some(Gvk::new(text("apiVersion")?, text("kind")?))
}

/// Equal changes have the same key. It only contains the identity of a renamed object, because the fields of an added or removed one
/// contain its name.
fn key(first: &Occurrence<'_>, block: &Block<'_>) -> String {
    let kind = &first.object.change.kind;
    let mut key = format!("{kind:?}");
    if let ChangeKind::Renamed { .. } = kind {
        key.push_str(&format!("{:?}", first.object.change.id));
    }
    for it in &first.object.deploys {
        key.push_str(&format!("\n{it:?}"));
    }
    let variant_fields = block.variants.iter().flat_map(|it| &it.fields);
    for field in block.fields.iter().copied().chain(variant_fields) {
        key.push_str(&format!("\n{}: {}", field.path, field.difference.key()));
    }
    key
}

/// The environments in which the object exists and does not change in this way.
fn exceptions<'a>(
    comparison: &'a Comparison,
    object: &[Occurrence<'a>],
    block: &Block<'a>,
) -> Vec<Exception<'a>> {
    let Some(first) = block.occurrences.first().map(|it| &it.object.change) else {
        return Vec::new();
    };
    if first.kind != ChangeKind::Changed {
        return Vec::new();
    }
    let own: BTreeSet<&str> = block.occurrences.iter().map(|it| it.environment).collect();
    let fields: BTreeSet<_> = block.fields.iter().map(|it| &it.path).collect();
    let changes = |it: &&Occurrence<'_>| {
        let mut changed = it.object.change.fields.iter();
        changed.any(|it| fields.contains(&it.path))
    };
    let others = object.iter().filter(|it| !own.contains(it.environment));
    let differing: BTreeSet<&str> = others.filter(changes).map(|it| it.environment).collect();
    let all = comparison.presence.get(&first.id);
    let names: BTreeSet<&'a str> = match all {
        Some(all) => all.iter().map(|it| &**it).collect(),
        None => object.iter().map(|it| it.environment).collect(),
    };
    let others = names.into_iter().filter(|it| !own.contains(it));
    others
        .map(|environment| Exception {
            environment,
            id: &first.id,
            differs: differing.contains(environment),
        })
        .filter(|it| all.is_some() || it.differs)
        .collect()
}

/// By title of the claim and environment: the changed objects.
pub type Matrix<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a ChangedObject>>>;

/// The changed objects of all known claims and environments, also of those without changes.
pub fn matrix(comparison: &Comparison) -> Matrix<'_> {
    let mut matrix: Matrix<'_> = BTreeMap::new();
    for (title, environments) in &comparison.claims {
        let row = matrix.entry(title).or_default();
        environments
            .iter()
            .for_each(|it| _ = row.entry(it).or_default());
    }
    for environment in &comparison.environments {
        for object in &environment.objects {
            let title = object.claim.as_ref().map_or("", |it| &it.title);
            let row = matrix.entry(title).or_default();
            row.entry(&environment.name).or_default().push(object);
        }
    }
    matrix
}
