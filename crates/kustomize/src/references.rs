//! Updates the fields that refer to changed names.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use indexmap::{IndexMap, IndexSet};

use pleach_kube::object::{Gvk, ObjectId};
use pleach_kube::schema::Schemas;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::parallel;
use pleach_yaml::{Node, Tag, View};

use super::config::Config;
use super::defaults;
use super::fieldspec::{FieldSpec, Leaf, selects};
use super::resource::{CLUSTER, PreviousId, Resource, new_text, plain_key, set_tagged, set_text};
use super::resources::Resources;

/// Replaces references to former names by the current names.
pub(super) fn fix(
    resources: &mut Resources,
    config: &Config,
    schemas: &Schemas,
) -> Vec<Diagnostic> {
    // kustomize compares each reference with all resources; with an index by former name, only a few
    // candidates remain.
    let candidates = Candidates::new(resources, schemas);
    let own;
    let fields = match std::ptr::eq(config, &**defaults::config()) {
        true => Fields::built_in(),
        false => {
            own = Fields::new(config);
            &own
        }
    };
    let referred: Vec<AtomicBool> = resources.iter().map(|_| AtomicBool::default()).collect();
    // Identities are collected first, so the order in which resources are changed does not matter.
    let work = |resource: &mut Resource| {
        let fixed = fix_one(resource, fields, &candidates, schemas, &referred);
        resource.settle();
        fixed
    };
    let faults = parallel::faults(resources.list_mut(), work);
    for (resource, referred) in resources.list_mut().iter_mut().zip(referred) {
        resource.referred |= referred.into_inner();
    }
    faults
}

fn fix_one(
    resource: &mut Resource,
    fields: &Fields<'_>,
    candidates: &Candidates,
    schemas: &Schemas,
    referred: &[AtomicBool],
) -> Result<(), Diagnostic> {
    // kustomize matches field specs with the original kind of the resource, even if a patch changes
    // the kind.
    let original = resource.original_gvk();
    let specs = fields.of_kind(&original);
    if specs.is_empty() {
        return Ok(());
    }
    let referrer = Referrer::new(resource, schemas)?;
    for (target, spec) in specs {
        let mut seek = Seek {
            referrer: &referrer,
            target,
            spec,
            candidates,
            referred,
        };
        spec.visit(resource.node_mut(), Leaf::Never, &mut |field, _| {
            seek.set(field)
        })?;
    }
    Ok(())
}

/// The fields that may contain a name, by kind.
struct Fields<'a> {
    by_kind: IndexMap<&'a str, Vec<(&'a Gvk, &'a FieldSpec)>>,
    /// The position of each in kustomize's order.
    everywhere: Vec<(&'a Gvk, &'a FieldSpec)>,
}

impl Fields<'static> {
    /// Those of the default configuration, which most builds use.
    fn built_in() -> &'static Fields<'static> {
        static FIELDS: OnceLock<Fields<'static>> = OnceLock::new();
        FIELDS.get_or_init(|| Fields::new(defaults::config()))
    }
}

impl<'a> Fields<'a> {
    fn new(config: &'a Config) -> Fields<'a> {
        let mut fields = Fields {
            by_kind: IndexMap::new(),
            everywhere: Vec::new(),
        };
        for reference in &config.name_references {
            for spec in &reference.referrers {
                // Nearly all specs are for a single kind; a lookup by kind skips all others.
                match &*spec.gvk.kind {
                    "" => fields.everywhere.push((&reference.target, spec)),
                    kind => fields
                        .by_kind
                        .entry(kind)
                        .or_default()
                        .push((&reference.target, spec)),
                }
            }
        }
        fields
    }

    fn of_kind(&self, gvk: &Gvk) -> Vec<(&'a Gvk, &'a FieldSpec)> {
        let own = self
            .by_kind
            .get(&*gvk.kind)
            .map(Vec::as_slice)
            .unwrap_or_default();
        own.iter()
            .chain(&self.everywhere)
            .copied()
            .filter(|(_, spec)| spec.selects(gvk))
            .collect()
    }
}

/// Possible targets of references: resources whose name, kind or namespace has changed.
struct Candidates {
    list: Vec<Candidate>,
    /// Positions by former name, then by the current namespace as written.
    by_name: IndexMap<Arc<str>, IndexMap<Box<str>, Vec<usize>>>,
    /// The current namespaces, as written, of resources by their original namespace.
    now_by_original: IndexMap<Box<str>, IndexSet<Box<str>>>,
}

struct Candidate {
    at: usize,
    id: ObjectId,
    gvk: Gvk,
    space: Box<str>,
    original_space: Box<str>,
    previous: Vec<PreviousId>,
    prefixes: Vec<Arc<str>>,
    suffixes: Vec<Arc<str>>,
}

impl Candidates {
    fn new(resources: &Resources, schemas: &Schemas) -> Candidates {
        let mut candidates = Candidates {
            list: Vec::new(),
            by_name: IndexMap::new(),
            now_by_original: IndexMap::new(),
        };
        // Nothing was renamed, as in most kustomizations without bases.
        if resources.iter().all(|it| it.previous.is_empty()) {
            return candidates;
        }
        for (at, resource) in resources.iter().enumerate() {
            let gvk = resource.object.gvk();
            let space: Box<str> = resource.effective_namespace(schemas).into();
            // kustomize compares namespaces as written, so `""` and `default` differ.
            let written = match &*space {
                CLUSTER => CLUSTER,
                _ => resource.object.namespace(),
            };
            let first: &str = resource.previous.first().map_or(&space, |it| &it.namespace);
            if !candidates
                .now_by_original
                .get(first)
                .is_some_and(|it| it.contains(written))
            {
                candidates
                    .now_by_original
                    .entry(first.into())
                    .or_default()
                    .insert(written.into());
            }
            if resource.previous.is_empty() {
                continue;
            }
            candidates.index_names(&resource.previous, written);
            candidates.list.push(Candidate {
                at,
                id: resource.object.id(),
                original_space: first.into(),
                space,
                gvk,
                previous: resource.previous.clone(),
                prefixes: resource.prefixes.clone(),
                suffixes: resource.suffixes.clone(),
            });
        }
        candidates
    }

    /// Indexes the former names of the next candidate, whose namespace is `namespace` as written.
    fn index_names(&mut self, previous: &[PreviousId], namespace: &str) {
        let index = self.list.len();
        for previous in previous {
            let spaces = self.by_name.entry(previous.name.clone()).or_default();
            let indexes = spaces.entry(namespace.into()).or_default();
            // A change of only the namespace records the same name again.
            if indexes.last() != Some(&index) {
                indexes.push(index);
            }
        }
    }

    /// The candidates with a former name that a referrer can reach, in order.
    fn reachable(&self, name: &str, referrer: &Referrer) -> Vec<&Candidate> {
        let Some(spaces) = self.by_name.get(name) else {
            return Vec::new();
        };
        let mut indexes: Vec<usize> = match &referrer.spaces {
            None => spaces.values().flatten().copied().collect(),
            Some(own) => own
                .iter()
                .filter_map(|it| spaces.get(&**it))
                .flatten()
                .copied()
                .collect(),
        };
        // The order of resources decides which of several equal names is used.
        indexes.sort_unstable();
        indexes.dedup();
        indexes
            .into_iter()
            .filter_map(|it| self.list.get(it))
            .collect()
    }
}

impl Candidates {
    /// Whether a referrer can reach any resource that originally was in a namespace.
    fn has_original(&self, namespace: &str, referrer: &Referrer) -> bool {
        self.now_by_original
            .get(namespace)
            .is_some_and(|now| match &referrer.spaces {
                None => true,
                Some(spaces) => spaces.iter().any(|it| now.contains(&**it)),
            })
    }
}

struct Referrer {
    /// The namespaces that it can refer to, as written; `None` for all.
    spaces: Option<Vec<Box<str>>>,
    space: Box<str>,
    prefixes: Vec<Arc<str>>,
    suffixes: Vec<Arc<str>>,
    /// Group and kind of its `roleRef`.
    role: Option<Gvk>,
    id: ObjectId,
    span: pleach_yaml::diag::Span,
}

impl Referrer {
    fn new(resource: &Resource, schemas: &Schemas) -> Result<Referrer, Diagnostic> {
        let gvk = resource.object.gvk();
        let space = resource.effective_namespace(schemas);
        // An object can refer to objects in its own namespace and to cluster-scoped ones.
        let mut spaces: Vec<Box<str>> = vec![CLUSTER.into(), space.into()];
        // For the API server, an empty namespace is `default`.
        if space == "default" {
            spaces.push("".into());
        }
        // Its subjects may be ServiceAccounts in other namespaces.
        if &*gvk.kind == "RoleBinding" {
            spaces.extend(account_namespaces(resource.node())?);
        }
        // A Role and a ClusterRole may have the same name; the kind in `roleRef` decides.
        let role = resource.node().get("roleRef").and_then(|role| {
            Some(Gvk {
                group: role.get("apiGroup")?.as_str()?.into(),
                version: "".into(),
                kind: role.get("kind")?.as_str()?.into(),
            })
        });
        Ok(Referrer {
            spaces: (space != CLUSTER).then_some(spaces),
            space: space.into(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
            role,
            id: resource.object.id(),
            span: resource.object.span().clone(),
        })
    }
}

/// The namespaces of the ServiceAccounts in a role binding.
fn account_namespaces(binding: &Node) -> Result<Vec<Box<str>>, Diagnostic> {
    let subjects = binding.get("subjects").and_then(Node::as_sequence);
    let accounts = subjects
        .unwrap_or(&[])
        .iter()
        .filter(|it| it.get("kind").and_then(Node::as_str) == Some("ServiceAccount"));
    let namespaces = accounts.filter_map(|it| it.get("namespace"));
    let text = |it: &Node| match it.as_string() {
        Some(text) => Ok(text.into()),
        None => {
            let message = format!("expected a namespace, found {}", it.kind().description());
            Err(Diagnostic::error("wrong-field-type", message)
                .at(it)
                .help("set the namespace of the service account, or remove the field"))
        }
    };
    namespaces.map(text).collect()
}

/// A field that may contain a name of one kind.
struct Seek<'a> {
    referrer: &'a Referrer,
    target: &'a Gvk,
    spec: &'a FieldSpec,
    candidates: &'a Candidates,
    referred: &'a [AtomicBool],
}

impl Seek<'_> {
    fn set(&mut self, field: &mut Node) -> Result<(), Diagnostic> {
        // kustomize ignores nulls here.
        if field.is_tagged_null() {
            return Ok(());
        }
        match field.view() {
            View::Scalar(_) => self.set_scalar(field),
            View::Mapping(_) => self.set_mapping(field),
            View::Sequence(_) => {
                for item in field.as_sequence_mut().into_iter().flatten() {
                    match item.view() {
                        _ if item.is_tagged_null() => {}
                        View::Scalar(_) => self.set_scalar(item)?,
                        View::Mapping(_) => self.set_mapping(item)?,
                        View::Sequence(_) => {
                            let message = format!(
                                "expected names at `{}`, found a list of lists",
                                self.spec.path
                            );
                            return Err(Diagnostic::error("wrong-field-type", message).at(&*item));
                        }
                    }
                }
                Ok(())
            }
        }
    }

    fn set_scalar(&mut self, field: &mut Node) -> Result<(), Diagnostic> {
        let name = field.as_str().unwrap_or("");
        let reachable = self.candidates.reachable(name, self.referrer);
        let Some(found) = self.choose(reachable, field, |a, b| a.id.name == b.id.name)? else {
            return Ok(());
        };
        // Setting the same text would still remove its explicit type.
        if *found.id.name != *name {
            set_text(field, &found.id.name);
        }
        Ok(())
    }

    /// A map with a name and possibly a namespace.
    fn set_mapping(&mut self, field: &mut Node) -> Result<(), Diagnostic> {
        let Some(name) = field.get("name") else {
            let message = format!("expected a `name` at `{}`", self.spec.path);
            return Err(Diagnostic::error("missing-name", message).at(&*field));
        };
        let name = name.as_str().unwrap_or("").to_string();
        let mut reachable = self.candidates.reachable(&name, self.referrer);
        if let Some(namespace) = field.get("namespace").filter(|it| !it.is_null()) {
            let namespace = namespace.as_str().unwrap_or("");
            // A reference usually has the namespace of the source files, but may already have the new one. kustomize assumes the
            // former if any resource was originally in this namespace.
            let original = self.candidates.has_original(namespace, self.referrer);
            reachable.retain(|it| {
                *namespace
                    == **if original {
                        &it.original_space
                    } else {
                        &it.space
                    }
            });
        }
        let same = |a: &Candidate, b: &Candidate| {
            a.id.name == b.id.name && a.id.namespace == b.id.namespace
        };
        let Some(found) = self.choose(reachable, field, same)? else {
            return Ok(());
        };
        let (new_name, namespace) = (found.id.name.clone(), found.id.namespace.clone());
        let Some(mapping) = field.as_mapping_mut() else {
            return Ok(());
        };
        // Without a namespace, only the name is updated.
        if *new_name == *name && namespace.is_empty() {
            return Ok(());
        }
        for (key, value) in [("name", &new_name), ("namespace", &namespace)] {
            match mapping.get_mut(key) {
                // kustomize never removes a namespace from a reference.
                _ if value.is_empty() => {}
                Some(field) => set_tagged(field, value, Tag::None),
                None => _ = mapping.insert(plain_key(key), new_text(&**value)),
            }
        }
        Ok(())
    }

    /// Selects the resource that a reference names.
    fn choose<'c>(
        &mut self,
        mut found: Vec<&'c Candidate>,
        field: &Node,
        same: impl Fn(&Candidate, &Candidate) -> bool,
    ) -> Result<Option<&'c Candidate>, Diagnostic> {
        let was = |candidate: &Candidate, pattern: &Gvk| {
            candidate.previous.iter().any(|it| {
                let gvk = Gvk {
                    kind: it.kind.as_ref().into(),
                    ..candidate.gvk.clone()
                };
                selects(pattern, &gvk)
            })
        };
        let role = self
            .referrer
            .role
            .as_ref()
            .filter(|_| self.spec.path.ends_with("roleRef/name"));
        found.retain(|it| {
            was(it, self.target)
                && role.is_none_or(|role| was(it, role))
                && (*self.referrer.space == *CLUSTER
                    || *it.space == *CLUSTER
                    || &*it.gvk.kind == "ServiceAccount"
                    || it.space == self.referrer.space)
        });
        // Two copies of a base with different prefixes have the same former names, so prefixes and
        // suffixes decide.
        if found.len() != 1 {
            // First leniently: a resource without a prefix, such as one added in an overlay, may refer to one with a prefix.
            found.retain(|it| self.same_affixes(it, true));
            if found.len() > 1 {
                found.retain(|it| self.same_affixes(it, false));
            }
        }
        let Some((first, rest)) = found.split_first() else {
            return Ok(None);
        };
        // If all candidates have the same name, the result is the same.
        if !rest.iter().all(|it| same(first, it)) {
            return Err(self.ambiguous(&found, field));
        }
        if let Some(referred) = self.referred.get(first.at) {
            // Only read after all threads have finished, so the order of writes does not matter.
            referred.store(true, Ordering::Relaxed);
        }
        Ok(Some(first))
    }

    fn same_affixes(&self, candidate: &Candidate, allow_empty: bool) -> bool {
        let fit = |a: &[Arc<str>], b: &[Arc<str>]| {
            let open = allow_empty && (a.is_empty() || b.is_empty());
            open || same_ending(a, b)
        };
        fit(&candidate.prefixes, &self.referrer.prefixes)
            && fit(&candidate.suffixes, &self.referrer.suffixes)
    }

    fn ambiguous(&self, found: &[&Candidate], field: &Node) -> Diagnostic {
        let names: Vec<String> = found.iter().map(|it| it.id.to_string()).collect();
        let message = format!(
            "ambiguous name reference in {}: several resources had the name: {}",
            self.referrer.id,
            names.join(", ")
        );
        let at = if field.has_origin() {
            field.span()
        } else {
            &self.referrer.span
        };
        Diagnostic::error("ambiguous-reference", message).at(at)
    }
}

/// Whether one list ends with the other. An empty list only matches an empty one.
fn same_ending(a: &[Arc<str>], b: &[Arc<str>]) -> bool {
    // The last prefixes come from the outer kustomizations, which a referrer and its target share if
    // they come from the same one.
    let shorter = a.len().min(b.len());
    if shorter == 0 {
        return a.len() == b.len();
    }
    a.iter().rev().zip(b.iter().rev()).all(|(a, b)| a == b)
}
