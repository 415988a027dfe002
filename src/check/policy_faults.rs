//! Faults of the policies in the folder `policies/` themselves: objects and expressions that the API server rejects, and selectors that
//! match nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::Cluster;
use super::environment::EnvironmentObjects;
use super::policy_documents::PolicyDocuments;
use crate::diag::{Diagnostic, Span};
use crate::load::ShortPolicy;
use crate::object::{Gvk, Object};
use crate::validate::policy::resource_of;
use crate::validate::{Catalog, Encoding, Verdict};
use crate::yaml::{Node, parse};

/// The end of the message about an expression whose type is only known when it is evaluated.
const OF_UNKNOWN_TYPE: &str = "not dyn";

/// The objects of the folder that the API server would reject, and the expressions of short policies that do not compile.
pub(super) fn rejected(documents: &PolicyDocuments, catalog: &Catalog) -> Vec<Diagnostic> {
    let objects = documents.objects.iter().flat_map(|object| {
        let named = move |it: Diagnostic| Diagnostic {
            message: format!("{}: {}", object.id(), it.message),
            ..it
        };
        findings(object, catalog).into_iter().map(named)
    });
    let own = documents.own.iter().flat_map(|it| faults_of(it, catalog));
    objects.chain(own).collect()
}

/// The faults of a policy in the short form, which its conversion to Kubernetes objects shows.
pub(super) fn faults_of(policy: &ShortPolicy, catalog: &Catalog) -> Vec<Diagnostic> {
    let Some(object) = policy.objects.first() else {
        return Vec::new();
    };
    // Only values that were written have a location; the name is not that of an object.
    let name = object.node.at_keys(&["metadata", "name"]).map(Span::from);
    let is_written = |it: &Diagnostic| {
        let span = it.span.as_ref();
        span.is_some_and(|it| !it.path().as_str().is_empty()) && it.span != name
    };
    // A value of unknown type may be a boolean, and only pleach evaluates these policies.
    let may_be_right = |it: &Diagnostic| it.message.ends_with(OF_UNKNOWN_TYPE);
    let found = findings(object, catalog).into_iter();
    let found = found.filter(|it| is_written(it) && !may_be_right(it));
    let found = found.map(|it| {
        // The field is that of the converted object.
        let rest = it.message.split_once("xpression` ").map(|it| it.1);
        let message = match rest {
            Some(rest) => format!("policy `{}`: the expression {rest}", object.name()),
            None => format!("policy `{}`: {}", object.name(), it.message),
        };
        let fault = Diagnostic { message, ..it };
        match fault.help.is_empty() {
            true => fault.help("correct the expression"),
            false => fault,
        }
    });
    found.collect()
}

fn findings(object: &Object, catalog: &Catalog) -> Vec<Diagnostic> {
    match catalog.validate(&object.node, Encoding::Yaml) {
        Verdict::Checked(findings) => findings.into_iter().map(|it| it.diagnostic).collect(),
        Verdict::UnknownKind => Vec::new(),
    }
}

/// Selectors of short policies that match nothing in any environment, so that the policy may be off by mistake. Nothing is reported
/// unless all environments are checked. Warnings: `unmatched-policy`.
pub(super) fn unmatched(
    environments: &BTreeMap<String, EnvironmentObjects<'_>>,
    clusters: &BTreeMap<String, Cluster>,
) -> Vec<Diagnostic> {
    let Some(cluster) = clusters.values().next() else {
        return Vec::new();
    };
    let documents = &*cluster.policies;
    let is_whole = documents
        .environments
        .iter()
        .all(|it| clusters.contains_key(it))
        && environments.values().all(|it| !it.is_partial);
    if !is_whole || !documents.has_selectors() {
        return Vec::new();
    }
    let mut kinds = None;
    let mut found = Vec::new();
    for policy in &documents.own {
        let own = || environments.iter().filter(|it| policy.applies_to(it.0));
        if !policy.kinds.is_empty() {
            let kinds = kinds.get_or_insert_with(|| KnownKinds::new(environments, clusters));
            found.extend(policy.kinds.iter().filter_map(|it| kinds.unknown(it)));
        }
        if !policy.namespaces.is_empty() {
            let mut known: BTreeSet<&str> = own().flat_map(|it| namespaces(it.1)).collect();
            let own = clusters.iter().filter(|it| policy.applies_to(it.0));
            known.extend(own.flat_map(|it| &it.1.namespaces).map(String::as_str));
            found.extend(
                policy
                    .namespaces
                    .iter()
                    .filter_map(|it| without_objects(it, &known)),
            );
        }
    }
    found
}

/// The namespaces that an environment uses: of its objects, and those in which a release or an Application installs.
fn namespaces<'a>(environment: &'a EnvironmentObjects<'_>) -> impl Iterator<Item = &'a str> {
    environment.objects.iter().flat_map(|it| {
        let object = &*it.object;
        let text = |keys: &[&str]| object.node.at_keys(keys).and_then(Node::as_str);
        let own = match object.kind() {
            "Namespace" => object.name(),
            _ => object.namespace(),
        };
        let targets = [
            &["spec", "targetNamespace"][..],
            &["spec", "destination", "namespace"],
        ];
        std::iter::once(own).chain(targets.into_iter().filter_map(text))
    })
}

fn without_objects(namespace: &Node, known: &BTreeSet<&str>) -> Option<Diagnostic> {
    let name = namespace.as_str().filter(|it| !known.contains(it))?;
    let message = format!("no object of the policy's environments is in namespace `{name}`");
    let fault = Diagnostic::warning("unmatched-policy", message).at(namespace);
    let fault = fault.did_you_mean(name, known.iter().copied().filter(|it| !it.is_empty()));
    Some(match fault.help.is_empty() {
        true => fault.help("correct the name, or remove it if the namespace is gone"),
        false => fault,
    })
}

/// All kinds that the clusters may serve.
struct KnownKinds {
    /// Group and kind; those of the workspace first, because they are suggested first.
    names: Vec<(Box<str>, Box<str>)>,
}

impl KnownKinds {
    fn new(
        environments: &BTreeMap<String, EnvironmentObjects<'_>>,
        clusters: &BTreeMap<String, Cluster>,
    ) -> KnownKinds {
        let mut catalog = Catalog::new(None);
        let objects = || environments.values().flat_map(|it| &it.objects);
        let mut read = BTreeSet::new();
        let sources = clusters.values().flat_map(|it| &it.definitions);
        for source in sources.filter(|it| read.insert(it.path.clone())) {
            parse(source)
                .unwrap_or_default()
                .iter()
                .for_each(|it| catalog.add_crd(it));
        }
        for it in objects().filter(|it| it.object.kind() == "CustomResourceDefinition") {
            catalog.add_crd(&it.object.node);
        }
        let used: BTreeSet<Gvk> = objects().map(|it| it.object.gvk()).collect();
        let used = used.into_iter().map(|it| (it.group, it.kind));
        let served = catalog
            .kinds()
            .into_iter()
            .map(|(group, kind)| (group.into(), kind.into()));
        let mut seen = BTreeSet::new();
        let names = used.chain(served).filter(|it| seen.insert(it.clone()));
        KnownKinds {
            names: names.collect(),
        }
    }

    /// The warning for a selector `Kind` or `group/Kind` of no known kind.
    fn unknown(&self, selector: &Node) -> Option<Diagnostic> {
        let text = selector.as_str()?;
        let (group, kind) = match text.rsplit_once('/') {
            Some((group, kind)) => (Some(group), kind),
            None => (None, text),
        };
        // A policy matches resources, which are in lower case.
        let resource = resource_of(kind);
        let is_it = |it: &&(Box<str>, Box<str>)| {
            group.is_none_or(|group| *it.0 == *group) && resource_of(&it.1) == resource
        };
        if self.names.iter().any(|it| is_it(&it)) {
            return None;
        }
        let message =
            format!("`{text}` is not a known kind, so the policy matches no objects of it");
        let fault = Diagnostic::warning("unmatched-policy", message).at(selector);
        let full = |it: &(Box<str>, Box<str>)| match &*it.0 {
            "" => it.1.to_string(),
            group => format!("{group}/{}", it.1),
        };
        let of_group = self
            .names
            .iter()
            .filter(|it| group.is_none_or(|group| *it.0 == *group));
        let known: Vec<String> = match group {
            None => self.names.iter().map(|it| it.1.to_string()).collect(),
            Some(_) => of_group.chain(&self.names).map(full).collect(),
        };
        // With the right kind and a wrong group, the kind's own group is meant.
        let same_kind = self
            .names
            .iter()
            .find(|it| resource_of(&it.1) == resource)
            .map(full);
        let fault = match same_kind {
            Some(name) => fault.did_you_mean(&name, [&*name]),
            None => fault.did_you_mean(text, known.iter().map(String::as_str)),
        };
        Some(match fault.help.is_empty() {
            true => fault.help(
                "correct the name, or put its CustomResourceDefinition into the folder `crds/`",
            ),
            false => fault,
        })
    }
}
