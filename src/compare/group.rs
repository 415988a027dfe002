//! Groups equal changes of several environments, objects and claims, and lists the exceptions.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::{IndexMap, IndexSet};

use super::{Changed, Claim, Comparison, Found};
use crate::danger::rank;
use crate::diag::Severity;
use crate::diff::{Change, ChangeKind, FieldCause, FieldChange, fields, generator};
use crate::object::{Gvk, ObjectId};
use crate::schema::Schemas;

/// The changes of one or more claims.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// The claims. A claim that several environments define has several locations. Empty if the origin of the tree is unknown.
    pub claims: Vec<&'a Claim>,
    /// Their changes, each once.
    pub groups: Vec<Group<'a>>,
}

/// A group of equal changes.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// How the objects changed.
    pub kind: &'a ChangeKind,
    /// The fields that changed in each of the locations.
    pub fields: Vec<&'a FieldChange>,
    /// The locations of the change, in order.
    pub places: Vec<Place<'a>>,
    /// The environments in which the new object has different content.
    pub variants: Vec<Variant<'a>>,
    /// Environments that also have one of the objects, but in which it does not change in this way.
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

/// New objects with more differences than this are listed separately.
const VARIANT_MAX: usize = 12;

impl Group<'_> {
    /// The number of different objects.
    pub fn objects(&self) -> usize {
        let ids = self.places.iter().map(|it| &it.object.change.id);
        let ids = ids.map(|it| generator(it).unwrap_or_else(|| it.clone()));
        ids.collect::<BTreeSet<_>>().len()
    }
}

/// One object of one environment.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The environment that the object is in.
    pub environment: &'a str,
    /// The index of the environment.
    rank: usize,
    /// The object and what changed in it.
    pub object: &'a Changed,
}

impl<'a> Group<'a> {
    /// The lines that caused the change of a field, in all of its locations.
    pub fn causes(&self, field: &FieldChange) -> Vec<&'a FieldCause> {
        let mut causes: Vec<&FieldCause> = Vec::new();
        for place in &self.places {
            let fields = place.object.change.fields.iter();
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
    /// The object that differs there.
    pub id: &'a ObjectId,
    /// Whether the same fields change there, but to other values.
    pub differs: bool,
}

/// A finding, and the environments in which it was found.
#[derive(Clone, Debug)]
pub struct FoundGroup<'a> {
    /// One of the equal findings.
    pub found: &'a Found,
    /// The environments in which it was found.
    pub environments: Vec<&'a str>,
}

/// The changes by claim, each once.
pub fn sections(comparison: &Comparison) -> Vec<Section<'_>> {
    let mut sections: IndexMap<BTreeSet<&str>, (Section<'_>, BTreeSet<_>)> = IndexMap::new();
    for group in groups(comparison) {
        let claims = group
            .places
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
            if known.insert((&*claim.title, claim.place())) {
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
            .sort_by(|a, b| (&a.title, a.place()).cmp(&(&b.title, b.place())));
        section.groups.sort_by_key(|it| it.kind.is_gone());
    }
    sections
}

/// All findings, each once, the most severe rules first.
pub fn findings(comparison: &Comparison) -> Vec<FoundGroup<'_>> {
    let mut groups: IndexMap<(&str, &ObjectId, &str), FoundGroup<'_>> = IndexMap::new();
    for environment in &comparison.environments {
        for found in &environment.findings {
            let finding = &found.finding;
            let key = (finding.danger.code, &finding.id, &*finding.message);
            let group = groups.entry(key).or_insert_with(|| FoundGroup {
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

/// Equal findings about several objects.
#[derive(Clone, Debug)]
pub struct DangerGroup<'a> {
    /// One for each object, at least one.
    pub members: Vec<FoundGroup<'a>>,
}

impl<'a> DangerGroup<'a> {
    /// Their environments, each once, in order.
    pub fn environments(&self) -> Vec<&'a str> {
        let members = self.members.iter();
        let all: IndexSet<&str> = members
            .flat_map(|it| it.environments.iter().copied())
            .collect();
        all.into_iter().collect()
    }
}

/// The findings, grouped by message, the most severe rules first.
pub fn danger_groups(comparison: &Comparison) -> Vec<DangerGroup<'_>> {
    let mut groups: IndexMap<(&str, String), DangerGroup<'_>> = IndexMap::new();
    for found in findings(comparison) {
        let finding = &found.found.finding;
        // The message without the object's name.
        let words = finding.message.replace(&finding.id.to_string(), "");
        let group = groups.entry((finding.danger.code, words));
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
    places: Vec<Place<'a>>,
    variants: Vec<Variant<'a>>,
}

/// Groups equal changes, in the order of the first change of each group.
fn groups(comparison: &Comparison) -> Vec<Group<'_>> {
    let mut groups: IndexMap<String, Group<'_>> = IndexMap::new();
    for object in by_object(comparison).into_values() {
        for block in blocks(&object) {
            let Some(first) = block.places.first() else {
                continue;
            };
            let key = key(first, &block);
            let exceptions = exceptions(comparison, &object, &block);
            let group = groups.entry(key).or_insert_with(|| Group {
                kind: &first.object.change.kind,
                fields: block.fields,
                variants: block.variants,
                places: Vec::new(),
                exceptions: Vec::new(),
            });
            group.places.extend(block.places);
            group.exceptions.extend(exceptions);
        }
    }
    groups.into_values().collect()
}

/// The changes of the same object in several environments. Hashes in generated names are ignored.
fn by_object(comparison: &Comparison) -> IndexMap<(ObjectId, &ChangeKind), Vec<Place<'_>>> {
    let mut objects: IndexMap<_, Vec<Place<'_>>> = IndexMap::new();
    for (rank, environment) in comparison.environments.iter().enumerate() {
        for object in &environment.objects {
            let id = &object.change.id;
            let key = (
                generator(id).unwrap_or_else(|| id.clone()),
                &object.change.kind,
            );
            objects.entry(key).or_default().push(Place {
                environment: &environment.name,
                rank,
                object,
            });
        }
    }
    objects
}

/// Splits the changes of one object into blocks that are equal in the same environments.
fn blocks<'a>(places: &[Place<'a>]) -> Vec<Block<'a>> {
    let mut fields: IndexMap<String, (&'a FieldChange, Vec<usize>)> = IndexMap::new();
    for (at, place) in places.iter().enumerate() {
        for field in &place.object.change.fields {
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
                places: places.to_vec(),
                ..Block::default()
            },
        );
    }
    for (field, at) in fields.into_values() {
        let taken = at.iter().filter_map(|it| places.get(*it).copied());
        let block = blocks.entry(at.clone()).or_insert_with(|| Block {
            places: taken.collect(),
            ..Block::default()
        });
        block.fields.push(field);
    }
    let mut blocks: Vec<_> = blocks.into_values().collect();
    blocks.sort_by_key(|it| std::cmp::Reverse(it.places.len()));
    if places
        .iter()
        .all(|it| it.object.change.kind == ChangeKind::Added)
    {
        gather_variants(&mut blocks);
    }
    blocks
}

/// Merges blocks that differ little from the first one into it.
fn gather_variants(blocks: &mut Vec<Block<'_>>) {
    if blocks.len() < 2 {
        return;
    }
    let mut rest = blocks.split_off(1);
    let Some(mut first) = blocks.pop() else {
        return;
    };
    let change = first.places.first().map(|it| &it.object.change);
    let Some((base, gvk)) = change.and_then(|it| Some((it.after.as_ref()?, gvk(it)?))) else {
        blocks.push(first);
        return blocks.append(&mut rest);
    };
    let mut others = Vec::new();
    for block in rest {
        let other = block
            .places
            .first()
            .and_then(|it| it.object.change.after.as_ref());
        let fields = other.map(|it| fields(base, it, &gvk, Schemas::builtin()));
        match fields.filter(|it| it.len() <= VARIANT_MAX) {
            Some(fields) => {
                first.variants.push(Variant {
                    environments: block.places.iter().map(|it| it.environment).collect(),
                    fields,
                });
                first.places.extend(block.places);
            }
            None => others.push(block),
        }
    }
    first.places.sort_by_key(|it| it.rank);
    blocks.push(first);
    blocks.extend(others);
}

fn gvk(change: &Change) -> Option<Gvk> {
    let text = |key: &str| change.after.as_ref()?.get(key)?.as_str();
    Some(Gvk::new(text("apiVersion")?, text("kind")?))
}

/// The key by which changes are equal. Added and removed objects contain their name in their content.
fn key(first: &Place<'_>, block: &Block<'_>) -> String {
    let kind = &first.object.change.kind;
    let mut key = format!("{kind:?}");
    if let ChangeKind::Renamed { .. } = kind {
        key.push_str(&format!("{:?}", first.object.change.id));
    }
    for it in &first.object.deploys {
        key.push_str(&format!("\n{it:?}"));
    }
    let own = block.variants.iter().flat_map(|it| &it.fields);
    for field in block.fields.iter().copied().chain(own) {
        key.push_str(&format!("\n{}: {}", field.path, field.difference.key()));
    }
    key
}

/// Where objects exist that do not have this change.
fn exceptions<'a>(
    comparison: &'a Comparison,
    object: &[Place<'a>],
    block: &Block<'a>,
) -> Vec<Exception<'a>> {
    let Some(first) = block.places.first().map(|it| &it.object.change) else {
        return Vec::new();
    };
    if first.kind != ChangeKind::Changed {
        return Vec::new();
    }
    let own: BTreeSet<&str> = block.places.iter().map(|it| it.environment).collect();
    let fields: BTreeSet<_> = block.fields.iter().map(|it| &it.path).collect();
    let changes = |it: &&Place<'_>| {
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

/// The claims of a report, and their locations in the environments.
pub type Matrix<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Changed>>>;

/// The changed objects, by claim and environment. Claims without changes have no objects.
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
